"""The protocol of MCP, in both eras, over one wire.

    await Client.open(wire, era)    find out which era the server is of, and shake hands if need be
    await client.offers()           its tools
    await client.call(tool, ...)    one call, as the server answers it
    await client.task(id)           how a call stands that has become a task; outcome, update, cancel

Invariant: a request is sent in the words of the server's era.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import anyio
import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.tools import Offer
from logos.drivers.mcp.answer import Listed, Result, offers_of
from logos.drivers.mcp.skills import Contents, Skill, entries_of
from logos.drivers.mcp.skills import Listed as Skills
from logos.drivers.mcp.wire import (
    CAPABILITIES,
    CLIENT,
    ENVELOPE,
    HANDSHAKE,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    SHAKEN,
    SKILLS,
    STATELESS,
    Asked,
    Era,
    Fault,
    Refused,
    Sent,
    Wire,
)

DISCOVER_S = 8.0
"""A server of the first era that says nothing to a question it does not know."""

PAGES = 100
"""Pages of a list of tools, at most."""

S = TypeVar("S")


class _Stands(msgspec.Struct, frozen=True, rename="camel"):
    status: str = ""
    status_message: str | None = None
    poll_interval_ms: float | None = None
    poll_interval: float | None = None
    result: Result | None = None
    error: Fault | None = None
    input_requests: dict[str, msgspec.Raw] | None = None


class Task(NamedTuple):
    """A call that became a task.  `result`, `requests`: of servers without a connection."""

    status: str
    said: str
    pause_s: float | None
    stateless: bool
    result: Result
    requests: Mapping[str, msgspec.Raw]


Asks = Callable[["Client"], Awaitable[S]]


class Client:
    def __init__(self, wire: Wire, era: Era) -> None:
        self.wire = wire
        self.era = era
        self.tasked: frozenset[str] = frozenset()
        self.skilled = False

    @classmethod
    async def open(cls, wire: Wire, era: Era | None = None) -> "Client":
        """`era` is what it was last time, if it is known."""
        if era is not Era.HANDSHAKE:
            client = cls(wire, Era.STATELESS)
            if await client._discovered():
                return client
        client = cls(wire, Era.HANDSHAKE)
        try:
            await client._shake()
        except SysError:
            # one that took long to start may have heard the first question late
            client = cls(wire, Era.STATELESS)
            if era is Era.HANDSHAKE or not await client._discovered():
                raise
        return client

    async def _discovered(self) -> bool:
        with anyio.move_on_after(DISCOVER_S):
            try:
                found = await self._ask("server/discover", {})
            except Refused:
                return False
            said = msgspec.json.decode(found)
            versions = said.get("supportedVersions") if isinstance(said, dict) else None
            if not isinstance(versions, list) or STATELESS not in versions:
                return False
            self._offered(said)
            return True
        return False

    def _offered(self, said: Mapping[str, Any]) -> None:
        capabilities = said.get("capabilities")
        extensions = capabilities.get("extensions") if isinstance(capabilities, dict) else None
        self.skilled = isinstance(extensions, dict) and SKILLS in extensions

    async def _shake(self) -> None:
        offer = {
            "protocolVersion": HANDSHAKE,
            "capabilities": CAPABILITIES,
            "clientInfo": CLIENT,
        }
        try:
            said = msgspec.json.decode(await self._ask("initialize", offer))
        except Refused as refused:
            raise SysError(
                Code.UNAVAILABLE,
                f"the server does not let us begin: {refused.fault.message}",
                hint="is it an MCP server?",
            ) from refused
        version = said.get("protocolVersion")
        if version not in SHAKEN:
            raise SysError(
                Code.UNAVAILABLE,
                f"the server speaks MCP {version!r}",
                hint=f"we speak {STATELESS} and {', '.join(SHAKEN)}",
            )
        self._offered(said)
        await self.wire.notify("notifications/initialized")

    async def offers(self) -> tuple[Offer, ...]:
        self.wire.changed = False
        tools: list[Any] = []
        cursor: str | None = None
        for _ in range(PAGES):
            params = {} if cursor is None else {"cursor": cursor}
            try:
                page = await self._ask("tools/list", params)
            except Refused as refused:
                if refused.fault.code == METHOD_NOT_FOUND:
                    return ()
                raise _failed("tools/list", refused.fault) from refused
            listed = _as(page, Listed)
            tools += listed.tools
            if not (cursor := listed.next_cursor):
                self.tasked = frozenset(tool.name for tool in tools if tool.tasked)
                return offers_of(tools)
        raise SysError(Code.LIMIT, f"its list of tools has more than {PAGES} pages")

    async def skills(self) -> dict[str, Skill]:
        """Those it offers, by path."""
        if not self.skilled:
            return {}
        found: list[msgspec.Raw] = []
        cursor: str | None = None
        for _ in range(PAGES):
            params = {} if cursor is None else {"cursor": cursor}
            page = _as(await self._made("skills", "skills/list", params, Sent(self.era)), Skills)
            found += page.skills
            if not (cursor := page.next_cursor):
                return entries_of(found)
        raise SysError(Code.LIMIT, f"its list of skills has more than {PAGES} pages")

    async def resource(self, uri: str) -> bytes:
        found = await self._made(uri, "resources/read", {"uri": uri}, Sent(self.era))
        return _as(found, Contents).data(uri)

    async def call(
        self,
        tool: str,
        arguments: msgspec.Raw,
        headers: Mapping[str, str] = {},
        also: Mapping[str, Any] = {},
        asked: Asked | None = None,
    ) -> Result:
        """As the server answered.  `also` goes with the call; `asked` takes what a server of the first
        eras wants to know before it answers."""
        params = {"name": tool, "arguments": arguments or msgspec.Raw(b"{}"), **also}
        if self.era is Era.HANDSHAKE and tool in self.tasked:
            params["task"] = {}
        found = await self._made(tool, "tools/call", params, Sent(self.era, headers, asked))
        return _as(found, Result)

    async def task(self, id_: str) -> Task:
        """How it stands.  Raise `tool` when nobody there knows it any more."""
        found = await self._made("the task", "tasks/get", {"taskId": id_}, Sent(self.era))
        stands = _as(found, _Stands)
        pause = (
            stands.poll_interval_ms if stands.poll_interval_ms is not None else stands.poll_interval
        )
        return Task(
            stands.status,
            stands.status_message or (stands.error.message if stands.error else ""),
            None if pause is None else pause / 1000,
            self.era is Era.STATELESS,
            stands.result or Result(),
            stands.input_requests or {},
        )

    async def outcome(self, id_: str, asked: Asked) -> Result:
        """Of a task of the first eras; waits for it, and takes what it asks meanwhile."""
        sent = Sent(self.era, {}, asked)
        return _as(await self._made("the task", "tasks/result", {"taskId": id_}, sent), Result)

    async def update(self, id_: str, responses: Mapping[str, Any]) -> None:
        params = {"taskId": id_, "inputResponses": responses}
        await self._made("the task", "tasks/update", params, Sent(self.era))

    async def cancel(self, id_: str) -> None:
        await self._made("the task", "tasks/cancel", {"taskId": id_}, Sent(self.era))

    async def _made(
        self, what: str, method: str, params: Mapping[str, Any], sent: Sent
    ) -> msgspec.Raw:
        try:
            return await self._ask(method, params, sent)
        except Refused as refused:
            raise _failed(what, refused.fault) from refused

    async def _ask(
        self, method: str, params: Mapping[str, Any], sent: Sent | None = None
    ) -> msgspec.Raw:
        if self.era is Era.STATELESS:
            params = {**params, "_meta": ENVELOPE}
        return await self.wire.request(method, params, sent or Sent(self.era))


def _as(raw: msgspec.Raw, kind: type[S]) -> S:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise SysError(Code.TOOL, f"the server answered something else: {error}") from error


def _failed(what: str, fault: Fault) -> SysError:
    if fault.code in (INVALID_PARAMS, METHOD_NOT_FOUND):
        return SysError(
            Code.INVALID, f"{what}: {fault.message}", hint="read the tool's schema in /tools"
        )
    return SysError(Code.TOOL, f"{what}: {fault.message}")
