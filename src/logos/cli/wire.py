"""How the client and the daemon talk.  Imported by the client: nothing but built-ins here.

The client sends one request, then may send `INTERRUPT` and `INPUT`; the daemon sends `TAKEN`
before it does anything, then frames until `EXIT`.  A request that was not taken has done
nothing: it may be sent to the next daemon.  A frame is one byte of kind, four bytes of length
(big-endian), then so many bytes.  After `RESUME` a client that loses the daemon starts it again
and sends these arguments instead: that is how a running command survives the death of its daemon.
The payload of `TOGETHER` is frames, which come all or not at all: an event, and how to go on
after it; an answer, and the exit status.
"""

TAKEN, EXIT, OUT, ERR, RESUME, TOGETHER = b"t", b"x", b"o", b"e", b"r", b"g"
REQUEST, INTERRUPT, INPUT = b"q", b"i", b"s"

SEPARATOR = "\0"
HEADER_BYTES = 5


def frame(kind: bytes, payload: bytes) -> bytes:
    return kind + len(payload).to_bytes(4, "big") + payload


def pack(parts: list[str]) -> bytes:
    """Texts without NUL, as one payload."""
    return SEPARATOR.join(parts).encode("utf-8", "surrogateescape")


def unpack(payload: bytes) -> list[str]:
    return payload.decode("utf-8", "surrogateescape").split(SEPARATOR)
