"""Several nodes on one database: the dead's processes are taken over, the living's are not."""

import json
from typing import Any

import anyio
import asyncpg
import pytest
from tests.conftest import PATIENCE_S
from tests.pg.acting import events, until

from logos import config
from logos.abi.agent import Agent, Limits
from logos.abi.calls import Run
from logos.abi.driver import Job
from logos.abi.errors import Code
from logos.abi.events import Asked, Interrupted, Received, Thought
from logos.abi.ids import INIT, CallId, Pid
from logos.abi.messages import ToolCall
from logos.abi.process import Process, Signal
from logos.abi.rights import EVERYTHING
from logos.drivers.model import After, Say, Scripted
from logos.kernel import Dead, Kernel
from logos.kernel.syscall import Parent

pytestmark = pytest.mark.anyio

QUICK = config.Node(lease_s=9.0)
"""It is missed soon, and lives where the machine is busy: a beat may be seconds late."""
SLOW = config.Node(lease_s=3600.0)
RESIDENT = Agent(name="r", model="m", resident=True)


async def node_of(kernel: Kernel, pid: Pid) -> int | None:
    return {line.pid: line.node for line in await kernel.records.list()}[pid]


async def end_lease_of(url: str, place: str) -> None:
    """As if it had been silent for its whole lease."""
    db = await asyncpg.connect(url)
    try:
        await db.execute(
            "UPDATE node SET lease_until = clock_timestamp() - interval '1 s' WHERE place = $1",
            place,
        )
    finally:
        await db.close()


async def test_what_was_said_last_is_written_before_a_node_leaves(node: Any) -> None:
    async with node() as kernel:
        parent = Process(caps=EVERYTHING)
        entry, _ = await kernel._services.born(
            RESIDENT, "later", Limits(), parent=Parent(INIT, parent)
        )
        kernel._writer.append(entry)  # nobody waits for it
    async with node() as kernel:
        assert (await kernel.records.process(entry.head.pid)).task == "later"


async def test_a_node_that_leaves_hands_its_processes_over(node: Any, world: Any) -> None:
    world.models["m"] = Scripted(lambda r: Say(f"heard {r.messages[-1].text}"))
    async with node(place="a") as first:
        pid = await first.spawn(RESIDENT, "hi")
        await until(first, pid, Thought)
    async with node(place="b") as second:
        assert await node_of(second, pid) is not None
        await second.send(pid, "still there?")
        await until(second, pid, Thought, 2)
        assert not (await second.records.audit()).broken


async def test_a_living_nodes_processes_are_left_alone(node: Any, world: Any) -> None:
    world.models["m"] = Scripted(lambda _: Say("x"))
    async with node(place="a") as first:
        pid = await first.spawn(RESIDENT, "hi")
        await until(first, pid, Thought)
        before = await node_of(first, pid)
        async with node(place="b") as second:
            own = await second.spawn(RESIDENT, "hi")
            await until(second, own, Thought)
            assert await node_of(second, pid) == before
            assert await node_of(second, own) != before
            assert await node_of(second, INIT) == before


async def test_mail_crosses_nodes(node: Any, world: Any) -> None:
    def talk(request: Any) -> Say:
        if len(request.messages) > 2:
            return Say("sent")
        to = int(request.messages[1].text)
        arguments = json.dumps({"to": to, "text": "from afar"})
        return Say("", (ToolCall(id=CallId("x"), name="message_send", arguments=arguments),))

    world.models |= {"m": Scripted(lambda _: Say("x")), "t": Scripted(talk)}
    talker = Agent(name="t", model="t", tools=("message.send",), allow=tuple(EVERYTHING))
    async with node(place="a", settings=QUICK) as first, node(place="b", settings=QUICK) as second:
        pid = await first.spawn(RESIDENT, "hi")
        await until(first, pid, Thought)
        sender = await second.spawn(talker, f"{pid}")
        await until(first, pid, Received)
        (letter,) = [x for x in await events(first, pid) if isinstance(x, Received)]
        assert (letter.sender, letter.text) == (sender, "from afar")
        await second.signal(pid, Signal.KILL)
        with anyio.fail_after(PATIENCE_S):
            assert (await second.records.wait(pid)).status == 137


@pytest.mark.slow
async def test_a_dead_nodes_processes_are_taken_over(url: str, node: Any, world: Any) -> None:
    """In mid-thought: it is charged, and had again elsewhere."""
    world.models["m"] = Scripted([After(anyio.sleep_forever, Say("lost")), Say("taken over")])
    agent = Agent(name="a", model="m")
    async with node(place="a", settings=SLOW) as first:
        pid = await first.spawn(agent, "t")
        await until(first, pid, Asked)
        async with node(place="b", settings=QUICK) as second:
            await end_lease_of(url, "a")
            with anyio.fail_after(PATIENCE_S):
                assert (await second.records.wait(pid)).answer == "taken over"
            (cut,) = [x for x in await events(second, pid) if isinstance(x, Interrupted)]
            assert cut.code is Code.UNAVAILABLE
            assert cut.charged.tokens > 0
            assert not (await second.records.audit()).broken


@pytest.mark.slow
async def test_a_node_finds_out_that_it_is_dead(url: str, node: Any) -> None:
    async def serve() -> None:
        async with node(place="a", settings=QUICK):
            await end_lease_of(url, "a")
            await anyio.sleep_forever()

    with anyio.fail_after(PATIENCE_S), pytest.raises(ExceptionGroup) as ended:
        await serve()
    assert ended.group_contains(Dead)


@pytest.mark.slow
async def test_who_was_fenced_writes_nothing_more(url: str, node: Any, world: Any) -> None:
    """A call that ends on the old node after the new one took over: its answer is not written."""
    begun, go = anyio.Event(), anyio.Event()

    class Slow:
        async def run(self, job: Job) -> str:
            begun.set()
            await go.wait()
            return "from the dead"

    world.drivers[Run] = Slow()
    call = ToolCall(id=CallId("x"), name="command_run", arguments='{"argv":["x"]}')
    world.models["m"] = Scripted([Say("", (call,)), "end"])
    agent = Agent(name="a", model="m", tools=("command.run",), allow=tuple(EVERYTHING))
    async with node(place="a", settings=SLOW) as first:
        pid = await first.spawn(agent, "t")
        await begun.wait()
        async with node(place="b", settings=QUICK) as second:
            await end_lease_of(url, "a")
            with anyio.fail_after(PATIENCE_S):
                assert (await second.records.wait(pid)).answer == "end"
            go.set()
            other = await second.spawn(agent, "t")
            assert other > pid
            text = [f"{event}" for event in await events(second, pid)]
            assert not any("from the dead" in t for t in text)
            assert sum("outcome unknown" in t for t in text) == 1
            assert not (await second.records.audit()).broken


async def test_one_place_has_one_node(node: Any, world: Any) -> None:
    """Who holds the lock of a place knows that the node before is dead: no lease is waited for."""
    world.models["m"] = Scripted(lambda _: Say("x"))
    scope = anyio.CancelScope()
    with scope:
        async with node(place="a", settings=SLOW) as first:
            pid = await first.spawn(RESIDENT, "hi")
            await until(first, pid, Thought)
            first._lease.resign = _nothing  # it dies without a word
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    with anyio.fail_after(PATIENCE_S):
        async with node(place="a", settings=SLOW) as second:
            await second.send(pid, "hello")
            await until(second, pid, Thought, 2)


async def _nothing() -> None:
    """In place of a farewell."""


@pytest.mark.parametrize("where", ["around it", "in a task of its own"])
async def test_what_a_node_drove_is_free_at_once_when_an_exception_ends_it(
    node: Any, world: Any, where: str
) -> None:
    """Its lease would hold for an hour."""
    world.models["m"] = Scripted(lambda r: Say(f"heard {r.messages[-1].text}"))

    async def serve() -> None:
        async with node(place="a", settings=SLOW) as first:
            pids.append(await first.spawn(RESIDENT, "hi"))
            await until(first, pids[0], Thought)
            parent = Process(caps=EVERYTHING)
            entry, _ = await first._services.born(
                RESIDENT, "unsaid", Limits(), parent=Parent(INIT, parent)
            )
            first._writer.append(entry)  # nobody waits for it
            pids.append(entry.head.pid)
            if where == "around it":
                raise RuntimeError("of its own")
            first._tasks.start_soon(fail)
            await anyio.sleep_forever()

    async def fail() -> None:
        raise RuntimeError("of its own")

    pids: list[Pid] = []
    with pytest.raises(ExceptionGroup) as ended:
        await serve()
    assert ended.group_contains(RuntimeError, match="of its own")
    with anyio.fail_after(PATIENCE_S):
        async with node(place="b", settings=SLOW) as second:
            assert await node_of(second, pids[0]) is not None
            await second.send(pids[0], "still there?")
            await until(second, pids[0], Thought, 2)
            assert (await second.records.process(pids[1])).task == "unsaid"
            assert not (await second.records.audit()).broken


async def test_a_node_whose_database_is_gone_ends_with_its_own_error(node: Any) -> None:
    gone = False

    async def fault(_: object) -> None:
        if gone:
            raise RuntimeError("no database")

    async def serve() -> None:
        nonlocal gone
        async with node(place="a", fault=fault, settings=SLOW):
            gone = True
            raise RuntimeError("the first")

    with anyio.fail_after(PATIENCE_S), pytest.raises(ExceptionGroup) as ended:
        await serve()
    assert ended.group_contains(RuntimeError, match="the first")
