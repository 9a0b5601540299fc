"""How the client and the daemon talk.  Imported by the client: nothing but built-ins here.

The client sends one request, then may send `INTERRUPT` and `INPUT`; the daemon sends `TAKEN`
before it does anything, then frames until `EXIT`.  A request that was not taken has done
nothing: it may be sent to the next daemon.  A frame is one byte of kind, four bytes of length
(big-endian), then so many bytes.  After `RESUME` a client that loses the daemon starts it again
and sends these arguments instead: that is how a running command survives the death of its daemon.
The payload of `TOGETHER` is frames, which come all or not at all: an event, and how to go on
after it; an answer, and the exit status.

request(folder, words)    the whole first frame; what comes before the words is HEAD texts
take(buffer)              the frame that a buffer begins with
frame, pack, unpack       their parts
"""

TAKEN, EXIT, OUT, ERR, RESUME, TOGETHER = b"t", b"x", b"o", b"e", b"r", b"g"
REQUEST, INTERRUPT, INPUT = b"q", b"i", b"s"

SEPARATOR = "\0"
HEADER_BYTES = 5
PROTOCOL = "1"
"""Raise it when a frame changes: a command and a daemon of different versions tell each other so."""

HEAD = 6
"""A request begins with PROTOCOL, the folder, the columns, the terminals, whether to be plain, and LOGOS_MODEL."""


def frame(kind: bytes, payload: bytes) -> bytes:
    return kind + len(payload).to_bytes(4, "big") + payload


def take(buffer: bytearray) -> tuple[bytes, bytes] | None:
    """Kind and payload of the frame it begins with, taken out of it; nothing while that is not whole."""
    end = HEADER_BYTES + int.from_bytes(buffer[1:HEADER_BYTES], "big")
    if len(buffer) < end:
        return None
    kind, payload = bytes(buffer[:1]), bytes(buffer[HEADER_BYTES:end])
    del buffer[:end]
    return kind, payload


def request(
    folder: str,
    words: list[str],
    columns: int = 0,
    terminals: str = "",
    plain: str = "",
    model: str = "",
) -> bytes:
    """`terminals`: which of 0, 1 and 2 are; `plain`: anything for no colour."""
    return frame(REQUEST, pack([PROTOCOL, folder, str(columns), terminals, plain, model, *words]))


def pack(parts: list[str]) -> bytes:
    """Texts without NUL, as one payload."""
    return SEPARATOR.join(parts).encode("utf-8", "surrogateescape")


def unpack(payload: bytes) -> list[str]:
    return payload.decode("utf-8", "surrogateescape").split(SEPARATOR)
