"""The words of MCP, of both eras: a message in, an answer out.

    Protocol(desk).answer(message)   bytes -> bytes, or None where nothing is to be said

2026-07-28 asks for everything in each request; before it a client shakes hands first.  A client
that can ask its person (elicitation) is asked, while it waits for a process, what that process
asks: the answer comes with the same request made again, so nothing is kept between the two.

Invariant: a tool's failure is its result; only what is no call at all is an error of the protocol.
"""

import inspect
import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from logos.abi.approval import Answer
from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid
from logos.mcpserver.desk import Approve, Desk, Tool, Wait

log = logging.getLogger("logos.mcpserver")

STATELESS = "2026-07-28"
SHAKEN = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
INFO = {"name": "logos", "version": "1"}
CAPABILITIES: dict[str, Any] = {"tools": {}}
META = "io.modelcontextprotocol/"
PARSE, REQUEST, METHOD, PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
MISMATCH, VERSION = -32020, -32022

INSTRUCTIONS = (
    "LogOS runs agents as processes. spawn starts one, wait has its answer, recall searches what "
    "it knows."
)
ANSWER = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": [str(a) for a in Answer]}},
    "required": ["answer"],
}


class Wrong(Exception):  # noqa: N818 - an answer; ours are SysErrors
    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data

    def fault(self) -> dict[str, Any]:
        found = {"code": self.code, "message": self.message}
        return found if self.data is None else found | {"data": self.data}


METHODS = ("initialize", "server/discover", "tools/list", "tools/call", "ping")


class Protocol:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._listed = [_declared(name, tool) for name, tool in desk.tools.items()]

    async def answer(
        self, message: bytes, headers: Mapping[str, str] | None = None
    ) -> bytes | None:
        """Over HTTP with its headers, which repeat what a message of 2026-07-28 is about."""
        id_: Any = None
        try:
            asked = _decoded(message)
            id_ = asked.get("id")
            if headers is not None:
                _compare(asked, headers)
            if id_ is None or "method" not in asked:
                return None  # a notification, or an answer to what we never ask
            reply: dict[str, Any] = {"result": await self._method(asked)}
        except Wrong as wrong:
            reply = {"error": wrong.fault()}
        except Exception as error:  # why: a bug in one message must not end the others
            log.exception("bug in an MCP message")
            reply = {"error": Wrong(INTERNAL, f"a bug: {type(error).__name__}").fault()}
        return msgspec.json.encode({"jsonrpc": "2.0", "id": id_} | reply)

    async def _method(self, asked: dict[str, Any]) -> dict[str, Any]:
        params = _object(asked, "params")
        method = asked["method"]
        if method not in METHODS:
            raise Wrong(METHOD, f"there is no method {method!r} here")
        if method == "initialize":
            return _shaken(params)
        modern = _is_modern(params)
        result: dict[str, Any]
        match method:
            case "server/discover":
                result = {
                    "supportedVersions": [STATELESS],
                    "capabilities": CAPABILITIES,
                    "instructions": INSTRUCTIONS,
                }
            case "tools/list":
                result = {"tools": self._listed}
            case "tools/call":
                result = await self._called(params, modern=modern)
            case _:  # ping
                result = {}
        if modern:
            lasts = {} if method == "tools/call" else {"ttlMs": 3_600_000, "cacheScope": "public"}
            result = (
                {"resultType": "complete", "_meta": {f"{META}serverInfo": INFO}} | lasts | result
            )
        return result

    async def _called(self, params: dict[str, Any], *, modern: bool) -> dict[str, Any]:
        tool = self._desk.tools.get(str(params.get("name")))
        if tool is None:
            raise Wrong(PARAMS, f"there is no tool {params.get('name')!r}")
        try:
            given = msgspec.convert(params.get("arguments") or {}, tool.takes)
            waits = given if isinstance(given, Wait) and modern and _can_ask(params) else None
            if waits and (asking := await self._asking(waits, params)) is not None:
                return asking
            value = await tool.run(given)
        except msgspec.ValidationError as error:
            return _failed(SysError(Code.INVALID, str(error), hint="see the schema of the tool"))
        except SysError as error:
            return _failed(error)
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        return {"content": [{"type": "text", "text": text}], "isError": False}

    async def _asking(self, given: Wait, params: dict[str, Any]) -> dict[str, Any] | None:
        """What the process asks of a person, for the client to put to him; his answers are taken
        first.  An answer to what is asked no more was given before: the client heard nothing of it."""
        open_ = dict(await self._desk.questions(Pid(given.pid)))
        answered = _object(params, "inputResponses")
        for id_ in answered:
            if id_ not in open_:
                continue
            response = _object(answered, id_)
            said = _object(response, "content").get("answer")
            agreed = response.get("action") == "accept" and said in tuple(Answer)
            answer = Answer(str(said)) if agreed else Answer.DENY
            await self._desk.approve(Approve(question=str(id_), answer=answer))
        asked = {
            id_: {
                "method": "elicitation/create",
                "params": {"mode": "form", "message": words, "requestedSchema": ANSWER},
            }
            for id_, words in open_.items()
            if id_ not in answered
        }
        if not asked:
            return None
        return {"resultType": "input_required", "inputRequests": asked}


def _decoded(message: bytes) -> dict[str, Any]:
    try:
        asked = msgspec.json.decode(message)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Wrong(PARSE, f"this is not JSON: {error}") from error
    if not isinstance(asked, dict) or asked.get("jsonrpc") != "2.0":
        raise Wrong(REQUEST, "this is not JSON-RPC 2.0")
    if isinstance(asked.get("id"), bool | float | list | dict):
        raise Wrong(REQUEST, "an id is a string or a whole number")
    return asked


def _object(within: dict[str, Any], name: str) -> dict[str, Any]:
    """Raise Wrong for what is something else; nothing is an empty one."""
    found = within.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Wrong(PARAMS, f"{name} is not an object")
    return found


def _compare(asked: dict[str, Any], headers: Mapping[str, str]) -> None:
    """Raise Wrong where a proxy that reads them would see another message than we do."""
    params = asked.get("params")
    if not isinstance(params, dict) or not _is_modern(params):
        return
    said = {"mcp-protocol-version": STATELESS, "mcp-method": asked.get("method")}
    if asked.get("method") == "tools/call":
        said["mcp-name"] = params.get("name")
    for name, value in said.items():
        if headers.get(name) != value:
            raise Wrong(MISMATCH, f"the header {name} is not {value!r}, as the message says")


def _is_modern(params: dict[str, Any]) -> bool:
    said = _object(params, "_meta").get(f"{META}protocolVersion")
    if said is None or said in SHAKEN:
        return False
    if said != STATELESS:
        known = {"supported": [STATELESS, *SHAKEN], "requested": said}
        raise Wrong(VERSION, f"MCP {said} is not spoken here", known)
    return True


def _can_ask(params: dict[str, Any]) -> bool:
    return "elicitation" in _object(_object(params, "_meta"), f"{META}clientCapabilities")


def _shaken(params: dict[str, Any]) -> dict[str, Any]:
    said = params.get("protocolVersion")
    version = said if said in SHAKEN else SHAKEN[0]
    return {
        "protocolVersion": version,
        "capabilities": CAPABILITIES,
        "serverInfo": INFO,
        "instructions": INSTRUCTIONS,
    }


def _declared(name: str, tool: Tool) -> dict[str, Any]:
    schema = msgspec.json.schema(tool.takes)
    parts = schema.pop("$defs", {})
    own = parts.pop(schema["$ref"].rpartition("/")[2])
    own.pop("title", None)
    own.pop("description", None)
    own.pop("additionalProperties", None)
    if parts:
        own["$defs"] = parts
    return {
        "name": name,
        "description": inspect.getdoc(tool.takes) or "",
        "inputSchema": own,
        "annotations": {"readOnlyHint": tool.looks, "openWorldHint": False},
    }


def _failed(error: SysError) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": str(error)}], "isError": True}
