"""The seccomp filter: a classic BPF program over (call number, architecture, arguments).

Interface: `program(machine, families)`.
Invariant: every path through the program ends in a return; a foreign architecture is killed.
"""

import errno
import struct
from collections.abc import Iterable

from logos.drivers.sandbox.syscalls import AUDIT, NEWEST, NUMBERS, REFUSED

_LOAD, _AND = 0x20, 0x54
_JUMP_EQUAL, _JUMP_GREATER, _JUMP_ANY = 0x15, 0x25, 0x45
_RETURN = 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000

_NR, _ARCH, _ARGS = 0, 4, 16  # offsets in struct seccomp_data; an argument is 8 bytes
_NEW_NAMESPACES = 0x7E020000  # every CLONE_NEW* that clone() can carry
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_S_IFCHR = 0o020000  # set in S_IFCHR and in S_IFBLK, clear in FIFO, regular and socket
_STREAM, _SEQPACKET, _TYPE_MASK = 1, 5, 0xF
_PROTOCOLS = (0, 6, 17)  # the family's own choice, TCP, UDP

_Ins = tuple[int, int, int, int]


def program(machine: str, families: Iterable[int] = ()) -> bytes:
    """The filter's instructions; `families` are the address families socket() may name."""
    number = NUMBERS[machine]
    steps: list[_Ins] = [
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_EQUAL, 1, 0, AUDIT[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NR),
    ]
    # x32 calls carry a bit far above NEWEST, so this line refuses them too.
    steps += _when(_JUMP_GREATER, NEWEST, [_refuse(errno.ENOSYS)])
    # clone3 hides its flags in memory where no filter can look; libc then falls back to clone.
    steps += _when(_JUMP_EQUAL, number["clone3"], [_refuse(errno.ENOSYS)])
    for names in REFUSED.values():
        for name in names:
            if name in number:
                steps += _when(_JUMP_EQUAL, number[name], [_refuse(errno.EPERM)])
    steps += _when(_JUMP_EQUAL, number["clone"], _clone())
    steps += _when(_JUMP_EQUAL, number["ioctl"], _ioctl())
    steps += _when(_JUMP_EQUAL, number["socket"], _socket(tuple(families)))
    steps += _when(_JUMP_EQUAL, number["socketpair"], _socketpair())
    for name, position in (("mknod", 1), ("mknodat", 2)):
        if name in number:
            steps += _when(_JUMP_EQUAL, number[name], _mknod(position))
    steps.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _when(test: int, value: int, body: list[_Ins]) -> list[_Ins]:
    """Run the body, which returns, when the call number passes the test."""
    return [(test, 0, len(body), value), *body]


def _refuse(error: int) -> _Ins:
    return (_RETURN, 0, 0, _ERRNO | error)


def _argument(position: int) -> _Ins:
    return (_LOAD, 0, 0, _ARGS + 8 * position)


def _clone() -> list[_Ins]:
    return [
        _argument(0),
        (_JUMP_ANY, 0, 1, _NEW_NAMESPACES),
        _refuse(errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _ioctl() -> list[_Ins]:
    """No typing into somebody's terminal."""
    return [
        _argument(1),
        (_JUMP_EQUAL, 1, 0, _TIOCSTI),
        (_JUMP_EQUAL, 0, 1, _TIOCLINUX),
        _refuse(errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _socket(families: tuple[int, ...]) -> list[_Ins]:
    """An allow list of families, and within them of protocols: no SCTP, MPTCP or raw."""
    protocols: list[_Ins] = [_argument(2)]
    for protocol in _PROTOCOLS:
        protocols += [(_JUMP_EQUAL, 0, 1, protocol), (_RETURN, 0, 0, _ALLOW)]
    protocols.append(_refuse(errno.EPROTONOSUPPORT))
    steps: list[_Ins] = [_argument(0)]
    for family in families:
        steps += [(_JUMP_EQUAL, 0, len(protocols), family), *protocols]
    return [*steps, _refuse(errno.EAFNOSUPPORT)]


def _socketpair() -> list[_Ins]:
    """Streams only: a datagram pair can be pointed at any socket that lies in a folder."""
    return [
        _argument(1),
        (_AND, 0, 0, _TYPE_MASK),
        (_JUMP_EQUAL, 1, 0, _STREAM),
        (_JUMP_EQUAL, 0, 1, _SEQPACKET),
        (_RETURN, 0, 0, _ALLOW),
        _refuse(errno.EPROTONOSUPPORT),
    ]


def _mknod(position: int) -> list[_Ins]:
    return [
        _argument(position),
        (_JUMP_ANY, 0, 1, _S_IFCHR),
        _refuse(errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
