"""Where a person's browser comes back to after a login: one page on this machine, for one visit.

    Callback.open()     listens on a free port of loopback
    Callback.url        what the authorisation server sends the browser to
    await .answer()     the path with its query, as the browser brought it

Invariant: only the path that was agreed on is an answer; anything else is a stranger's.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import anyio.abc

from logos.abi.errors import SysError

PATH = "/callback"
HEAD_BYTES = 16 << 10
_PAGE = (
    b"<!doctype html><title>LogOS</title><p>You may close this page, and go back to the terminal."
)
_FOUND = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n" + _PAGE
_ABSENT = b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Callback:
    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}{PATH}"
        self._came = anyio.Event()
        self._answer = ""

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncGenerator["Callback"]:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
        callback = cls(listener.extra(anyio.abc.SocketAttribute.local_port))  # noqa: S610 - no Django
        failure: SysError | None = None
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, callback._visited)
            try:
                yield callback
            except SysError as error:  # a group would hide it
                failure = error
            finally:
                tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def answer(self) -> str:
        await self._came.wait()
        return self._answer

    async def _visited(self, visitor: anyio.abc.ByteStream) -> None:
        head, path, mine = b"", "", False
        try:
            with anyio.move_on_after(10):
                while b"\r\n" not in head and len(head) < HEAD_BYTES:
                    head += await visitor.receive()
            method, _, rest = head.partition(b" ")
            path = rest.partition(b" ")[0].decode("ascii", "replace")
            mine = method == b"GET" and path.startswith(f"{PATH}?")
            await visitor.send(_FOUND if mine else _ABSENT)
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return
        finally:
            await visitor.aclose()
        if mine and not self._came.is_set():
            self._answer = path
            self._came.set()
