"""What the program of a process may call, by names that any MCP client takes.

Tools    functions and calls the agent lists, and the tools of what is mounted that its
         capabilities allow: PLACE__TOOL
"""

from collections.abc import Sequence
from typing import Any

import anyio
import anyio.abc
import msgspec

from logos.abi.agent import Agent
from logos.abi.calls import CallTool, Exec, tool_name
from logos.abi.errors import Code, SysError
from logos.abi.messages import ToolSpec
from logos.abi.rights import allows
from logos.boot import Machine

BETWEEN = "__"
OURS = frozenset({tool_name(Exec), tool_name(CallTool)})


class _Listing:
    """One on its way, for whoever asks meanwhile."""

    def __init__(self) -> None:
        self.over = anyio.Event()
        self.specs: Sequence[ToolSpec] = ()
        self.error: SysError | None = None


class Tools:
    """Servers of tools start when they are first listed, which may take longer than a client's patience:
    it goes on without him, and is there when he asks again.  `tasks` outlive a request."""

    def __init__(self, machine: Machine, agent: Agent, tasks: anyio.abc.TaskGroup) -> None:
        self._machine = machine
        self._agent = agent
        self._tasks = tasks
        self._listing: _Listing | None = None

    async def specs(self) -> Sequence[ToolSpec]:
        if self._listing is None:
            self._listing = _Listing()
            self._tasks.start_soon(self._list, self._listing)
        listing = self._listing
        await listing.over.wait()
        if listing.error is not None:
            raise listing.error
        return listing.specs

    async def _list(self, listing: _Listing) -> None:
        try:
            listing.specs = await self._listed()
        except SysError as error:
            listing.error = error
        finally:
            self._listing = None
            listing.over.set()

    async def _listed(self) -> Sequence[ToolSpec]:
        listed = self._machine.kernel.tools(self._agent)
        own = [spec for spec in listed if spec.name not in OURS]
        return sorted([*own, *await self._mounted()], key=lambda spec: spec.name)

    async def _mounted(self) -> list[ToolSpec]:
        found = []
        for name, place in self._machine.places.tools.places.items():
            if not self._may(name):
                continue
            for offer in await place.offers():
                if allows(self._agent.allow, "call", f"/tools/{name}/{offer.name}"):
                    spec = offer.spec()
                    found.append(msgspec.structs.replace(spec, name=f"{name}{BETWEEN}{spec.name}"))
        return found

    def _may(self, place: str) -> bool:
        """Whether anything of it: what nobody was granted is not started."""
        return any(
            cap.verb == "call"
            and (cap.path + "/").startswith((f"/tools/{place}/", "/tools/*", "/**"))
            for cap in self._agent.allow
        )

    def proposal(self, name: str, arguments: Any) -> tuple[str, str]:
        place, between, tool = name.partition(BETWEEN)
        if between and place in self._machine.places.tools.places:
            call = {"tool": f"{place}/{tool}", "arguments": arguments}
            return tool_name(CallTool), msgspec.json.encode(call).decode()
        if name in OURS:
            raise SysError(Code.NOT_FOUND, f"there is no tool {name!r}")
        return name, msgspec.json.encode(arguments).decode()
