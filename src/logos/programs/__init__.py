"""What runs in a process: pure functions from the state of a Process to its next Action; and the
files that describe agents.

    agent        think, act, and finish when there is nothing left to say
    gateway      answer a client, which does the rest itself
    hosted       run an unmodified program
    init         adopt orphans and wait
    archive      keep what it is sent (a space)
    PROGRAMS     all of them, by the name that an Agent gives
    parse_agent  the text of an agent file -> Agent
    find_agent   NAME.md in a list of folders -> Agent

A program never waits, reads or writes: the kernel performs what it returns, and asks again.
"""

from logos.abi.process import Program
from logos.programs.agent import agent
from logos.programs.agentfile import find_agent, parse_agent
from logos.programs.archive import archive
from logos.programs.gateway import gateway
from logos.programs.hosted import hosted
from logos.programs.init import init

PROGRAMS: dict[str, Program] = {
    "agent": agent,
    "archive": archive,
    "gateway": gateway,
    "hosted": hosted,
    "init": init,
}

__all__ = ["PROGRAMS", "agent", "archive", "find_agent", "gateway", "hosted", "init", "parse_agent"]
