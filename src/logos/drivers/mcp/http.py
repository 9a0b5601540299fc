"""MCP over HTTP: one POST for each request, answered with JSON or a stream of events.

    over_http(url, headers)   -> a way to reach it, for Server
    Http                      the wire

Redirects are not followed: they would carry credentials to where nobody sent them.  A request
that a server has perhaps taken is never sent twice.

Invariant: what a stream of events may hold in memory is bounded.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any

import anyio
import httpx2
import msgspec

from logos.abi.errors import Code, SysError
from logos.drivers.mcp.lines import LONGEST, Reach
from logos.drivers.mcp.wire import (
    ELICIT,
    HANDSHAKE,
    METHOD_NOT_FOUND,
    STATELESS,
    Era,
    Message,
    Question,
    Sent,
    Stale,
    Wire,
    decoded,
    encoded,
    outcome,
)

CONNECT_S = 10.0
_NAMED = {
    "tools/call": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
"""Methods that name their object in a header, too."""


class Http:
    def __init__(self, url: str, client: httpx2.AsyncClient) -> None:
        self._url = url
        self._client = client
        self._numbers = count(1)
        self._session = ""
        self._version = HANDSHAKE
        self.ended = False
        self.left = anyio.Event()
        self.changed = False

    async def request(self, method: str, params: Mapping[str, Any], sent: Sent) -> msgspec.Raw:
        id_ = next(self._numbers)
        headers = self._headers(method, params, sent.era) | dict(sent.headers)
        try:
            async with self._client.stream(
                "POST", self._url, content=encoded(method, params, id_), headers=headers
            ) as response:
                refusal = await _refusal(response)
                self._check(response, refusal)
                answer = refusal or await self._answer(response, id_, sent)
        except anyio.get_cancelled_exc_class():
            await self._give_up(method, id_, sent.era)
            raise
        except httpx2.HTTPError as error:
            why = str(error) or type(error).__name__
            hint = "look whether the call had an effect before you try again"
            if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
                hint = "is it up, and the URL right? Nothing was sent"
            raise SysError(
                Code.UNAVAILABLE, f"the server at {self._url} does not answer: {why}", hint=hint
            ) from error
        if method == "initialize":
            self._session = response.headers.get("mcp-session-id", "")
            if answer.result:
                said = msgspec.json.decode(answer.result).get("protocolVersion")
                self._version = said if isinstance(said, str) else HANDSHAKE
        return outcome(answer)

    async def _give_up(self, method: str, id_: int, era: Era) -> None:
        """To servers of the first eras a connection that closes says nothing."""
        if era is Era.STATELESS or method == "initialize":
            return
        params = {"requestId": id_, "reason": "the caller was stopped"}
        body = encoded("notifications/cancelled", params)
        with suppress(SysError), anyio.move_on_after(1, shield=True):
            await self._post(body, self._headers("", {}, era))

    async def notify(self, method: str) -> None:
        await self._post(encoded(method, None), self._headers(method, {}, Era.HANDSHAKE))

    async def end(self) -> None:
        """Tell a server that keeps a session for us that we do not need it."""
        if self._session:
            with anyio.move_on_after(2, shield=True):
                try:
                    await self._client.delete(
                        self._url, headers=self._headers("", {}, Era.HANDSHAKE)
                    )
                except httpx2.HTTPError:
                    return  # it is gone, and its session with it

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> None:
        try:
            await self._client.post(self._url, content=body, headers=headers)
        except httpx2.HTTPError as error:
            raise SysError(Code.UNAVAILABLE, f"{self._url}: {error}") from error

    def _headers(self, method: str, params: Mapping[str, Any], era: Era) -> dict[str, str]:
        headers = {
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
        }
        if self._session:
            headers["mcp-session-id"] = self._session
        if era is Era.STATELESS:
            headers |= {"mcp-protocol-version": STATELESS, "mcp-method": method}
            if name := params.get(_NAMED.get(method, "")):
                headers["mcp-name"] = str(name)
        elif method != "initialize":
            headers["mcp-protocol-version"] = self._version
        return headers

    def _check(self, response: httpx2.Response, refusal: Message | None) -> None:
        status = response.status_code
        if status == 404 and self._session:  # noqa: PLR2004 - the session has ended
            self.ended = True
            self.left.set()
            raise Stale
        if response.is_success or refusal is not None:
            return
        if response.has_redirect_location:
            where = response.headers["location"]
            raise SysError(
                Code.UNAVAILABLE, f"{self._url} redirects to {where}", hint="mount that URL instead"
            )
        if status in (401, 403):
            raise SysError(
                Code.UNAUTHENTICATED,
                f"{self._url} answers {status}: it wants to know who is asking",
                hint="a person: logos mount login NAME, or --header 'Authorization=Bearer env:NAME'",
            )
        retry = response.headers.get("retry-after", "")
        raise SysError(
            Code.UNAVAILABLE,
            f"{self._url} answers {status} {response.reason_phrase}",
            retry_after_s=float(retry) if retry.isdigit() else None,
        )

    async def _answer(self, response: httpx2.Response, id_: int, sent: Sent) -> Message:
        if "text/event-stream" not in response.headers.get("content-type", ""):
            return decoded(await _body(response))
        async for event in httpx2.EventSource(response, max_event_size=LONGEST):
            if event.event != "message" or not event.data:
                continue
            message = decoded(event.data)
            if message.method:
                await self._asked(message, sent)
            elif message.id == id_ or message.error is not None:
                return message
        raise SysError(
            Code.UNAVAILABLE,
            f"{self._url} ended its answer before it was complete",
            hint="look whether the call had an effect before you try again",
        )

    async def _asked(self, message: Message, sent: Sent) -> None:
        """What the server wants while it works: something of a person, or what we do not offer."""
        if message.method == "notifications/tools/list_changed":
            self.changed = True
        if message.id is None:
            return
        if message.method == ELICIT and sent.asked is not None:

            async def answer(said: Mapping[str, Any]) -> None:
                await self._say(message, result=said)

            sent.asked(Question(message.params, answer))
            return
        why = f"this client does not offer {message.method}"
        await self._say(message, error={"code": METHOD_NOT_FOUND, "message": why})

    async def _say(self, message: Message, **said: Any) -> None:
        body = msgspec.json.encode({"jsonrpc": "2.0", "id": message.id, **said})
        await self._post(body, self._headers("", {}, Era.HANDSHAKE))


async def _refusal(response: httpx2.Response) -> Message | None:
    """Why a request was refused, where the body says it as JSON-RPC does."""
    if response.is_success or "json" not in response.headers.get("content-type", ""):
        return None
    try:
        message = decoded(await _body(response))
    except SysError:
        return None
    return message if message.error is not None else None


async def _body(response: httpx2.Response) -> bytes:
    data = bytearray()
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > LONGEST:
            raise SysError(Code.LIMIT, f"the server sent more than {LONGEST >> 20} MiB at once")
    return bytes(data)


def over_http(
    url: str, headers: Mapping[str, str] | None = None, auth: httpx2.Auth | None = None
) -> Reach:
    @asynccontextmanager
    async def reach() -> AsyncIterator[Wire]:
        timeout = httpx2.Timeout(None, connect=CONNECT_S)
        async with httpx2.AsyncClient(
            headers=dict(headers or {}), timeout=timeout, auth=auth, trust_env=False
        ) as client:
            wire = Http(url, client)
            try:
                yield wire
            finally:
                await wire.end()

    return reach
