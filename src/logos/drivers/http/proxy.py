"""The way out of a sandbox: an HTTP proxy that knows which hosts a program was granted.

    Proxy                         the WayOut
    Proxy.tell(note, confided)    how to journal contacts, and who has read confidential data; until
                                  it is called, programs wait

It speaks CONNECT, and plain HTTP with absolute URLs, one request per connection.  A head must come
soon and be of a reasonable size.  Names are looked up here, and the address that was checked is the
one connected to; a tunnel must not ask there for another name.  Redirects are left to the program,
which follows them through this proxy again.

Invariant: every byte that leaves was allowed by the Passage of one call.
"""

import logging
import os
import socket
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial

import anyio
import anyio.abc
import h11
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream
from anyio.abc import SocketStream

from logos.abi.driver import Job
from logos.abi.errors import SysError
from logos.drivers.http.heads import Destination, destination, homeward, onward
from logos.drivers.http.hello import Hello
from logos.drivers.http.hosts import Resolve, look_up
from logos.drivers.http.passage import Bounds, Confided, Kept, Note, Passage, Shut
from logos.drivers.http.peer import CHUNK, Peer

log = logging.getLogger("logos.drivers")

HEAD_S = 15.0
CONNECT_S = 15.0
LINGER_S = 2.0
_LINGER_CHUNKS = 65
_GONE = (BrokenResourceError, ClosedResourceError, EndOfStream)


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
        """`localhost` means the program's own loopback, unless this machine was granted by that name."""
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
    """Serve until cancelled.  Connections above the limit wait to be accepted."""
    listener.setblocking(False)
    places = anyio.Semaphore(passage.bounds.at_once)
    async with anyio.create_task_group() as tasks:
        while True:
            await places.acquire()
            await anyio.wait_readable(listener)
            try:
                accepted, _ = listener.accept()
            except OSError:  # it has gone away again
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


class _Client:
    """One connection of the program, and its request."""

    def __init__(self, stream: SocketStream, passage: Passage) -> None:
        self._peer = Peer(h11.SERVER, stream)
        self._stream = stream
        self._passage = passage
        self._last = anyio.current_time()

    async def serve(self) -> None:
        try:
            with anyio.fail_after(HEAD_S):
                request = await self._peer.hear()
            if not isinstance(request, h11.Request):
                return
            to = destination(request)
            if request.method == b"CONNECT":
                await self._tunnel(to)
            else:
                await self._forward(to, request)
        except Shut as shut:
            await self._refuse(shut)
        except TimeoutError:
            await self._refuse(Shut(408, "the request did not come in time"))
        except h11.RemoteProtocolError as error:
            await self._refuse(Shut(error.error_status_hint, str(error)))

    async def _refuse(self, shut: Shut) -> None:
        """The reason is in the status line, too: most programs show no more than that."""
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
        # if closed at once, what the program still sends would destroy the answer
        with anyio.move_on_after(LINGER_S):
            for _ in range(_LINGER_CHUNKS):
                await self._stream.receive(CHUNK)

    async def _connect(self, to: Destination) -> SocketStream:
        found = await self._passage.let(to.host, to.port)
        for address in found:
            try:
                with anyio.fail_after(CONNECT_S):
                    return await anyio.connect_tcp(address, to.port)
            except OSError:  # TimeoutError is one
                continue
        raise Shut(502, f"{to.host}:{to.port} does not answer")

    def _moved(self, to: Destination, out: int, back: int) -> None:
        self._last = anyio.current_time()
        self._passage.carried(to.host, to.port, sent=out, received=back)

    async def _watch(self, scope: anyio.CancelScope) -> None:
        """End a connection that is silent in both directions."""
        idle = self._passage.bounds.idle_s
        while (left := self._last + idle - anyio.current_time()) > 0:  # noqa: ASYNC110 - put off
            await anyio.sleep(left)
        scope.cancel()

    # -- CONNECT

    async def _tunnel(self, to: Destination) -> None:
        async with await self._connect(to) as far:
            opened = h11.Response(status_code=200, headers=[], reason=b"Connected")
            await self._peer.say(opened)
            early, _ = self._peer.wire.trailing_data
            self._last = anyio.current_time()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch, tasks.cancel_scope)
                tasks.start_soon(self._back, to, far, tasks.cancel_scope)
                await self._out(to, far, early)
                # The far side may still answer; `_back` ends it.

    async def _out(self, to: Destination, far: SocketStream, early: bytes) -> None:
        try:
            await self._pump(to, far, early)
            await far.send_eof()
        except (ValueError, Shut) as error:
            log.info("a tunnel to %s was cut: %s", to.host, error)
            await far.aclose()
        except _GONE:
            await far.aclose()

    async def _pump(self, to: Destination, far: SocketStream, data: bytes) -> None:
        """Relay to the end, but nothing before it is known which name the tunnel asks for."""
        hello, held, known = Hello(), b"", False
        while True:
            held += data
            if held and not known and (named := hello.feed(data)) is not None:
                known = True
                await self._check(to, named.name)
            if held and known:
                self._moved(to, len(held), 0)
                await far.send(held)
                held = b""
            try:
                data = await self._stream.receive(CHUNK)
            except EndOfStream:
                return

    async def _check(self, to: Destination, name: str | None) -> None:
        if not name or name == to.host:
            return
        await self._passage.shut(to.host, to.port, f"its tunnel asked for {name}")
        raise Shut(403, f"a tunnel to {to.host} asks for {name}")

    async def _back(self, to: Destination, far: SocketStream, scope: anyio.CancelScope) -> None:
        try:
            while True:
                data = await far.receive(CHUNK)
                self._moved(to, 0, len(data))
                await self._stream.send(data)
        except (*_GONE, Shut):
            scope.cancel()

    # -- plain HTTP

    async def _forward(self, to: Destination, request: h11.Request) -> None:
        wrong: Exception | None = None
        async with await self._connect(to) as stream:
            far = Peer(h11.CLIENT, stream, partial(self._moved, to))
            self._last = anyio.current_time()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch, tasks.cancel_scope)
                try:
                    await far.say(onward(to, request))
                    tasks.start_soon(self._body, far)
                    await self._answer(far)
                except (h11.RemoteProtocolError, Shut, *_GONE) as error:
                    wrong = error
                tasks.cancel_scope.cancel()
        if isinstance(wrong, h11.RemoteProtocolError):
            wrong = Shut(502, f"{to.host} does not speak HTTP: {wrong}")
        if wrong is not None:
            raise wrong

    async def _body(self, far: Peer) -> None:
        """Relay the program's request body.  If it breaks off, the far side is not told that it ended."""
        try:
            while isinstance(event := await self._peer.hear(), h11.Data | h11.EndOfMessage):
                await far.say(event)
                if isinstance(event, h11.EndOfMessage):
                    return
        except (*_GONE, Shut, h11.ProtocolError):
            await far.stream.aclose()

    async def _answer(self, far: Peer) -> None:
        while True:
            event = await far.hear()
            if isinstance(event, h11.Response):
                event = homeward(event)
            if isinstance(event, h11.Response | h11.Data | h11.EndOfMessage):
                await self._peer.say(event)
            elif not isinstance(event, h11.InformationalResponse):
                raise Shut(502, "the connection was lost")
            if isinstance(event, h11.EndOfMessage):
                return
