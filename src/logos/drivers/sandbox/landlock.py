"""The Landlock rules: which folder may be used how.

Interface: `rules(abi, readable, writable, ...)` gives plain data that the launcher applies;
`version()` asks the kernel.
Invariant: a right the kernel knows and no rule names is refused everywhere.
"""

import ctypes
import struct
from collections.abc import Iterable

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_SOCK, _MAKE_BLOCK = 1 << 6, 1 << 9, 1 << 11
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_KNOWN = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP_ABI, _SCOPE_ABI = 4, 6
_TCP_BIND_CONNECT = 0b11
_SCOPE_ABSTRACT_SOCKETS_SIGNALS = 0b11

_READ = _EXECUTE | _READ_FILE | _READ_DIR
_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_CREATE_RULESET, _CREATE_RULESET_VERSION = 444, 1  # the number is the same everywhere


def version() -> int:
    """The kernel's Landlock ABI, 0 where there is none."""
    libc = ctypes.CDLL(None, use_errno=True)
    found: int = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _CREATE_RULESET_VERSION)
    return max(found, 0)


def rules(
    abi: int,
    readable: Iterable[str],
    writable: Iterable[str],
    listable: Iterable[str] = (),
    *,
    tcp: bool,
) -> dict[str, object]:
    """What the launcher needs: the ruleset's attributes, and (path, rights) for each folder."""
    known = _KNOWN[min(abi, max(_KNOWN))]
    write = known & ~(_MAKE_CHAR | _MAKE_BLOCK | _MAKE_SOCK | _IOCTL_DEV)
    attributes = [known]
    if abi >= _TCP_ABI:
        attributes.append(0 if tcp else _TCP_BIND_CONNECT)
    if abi >= _SCOPE_ABI:
        attributes.append(_SCOPE_ABSTRACT_SOCKETS_SIGNALS)
    return {
        "attributes": struct.pack(f"{len(attributes)}Q", *attributes),
        "file": _FILE & known,
        "paths": [
            *((path, _READ & known) for path in readable),
            *((path, _READ_DIR & known) for path in listable),
            *((path, write) for path in writable),
            *((path, (_READ_FILE | _WRITE_FILE) & known) for path in _DEVICES),
        ],
    }
