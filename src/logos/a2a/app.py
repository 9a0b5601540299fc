"""A2A for each published agent: one card, and two bindings to the same operations.

    open_a2a(machine, agents, who)   an App, until left
    App                              an ASGI application
    REST, RPC                        what can be asked for, over HTTP+JSON and as JSON-RPC

/a2a/AGENT/.well-known/agent-card.json, /a2a/AGENT/message:send and so on; JSON-RPC at /a2a/AGENT itself.  A
client that hangs up leaves its task running: it subscribes to it again, and hears how it stands and what
comes.

Invariant: a failure is the protocol's own error, with the reason a client can tell apart.
"""

import logging
import re
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Mapping,
    MutableMapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager
from typing import Any, Protocol, TypeAlias
from urllib.parse import parse_qsl

import anyio
import msgspec

from logos.a2a.faults import NO_METHOD, NO_VERSION, Wrong, over_http, over_rpc
from logos.a2a.operations import OPERATIONS, STREAMS, Asked, Operations
from logos.a2a.push import open_push
from logos.a2a.tasks import VERSION, By, Json, Tasks
from logos.abi.agent import Account, Limits
from logos.abi.errors import Code, SysError
from logos.boot import Machine

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logging.getLogger("logos.a2a")

LONGEST = 4 << 20

_PATH = re.compile(r"/a2a/(?P<agent>[^/]+)(?P<rest>/.*)?")

CARD = "Card"
_CONFIGS = "/tasks/{taskId}/pushNotificationConfigs"
REST = {
    ("GET", "/.well-known/agent-card.json"): CARD,
    ("GET", "/extendedAgentCard"): "GetExtendedAgentCard",
    ("POST", "/message:send"): "SendMessage",
    ("POST", "/message:stream"): "SendStreamingMessage",
    ("GET", "/tasks"): "ListTasks",
    ("GET", "/tasks/{id}"): "GetTask",
    ("POST", "/tasks/{id}:cancel"): "CancelTask",
    ("POST", "/tasks/{id}:subscribe"): "SubscribeToTask",
    ("GET", "/tasks/{id}:subscribe"): "SubscribeToTask",
    ("POST", _CONFIGS): "CreateTaskPushNotificationConfig",
    ("GET", _CONFIGS): "ListTaskPushNotificationConfigs",
    ("GET", _CONFIGS + "/{id}"): "GetTaskPushNotificationConfig",
    ("DELETE", _CONFIGS + "/{id}"): "DeleteTaskPushNotificationConfig",
}
RPC = OPERATIONS


def _pattern(path: str) -> re.Pattern[str]:
    escaped = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/:]+)", escaped))


_REST = [(method, _pattern(path), name) for (method, path), name in REST.items()]


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
    def __init__(self, tasks: Tasks, operations: Operations, who: Who) -> None:
        """`who` is given the peer's address and the headers, and says who it is or raises."""
        self._tasks = tasks
        self._operations = operations
        self._who = who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        try:
            principal = await self._who((scope.get("client") or ("", 0))[0], headers)
            agent, rest = _parted(scope["path"])
            url = f"http://{headers.get('host', 'localhost')}/a2a/{agent}"
            by = By(f"a2a {principal.name}", principal.limits, principal.accounts)
            asked = Asked(agent, by, url, {})
            _check_version(headers)
            if scope["method"] == "POST" and rest == "/":
                await self._rpc(asked, await _read(receive), (receive, send))
            else:
                await self._rest(scope, asked, (rest, receive), send)
        except SysError as error:
            await _reply(send, *over_http(error))

    async def _rest(
        self, scope: Scope, asked: Asked, path: tuple[str, Receive], send: Send
    ) -> None:
        rest, receive = path
        name, named = _named(scope["method"], rest)
        if name == CARD:
            await _reply(send, 200, self._tasks.card(asked.agent, asked.url))
            return
        query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
        given = query | _object(await _read(receive)) | named
        asked = Asked(asked.agent, asked.by, asked.url, given)
        if name in STREAMS:
            updates = await self._operations.stream(name, asked)
            await _stream((receive, send), updates, lambda news: news)
        else:
            await _reply(send, 200, await self._operations.do(name, asked))

    async def _rpc(self, asked: Asked, body: bytes, ends: tuple[Receive, Send]) -> None:
        id_: Any = None
        send = ends[1]
        try:
            request = _object(body)
            id_, name, given = request.get("id"), request.get("method"), request.get("params") or {}
            if name not in RPC or not isinstance(given, dict):
                raise Wrong(Code.NOT_FOUND, f"there is no {name!r}", NO_METHOD)
            asked = Asked(asked.agent, asked.by, asked.url, given)
            if name in STREAMS:
                updates = await self._operations.stream(name, asked)
                await _stream(ends, updates, lambda news: _result(id_, news))
            else:
                await _reply(send, 200, _result(id_, await self._operations.do(name, asked)))
        except SysError as error:
            await _reply(send, 200, {"jsonrpc": "2.0", "id": id_, "error": over_rpc(error)})


def _result(id_: Any, value: Json) -> Json:
    return {"jsonrpc": "2.0", "id": id_, "result": value}


def _check_version(headers: Mapping[str, str]) -> None:
    """Raise `invalid` for another major version.  A client that names none gets ours."""
    version = headers.get("a2a-version", VERSION)
    if version.partition(".")[0] != VERSION.partition(".")[0]:
        said = f"A2A {version} is not spoken here"
        raise Wrong(Code.INVALID, said, NO_VERSION, hint=f"A2A-Version: {VERSION}")


def _named(method: str, rest: str) -> tuple[str, Json]:
    for known, pattern, name in _REST:
        found = pattern.fullmatch(rest)
        if known == method and found is not None:
            return name, found.groupdict()
    raise Wrong(Code.NOT_FOUND, f"there is no {method} {rest}", NO_METHOD)


def _parted(path: str) -> tuple[str, str]:
    if (found := _PATH.fullmatch(path)) is None:
        raise Wrong(Code.NOT_FOUND, "no such path", NO_METHOD, hint="/a2a/AGENT")
    return found["agent"], found["rest"] or "/"


async def _read(receive: Receive) -> bytes:
    data = b""
    while True:
        message: MutableMapping[str, Any] = await receive()
        data += bytes(message.get("body", b""))
        if len(data) > LONGEST:
            raise SysError(Code.INVALID, "the message is too long")
        if not message.get("more_body", False):
            return data


def _object(data: bytes) -> Json:
    try:
        found = msgspec.json.decode(data or b"{}", type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise SysError(Code.INVALID, f"this is not a JSON object: {error}") from error
    return found


async def _stream(
    ends: tuple[Receive, Send], updates: AsyncGenerator[Json], wrapped: Callable[[Json], Json]
) -> None:
    """For as long as somebody listens."""
    receive, send = ends
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
    async with anyio.create_task_group() as tasks, aclosing(updates):
        tasks.start_soon(_until_left, receive, tasks.cancel_scope)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            async for update in updates:
                body = b"data: " + msgspec.json.encode(wrapped(update)) + b"\n\n"
                await send({"type": "http.response.body", "body": body, "more_body": True})
        except SysError as error:  # too late to say so: the client subscribes again
            log.warning("a stream of news ends early: %s", error)
        await send({"type": "http.response.body", "body": b""})
        tasks.cancel_scope.cancel()


async def _until_left(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _reply(send: Send, status: int, content: Json) -> None:
    body = msgspec.json.encode(content)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def open_a2a(machine: Machine, agents: Sequence[str], who: Who) -> AsyncGenerator[App]:
    tasks = Tasks(machine, agents)
    async with open_push(machine, tasks) as push:
        yield App(tasks, Operations(tasks, push), who)
