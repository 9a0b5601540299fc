"""HTTP to one provider: a pool of kept connections, and its failures as ours.

    Wire.post       send a body, get the head of the answer
    Answer          its kind, and its bytes as they come

Invariant: when an Answer is left, its connection is either back in the pool or closed.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Self

import anyio
import httpx2

from logos.abi.errors import Code, SysError
from logos.drivers.model.connection import (
    Broken,
    Connection,
    Garbled,
    Head,
    Hung,
    Place,
    Silent,
    Unreachable,
    connect,
)
from logos.drivers.model.endpoint import Endpoint
from logos.drivers.model.faults import refused

KEEPALIVE_S = 60.0
"""How long an idle connection is kept, in seconds.  Agents pause between thoughts."""

ANSWER_BYTES = 64 << 20
"""The longest answer that is read."""

FAILURE_BYTES = 64 << 10
"""The most that is read of an error's body."""

REST_S = 1.0
"""How long the end of an answer that is already complete is waited for, in seconds."""

PORTS = {"http": 80, "https": 443}

_OK = 200


class Answer:
    """The head of an answer, and an iterator over its bytes as they come off the line.
    `json`: it comes whole; else it is a stream of events."""

    __slots__ = ("_connection", "_size", "head", "json")

    def __init__(self, connection: Connection, head: Head) -> None:
        self.head = head
        self._connection = connection
        self._size = 0
        self.json = "json" in head.headers.get("content-type", "")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._connection.read()
        if not piece:
            raise StopAsyncIteration
        self._size += len(piece)
        if self._size > ANSWER_BYTES:
            raise SysError(Code.MODEL, f"the model's answer is longer than {ANSWER_BYTES} bytes")
        return piece

    async def rest(self) -> None:
        """Read what is left after the last event, so that the connection can be used again."""
        if self._connection.whole:
            return
        with anyio.move_on_after(REST_S):
            async for _ in self:
                pass

    async def first(self, size: int) -> bytes:
        """The first bytes, `size` at most or a little more."""
        found = b""
        async for piece in self:
            found += piece
            if len(found) >= size:
                break
        return found


class Wire:
    """Connections to one URL.  Belongs to one event loop from the first `post` on."""

    def __init__(self, endpoint: Endpoint, url: str, headers: Mapping[str, str], pool: int) -> None:
        self._key = endpoint.key
        self._patience = endpoint.timeout_s
        where = _checked(url)
        # Loading the machine's certificates takes 50 ms: not where nobody needs them.
        trust = None if where.scheme == "http" else httpx2.create_ssl_context()
        port = where.port or PORTS[where.scheme]
        self._place = Place(where.raw_host.decode("ascii"), port, trust)
        self._path = where.raw_path
        self._places = anyio.Semaphore(pool, fast_acquire=True)
        self._resting: list[Connection] = []  # the one used last at the end
        self._headers = {
            **_encoded(headers),
            **_encoded(endpoint.headers),
            b"host": where.netloc,
            b"content-type": b"application/json",
            b"accept-encoding": b"identity",
            b"user-agent": b"logos",
        }
        self._lines = _lines(self._headers)

    @asynccontextmanager
    async def post(self, body: bytes, more: Mapping[str, str] = {}) -> AsyncIterator[Answer]:
        """Send the body, with headers of this request's own.  Raise SysError unless the answer is a
        stream of events or JSON."""
        lines = self._with(_encoded(more)) if more else self._lines
        start = b"POST %b HTTP/1.1\r\n%bcontent-length: %d\r\n\r\n"
        head = start % (self._path, lines, len(body))
        await self._place_for_one()
        connection: Connection | None = None
        try:
            connection, said = await self._asked(head, body)
            answer = Answer(connection, said)
            await self._check(answer)
            yield answer
        finally:
            if connection is not None:
                connection.leave(KEEPALIVE_S)
                if connection.rests:
                    self._resting.append(connection)
            self._places.release()

    def _with(self, more: dict[bytes, bytes]) -> bytes:
        if self._headers.keys().isdisjoint(more):
            return self._lines + _lines(more)
        return _lines(self._headers | more)

    async def _place_for_one(self) -> None:
        try:
            self._places.acquire_nowait()
        except anyio.WouldBlock:
            with anyio.move_on_after(self._patience) as scope:
                await self._places.acquire()
            if scope.cancelled_caught:
                said = f"too many thoughts at once for {self._where}"
                raise SysError(Code.LIMIT, said) from None

    async def _asked(self, head: bytes, body: bytes) -> tuple[Connection, Head]:
        """A server may close a kept connection in the moment we pick it up.  While no byte of an
        answer has come, sending again repeats nothing."""
        for last in (False, True):
            try:
                connection = self._kept() or await connect(self._place, self._patience)
            except Broken as broken:
                raise self.fault(broken) from None
            try:
                return connection, await connection.ask(head, body)
            except Broken as broken:
                connection.leave(KEEPALIVE_S)
                if last or broken.begun or not isinstance(broken, Hung):
                    raise self.fault(broken) from None
            except BaseException:
                connection.leave(KEEPALIVE_S)
                raise
        raise AssertionError

    def _kept(self) -> Connection | None:
        while self._resting:
            if (connection := self._resting.pop()).rests:
                return connection
        return None

    async def _check(self, answer: Answer) -> None:
        status, headers = answer.head
        kind = headers.get("content-type", "").partition(";")[0]
        if status == _OK and (answer.json or kind == "text/event-stream"):
            return
        try:
            said = await answer.first(FAILURE_BYTES)
        except Broken as broken:
            raise self.fault(broken) from None
        if status != _OK:
            raise refused(status, headers, said, self._key)
        raise SysError(
            Code.MODEL,
            f"the model's provider answered with {kind or 'no content type'}",
            hint="is this the url of the API?",
        )

    @property
    def _where(self) -> str:
        return f"{self._place.host}:{self._place.port}"

    def fault(self, broken: Broken) -> SysError:
        """What a failure of the line means."""
        match broken:
            case Unreachable():
                said = f"no connection to {self._where}"
                return SysError(Code.UNAVAILABLE, said, hint="is it running?")
            case Silent():
                return SysError(Code.TIMEOUT, f"{self._where} was silent for {self._patience:g} s")
            case Garbled():
                return SysError(Code.MODEL, f"{self._where} does not speak HTTP")
            case _:
                return SysError(Code.UNAVAILABLE, f"{self._where} closed the connection")

    async def aclose(self) -> None:
        while self._resting:
            self._resting.pop().close()


def _encoded(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    return {name.lower().encode(): value.encode() for name, value in headers.items()}


def _lines(headers: Mapping[bytes, bytes]) -> bytes:
    """Raise `invalid` for what would be more than one header."""
    for name, value in headers.items():
        if any(sign in name + value for sign in (b"\r", b"\n", b"\0")) or not name.strip(b" :"):
            raise SysError(Code.INVALID, "a header for the model has a line break", hint="headers")
    return b"".join([b"%b: %b\r\n" % pair for pair in headers.items()])


def _checked(url: str) -> httpx2.URL:
    try:
        found = httpx2.URL(url)
    except httpx2.InvalidURL:
        found = httpx2.URL("")
    if found.scheme not in {"http", "https"} or not found.host:
        raise SysError(Code.INVALID, "the url of a model is not one", hint="http(s)://host/v1")
    return found
