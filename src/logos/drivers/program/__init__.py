"""Unmodified programs, each run by a process of its own.

Programs       the Tool of process.exec
Programs.keep    sets the Keeper that serves them
Programs.listen  their output, as they write it
"""

from logos.drivers.program.driver import Ear, Programs

__all__ = ["Ear", "Programs"]
