"""A gateway on loopback, on a machine whose model plays a script.

rig(url, home, steps)     serve until left
Rig                       where it is, the machine behind it, its model
looks(...)                a step that proposes calls
"""

import json
from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from tests.conftest import PATIENCE_S

from logos import config
from logos.abi.driver import Profile
from logos.abi.ids import CallId, Pid
from logos.abi.messages import Request, ToolCall
from logos.boot import Machine, boot
from logos.drivers.model import Say, Scripted, Step
from logos.gateway import open_gateway

Script = Iterable[Any] | Callable[[Request], Step]


@dataclass
class Rig:
    base: str
    machine: Machine
    model: Scripted

    @property
    def openai(self) -> dict[str, Any]:
        """For an OpenAI client: only the base URL is ours."""
        return {"base_url": f"{self.base}/v1", "api_key": "sk-whatever"}

    @property
    def anthropic(self) -> dict[str, Any]:
        return {"base_url": self.base, "api_key": "sk-whatever"}

    async def kinds(self, pid: Pid) -> list[str]:
        return [told.row.kind async for told in self.machine.kernel.records.events(pid)]

    async def conversations(self) -> list[Pid]:
        listed = await self.machine.kernel.records.list(everyone=True)
        return [one.pid for one in listed if one.agent.startswith("gateway/")]

    async def begun(self, before: Collection[Pid] = ()) -> Pid:
        """The one conversation that is not one of `before`; it may think before its birth is on disk."""
        with anyio.fail_after(PATIENCE_S):
            while not (found := set(await self.conversations()).difference(before)):
                pass
        (pid,) = found
        return pid


@asynccontextmanager
async def rig(
    url: str,
    home: Path,
    script: Script,
    *,
    profile: Profile | None = None,
    settings: config.Gateway | None = None,
    endpoints: dict[str, config.Endpoint] | None = None,
) -> AsyncGenerator[Rig]:
    model = Scripted(script, profile=profile or Profile(name="m"))
    gateway = settings or config.Gateway()
    settled = config.Config(
        home=str(home),
        model="m",
        store=config.Store(url=url),
        gateway=gateway,
        models=endpoints or {},
    )
    loaded = config.Loaded(settled, {})
    async with (
        boot(loaded, models={"m": model}) as machine,
        open_gateway(machine, gateway, home) as opened,
    ):
        yield Rig(opened.url, machine, model)


def looks(*wanted: tuple[str, dict[str, Any]], text: str = "") -> Say:
    """What a model says that wants these tools called."""
    return Say(
        text,
        tuple(ToolCall(id=CallId("theirs"), name=n, arguments=json.dumps(a)) for n, a in wanted),
    )
