"""Agents that think, call and exit, on a real database with a scripted model."""

import json
from typing import Any

import anyio
import msgspec
import pytest
from tests.pg.acting import ALL, Files, agent, calls, ended, events, status, until

from logos.abi.agent import Agent
from logos.abi.calls import Read, Run
from logos.abi.driver import Job
from logos.abi.errors import Code
from logos.abi.events import (
    Blocked,
    Ended,
    Failed,
    Idled,
    Rang,
    Received,
    Returned,
)
from logos.abi.ids import INIT
from logos.abi.messages import Request, Role, ToolResult
from logos.abi.process import Signal
from logos.abi.rights import parse
from logos.drivers.model import After, Say, Scripted

pytestmark = pytest.mark.anyio


class Together:
    """Calls that return only when `n` of them run at once."""

    def __init__(self, n: int) -> None:
        self._missing = n
        self._all = anyio.Event()

    async def run(self, job: Job) -> str:
        self._missing -= 1
        if not self._missing:
            self._all.set()
        await self._all.wait()
        return str(job.call.path)


async def test_an_agent_calls_a_tool_and_exits(node: Any, world: Any) -> None:
    world.drivers[Read] = Files()
    model = Scripted([calls(("fs_read", {"path": "x"})), "the answer"])
    world.models["m"] = model
    async with node() as kernel:
        pid = await kernel.spawn(agent("fs.read"), "what does x say?")
        exit_ = await ended(kernel, pid)
        assert (exit_.status, exit_.answer) == (0, "the answer")
        kinds = [type(event).__name__ for event in await events(kernel, pid)]
        assert kinds == (
            ["Spawned", "Asked", "Thought", "Called", "Returned", "Asked", "Thought", "Exited"]
        )
        assert not (await kernel.records.audit()).broken
        second = model.requests[1].messages
        assert [m.role for m in second] == [Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.TOOL]
        window = await kernel.records.window(pid)
        assert window.messages()[:4] == second


async def test_calls_of_one_thought_run_side_by_side(node: Any, world: Any) -> None:
    world.drivers[Read] = Together(5)
    paths = [f"p{n}" for n in range(5)]
    world.models["m"] = model = Scripted([calls(*(("fs_read", {"path": p}) for p in paths)), "ok"])
    async with node() as kernel:
        pid = await kernel.spawn(agent("fs.read"), "t")
        assert (await ended(kernel, pid)).status == 0
        results = model.requests[1].messages[-1].content
        assert [part.content for part in results] == paths  # type: ignore[union-attr]


async def test_a_child_is_started_and_waited_for(node: Any, world: Any) -> None:
    def parent(request: Request) -> Say:
        said = [m for m in request.messages if m.role is Role.TOOL]
        if not said:
            return calls(("process_spawn", {"agent": "kid", "task": "sum"}))
        last = said[-1].content[0].content  # type: ignore[union-attr]
        if len(said) == 1:
            return calls(("process_wait", {"pid": int(last)}))
        return Say(f"it said {json.loads(last)['answer']}")

    world.models |= {"m": Scripted(parent), "k": Scripted(["42"])}
    world.agents["kid"] = Agent(name="kid", model="k")
    async with node() as kernel:
        pid = await kernel.spawn(agent("process.spawn", "process.wait"), "t")
        assert (await ended(kernel, pid)).answer == "it said 42"
        table = {p.pid: p for p in await kernel.records.list(everyone=True)}
        (kid,) = [p for p in table.values() if p.agent == "kid"]
        known = await kernel.records.known(kid.pid)
        assert known is not None
        assert (known.parent, known.exit_status) == (pid, 0)
        process = await kernel.records.process(pid)
        assert process.spent.tokens == table[pid].tokens > kid.tokens > 0


async def test_waiting_for_a_child_that_has_ended_needs_no_more_rights(
    node: Any, world: Any
) -> None:
    """`wait:/proc/child/*` covers it although it lives no more."""
    kid_ended = anyio.Event()

    def parent(request: Request) -> Any:
        said = [m for m in request.messages if m.role is Role.TOOL]
        if not said:
            return calls(("process_spawn", {"agent": "kid", "task": "sum"}))
        last = said[-1].content[0].content  # type: ignore[union-attr]
        if len(said) == 1:
            wait = calls(("process_wait", {"pid": int(last)}))
            return After(kid_ended.wait, wait)
        return Say(last)

    world.models |= {"m": Scripted(parent), "k": Scripted(["42"])}
    world.agents["kid"] = Agent(name="kid", model="k")
    held = tuple(cap for cap in ALL if cap.verb != "wait")
    asked = agent("process.spawn", "process.wait", allow=(*held, parse("wait:/proc/child/*")))
    async with node() as kernel:
        pid = await kernel.spawn(asked, "t")
        await until(kernel, pid, Ended)
        kid_ended.set()
        assert json.loads((await ended(kernel, pid)).answer)["answer"] == "42"


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("process_wait", {"pid": INIT}, Code.NOT_FOUND),
        ("process_wait", {"pid": 10**30}, Code.INVALID),
        ("process_signal", {"pid": INIT, "signal": "kill"}, Code.NOT_FOUND),
        ("message_send", {"to": 10**30, "text": "x"}, Code.INVALID),
        ("message_send", {"to": 12345, "text": "x"}, Code.NOT_FOUND),
        ("memory_read", {"page": 10**30}, Code.INVALID),
        ("memory_read", {"page": 77}, Code.NOT_FOUND),
        ("process_spawn", {"agent": "none", "task": "x"}, Code.NOT_FOUND),
        ("process_spawn", {"agent": "\0", "task": "x"}, Code.NOT_FOUND),
        ("time_schedule", {"cron": "soon", "text": "x"}, Code.INVALID),
        ("http_fetch", {"url": "http://x/"}, Code.UNAVAILABLE),
    ],
)
async def test_a_senseless_call_fails_and_the_node_lives(
    node: Any, world: Any, tool: str, arguments: dict[str, Any], code: Code
) -> None:
    names = [
        "process.wait",
        "process.signal",
        "message.send",
        "memory.read",
        "process.spawn",
        "time.schedule",
        "http.fetch",
    ]
    world.models["m"] = Scripted([calls((tool, arguments)), "sorry"])
    async with node() as kernel:
        pid = await kernel.spawn(agent(*names), "t")
        failed = await until(kernel, pid, Failed)
        assert failed.code is code
        assert (await ended(kernel, pid)).answer == "sorry"
        assert await kernel.records.known(INIT) is not None


async def test_a_task_may_hold_any_character(node: Any, world: Any) -> None:
    world.models["m"] = Scripted(["ok"])
    async with node() as kernel:
        pid = await kernel.spawn(agent(), "nul \0 and \U0001f600")
        assert (await ended(kernel, pid)).status == 0
        assert (await kernel.records.process(pid)).task == "nul \0 and \U0001f600"


async def test_a_bug_in_a_driver_fails_its_call_alone(node: Any, world: Any) -> None:
    class Buggy:
        async def run(self, job: Job) -> str:
            raise KeyError(job.id)

    class BuggyToo:
        async def prepare(self, job: Job) -> bytes:
            raise KeyError(job.id)

        async def reconcile(self, job: Job, prepared: bytes) -> Any:
            raise AssertionError

        async def run(self, job: Job) -> str:
            raise AssertionError

    world.drivers |= {Read: Buggy(), Run: BuggyToo()}
    both = calls(("fs_read", {"path": "x"}), ("command_run", {"argv": ["x"]}))
    world.models["m"] = Scripted([both, "ok"])
    async with node() as kernel:
        pid = await kernel.spawn(agent("fs.read", "command.run"), "t")
        assert (await ended(kernel, pid)).status == 0
        failures = [x for x in await events(kernel, pid) if isinstance(x, Failed)]
        assert [x.code for x in failures] == [Code.INTERNAL, Code.INTERNAL]


# -- messages and time ---------------------------------------------------------------------


async def test_messages_arrive_in_order_and_once(node: Any, world: Any) -> None:
    """Whether a call waits for them or they come while the model thinks."""
    n = 40

    def receive(request: Request) -> Say:
        seen = msgspec.json.encode(request.messages).decode()
        done = all(f"<{k}>" in seen for k in range(n))
        return Say("all") if done else calls(("message_receive", {"timeout_s": 3600 + len(seen)}))

    world.models["m"] = Scripted(receive)
    async with node() as kernel:
        pid = await kernel.spawn(agent("message.receive"), "t")
        for number in range(n):
            await kernel.send(pid, f"<{number}>")
        assert (await ended(kernel, pid)).answer == "all"
        received = [x for x in await events(kernel, pid) if isinstance(x, Received)]
        assert [x.text for x in received] == [f"<{number}>" for number in range(n)]
        window = msgspec.json.encode((await kernel.records.window(pid)).messages()).decode()
        assert all(window.count(x.text) == 1 for x in received)


async def test_a_message_that_came_during_the_thought_is_not_waited_for(
    node: Any, world: Any
) -> None:
    thinking, sent = anyio.Event(), anyio.Event()

    async def wait() -> None:
        thinking.set()
        await sent.wait()

    world.models["m"] = model = Scripted([After(wait, calls(("message_receive", {}))), "seen"])
    async with node() as kernel:
        pid = await kernel.spawn(agent("message.receive"), "t")
        await thinking.wait()
        await kernel.send(pid, "hello")
        sent.set()
        assert (await ended(kernel, pid)).answer == "seen"
        [result] = model.requests[1].messages[-1].content
        assert isinstance(result, ToolResult)
        assert "hello" in result.content


async def test_a_resident_answers_message_after_message(node: Any, world: Any) -> None:
    world.models["m"] = Scripted(lambda r: Say(f"to: {r.messages[-1].text}"))
    async with node() as kernel:
        pid = await kernel.spawn(agent(resident=True), "hello")
        for n in range(3):
            await status(kernel, pid, "waiting")
            assert (await kernel.records.process(pid)).answer.startswith("to:")
            await kernel.send(pid, f"m{n}")
        await status(kernel, pid, "waiting")
        await kernel.signal(pid, Signal.TERM)
        assert (await ended(kernel, pid)).status == 143


async def test_sleep_and_timeouts_follow_the_clock(node: Any, world: Any, clock: Any) -> None:
    steps: list[Any] = [
        calls(("time_sleep", {"seconds": 3600})),
        calls(("message_receive", {"timeout_s": 60})),
        "up",
    ]
    world.models["m"] = Scripted(steps)
    async with node(clock=clock) as kernel:
        pid = await kernel.spawn(agent("time.sleep", "message.receive"), "t")
        await status(kernel, pid, "waiting")
        clock.advance(3599)
        await status(kernel, pid, "waiting")
        clock.advance(1)
        await until(kernel, pid, Returned)
        await until(kernel, pid, Blocked, 2)
        clock.advance(60)
        assert (await ended(kernel, pid)).status == 0
        (late,) = [x for x in await events(kernel, pid) if isinstance(x, Failed)]
        assert late.code is Code.TIMEOUT


async def test_sleep_survives_a_restart(node: Any, world: Any, clock: Any) -> None:
    world.models["m"] = Scripted([calls(("time_sleep", {"seconds": 50})), "up"])
    async with node(clock=clock) as kernel:
        pid = await kernel.spawn(agent("time.sleep"), "t")
        await status(kernel, pid, "waiting")
    clock.advance(51)
    async with node(clock=clock) as kernel:
        assert (await ended(kernel, pid)).answer == "up"


async def test_cron_rings_and_can_be_ended(node: Any, world: Any, clock: Any) -> None:
    first = calls(("time_schedule", {"cron": "* * * * *", "text": "tick"}))
    last = calls(("time_schedule", {"cron": "", "text": "tick"}))
    world.models["m"] = model = Scripted([first, "one", "two", "three", last, "done"])
    async with node(clock=clock) as kernel:
        pid = await kernel.spawn(agent("time.schedule", resident=True), "t")
        for n in range(1, 4):
            await until(kernel, pid, Idled, n)
            clock.advance(60)
            await until(kernel, pid, Rang, n)
        await until(kernel, pid, Idled, 4)
        assert not (await kernel.records.process(pid)).timers
        clock.advance(600)
        assert len(model.requests) == 6
        assert sum("[timer] tick" in m.text for m in model.requests[-1].messages) == 3
