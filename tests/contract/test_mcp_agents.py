"""An agent finds a tool of a mounted server, reads what it takes, calls it, and reads on."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mounted import opened, raw, sdk

from logos import config
from logos.abi.agent import Agent
from logos.abi.calls import CallTool
from logos.abi.driver import Mode
from logos.abi.errors import Code
from logos.abi.events import Asked, Called, Failed, Returned
from logos.abi.ids import CallId, Pid
from logos.abi.messages import Request, ToolCall
from logos.abi.rights import parse
from logos.abi.tools import Place
from logos.drivers.model import Say, Scripted
from logos.drivers.sandbox import open_sandbox
from logos.kernel import Kernel, open_kernel
from logos.places import Places
from logos.store import open_store

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

TOOLS = ("fs.list", "fs.read", "fs.search", "tool.call")


def agent(*allow: str) -> Agent:
    return Agent(name="a", model="m", tools=TOOLS, allow=tuple(map(parse, allow)))


def call(name: str, **arguments: Any) -> Say:
    return Say("", (ToolCall(id=CallId("x"), name=name, arguments=json.dumps(arguments)),))


async def events(kernel: Kernel, pid: Pid) -> list[Any]:
    await kernel.records.wait(pid)
    return [told.event async for told in kernel.records.events(pid)]


class Ran:
    """One run of an agent with what was mounted."""

    def __init__(self, events: list[Any], model: Scripted, places: Places) -> None:
        self.events = events
        self.requests: list[Request] = model.requests
        self.places = places

    @property
    def values(self) -> list[Any]:
        return [msgspec.json.decode(e.value) for e in self.events if isinstance(e, Returned)]

    @property
    def failures(self) -> list[Failed]:
        return [e for e in self.events if isinstance(e, Failed)]


async def run(
    url: str, world: Any, tmp_path: Path, who: Agent, script: list[Any], **mounts: Place
) -> Ran:
    sandbox = open_sandbox(Mode.NONE, state=tmp_path / "state")
    world.models["m"] = model = Scripted(script)
    async with (
        open_store(url, config.Store()) as store,
        opened(tmp_path, sandbox, mounts) as places,
    ):
        world.drivers[CallTool] = places.tools
        tools = places.tools
        parts = world.parts(store)._replace(
            mounts={"/tools": tools.tree}, functions=tools.specs, manifests=tools.annotations
        )
        async with open_kernel(parts) as kernel:
            pid = await kernel.spawn(who, "say it again")
            found = await events(kernel, pid)
    await sandbox.aclose()
    return Ran(found, model, places)


async def test_find_read_call(url: str, world: Any, tmp_path: Path) -> None:
    script = [
        call("fs_list", path="/tools"),
        call("fs_search", pattern="say a text once more", path="/tools"),
        call("fs_read", path="/tools/probe/echo"),
        call("tool_call", tool="probe/echo", arguments={"text": "hello"}),
        call("tool_call", tool="probe/large", arguments={"kib": 500}),
        "done",
    ]
    who = agent("read:/tools", "read:/tools/**", "call:/tools/probe/**")
    ran = await run(url, world, tmp_path, who, script, probe=sdk())
    listed, searched, read, value, large = ran.values
    assert listed.startswith("probe/")
    assert searched.splitlines()[0].startswith("/tools/probe/echo\tSay the text again.")
    assert '"text"' in read
    assert value == "hello"
    assert len(large) == 500 << 10
    (called,) = [
        e
        for e in ran.events
        if isinstance(e, Called) and e.name == "tool.call" and b"probe/echo" in bytes(e.call)
    ]
    assert called.effect == "effect"
    last = ran.requests[-1]
    assert len(last.messages[-1].text if hasattr(last.messages[-1], "text") else "") < 40_000
    asked = [e for e in ran.events if isinstance(e, Asked)]
    assert len(asked) == len(script)


async def test_the_list_of_tools_never_changes(url: str, world: Any, tmp_path: Path) -> None:
    """Whatever is mounted, and whether it was looked at or not."""
    script = [call("fs_list", path="/tools/many"), "done"]
    who = agent("read:/tools", "read:/tools/**")
    ran = await run(url, world, tmp_path, who, script, many=sdk("188"), probe=raw())
    first, second = (msgspec.json.encode(r.tools) for r in ran.requests)
    assert first == second
    assert len(ran.values[0].splitlines()) == 200
    assert b"tool_001" not in first


async def test_no_capability_no_tool(url: str, world: Any, tmp_path: Path) -> None:
    script = [
        call("tool_call", tool="other/echo", arguments={"text": "a"}),
        call("tool_call", tool="raw/../other/echo", arguments={"text": "a"}),
        call("fs_list", path="/tools/other"),
        call("fs_search", pattern="say text", path="/tools"),
        "done",
    ]
    who = agent("read:/tools/raw/**", "call:/tools/raw/**")
    ran = await run(url, world, tmp_path, who, script, raw=raw(), other=raw())
    assert [f.code for f in ran.failures] == [Code.DENIED] * 4
    assert not (tmp_path / "mounts" / "other").exists()  # it was never started
