"""HTTP to one provider: a pool of kept connections, and its failures as ours.

    Wire.post       send a body, get the head of the answer
    Answer          its kind, and its bytes as they come

It speaks to httpx2's transport directly: what the client above it adds (cookies, redirects,
authentication flows, decoding) costs a third of a request and is not wanted here.
Invariant: when an Answer is left, its connection is either back in the pool or closed.
"""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Self, TypeAlias

import anyio
import httpx2

from logos.abi.errors import Code, SysError
from logos.drivers.model.endpoint import Endpoint
from logos.drivers.model.faults import refused

CONNECT_S = 10.0
"""Patience for a connection, in seconds."""

KEEPALIVE_S = 60.0
"""How long an idle connection is kept, in seconds.  Agents pause between thoughts."""

ANSWER_BYTES = 64 << 20
"""The longest answer that is read."""

FAILURE_BYTES = 64 << 10
"""The most that is read of an error's body."""

REST_S = 1.0
"""How long the end of an answer that is already complete is waited for, in seconds."""

SHARD = 16
"""Connections of one transport.  It looks at each of them for each request, so that one of
256 costs twice the time of sixteen of 16."""

_OK = 200

_Headers: TypeAlias = list[tuple[bytes, bytes]]


class Answer:
    """The head of an answer, and an iterator over its bytes as they come off the line.
    `json`: it comes whole; else it is a stream of events."""

    __slots__ = ("_size", "_stream", "json", "response")

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._stream = response.aiter_raw()
        self._size = 0
        self.json = "json" in response.headers.get("content-type", "")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._stream.__anext__()
        self._size += len(piece)
        if self._size > ANSWER_BYTES:
            raise SysError(Code.MODEL, f"the model's answer is longer than {ANSWER_BYTES} bytes")
        return piece

    async def rest(self) -> None:
        """Read what is left after the last event, so that the connection can be used again."""
        with anyio.move_on_after(REST_S):
            async for _ in self:
                pass

    async def head(self, size: int) -> bytes:
        """The first bytes, `size` at most or a little more."""
        found = b""
        async for piece in self:
            found += piece
            if len(found) >= size:
                break
        return found

    async def aclose(self) -> None:
        await self._stream.aclose()
        await self.response.aclose()


class Wire:
    """Connections to one URL.  Belongs to one event loop from the first `post` on."""

    def __init__(self, endpoint: Endpoint, url: str, headers: Mapping[str, str], pool: int) -> None:
        self._key = endpoint.key
        self._timeout_s = endpoint.timeout_s
        self._url = _checked(url)
        # Loading the machine's certificates takes 50 ms: not where nobody needs them.
        plain = self._url.scheme == "http"
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else httpx2.create_ssl_context()
        shards = -(-pool // SHARD)
        size = -(-pool // shards)
        limits = httpx2.Limits(
            max_connections=size, max_keepalive_connections=size, keepalive_expiry=KEEPALIVE_S
        )
        self._transports = [
            httpx2.AsyncHTTPTransport(limits=limits, verify=trust) for _ in range(shards)
        ]
        self._busy = [0] * len(self._transports)  # requests each of them has now
        self._size = size
        patience = endpoint.timeout_s
        timeouts = {"connect": CONNECT_S, "read": patience, "write": patience}
        self._extensions = {"timeout": {**timeouts, "pool": patience}}
        self._headers = [
            *(
                (name.lower().encode(), value.encode())
                for name, value in {**headers, **endpoint.headers}.items()
            ),
            (b"host", self._url.netloc),
            (b"content-type", b"application/json"),
            (b"accept-encoding", b"identity"),
            (b"user-agent", b"logos"),
        ]

    @asynccontextmanager
    async def post(self, body: bytes, more: Mapping[str, str] = {}) -> AsyncIterator[Answer]:
        """Send the body, with headers of this request's own.  Raise SysError unless the answer is a stream of events or JSON."""
        shard = self._shard()
        self._busy[shard] += 1
        try:
            answer = Answer(await self._send(self._transports[shard], self._headed(more), body))
            try:
                await self._check(answer)
                yield answer
            finally:
                # Shielded, or a cancelled thought would hold its connection.
                with anyio.CancelScope(shield=True):
                    await answer.aclose()
        finally:
            self._busy[shard] -= 1

    def _shard(self) -> int:
        """The first that has room, so that warm connections are used; else the least busy."""
        for shard, busy in enumerate(self._busy):
            if busy < self._size:
                return shard
        return self._busy.index(min(self._busy))

    async def _send(
        self, transport: httpx2.AsyncHTTPTransport, headers: _Headers, body: bytes
    ) -> httpx2.Response:
        try:
            return await transport.handle_async_request(self._request(headers, body))
        except (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError):
            # A server may close a kept connection in the moment we pick it up.  No byte of an
            # answer has come, so sending again repeats nothing.
            pass
        except httpx2.TransportError as error:
            raise self.fault(error) from None
        try:
            return await transport.handle_async_request(self._request(headers, body))
        except httpx2.TransportError as error:
            raise self.fault(error) from None

    def _headed(self, more: Mapping[str, str]) -> _Headers:
        if not more:
            return self._headers
        own = [(name.lower().encode(), value.encode()) for name, value in more.items()]
        names = {name for name, _ in own}
        return [*(pair for pair in self._headers if pair[0] not in names), *own]

    def _request(self, headers: _Headers, body: bytes) -> httpx2.Request:
        return httpx2.Request(
            "POST", self._url, headers=headers, content=body, extensions=self._extensions
        )

    async def _check(self, answer: Answer) -> None:
        head = answer.response
        kind = head.headers.get("content-type", "").partition(";")[0]
        if head.status_code == _OK and (answer.json or kind == "text/event-stream"):
            return
        try:
            said = await answer.head(FAILURE_BYTES)
        except httpx2.TransportError as error:
            raise self.fault(error) from None
        if head.status_code != _OK:
            raise refused(head.status_code, head.headers, said, self._key)
        raise SysError(
            Code.MODEL,
            f"the model's provider answered with {kind or 'no content type'}",
            hint="is this the url of the API?",
        )

    def fault(self, error: httpx2.TransportError) -> SysError:
        """What an error of the transport means.  Its request holds the key: leave it behind."""
        where = f"{self._url.host}:{self._url.port or self._url.scheme}"
        match error:
            case httpx2.ConnectTimeout() | httpx2.ConnectError():
                return SysError(
                    Code.UNAVAILABLE, f"no connection to {where}", hint="is it running?"
                )
            case httpx2.PoolTimeout():
                return SysError(Code.LIMIT, f"too many thoughts at once for {where}")
            case httpx2.TimeoutException():
                return SysError(Code.TIMEOUT, f"{where} was silent for {self._timeout_s:g} s")
            case httpx2.RemoteProtocolError() if not lost(error):
                return SysError(Code.MODEL, f"{where} does not speak HTTP")
            case httpx2.LocalProtocolError() | httpx2.UnsupportedProtocol():
                return SysError(Code.INVALID, f"nothing can be sent to {where}", hint="see its url")
            case _:
                return SysError(Code.UNAVAILABLE, f"{where} closed the connection")

    async def aclose(self) -> None:
        for transport in self._transports:
            await transport.aclose()


def lost(error: httpx2.TransportError) -> bool:
    """Did the server hang up, rather than say something that is not HTTP?"""
    said = str(error).lower()
    return "disconnected" in said or "closed connection" in said


def _checked(url: str) -> httpx2.URL:
    try:
        found = httpx2.URL(url)
    except httpx2.InvalidURL:
        found = httpx2.URL("")
    if found.scheme not in {"http", "https"} or not found.host:
        raise SysError(Code.INVALID, "the url of a model is not one", hint="http(s)://host/v1")
    return found
