"""A2A over HTTP+JSON: one card and one set of paths for each published agent.

    App(machine, agents, who)   an ASGI application

/a2a/AGENT/.well-known/agent-card.json, /a2a/AGENT/message:send, and so on.  A client that hangs up
leaves its task running: it asks again with the task's id.

Invariant: a failure is the protocol's own error, with the reason a client can tell apart.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import aclosing
from typing import Any, Protocol, TypeAlias

import anyio
import msgspec

from logos.a2a.tasks import ENDED, By, Json, Tasks
from logos.abi.agent import Account, Limits
from logos.abi.errors import Code, SysError
from logos.boot import Machine

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LONGEST = 4 << 20
SEND_S = 600.0
"""For an answer to a message that does not want to come back."""

_PATH = re.compile(r"/a2a/(?P<agent>[^/]+)(?P<rest>/.*)?")
_TASK = re.compile(r"/tasks/(?P<id>[^/:]+)(:(?P<verb>\w+))?")
_REASONS = {Code.NOT_FOUND: "TASK_NOT_FOUND", Code.STATE: "TASK_NOT_CANCELABLE"}


class Principal(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def limits(self) -> Limits:
        """For each task."""
        ...

    @property
    def accounts(self) -> tuple[Account, ...]:
        """For all of them together."""
        ...


Who: TypeAlias = Callable[[str, Mapping[str, str]], Awaitable[Principal]]


class App:
    def __init__(self, machine: Machine, agents: Sequence[str], who: Who) -> None:
        """`who` is given the peer's address and the headers, and says who it is or raises."""
        self._tasks = Tasks(machine, agents)
        self._who = who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        try:
            principal = await self._who((scope.get("client") or ("", 0))[0], headers)
            agent, rest = _parted(scope["path"])
            url = f"http://{headers.get('host', 'localhost')}/a2a/{agent}"
            by = By(f"a2a {principal.name}", principal.limits, principal.accounts)
            ask = _Ask(scope["method"], agent, rest, by, url)
            await self._dispatch(ask, await _body(receive), send)
        except SysError as error:
            await _reply(send, error.meaning.http_status, _fault(error))

    async def _dispatch(self, ask: "_Ask", body: Json, send: Send) -> None:
        match ask.method, ask.rest:
            case "GET", "/.well-known/agent-card.json":
                await _reply(send, 200, self._tasks.card(ask.agent, ask.url))
            case "POST", "/message:send":
                await _reply(send, 200, {"task": await self._sent(ask, body)})
            case "POST", "/message:stream":
                pid = await self._tasks.begin(ask.agent, _message(body), ask.by)
                await _stream(send, self._tasks.follow(str(pid), ask.by.name))
            case "GET", "/tasks":
                tasks = await self._tasks.all(ask.agent, ask.by.name)
                size = {"pageSize": len(tasks), "totalSize": len(tasks), "nextPageToken": ""}
                await _reply(send, 200, {"tasks": tasks} | size)
            case _:
                await self._on_task(ask, send)

    async def _on_task(self, ask: "_Ask", send: Send) -> None:
        found = _TASK.fullmatch(ask.rest)
        if found is None:
            raise SysError(Code.NOT_FOUND, f"there is no {ask.method} {ask.rest}")
        match ask.method, found["verb"]:
            case "GET", None:
                await _reply(send, 200, await self._tasks.get(found["id"], ask.by.name))
            case "POST", "cancel":
                await _reply(send, 200, await self._tasks.cancel(found["id"], ask.by.name))
            case (("POST" | "GET"), "subscribe"):
                await self._tasks.get(found["id"], ask.by.name)
                await _stream(send, self._tasks.follow(found["id"], ask.by.name))
            case _:
                raise SysError(Code.NOT_FOUND, f"there is no {ask.method} {ask.rest}")

    async def _sent(self, ask: "_Ask", body: Json) -> Json:
        pid = await self._tasks.begin(ask.agent, _message(body), ask.by)
        if not (body.get("configuration") or {}).get("returnImmediately"):
            with anyio.move_on_after(SEND_S):
                async with aclosing(self._tasks.follow(str(pid), ask.by.name)) as updates:  # type: ignore[type-var]
                    async for update in updates:
                        state = update.get("statusUpdate", {}).get("status", {}).get("state")
                        if state in ENDED:
                            break
        return await self._tasks.get(str(pid), ask.by.name)


class _Ask:
    def __init__(self, method: str, agent: str, rest: str, by: By, url: str) -> None:
        self.method, self.agent, self.rest, self.by, self.url = method, agent, rest, by, url


def _parted(path: str) -> tuple[str, str]:
    if (found := _PATH.fullmatch(path)) is None:
        raise SysError(Code.NOT_FOUND, "no such path", hint="/a2a/AGENT")
    return found["agent"], found["rest"] or "/"


def _message(body: Json) -> Json:
    message = body.get("message")
    if not isinstance(message, dict):
        raise SysError(Code.INVALID, "there is no message", hint='{"message": {"parts": […]}}')
    return message


def _fault(error: SysError) -> Json:
    reason = _REASONS.get(error.code, str(error.code).upper())
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "a2a-protocol.org",
    }
    code = error.meaning.http_status
    return {"error": {"code": code, "message": error.message, "details": [info]}}


async def _body(receive: Receive) -> Json:
    data = b""
    while True:
        message = await receive()
        data += message.get("body", b"")
        if len(data) > LONGEST:
            raise SysError(Code.INVALID, "the message is too long")
        if not message.get("more_body", False):
            break
    try:
        found = msgspec.json.decode(data or b"{}", type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise SysError(Code.INVALID, f"this is no JSON object: {error}") from error
    return found


async def _stream(send: Send, updates: AsyncIterator[Json]) -> None:
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async for update in updates:
        body = b"data: " + msgspec.json.encode(update) + b"\n\n"
        await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _reply(send: Send, status: int, content: Json) -> None:
    body = msgspec.json.encode(content)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
