"""One HTTP request, and its answer.

    Ask.body()            all of it, bounded in size and in time
    Ask.while_there()     cancels what is done meanwhile if the client hangs up
    Ask.reply(...)        a whole answer
    Ask.begin, Ask.send   an answer in pieces
    Gone                  the client has hung up

A client that stops reading is dropped after a while, so that it holds nothing for ever.
"""

from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    MutableMapping,
)
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias

import anyio

from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid
from logos.gateway.faults import TOO_LONG, Refused

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

BODY_BYTES = 64 << 20
"""The longest request."""

BODY_S = 60.0
"""How long a request may take to arrive."""

STALL_S = 60.0
"""How long a client may read nothing of its answer."""

JSON = b"application/json"
PROGRAM = "logos.program"
"""In a scope that no socket made: the process whose program asks."""

PEER = "logos.peer"
"""In the scope of a request that came over a socket: who is at its other end."""

NO_CACHE: Header = (b"cache-control", b"no-cache")

SSE = b"text/event-stream; charset=utf-8"


class Gone(Exception):  # noqa: N818 - a state of the world, not a mistake
    """The client has hung up."""


class Peer:
    """The other end of a connection.  `gone`: it has hung up.  `stalled` says whether what is sent
    would have to wait."""

    def __init__(self, stalled: Callable[[], bool]) -> None:
        self.stalled = stalled
        self.gone = False
        self._leaving: set[Callable[[], None]] = set()

    @contextmanager
    def there(self, left: Callable[[], None]) -> Iterator[None]:
        """`left` is called when it hangs up before this is left, or has hung up."""
        self._leaving.add(left)
        try:
            if self.gone:
                left()
            yield
        finally:
            self._leaving.discard(left)

    def hang_up(self) -> None:
        self.gone = True
        for left in tuple(self._leaving):
            left()


def _too_long() -> Refused:
    said = f"the body is longer than {BODY_BYTES} bytes"
    return Refused(said, word="request_too_large", status=TOO_LONG)


class Ask:
    def __init__(self, scope: Scope, receive: Receive, send: Send, id_: str) -> None:
        self.id = id_
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope.get("query_string", b"")
        self.peer: str = (scope.get("client") or ("", 0))[0]
        self.headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        self.program: Pid | None = scope.get(PROGRAM)
        self.begun = False
        self.extra: list[Header] = []
        self._receive = receive
        self._send = send
        self._peer: Peer | None = scope.get(PEER)

    async def body(self) -> bytes:
        """Raise `invalid` when it is too long, `timeout` when it does not come, Gone."""
        if int(self.headers.get("content-length", 0)) > BODY_BYTES:
            raise _too_long()
        pieces: list[bytes] = []
        size = 0
        with anyio.move_on_after(BODY_S):
            while True:
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                piece = message.get("body", b"")
                size += len(piece)
                if size > BODY_BYTES:
                    raise _too_long()
                pieces.append(piece)
                if not message.get("more_body", False):
                    return b"".join(pieces)
        raise SysError(Code.TIMEOUT, f"the body did not come within {BODY_S:.0f} s")

    @asynccontextmanager
    async def while_there(self) -> AsyncGenerator[None]:
        if self._peer is not None:
            with anyio.CancelScope() as scope, self._peer.there(scope.cancel):
                yield
            return
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._until_left, tasks.cancel_scope)
            yield
            tasks.cancel_scope.cancel()

    async def _until_left(self, scope: anyio.CancelScope) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        scope.cancel()

    async def reply(
        self, status: int, body: bytes, kind: bytes = JSON, headers: Iterable[Header] = ()
    ) -> None:
        length = (b"content-length", str(len(body)).encode())
        await self.begin(status, kind, [length, *headers])
        await self.send(body if self.method != "HEAD" else b"", more=False)

    async def begin(self, status: int, kind: bytes, headers: Iterable[Header] = ()) -> None:
        self.begun = True
        id_ = self.id.encode()
        given = [(b"content-type", kind), (b"x-request-id", id_), (b"request-id", id_)]
        await self._put(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [*given, *self.extra, *headers],
            }
        )

    async def send(self, body: bytes, *, more: bool = True) -> None:
        await self._put({"type": "http.response.body", "body": body, "more_body": more})

    async def _put(self, message: dict[str, Any]) -> None:
        try:
            if self._peer is not None and not self._peer.stalled():
                await self._send(message)  # it has room for this: nothing is waited for
                return
            with anyio.fail_after(STALL_S):
                await self._send(message)
        except (TimeoutError, OSError):
            raise Gone from None
