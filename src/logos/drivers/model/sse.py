"""Server-sent events, from bytes.

    Events      bytes as they come off the line -> the data of whole events
    Whole       the same for an answer that comes as one JSON value
    repaired    JSON that breaks Unicode's rules -> JSON that keeps them

Only `data` matters: both dialects repeat the kind of an event inside it.  A character
split between two reads is whole again before anybody decodes it, because only whole lines
are looked at.
"""

import re

_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
    rb"|\\."
)
_PAIR_BYTES = 12


class Events:
    """Fed with bytes in pieces of any size.  Memory: the longest unfinished event."""

    __slots__ = ("_data", "_tail")

    def __init__(self) -> None:
        self._tail: list[bytes] = []
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of each event that is complete now."""
        if b"\n" not in piece:
            self._tail.append(piece)
            return []
        if self._tail:
            piece = b"".join((*self._tail, piece))
        lines = piece.split(b"\n")
        last = lines.pop()
        self._tail = [last] if last else []
        events: list[bytes] = []
        data = self._data
        for line in lines:
            if line[:5] == b"data:":
                data.append(line[5:].strip())
            elif data and (not line or line == b"\r"):
                events.append(b"\n".join(data))
                data.clear()
        return events

    def close(self) -> list[bytes]:
        """An event whose blank line never came.  Servers forget it after the last one."""
        events = [b"\n".join(self._data)] if self._data else []
        self._data.clear()
        return events


class Whole:
    """The same for an answer that is one JSON value: there is nothing until its end."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def feed(self, piece: bytes) -> list[bytes]:
        self._pieces.append(piece)
        return []

    def close(self) -> list[bytes]:
        return [b"".join(self._pieces)]


def repaired(payload: bytes) -> bytes:
    """Half surrogates and broken UTF-8 become U+FFFD.  Some servers cut a character in two
    when a token ends inside it."""
    text = payload.decode("utf-8", "replace").encode()
    return _ESCAPE.sub(_mended, text)


def _mended(match: re.Match[bytes]) -> bytes:
    found = match.group()
    half = found[:3].lower() == rb"\ud" and len(found) < _PAIR_BYTES
    return rb"\ufffd" if half else found
