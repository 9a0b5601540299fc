"""The HTTP a program speaks, at its door.

    Door    an ASGI application for one run of one program

What costs or acts is looked up in the program's past first.  A request goes on when whoever asked is
gone: its answer is paid for, and the next run will ask for it.
"""

import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.abc
import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.events import Answered, Diverged
from logos.abi.host import Guest
from logos.gateway import PEER, PROGRAM
from logos.hosting.flight import Flight, Message, Send
from logos.hosting.mcp import Mcp
from logos.hosting.past import Past, digest_of
from logos.kernel import Kernel

log = logging.getLogger("logos.hosting")

Receive = Callable[[], Awaitable[Message]]
App = Callable[[Any, Receive, Send], Awaitable[None]]

GRACE_S = 1.0
"""How long a request that is none of the past waits for the rest of the past: parts of a program
that run at once need not repeat themselves in the same order."""

AGAIN = (b"x-stainless-retry-count", b"1")
"""What a vendor's client says of a question it got no answer to: the gateway looks whether there is
one.  The node may have died when the conversation had it and the program's journal did not yet."""

FREE = ("/count_tokens", "/models", "/health", "/hello")
"""What neither costs nor acts."""


class Door:
    """`gateway` answers for models; `tasks` outlive the run."""

    def __init__(
        self,
        kernel: Kernel,
        gateway: App,
        guest: Guest,
        past: Past,
        tasks: anyio.abc.TaskGroup,
    ) -> None:
        self._kernel = kernel
        self._gateway = gateway
        self._guest = guest
        self._past = past
        self._tasks = tasks
        self.mcp: Mcp | None = None

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path == f"/mcp/{self._guest.key}" and self.mcp is not None:
            await self.mcp.answer(scope["method"], receive, send, scope.get(PEER))
        elif not self._known(scope):
            await _reply(send, 401, b'{"error":{"message":"this needs the key of this run"}}')
        elif scope["method"] != "POST" or path.endswith(FREE):
            await self._gateway(self._inner(scope), receive, send)
        else:
            await self._asked(scope, receive, send)

    def _known(self, scope: Any) -> bool:
        headers = {k.lower(): v.decode("latin-1") for k, v in scope["headers"]}
        said = headers.get(b"x-api-key", "") or headers.get(b"authorization", "").rpartition(" ")[2]
        return hmac.compare_digest(said.encode(), self._guest.key.encode())

    def _inner(self, scope: Any) -> Any:
        """As the gateway sees it: the program's conversations are kept apart by its process, and
        who is at the other end of this connection is not its concern."""
        dropped = (b"authorization", b"x-api-key", b"x-logos-process")
        kept = [(k, v) for k, v in scope["headers"] if k.lower() not in dropped]
        own = (b"x-logos-process", f"exec-{self._guest.pid}".encode())
        inner = {name: value for name, value in scope.items() if name != PEER}
        return inner | {"headers": [*kept, own], PROGRAM: self._guest.pid}

    async def _asked(self, scope: Any, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        try:
            digest = digest_of(scope["path"], body)
        except msgspec.DecodeError:
            await self._gateway(self._inner(scope), _once(body), send)
            return
        taken = self._past.take(digest)
        flight = self._past.answer(taken)
        if flight is None:
            flight, known = Flight(), self._past.answers.setdefault(digest, [])
            inner = self._inner(scope)
            if self._past.resumed and not known:
                inner["headers"].append(AGAIN)
            known.append(flight)  # from now on: who asks the same meanwhile waits for this one
            await self._begin(flight, digest, inner, body)
        given, peer = False, scope.get(PEER)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_until_left, receive, tasks.cancel_scope)
            await flight.give(send)
            given = peer is None or not peer.gone  # it may have landed at the moment they hung up
            tasks.cancel_scope.cancel()
        if not given:
            self._past.give_back(taken)

    async def _begin(self, flight: Flight, digest: bytes, scope: Any, body: bytes) -> None:
        flies = False
        try:
            await self.fresh(f"asked {scope['path']} something else")
            self._tasks.start_soon(self._fly, flight, digest, scope, body)
            flies = True
        finally:
            if not flies:
                self._failed(flight, digest)

    async def fresh(self, did: str) -> None:
        """It does what it has not done before: is that because it has come so far?"""
        past, guest = self._past, self._guest
        if past.diverged or not past.left:
            return
        with anyio.move_on_after(GRACE_S):
            await past.repeated()
        left = past.left
        if not left or not past.diverge():
            return
        log.warning("process %d diverged: it %s; %d left to repeat", guest.pid, did, left)
        await self._kernel.note(guest.pid, Diverged(did=did, left=left))
        if guest.call.strict:
            hint = "what it does depends on more than its answers: the time, chance, files"
            why = SysError(Code.CONFLICT, f"it did not repeat itself: it {did}", hint=hint)
            guest.stop(why)
            await anyio.sleep_forever()

    async def _fly(self, flight: Flight, digest: bytes, scope: Any, body: bytes) -> None:
        try:
            await self._gateway(scope, _once(body), flight.take)
            if flight.good:
                await self._kernel.note(self._guest.pid, _answered(flight, digest, scope["path"]))
        except (SysError, UnicodeDecodeError) as error:
            log.warning("process %d: an answer is not kept: %s", self._guest.pid, error)
        finally:
            if flight.good:
                flight.land()
            else:
                self._failed(flight, digest)

    def _failed(self, flight: Flight, digest: bytes) -> None:
        flight.status = flight.status or 500
        self._past.forget(digest, flight)
        flight.land()


def _answered(flight: Flight, digest: bytes, path: str) -> Answered:
    return Answered(
        request=digest,
        path=path,
        status=flight.status,
        kind=flight.kind,
        body=flight.body.decode(),
        process=flight.process,
    )


async def _body(receive: Receive) -> bytes:
    pieces = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return b"".join(pieces)


def _once(body: bytes) -> Receive:
    """The request, and then nothing: nobody hangs up."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if not messages:
            await anyio.sleep_forever()
        return messages.pop()

    return receive


async def _until_left(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _reply(send: Send, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
