"""Programs that nobody changed, run by a process of their own.

Programs       the Tool of process.exec
Programs.keep  who answers them
Programs.listen  what they write, as they write it
"""

from logos.drivers.program.driver import Ear, Programs

__all__ = ["Ear", "Programs"]
