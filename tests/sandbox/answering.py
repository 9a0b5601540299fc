"""A server on loopback that answers in HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.abc

HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


@asynccontextmanager
async def answering(redirect: str = "") -> AsyncIterator[int]:
    """Its port.  It says hello, but for /redirect: that is at `redirect`."""

    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            asked = await stream.receive()
            moved = f"HTTP/1.1 302 Found\r\nlocation: {redirect}\r\ncontent-length: 0\r\n\r\n"
            await stream.send(moved.encode() if b"/redirect" in asked else HELLO)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        yield int(listener.extra(anyio.abc.SocketAttribute.local_port))
        tasks.cancel_scope.cancel()
