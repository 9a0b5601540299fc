"""Questions are scarce: for a whole tree, and letters do not stay for ever."""

from typing import Any

import anyio
import asyncpg
import pytest
from tests.conftest import PATIENCE_S
from tests.pg.acting import agent, calls, ended, until
from tests.pg.test_flow import Office, clerk, mail

from logos import config
from logos.abi.approval import Answer
from logos.abi.errors import Code
from logos.abi.events import Failed, Held, Received, Signalled, Warned
from logos.abi.ids import Pid
from logos.abi.messages import Usage
from logos.abi.process import Signal
from logos.drivers.model import Say, Scripted
from logos.kernel.node.sweep import sweep

pytestmark = pytest.mark.anyio


@pytest.fixture
def office(world: Any) -> Office:
    return Office(world)


TASK = "Ask the contacts for help, by mail, with the word help."


async def test_32_kin_share_what_may_wait_for_an_answer(
    node: Any, world: Any, office: Office
) -> None:
    """A crowd of children cannot flood a person: what one of them asks too much is refused."""
    two = mail("zoe@firm.example", "help"), mail("yan@firm.example", "help")
    hires = [("process_spawn", {"agent": "kid", "task": "help"})] * 3
    kids = Scripted(lambda r: calls(("contacts", {})) if len(r.messages) < 3 else calls(*two))
    world.models |= {"m": Scripted([calls(*hires), "done"]), "k": kids}
    world.agents["kid"] = clerk(name="kid", model="k")
    trust = config.Trust(questions=2)
    async with node(**office.parts(), trust=trust) as kernel:
        pid = await kernel.spawn(clerk(resident=True), TASK)
        table: list[Any] = []
        while len(table) < 3:
            table = [one for one in await kernel.records.list(everyone=True) if one.agent == "kid"]
        settled = {}
        for one in table:
            asked = 0
            async for told in kernel.records.follow(one.pid):
                asked += isinstance(told.event, Held)
                if isinstance(told.event, Failed) or asked == len(two):
                    settled[one.pid] = told.event
                    break
        assert sorted(type(event).__name__ for event in settled.values()) == [
            "Failed",
            "Held",
            "Held",
        ]
        refused = next(event for event in settled.values() if isinstance(event, Failed))
        assert refused.code is Code.UNCONFIRMED
        waiting = await kernel.approvals.pending()
        assert [len(one.calls) for one in waiting] == [2, 2]
        other = await kernel.spawn(clerk(name="kid2", model="k"), TASK)  # of another tree
        await until(kernel, other, Held)
        await kernel.approvals.decide(waiting[0].id, Answer.DENY)
        await kernel.signal(pid, Signal.KILL)


async def test_letters_that_were_taken_go_in_time(node: Any, world: Any, url: str) -> None:
    world.models["m"] = Scripted(lambda _: Say("ok"))
    db = await asyncpg.connect(url)
    async with node() as kernel:
        pid = await kernel.spawn(agent(resident=True), "t")
        await kernel.send(pid, "one")
        await until(kernel, pid, Received)
        await kernel.send(pid, "two")
        await until(kernel, pid, Received, 2)
        await db.execute("INSERT INTO mail (pid, body) VALUES ($1, 'late')", 999_999)
        await db.execute(
            "UPDATE mail SET at = at - interval '2 hours' WHERE id = (SELECT min(id) FROM mail)"
        )
        assert await sweep(kernel._store) == 1
        assert await db.fetchval("SELECT count(*) FROM mail") == 2
        await db.execute("DELETE FROM mail WHERE pid = 999999")
    await db.close()


async def test_62_two_agents_that_talk_for_ever(node: Any, world: Any, clock: Any) -> None:
    """Each answers the other's word with the same word: the watchdog tells them, slows them down, stops them."""
    pids: list[Pid] = []

    def answers(request: Any) -> Say:
        del request
        return calls(("message_send", {"to": pids[1], "text": "ping"})) if pids[1:] else Say("wait")

    def echoes(request: Any) -> Say:
        del request
        return calls(("message_send", {"to": pids[0], "text": "pong"}), ("message_receive", {}))

    world.models |= {"m": Scripted(answers), "n": Scripted(echoes)}
    async with node(clock=clock) as kernel:
        pids.append(await kernel.spawn(agent("message.send", resident=True), "talk"))
        pids.append(await kernel.spawn(agent("message.send", "message.receive", model="n"), "talk"))
        feed = kernel.records.feed(0)
        await kernel.send(pids[0], "begin")
        with anyio.fail_after(PATIENCE_S):
            async for told in feed:
                if isinstance(told.event, Warned) and told.event.paused_until:
                    clock.advance(6)
                if isinstance(told.event, Signalled) and told.event.signal is Signal.STOP:
                    break
        assert told.event.reason.startswith("watchdog")


async def test_63_a_provider_that_counts_too_little_is_not_believed(node: Any, world: Any) -> None:
    said = "word " * 2000
    world.models["m"] = Scripted([Say(said, usage=Usage(input=1, output=1))])
    async with node() as kernel:
        pid = await kernel.spawn(agent(), "read this: " + said)
        await ended(kernel, pid)
        spent = (await kernel.records.process(pid)).spent
        assert spent.input > 1500
        assert spent.output > 1500
