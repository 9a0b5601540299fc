"""What a process may do.  Pure.

check(process, call)   raise `denied` unless one of its capabilities allows the call
"""

from logos.kernel.caps.policy import check

__all__ = ["check"]
