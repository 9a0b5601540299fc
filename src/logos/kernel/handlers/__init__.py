"""What each system call does that touches only the kernel: one file per family."""

from logos.kernel.handlers import memory, message, process
from logos.kernel.handlers.table import TABLE

__all__ = ["TABLE", "memory", "message", "process"]
