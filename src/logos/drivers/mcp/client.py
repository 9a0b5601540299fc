"""The protocol of MCP, in both eras, over one wire.

    await Client.open(wire, era)    find out which era the server is of, and shake hands if need be
    await client.offers()           its tools
    await client.call(tool, ...)    one call, from the arguments to the value

Invariant: a request is sent in the words of the server's era.
"""

from collections.abc import Mapping
from typing import Any

import anyio
import msgspec

from logos.abi.driver import Reply
from logos.abi.errors import Code, SysError
from logos.abi.tools import Offer
from logos.drivers.mcp.answer import Listed, Result, offers_of, value_of
from logos.drivers.mcp.asking import answered, wanted
from logos.drivers.mcp.wire import (
    CAPABILITIES,
    CLIENT,
    ENVELOPE,
    HANDSHAKE,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    SHAKEN,
    STATELESS,
    Era,
    Fault,
    Refused,
    Wire,
)

DISCOVER_S = 8.0
"""A server of the first era that says nothing to a question it does not know."""

PAGES = 100
"""Pages of a list of tools, at most."""

POLL_S = 0.5
"""Between two questions whether a task is done, where the server names no pause."""


class Client:
    def __init__(self, wire: Wire, era: Era) -> None:
        self.wire = wire
        self.era = era

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
            return isinstance(versions, list) and STATELESS in versions
        return False

    async def _shake(self) -> None:
        offer = {
            "protocolVersion": HANDSHAKE,
            "capabilities": CAPABILITIES,
            "clientInfo": CLIENT,
        }
        try:
            said = msgspec.json.decode(await self._ask("initialize", offer))
        except Refused as refused:
            raise _failed("initialize", refused.fault) from refused
        version = said.get("protocolVersion")
        if version not in SHAKEN:
            raise SysError(
                Code.UNAVAILABLE,
                f"the server speaks MCP {version!r}",
                hint=f"we speak {STATELESS} and {', '.join(SHAKEN)}",
            )
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
            listed = _converted(page, Listed)
            tools += listed.tools
            if not (cursor := listed.next_cursor):
                return offers_of(tools)
        raise SysError(Code.LIMIT, f"its list of tools has more than {PAGES} pages")

    async def call(
        self,
        tool: str,
        arguments: msgspec.Raw,
        headers: Mapping[str, str],
        reply: Reply | None = None,
    ) -> msgspec.Raw:
        """Raise Wanted when the server asks a person something; `reply` is what he said."""
        params: dict[str, Any] = {"name": tool, "arguments": arguments or msgspec.Raw(b"{}")}
        if reply is not None:
            params |= answered(reply)
        try:
            result = _converted(await self._ask("tools/call", params, headers), Result)
            if result.result_type == "task":
                result = await self._done(result.task)
        except Refused as refused:
            raise _failed(tool, refused.fault) from refused
        if result.result_type == "input_required" and result.input_requests is not None:
            raise wanted(tool, result.input_requests, result.request_state)
        if result.result_type != "complete":
            raise SysError(
                Code.UNAVAILABLE,
                f"{tool} wants to ask a person something first ({result.result_type})",
                hint="give it everything it needs as arguments",
            )
        return value_of(result, tool)

    async def _done(self, task: Mapping[str, Any]) -> Result:
        """A call that became a task, followed to its end; stopped when we are."""
        id_ = {"taskId": task.get("taskId")}
        try:
            while True:
                pause = task.get("pollIntervalMs")
                await anyio.sleep(pause / 1000 if isinstance(pause, int | float) else POLL_S)
                task = msgspec.json.decode(await self._ask("tasks/get", id_))
                status = task.get("status")
                if status == "completed":
                    return msgspec.convert(task.get("result") or {}, Result)
                if status in ("failed", "cancelled", "input_required"):
                    said = task.get("statusMessage") or task.get("error") or status
                    raise SysError(Code.TOOL, f"the task ended: {said}")
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(2, shield=True):
                await self._ask("tasks/cancel", id_)
            raise

    async def _ask(
        self, method: str, params: Mapping[str, Any], headers: Mapping[str, str] = {}
    ) -> msgspec.Raw:
        if self.era is Era.STATELESS:
            params = {**params, "_meta": ENVELOPE}
        return await self.wire.request(method, params, era=self.era, headers=headers)


def _converted(raw: msgspec.Raw, kind: Any) -> Any:
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
