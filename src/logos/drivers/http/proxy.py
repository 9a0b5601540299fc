"""The way out of a sandbox: an HTTP proxy that knows which hosts a program was granted.

    Proxy                 the WayOut
    Proxy.tell(note, confided)    where contacts are journaled, from now on, and who says what was read;
                          until then programs wait

It speaks CONNECT, and plain HTTP with whole addresses, one request a connection.  A head must come
soon and be of a decent size; names are looked up here, and the address that was checked is the one
that is connected to; a tunnel must not ask there for another name.  Redirects are the program's to
follow, through here again.

Invariant: every byte that leaves was let by the Passage of one call.
"""

import logging
import os
import socket
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

import anyio
import anyio.abc
import h11
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream
from anyio.abc import SocketStream

from logos.abi.driver import Job
from logos.abi.errors import SysError
from logos.drivers.http.hello import Hello
from logos.drivers.http.hosts import Resolve, look_up
from logos.drivers.http.passage import Bounds, Confided, Kept, Note, Passage, Shut

log = logging.getLogger("logos.drivers")

HEAD_BYTES = 64 << 10
HEAD_S = 15.0
CONNECT_S = 15.0
LINGER_S = 2.0
_CHUNK = 1 << 16
_SECURE = 443
_MOST_PORTS = 1 << 16
_GONE = (BrokenResourceError, ClosedResourceError, EndOfStream)
_OWN = frozenset(
    b"connection keep-alive proxy-connection proxy-authorization proxy-authenticate te trailer "
    b"transfer-encoding upgrade expect host".split()
)
"""Of one connection only, or ours to say."""


class Proxy:
    """`resolve` turns names into addresses."""

    def __init__(self, *, resolve: Resolve = look_up, bounds: Bounds = Bounds()) -> None:  # noqa: B008 - frozen
        self._resolve = resolve
        self._bounds = bounds
        self._kernel: Kept | None = None
        self._told = anyio.Event()

    def tell(self, note: Note, confided: Confided) -> None:
        self._kernel = Kept(note, confided)
        self._told.set()

    def variables(self, port: int, hosts: Sequence[str]) -> Mapping[str, str]:
        """Where this machine was granted by name, that name is not the program's own loopback."""
        url = f"http://127.0.0.1:{port}"
        names = ("http_proxy", "https_proxy", "all_proxy")
        machine = any(host.partition(":")[0].lower() == "localhost" for host in hosts)
        here = "127.0.0.1,::1" if machine else "127.0.0.1,::1,localhost"
        found = dict.fromkeys((*names, *map(str.upper, names)), url)
        return found | {"no_proxy": here, "NO_PROXY": here, "NODE_USE_ENV_PROXY": "1"}

    @asynccontextmanager
    async def open(self, door: int, job: Job, hosts: Sequence[str]) -> AsyncGenerator[list[str]]:
        await self._told.wait()
        assert self._kernel is not None
        passage = Passage(job, hosts, self._bounds, self._resolve, self._kernel)
        inside: Exception | None = None
        try:
            with socket.socket(fileno=os.dup(door)) as listener:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_serve, listener, passage)
                    try:
                        yield passage.refused
                    except (SysError, OSError, ExceptionGroup) as error:  # the group would wrap it
                        inside = error
                    tasks.cancel_scope.cancel()
        finally:
            await passage.close()
        if inside is not None:
            raise inside


async def _serve(listener: socket.socket, passage: Passage) -> None:
    """Until cancelled.  More connections than may be at once wait outside."""
    listener.setblocking(False)
    places = anyio.Semaphore(passage.bounds.at_once)
    async with anyio.create_task_group() as tasks:
        while True:
            await places.acquire()
            await anyio.wait_readable(listener)
            try:
                accepted, _ = listener.accept()
            except OSError:  # it left again
                places.release()
                continue
            tasks.start_soon(_talk, accepted, passage, places.release)


async def _stream(accepted: socket.socket) -> SocketStream:
    accepted.setblocking(False)
    with ExitStack() as ours:
        ours.callback(accepted.close)
        stream = await SocketStream.from_socket(accepted)
        ours.pop_all()
        return stream


async def _talk(accepted: socket.socket, passage: Passage, done: Callable[[], None]) -> None:
    try:
        async with await _stream(accepted) as stream:
            await _Client(stream, passage).serve()
    except _GONE:
        pass
    except Exception:  # why: one connection must not end the others
        log.exception("bug in the proxy")
    finally:
        done()


class _Asked(NamedTuple):
    host: str
    port: int
    target: bytes = b""

    @property
    def authority(self) -> bytes:
        return (self.host if self.port == 80 else f"{self.host}:{self.port}").encode()  # noqa: PLR2004  # of http


class _Peer:
    """One end of HTTP."""

    def __init__(
        self,
        role: type[h11.CLIENT | h11.SERVER],
        stream: SocketStream,
        moved: Callable[[int, int], None] | None = None,
    ) -> None:
        """`moved` is told how many bytes went out and came back."""
        self.wire = h11.Connection(role, max_incomplete_event_size=HEAD_BYTES)
        self.stream = stream
        self._moved = moved

    async def hear(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self.wire.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]  # NEED_DATA is the other sentinel
            if self.wire.they_are_waiting_for_100_continue:
                await self.say(h11.InformationalResponse(status_code=100, headers=[]))
            try:
                data = await self.stream.receive(_CHUNK)
            except EndOfStream:
                data = b""
            if self._moved is not None:
                self._moved(0, len(data))
            self.wire.receive_data(data)

    async def say(self, event: h11.Event) -> None:
        if data := self.wire.send(event):
            if self._moved is not None:
                self._moved(len(data), 0)
            await self.stream.send(data)


class _Client:
    """One connection of the program, and what it asks for on it."""

    def __init__(self, stream: SocketStream, passage: Passage) -> None:
        self._peer = _Peer(h11.SERVER, stream)
        self._stream = stream
        self._passage = passage
        self._last = anyio.current_time()

    async def serve(self) -> None:
        try:
            with anyio.fail_after(HEAD_S):
                request = await self._peer.hear()
            if not isinstance(request, h11.Request):
                return
            asked = _asked(request)
            if request.method == b"CONNECT":
                await self._tunnel(asked)
            else:
                await self._forward(asked, request)
        except Shut as shut:
            await self._refuse(shut)
        except TimeoutError:
            await self._refuse(Shut(408, "the request did not come in time"))
        except h11.RemoteProtocolError as error:
            await self._refuse(Shut(error.error_status_hint, str(error)))

    async def _refuse(self, shut: Shut) -> None:
        """The reason is in the status line, too: that is all most programs show of it."""
        wire = self._peer.wire
        if wire.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        body = f"LogOS refuses this connection: {shut.why}\n".encode()
        headers = [("content-type", "text/plain; charset=utf-8"), ("connection", "close")]
        headers.append(("content-length", str(len(body))))
        if shut.lacks:
            headers.append(("x-logos-lacks", shut.lacks))
        reason = shut.why.encode("ascii", "replace")[:200]
        await self._peer.say(h11.Response(status_code=shut.status, headers=headers, reason=reason))
        await self._peer.say(h11.Data(data=body))
        await self._peer.say(h11.EndOfMessage())
        await self._stream.send_eof()
        with anyio.move_on_after(
            LINGER_S
        ):  # closed at once, what it still sends would undo the answer
            for _ in range(_MOST_PORTS // _CHUNK + 64):
                await self._stream.receive(_CHUNK)

    async def _connect(self, asked: _Asked) -> SocketStream:
        found = await self._passage.let(asked.host, asked.port)
        for address in found:
            try:
                with anyio.fail_after(CONNECT_S):
                    return await anyio.connect_tcp(address, asked.port)
            except OSError:  # TimeoutError is one
                continue
        raise Shut(502, f"{asked.host}:{asked.port} does not answer")

    def _moved(self, asked: _Asked, out: int, back: int) -> None:
        self._last = anyio.current_time()
        self._passage.carried(asked.host, asked.port, sent=out, received=back)

    async def _watch(self, scope: anyio.CancelScope) -> None:
        """End what is silent both ways."""
        idle = self._passage.bounds.idle_s
        while (left := self._last + idle - anyio.current_time()) > 0:  # noqa: ASYNC110 - put off
            await anyio.sleep(left)
        scope.cancel()

    # -- CONNECT

    async def _tunnel(self, asked: _Asked) -> None:
        async with await self._connect(asked) as far:
            opened = h11.Response(status_code=200, headers=[], reason=b"Connected")
            await self._peer.say(opened)
            early, _ = self._peer.wire.trailing_data
            self._last = anyio.current_time()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch, tasks.cancel_scope)
                tasks.start_soon(self._back, asked, far, tasks.cancel_scope)
                await self._out(asked, far, early)
                # The far side may still answer: `_back` ends it.

    async def _out(self, asked: _Asked, far: SocketStream, early: bytes) -> None:
        try:
            await self._pump(asked, far, early)
            await far.send_eof()
        except (ValueError, Shut) as error:
            log.info("a tunnel to %s was cut: %s", asked.host, error)
            await far.aclose()
        except _GONE:
            await far.aclose()

    async def _pump(self, asked: _Asked, far: SocketStream, data: bytes) -> None:
        """To its end.  Nothing goes on before it is known which name is asked for there."""
        hello, held, known = Hello(), b"", False
        while True:
            held += data
            if held and not known and (named := hello.feed(data)) is not None:
                known = True
                await self._check(asked, named.name)
            if held and known:
                self._moved(asked, len(held), 0)
                await far.send(held)
                held = b""
            try:
                data = await self._stream.receive(_CHUNK)
            except EndOfStream:
                return

    async def _check(self, asked: _Asked, name: str | None) -> None:
        if not name or name == asked.host:
            return
        await self._passage.shut(asked.host, asked.port, f"its tunnel asked for {name}")
        raise Shut(403, f"a tunnel to {asked.host} asks for {name}")

    async def _back(self, asked: _Asked, far: SocketStream, scope: anyio.CancelScope) -> None:
        try:
            while True:
                data = await far.receive(_CHUNK)
                self._moved(asked, 0, len(data))
                await self._stream.send(data)
        except (*_GONE, Shut):
            scope.cancel()

    # -- plain HTTP

    async def _forward(self, asked: _Asked, request: h11.Request) -> None:
        wrong: Exception | None = None
        async with await self._connect(asked) as stream:
            far = _Peer(h11.CLIENT, stream, partial(self._moved, asked))
            self._last = anyio.current_time()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch, tasks.cancel_scope)
                try:
                    await far.say(_onward(asked, request))
                    tasks.start_soon(self._body, far)
                    await self._answer(far)
                except (h11.RemoteProtocolError, Shut, *_GONE) as error:
                    wrong = error
                tasks.cancel_scope.cancel()
        if isinstance(wrong, h11.RemoteProtocolError):
            wrong = Shut(502, f"{asked.host} does not speak HTTP: {wrong}")
        if wrong is not None:
            raise wrong

    async def _body(self, far: _Peer) -> None:
        """What the program sends.  It may end in the middle: then the far side hears no end."""
        try:
            while isinstance(event := await self._peer.hear(), h11.Data | h11.EndOfMessage):
                await far.say(event)
                if isinstance(event, h11.EndOfMessage):
                    return
        except (*_GONE, Shut, h11.ProtocolError):
            await far.stream.aclose()

    async def _answer(self, far: _Peer) -> None:
        while True:
            event = await far.hear()
            if isinstance(event, h11.Response):
                event = _homeward(event)
            if isinstance(event, h11.Response | h11.Data | h11.EndOfMessage):
                await self._peer.say(event)
            elif not isinstance(event, h11.InformationalResponse):
                raise Shut(502, "the connection was lost")
            if isinstance(event, h11.EndOfMessage):
                return


def _asked(request: h11.Request) -> _Asked:
    """Where to.  Raise Shut for what is no request to a proxy."""
    target = request.target.decode("ascii", "replace")
    connect = request.method == b"CONNECT"
    try:
        parts = urlsplit(f"//{target}" if connect else target)
        port = parts.port or (_SECURE if connect else 80)
        host = (parts.hostname or "").lower().rstrip(".")
    except ValueError as error:
        raise Shut(400, f"{target!r} is no address: {error}") from error
    _of_its_kind(parts, connect=connect)
    if parts.username is not None or not host or not host.isascii() or not host.isprintable():
        raise Shut(400, f"{target!r} names no host")
    if ":" in host:
        host = f"[{host}]"
    path = parts.path or "/"
    rest = f"{path}?{parts.query}" if parts.query else path
    return _Asked(host, port, rest.encode())


def _of_its_kind(parts: SplitResult, *, connect: bool) -> None:
    if connect and (parts.path or parts.query or parts.port is None):
        raise Shut(400, "CONNECT takes HOST:PORT")
    if not connect and parts.scheme != "http":
        raise Shut(400, "this is a proxy: ask for http://HOST/, or CONNECT to HOST:PORT")


def _onward(asked: _Asked, request: h11.Request) -> h11.Request:
    headers = [(b"host", asked.authority), *_kept(request), (b"connection", b"close")]
    chunked = any(k == b"transfer-encoding" for k, _ in request.headers)
    if chunked:
        headers.append((b"transfer-encoding", b"chunked"))
    return h11.Request(method=request.method, target=asked.target, headers=headers)


def _homeward(response: h11.Response) -> h11.Response:
    headers = [*_kept(response), (b"connection", b"close")]
    return h11.Response(status_code=response.status_code, headers=headers, reason=response.reason)


def _kept(message: h11.Request | h11.Response) -> list[tuple[bytes, bytes]]:
    named = {
        word.strip().lower()
        for key, value in message.headers
        if key == b"connection"
        for word in value.split(b",")
    }
    return [(k, v) for k, v in message.headers if k not in _OWN and k not in named]
