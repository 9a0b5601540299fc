"""A tool that asks a person in the middle of a call: the question waits as any other does."""

from typing import Any

import msgspec
import pytest
from tests.pg.acting import agent, calls, ended, events, until

from logos.abi.agent import Approvals
from logos.abi.approval import Answer
from logos.abi.calls import Run
from logos.abi.driver import Job, Reply, Wanted
from logos.abi.errors import Code
from logos.abi.events import Called, Failed, Held, Returned
from logos.drivers.model import Scripted
from logos.kernel import Kernel

pytestmark = pytest.mark.anyio

FORM = msgspec.Raw(b'{"type":"object","properties":{"n":{"type":"integer"}}}')
RUN = ("command_run", {"argv": ["order"]})


class Asks:
    """`often` times, then it does it."""

    def __init__(self, often: int = 1) -> None:
        self.often = often
        self.replies: list[Reply | None] = []

    async def run(self, job: Job) -> str:
        self.replies.append(job.reply)
        if len(self.replies) <= self.often:
            raise Wanted(f"How many?\u202e {len(self.replies)}", FORM, f"state {len(self.replies)}")
        assert job.reply is not None
        return f"ordered {job.reply.word}"


async def begun(kernel: Kernel, world: Any, **given: Any) -> Any:
    world.models["m"] = Scripted([calls(RUN), "the end"])
    return await kernel.spawn(agent("command.run", **given), "Order three.")


async def test_it_is_answered_after_a_restart(node: Any, world: Any) -> None:
    world.drivers[Run] = driver = Asks()
    async with node() as kernel:
        pid = await begun(kernel, world)
        held = await until(kernel, pid, Held)
        assert not held.doubt
    async with node() as kernel:
        [asked] = await kernel.approvals.pending()
        assert asked.names == ("command.run",)
        assert "in its own words" in asked.question
        assert "  | How many?\\u{202e} 1" in asked.question
        assert '"n":{"type":"integer"}' in asked.question
        await kernel.approvals.decide(asked.id, Answer.ALLOW, word='{"n": 3}')
        assert (await ended(kernel, pid)).answer == "the end"
        (returned,) = [e for e in await events(kernel, pid) if isinstance(e, Returned)]
        assert bytes(returned.value) == b'"ordered {\\"n\\": 3}"'
    assert driver.replies == [None, Reply(word='{"n": 3}', state="state 1")]


async def test_no_is_no(node: Any, world: Any) -> None:
    world.drivers[Run] = driver = Asks()
    async with node() as kernel:
        pid = await begun(kernel, world)
        await until(kernel, pid, Held)
        [asked] = await kernel.approvals.pending()
        await kernel.approvals.decide(asked.id, Answer.DENY, word="not today")
        assert (await ended(kernel, pid)).answer == "the end"
        (failed,) = [e for e in await events(kernel, pid) if isinstance(e, Failed)]
        assert (failed.code, failed.hint) == (Code.DENIED, "not today")
    assert driver.replies == [None]


async def test_nobody_is_asked_where_nobody_is(node: Any, world: Any) -> None:
    world.drivers[Run] = Asks()
    async with node() as kernel:
        pid = await begun(kernel, world, approvals=Approvals.DENY)
        assert (await ended(kernel, pid)).answer == "the end"
        (failed,) = [e for e in await events(kernel, pid) if isinstance(e, Failed)]
        assert failed.code is Code.UNCONFIRMED
        assert await kernel.approvals.pending() == []


async def test_a_question_does_not_wait_for_ever(node: Any, world: Any, clock: Any) -> None:
    world.drivers[Run] = Asks()
    async with node(clock=clock) as kernel:
        pid = await begun(kernel, world)
        await until(kernel, pid, Held)
        clock.advance(86400 + 1)
        failed = await until(kernel, pid, Failed)
        assert failed.code in (Code.TIMEOUT, Code.UNCONFIRMED)
        assert (await ended(kernel, pid)).answer == "the end"


async def test_who_asks_again_and_again_is_stopped(node: Any, world: Any) -> None:
    world.drivers[Run] = driver = Asks(often=100)
    async with node() as kernel:
        pid = await begun(kernel, world)
        for n in range(1, 5):
            await until(kernel, pid, Held, n)
            [asked] = await kernel.approvals.pending()
            await kernel.approvals.decide(asked.id, Answer.ALLOW, word=str(n))
        assert (await ended(kernel, pid)).answer == "the end"
        seen = await events(kernel, pid)
        assert [type(e) for e in seen if isinstance(e, Called | Failed)] == [*[Called] * 5, Failed]
    assert [r.word for r in driver.replies if r] == ["1", "2", "3", "4"]
