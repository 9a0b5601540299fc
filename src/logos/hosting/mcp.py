"""The tools a program was granted, as one MCP server over HTTP without sessions.

    Mcp.answer(...)    one request: JSON in, JSON out; both eras of the protocol

A call is proposed to the program's own process: the kernel admits, journals and makes it like any
other, once.  A call the program repeats is answered from the journal, and so is one that a client
library gave up waiting for and makes again: nobody has heard what came of it, also where it came at
the moment the client hung up.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, Protocol

import anyio
import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.events import Failed, Proposed, Returned
from logos.abi.host import Guest
from logos.abi.ids import CallId
from logos.abi.messages import ToolCall, ToolSpec
from logos.gateway import Peer
from logos.hosting.flight import Message, Send
from logos.hosting.past import Past, Taken, digest_of_call
from logos.kernel import Kernel

Receive = Callable[[], Awaitable[Message]]

ERAS = ("2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
PARSE, INVALID, ABSENT, INTERNAL = -32700, -32600, -32601, -32603


class Granted(Protocol):
    """What it may call, by the names it sees."""

    async def specs(self) -> Sequence[ToolSpec]: ...

    def proposal(self, name: str, arguments: Any) -> tuple[str, str]:
        """What the kernel is asked: a tool and its arguments.  Raise `not_found`."""
        ...


class Mcp:
    def __init__(
        self,
        kernel: Kernel,
        guest: Guest,
        past: Past,
        granted: Granted,
        fresh: Callable[[str], Awaitable[None]],
    ) -> None:
        self._kernel = kernel
        self._guest = guest
        self._past = past
        self._granted = granted
        self._fresh = fresh
        self._waiting: defaultdict[str, list[Taken]] = defaultdict(list)

    async def answer(
        self, method: str, receive: Receive, send: Send, peer: Peer | None = None
    ) -> None:
        if method != "POST":
            await _reply(send, 405, b"")
            return
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        try:
            asked: Any = msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            await _reply(send, 400, _error(None, PARSE, str(error)))
            return
        if not _well_formed(asked):
            await _reply(send, 400, _error(None, INVALID, "one JSON-RPC request at a time"))
        elif "id" not in asked:
            if asked["method"] == "notifications/cancelled":
                self._gave_up((asked.get("params") or {}).get("requestId"))
            await _reply(send, 202, b"")
        else:
            took: list[Taken] = []
            heard = False
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_until_left, receive, tasks.cancel_scope)
                try:
                    said = await self._said(asked, took)
                except SysError as error:
                    said = _error(asked["id"], INTERNAL, f"{error.message} {error.hint}".strip())
                await _reply(send, 200, said)
                heard = peer is None or not peer.gone
                tasks.cancel_scope.cancel()
            for taken in took if not heard else ():
                self._past.give_back(taken)

    def _gave_up(self, id_: Any) -> None:
        waiting = self._waiting.get(repr(id_), [])
        if len(waiting) == 1:  # there are no sessions: two clients may count alike
            self._past.give_back(waiting[0])

    @contextmanager
    def _waited(self, id_: Any, taken: Taken) -> Generator[None]:
        waiting = self._waiting[repr(id_)]
        waiting.append(taken)
        try:
            yield
        finally:
            waiting.remove(taken)
            if not waiting:
                self._waiting.pop(repr(id_), None)

    async def _said(self, asked: dict[str, Any], took: list[Taken]) -> bytes:
        """`took` gets the call it is about: whoever does not hear what came of it gives it back."""
        params = asked.get("params") or {}
        match asked["method"]:
            case "initialize":
                wanted = params.get("protocolVersion")
                era = wanted if wanted in ERAS[1:] else ERAS[1]
                result: Any = {"protocolVersion": era, **_self()}
            case "server/discover":
                result = {"supportedVersions": list(ERAS), "resultType": "complete", **_self()}
                result |= {"ttlMs": 0, "cacheScope": "private"}
            case "ping":
                result = {}
            case "tools/list":
                result = {"tools": [_tool(spec) for spec in await self._granted.specs()]}
                result |= {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
            case "tools/call":
                result = await self._call(asked["id"], params, took)
            case other:
                return _error(asked["id"], ABSENT, f"there is no method {other}")
        return msgspec.json.encode({"jsonrpc": "2.0", "id": asked["id"], "result": result})

    async def _call(self, id_: Any, params: dict[str, Any], took: list[Taken]) -> dict[str, Any]:
        name = str(params.get("name"))
        try:
            tool, given = self._granted.proposal(name, params.get("arguments") or {})
        except SysError as error:
            return _failed(str(error.code), error.message, error.hint)
        taken = self._past.take(digest_of_call(tool, given))
        took.append(taken)
        with self._waited(id_, taken):
            outcome = await self._past.outcome(await self._proposed(name, tool, given, taken))
        if isinstance(outcome, Failed):
            return _failed(str(outcome.code), outcome.message, outcome.hint)
        return _returned(outcome)

    async def _proposed(self, name: str, tool: str, given: str, taken: Taken) -> CallId:
        past = self._past
        known = past.call(taken)
        if known is not None:
            return known
        call = ToolCall(id=CallId(f"t{past.proposed + 1}"), name=tool, arguments=given)
        past.learn_call(call)  # from now on: who asks the same meanwhile waits for this one
        made = False
        try:
            await self._fresh(f"called {name} otherwise")
            made = True
            await self._kernel.note(self._guest.pid, Proposed(calls=(call,)))
        except SysError as error:
            past.settle(Failed(id=call.id, code=error.code, message=error.message))
        finally:
            if not made:
                past.forget_call(taken.digest, call.id)
                past.settle(Failed(id=call.id, code=Code.CANCELLED, message="it was not made"))
        return call.id


def _well_formed(asked: Any) -> bool:
    return (
        isinstance(asked, dict)
        and isinstance(asked.get("method"), str)
        and isinstance(asked.get("params") or {}, dict)
    )


async def _until_left(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _self() -> dict[str, Any]:
    return {
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "logos", "version": version("logos")},
    }


def _tool(spec: ToolSpec) -> dict[str, Any]:
    return {"name": spec.name, "description": spec.description, "inputSchema": spec.schema}


def _returned(outcome: Returned) -> dict[str, Any]:
    value: Any = msgspec.json.decode(outcome.value)
    text = value if isinstance(value, str) else bytes(outcome.value).decode()
    result = {"content": [{"type": "text", "text": text}], "isError": False}
    result["resultType"] = "complete"
    return result | ({"structuredContent": value} if isinstance(value, dict) else {})


def _failed(code: str, message: str, hint: str) -> dict[str, Any]:
    text = f"{code}: {message}" + (f" ({hint})" if hint else "")
    content = [{"type": "text", "text": text}]
    return {"content": content, "isError": True, "resultType": "complete"}


def _error(id_: Any, code: int, message: str) -> bytes:
    error = {"code": code, "message": message}
    return msgspec.json.encode({"jsonrpc": "2.0", "id": id_, "error": error})


async def _reply(send: Send, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
