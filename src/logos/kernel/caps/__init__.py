"""What a process may do, and who may ask for one.

check(process, call)   raise `denied` unless one of its capabilities allows the call.  Pure
Keys, Key, Made        secrets of clients, and whose they are
"""

from logos.kernel.caps.keys import Key, Keys, Made
from logos.kernel.caps.policy import check

__all__ = ["Key", "Keys", "Made", "check"]
