"""Programs in a sandbox: command.run, and programs whose sub-commands are tools.

    Commands   the Tool
    Suite      a place of tools: one program

How strongly the program is confined is the sandbox's business; this room only says what to run
and tells what came of it.  `shape.py` makes command lines, `helped.py` reads what programs print
when asked for help.
"""

from logos.drivers.command.driver import Commands
from logos.drivers.command.suite import Suite

__all__ = ["Commands", "Suite"]
