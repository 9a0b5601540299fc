"""Handlers of the system calls that touch only the kernel, one file per family."""

from logos.kernel.handlers import memory, message, process
from logos.kernel.handlers.table import TABLE

__all__ = ["TABLE", "memory", "message", "process"]
