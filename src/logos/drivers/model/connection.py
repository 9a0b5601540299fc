"""One HTTP/1.1 connection to a provider: a request, an answer, and the next request.

    connect(place, patience)       a new one
    Connection.ask(request)        send it -> the head of its answer
    Connection.read()              the next bytes of the answer; none at its end
    Connection.leave(seconds)      done with it: so long it waits for another request
    Connection.rests               whether another request may follow
    Broken                         and its kinds: Unreachable, Silent, Hung, Garbled

A general client costs a third of the processor time of a thought's way through this machine; what a
model's API needs is a page.  The bytes are understood by llhttp, as those of our own server are.
Invariant: what comes without having been asked for is never an answer.
"""

import asyncio
import ssl
from collections import deque
from typing import NamedTuple

import anyio
import httptools

CONNECT_S = 10.0
"""Patience for a connection, in seconds."""

BUFFER_BYTES = 256 << 10
"""So much of an answer may wait to be read."""

JOINED_BYTES = 64 << 10
"""Up to here head and body are sent in one piece."""

_INFORMED = 1  # of a status: 100 to 199


class Broken(Exception):  # noqa: N818 - a state of the world, not a mistake
    """`begun`: some of an answer has come."""

    def __init__(self, *, begun: bool = False) -> None:
        super().__init__()
        self.begun = begun


class Unreachable(Broken):
    """Nobody there."""


class Silent(Broken):
    """Nothing was heard in time."""


class Hung(Broken):
    """The other side has hung up."""


class Garbled(Broken):
    """What came is not HTTP."""


class Place(NamedTuple):
    """`trust` is None for a connection in the clear."""

    host: str
    port: int
    trust: ssl.SSLContext | None = None


class Head(NamedTuple):
    """Names of headers in small letters."""

    status: int
    headers: dict[str, str]


class Connection(asyncio.Protocol):
    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[None] | None = None
        self._end: Broken | None = None
        self._asked = False
        self._expiry: asyncio.TimerHandle | None = None
        self._clear()

    def _clear(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._head: Head | None = None
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._paused = False
        self._whole = False
        self._keep = False
        self._begun = False

    @property
    def rests(self) -> bool:
        return self._end is None and not self._asked and not self._transport.is_closing()

    @property
    def whole(self) -> bool:
        """Whether all of the answer has come."""
        return self._whole

    async def ask(self, head: bytes, body: bytes) -> Head:
        """Raise Broken."""
        if self._expiry is not None:
            self._expiry.cancel()
        self._clear()
        self._asked = True
        if len(body) < JOINED_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))
        while self._head is None:
            await self._more()
        return self._head

    async def read(self) -> bytes:
        """What has come since the last time.  Raise Broken."""
        while not self._pieces:
            if self._whole:
                return b""
            await self._more()
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        return data

    def leave(self, seconds: float) -> None:
        """Whoever asked is done with the answer.  Not with all of it: nothing else can follow."""
        self._asked = False
        if self._whole and self._keep:
            self._expiry = self._loop.call_later(seconds, self.close)
        else:
            self._transport.abort()

    def close(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._transport.close()

    async def _more(self) -> None:
        if self._end is not None:
            raise self._end
        self._waiter = self._loop.create_future()
        timer = self._loop.call_later(self._patience, self._stop, Silent)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _stop(self, why: type[Broken]) -> None:
        if self._end is None:
            self._end = why(begun=self._begun)
            self._transport.abort()
        if not self._whole and self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(self._end)

    # -- what the loop tells ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        if not self._asked:
            self._stop(Garbled)
            return
        self._begun = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if not self._whole:
                self._stop(Garbled)
            self._keep = False

    def eof_received(self) -> None:
        self._over()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._over()

    def _over(self) -> None:
        """An answer without a length ends with its connection."""
        known = {"content-length", "transfer-encoding"}
        if self._head is not None and known.isdisjoint(self._head.headers) and self._end is None:
            self._whole = True
            self._wake()
        self._stop(Hung)

    # -- what the parser tells -------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status // 100 == _INFORMED:
            self._headers = {}
        elif self._head is None:
            self._head = Head(status, self._headers)
            self._wake()

    def on_body(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._waiting += len(piece)
        if self._waiting > BUFFER_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        if self._head is not None:
            self._keep = not self._whole and self._parser.should_keep_alive()
            self._whole = True
            self._wake()


async def connect(place: Place, patience: float) -> Connection:
    """`patience`: the longest silence, in seconds.  Raise Unreachable."""
    name = place.host if place.trust else None
    try:
        with anyio.fail_after(CONNECT_S):
            _, made = await asyncio.get_running_loop().create_connection(
                lambda: Connection(patience),
                place.host,
                place.port,
                ssl=place.trust,
                server_hostname=name,
            )
    except (OSError, TimeoutError, ValueError) as error:  # a ValueError: no host has such a name
        raise Unreachable from error
    return made
