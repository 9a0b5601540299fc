"""Put the parts together, bottom first.  The only room that knows every concrete class.

boot(loaded)      an async context manager: a running kernel with everything around it
Machine           what it gives: kernel, settings, tools, sandbox
load_settings     logos.toml and the environment -> settings
home(config)      where everything is kept
settle            for a process that serves: an allocator and a collector that suit it
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
