"""What the tests of running processes share: agents, what their models propose, and waiting for events."""

import json
from typing import Any

import anyio
from tests.conftest import PATIENCE_S

from logos.abi.agent import Agent
from logos.abi.driver import Job
from logos.abi.events import AnyEvent
from logos.abi.ids import CallId, Pid
from logos.abi.messages import ToolCall
from logos.abi.rights import EVERYTHING
from logos.drivers.model import Say
from logos.kernel import Kernel

ALL = tuple(EVERYTHING)


def agent(*tools: str, **given: Any) -> Agent:
    return Agent(**{"name": "a", "model": "m", "tools": tools, "allow": ALL} | given)


def calls(*wanted: tuple[str, dict[str, Any]], text: str = "", **given: Any) -> Say:
    return Say(
        text,
        tuple(ToolCall(id=CallId("x"), name=n, arguments=json.dumps(a)) for n, a in wanted),
        **given,
    )


async def events(kernel: Kernel, pid: Pid) -> list[AnyEvent]:
    return [told.event async for told in kernel.records.events(pid)]


async def until(kernel: Kernel, pid: Pid, kind: type, n: int = 1) -> Any:
    """The n-th event of a kind."""
    with anyio.fail_after(PATIENCE_S):
        async for told in kernel.records.follow(pid):
            if isinstance(told.event, kind):
                n -= 1
                if not n:
                    return told.event
    raise AssertionError(f"it exited without {kind.__name__}")


async def ended(kernel: Kernel, pid: Pid) -> Any:
    with anyio.fail_after(PATIENCE_S):
        return await kernel.records.wait(pid)


async def status(kernel: Kernel, pid: Pid, wanted: str) -> None:
    with anyio.fail_after(PATIENCE_S):
        while True:
            known = await kernel.records.known(pid)
            if known is not None and known.status == wanted:
                return
            await anyio.sleep(0.005)  # another's task has to write it


class Files:
    """A driver of reads: each answers with its path."""

    async def run(self, job: Job) -> str:
        return f"text of {job.call.path}"
