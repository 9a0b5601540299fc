"""Programs in a sandbox: command.run.

    Commands   the Tool

How strongly the program is confined is the sandbox's business; this room only says what to run
and tells what came of it.
"""

from logos.drivers.command.driver import Commands

__all__ = ["Commands"]
