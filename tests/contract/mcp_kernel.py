"""A node with servers mounted, whose agent makes one call and ends."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from mounted import opened
from tests.conftest import PATIENCE_S

from logos import config
from logos.abi.agent import Agent
from logos.abi.calls import CallTool
from logos.abi.events import AnyEvent, Failed, Held, Returned
from logos.abi.ids import CallId, Pid
from logos.abi.messages import ToolCall
from logos.abi.rights import parse
from logos.abi.tools import Place
from logos.drivers.model import Say, Scripted
from logos.drivers.sandbox import LocalSandbox
from logos.kernel import Kernel, open_kernel
from logos.store import open_store


class Booted:
    """One folder and one database, node after node."""

    def __init__(self, url: str, world: Any, folder: Path, sandbox: LocalSandbox) -> None:
        self._url = url
        self._world = world
        self._folder = folder
        self._sandbox = sandbox

    @asynccontextmanager
    async def node(self, mounts: Mapping[str, Place]) -> AsyncIterator[Kernel]:
        """Its tools are said to only look: whether they may be called is not what is tried."""
        async with (
            open_store(self._url, config.Store()) as store,
            opened(self._folder, self._sandbox, mounts) as places,
        ):
            self._world.drivers[CallTool] = tools = places.tools
            known = dict(tools.annotations())
            for name, place in tools.places.items():
                for offer in await place.offers():
                    known[f"{name}/{offer.name}"] = {"impact": "read"}  # type: ignore[dict-item]
            parts = self._world.parts(store)._replace(
                mounts={"/tools": tools.tree}, functions=tools.specs, manifests=lambda: known
            )
            async with open_kernel(parts) as kernel:
                yield kernel

    async def begun(self, kernel: Kernel, tool: str, **arguments: Any) -> Pid:
        spelt = json.dumps({"tool": tool, "arguments": arguments})
        wish = Say("", (ToolCall(id=CallId("x"), name="tool_call", arguments=spelt),))
        self._world.models["m"] = Scripted([wish, "the end"])
        allow = tuple(map(parse, ("read:/tools/**", "call:/tools/**")))
        who = Agent(name="a", model="m", tools=("tool.call",), allow=allow)
        return await kernel.spawn(who, f"Call {tool}.")


async def events(kernel: Kernel, pid: Pid) -> list[AnyEvent]:
    return [told.event async for told in kernel.records.events(pid)]


async def until(kernel: Kernel, pid: Pid, kind: type, times: int = 1) -> Any:
    with anyio.fail_after(PATIENCE_S):
        async for told in kernel.records.follow(pid):
            if isinstance(told.event, kind):
                times -= 1
                if not times:
                    return told.event
    raise AssertionError(await events(kernel, pid))


async def asked(kernel: Kernel, pid: Pid, times: int = 1) -> Any:
    """What a person is asked, when so many questions have been put."""
    await until(kernel, pid, Held, times)
    [question] = await kernel.approvals.pending()
    return question


async def outcome(kernel: Kernel, pid: Pid) -> Returned | Failed:
    with anyio.fail_after(PATIENCE_S):
        await kernel.records.wait(pid)
    [found] = [e for e in await events(kernel, pid) if isinstance(e, Returned | Failed)]
    return found
