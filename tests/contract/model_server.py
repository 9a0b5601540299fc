"""A provider on loopback that a test controls byte for byte.

    loopback    the server: replies in order, remembers what it was asked
    whole stream raw slam hang    replies

Each piece of a `stream` is one HTTP chunk, so the driver reads exactly these pieces.
"""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.buffered import BufferedByteReceiveStream

Reply = Callable[[ByteStream], Awaitable[bool]]
"""Answers one request.  True: the connection is kept."""

SSE = "text/event-stream"
JSON = "application/json"


@dataclass
class Seen:
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass
class Loopback:
    port: int
    replies: deque[Reply] = field(default_factory=deque)
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    gone: anyio.Event = field(default_factory=anyio.Event)
    """Set when a client has hung up during `hang`."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, line: ByteStream) -> None:
        self.connections += 1
        self.open += 1
        number = self.connections
        reader = BufferedByteReceiveStream(line)
        async with line:
            try:
                kept = True
                while kept:
                    self.seen.append(await _request(reader, number))
                    kept = await self.replies.popleft()(line)
            except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError):
                return  # the client has hung up
            finally:
                self.open -= 1

    def hang(self, *pieces: bytes) -> Reply:
        """Begin to answer, then say nothing until the client hangs up."""

        async def reply(line: ByteStream) -> bool:
            await line.send(_head(SSE) + b"".join(map(_chunk, pieces)))
            try:
                await line.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                self.gone.set()
            return False

        return reply


async def _request(reader: BufferedByteReceiveStream, number: int) -> Seen:
    head = (await reader.receive_until(b"\r\n\r\n", 65536)).decode("latin-1")
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    body = await reader.receive_exactly(int(headers["content-length"]))
    return Seen(path=first.split()[1], headers=headers, body=body, connection=number)


def _head(kind: str, status: int = 200, extra: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\n{extra}transfer-encoding: chunked\r\n\r\n"
    ).encode()


def _chunk(piece: bytes) -> bytes:
    # An empty chunk would end the answer.
    return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""


def whole(body: bytes, *, status: int = 200, kind: str = JSON, **headers: str) -> Reply:
    """A complete answer.  `retry_after="1"` is the header Retry-After."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())

    async def reply(line: ByteStream) -> bool:
        await line.send(_head(kind, status, lines) + _chunk(body) + b"0\r\n\r\n")
        return True

    return reply


def stream(pieces: Iterable[bytes], *, kind: str = SSE, ends: bool = True) -> Reply:
    """A stream.  Without `ends` the connection closes in the middle."""
    pieces = tuple(pieces)

    async def reply(line: ByteStream) -> bool:
        await line.send(_head(kind) + b"".join(map(_chunk, pieces)) + b"0\r\n\r\n" * ends)
        return ends

    return reply


def raw(data: bytes, *, kept: bool = False) -> Reply:
    """These bytes, whatever they are."""

    async def reply(line: ByteStream) -> bool:
        await line.send(data)
        return kept

    return reply


def slam() -> Reply:
    """Hang up without a byte."""
    return raw(b"")


@asynccontextmanager
async def loopback() -> AsyncIterator[Loopback]:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    server = Loopback(port=listener.extra(SocketAttribute.local_port))
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, server.serve)
        yield server
        tasks.cancel_scope.cancel()
