"""What a process may do, and which clients may ask for one.

check(process, call)   raise `denied` unless one of its capabilities allows the call.  Pure
Keys, Key, Made        the secret keys of clients
"""

from logos.kernel.caps.keys import Key, Keys, Made
from logos.kernel.caps.policy import check

__all__ = ["Key", "Keys", "Made", "check"]
