"""A signal in the few milliseconds in which the kernel decides on a call or a thought.

What was about to be journaled cannot follow any more.  That is nobody's mistake: the node
lives, the call is not let in (or, after `stop`, let in when the process goes on).
"""

import json
from typing import Any

import anyio
import pytest

from logos import config
from logos.abi import events as e
from logos.abi.agent import Agent
from logos.abi.calls import Append, Wait
from logos.abi.driver import Job, Verdict
from logos.abi.ids import INIT, CallId, Pid
from logos.abi.messages import Request, Role, ToolCall
from logos.abi.process import Child, Process, Signal
from logos.abi.rights import parse
from logos.drivers.model import Say, Scripted
from logos.kernel import Kernel, open_kernel
from logos.kernel.handlers.process import wait
from logos.kernel.syscall import Context
from logos.store import open_store

pytestmark = pytest.mark.anyio

AGENT = Agent(name="a", model="m", tools=("fs.append",), allow=(parse("write:/home/**"),))


class Slow:
    """Takes its time to look before an append, and to say whether it happened."""

    def __init__(self) -> None:
        self.asked = anyio.Event()
        self.answer = anyio.Event()
        self.done = 0

    async def prepare(self, job: Job) -> bytes:
        self.asked.set()
        await self.answer.wait()
        return b"p"

    async def reconcile(self, job: Job, prepared: bytes) -> tuple[Verdict, Any]:
        return Verdict.UNKNOWN, None

    async def run(self, job: Job) -> str:
        self.done += 1
        return "appended"


def model() -> Scripted:
    def step(request: Request) -> Say:
        if any(message.role is Role.ASSISTANT for message in request.messages):
            return Say("done")
        arguments = json.dumps({"path": "x", "text": "y"})
        return Say(calls=(ToolCall(id=CallId("x"), name="fs_append", arguments=arguments),))

    return Scripted(step)


async def reached(kernel: Kernel, pid: Pid, signal: Signal) -> None:
    """Return when the signal is in the journal."""
    async for told in kernel.records.follow(pid):
        if isinstance(told.event, e.Signalled) and told.event.signal is signal:
            return


@pytest.mark.parametrize("signal", [Signal.KILL, Signal.STOP])
async def test_the_node_lives(url: str, world: Any, signal: Signal) -> None:
    tool = Slow()
    world.models["m"], world.drivers[Append] = model(), tool
    async with open_store(url, config.Store()) as store, open_kernel(world.parts(store)) as kernel:
        pid = await kernel.spawn(AGENT, "write")
        await tool.asked.wait()
        await kernel.signal(pid, signal)
        await reached(kernel, pid, signal)
        tool.answer.set()
        other = await kernel.spawn(AGENT, "write as well")
        assert (await kernel.records.wait(other)).status == 0
        assert tool.done == 1
        if signal is Signal.STOP:
            await kernel.signal(pid, Signal.CONT)
            assert (await kernel.records.wait(pid)).status == 0
            assert tool.done == 2
        told = [t.event async for t in kernel.records.events(pid)]
        assert not any(isinstance(event, e.Failed) for event in told)


async def test_waiting_for_a_child_whose_end_is_still_in_the_mail(url: str, world: Any) -> None:
    """The process table has its end already; the parent has not.  Only the news of it settles
    what the child has spent, so the wait is for the news."""
    world.models["m"] = Scripted(lambda _: Say("done"))
    async with open_store(url, config.Store()) as store, open_kernel(world.parts(store)) as kernel:
        child = await kernel.spawn(Agent(name="a", model="m"), "end")
        assert (await kernel.records.wait(child)).status == 0
        parent = Process(children=(Child(pid=child),))
        assert (await wait(Context(INIT, parent, 0, kernel._services), Wait(pid=child))).blocks
        told = await wait(Context(INIT, Process(), 0, kernel._services), Wait(pid=child))
        assert told.value.status == 0
