"""The server name in a TLS client's first message.  Pure.

    Hello.feed(data)   the next bytes from the client -> Named, once it is known
    Named              the name; "" if there is none, None if this is not TLS

A tunnel to an allowed address could ask there for another name, and whoever shares the address would
answer.  Only names sent in clear are seen.

Invariant: a name is reported only after the whole first message was read.
"""

from typing import NamedTuple

_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME = 0x16, 1, 0
_RECORD, _MESSAGE = 5, 4  # lengths of their heads
_FIXED = 34  # version and random
LONGEST = 64 << 10


class Named(NamedTuple):
    name: str | None


class Hello:
    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> Named | None:
        """None: more bytes are needed.  Raise ValueError for what begins like TLS and is not."""
        self._data += data
        if self._data and self._data[0] != _HANDSHAKE:
            return Named(None)
        if len(self._data) > LONGEST:
            raise ValueError("the first message is too long")
        message = _message(self._data)
        return None if message is None else Named(_name(message))


def _message(data: bytes) -> bytes | None:
    """The first handshake message, which may be spread over records."""
    found = b""
    while len(data) >= _RECORD:
        size = int.from_bytes(data[3:_RECORD], "big")
        if data[0] != _HANDSHAKE or not size:
            raise ValueError("another record within the first message")
        if len(data) < _RECORD + size:
            return None
        found += data[_RECORD : _RECORD + size]
        data = data[_RECORD + size :]
        if len(found) >= _MESSAGE:
            if found[0] != _CLIENT_HELLO:
                raise ValueError("it does not begin with a client's hello")
            whole = _MESSAGE + int.from_bytes(found[1:_MESSAGE], "big")
            if len(found) >= whole:
                return found[_MESSAGE:whole]
    return None


def _name(message: bytes) -> str:
    rest = message[_FIXED:]
    _, rest = _vector(rest, 1)  # session
    _, rest = _vector(rest, 2)  # ciphers
    _, rest = _vector(rest, 1)  # compressions
    extensions, _ = _vector(rest, 2) if rest else (b"", b"")
    while extensions:
        kind = int.from_bytes(extensions[:2], "big")
        body, extensions = _vector(extensions[2:], 2)
        if kind == _SERVER_NAME:
            names, _ = _vector(body, 2)
            name, _ = _vector(names[1:], 2)
            return name.decode("ascii").lower().rstrip(".")
    return ""


def _vector(data: bytes, width: int) -> tuple[bytes, bytes]:
    """The bytes behind a length of this width, and the rest."""
    end = width + int.from_bytes(data[:width], "big")
    if len(data) < max(end, width):
        raise ValueError("it is cut short")
    return data[width:end], data[end:]
