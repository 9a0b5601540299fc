"""Assembles the system, bottom first.  The only room that knows every concrete class.

boot(loaded)      an async context manager: a running kernel with everything around it
Machine           the result: kernel, settings, tools, sandbox
load_settings     logos.toml and the environment -> settings
home(config)      the folder in which everything is kept
settle            tunes the allocator and the garbage collector for a long-lived process
agent_folders     where agents are looked for
"""

from logos.boot.ground import settle
from logos.boot.machine import Machine, boot
from logos.boot.models import ModelNames
from logos.boot.settings import AGENTS, agent_folders, home, load_settings

__all__ = [
    "AGENTS",
    "Machine",
    "ModelNames",
    "agent_folders",
    "boot",
    "home",
    "load_settings",
    "settle",
]
