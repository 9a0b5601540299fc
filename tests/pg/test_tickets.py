"""Calls that go on elsewhere, and tools that keep something open while a person is asked."""

from typing import Any

import anyio
import msgspec
import pytest
from tests.pg.acting import agent, calls, ended, events, until

from logos.abi.approval import Answer
from logos.abi.calls import Run
from logos.abi.driver import Job, Later, Wanted
from logos.abi.errors import Code
from logos.abi.events import Called, Deferred, Failed, Held, Returned
from logos.abi.process import Signal
from logos.drivers.model import Scripted
from logos.kernel import Kernel

pytestmark = pytest.mark.anyio

FORM = msgspec.Raw(b'{"type":"object","properties":{"n":{"type":"integer"}}}')
RUN = ("command_run", {"argv": ["order"]})


class Elsewhere:
    """Begins work that goes on without us; `done` is when."""

    def __init__(self) -> None:
        self.begun = 0
        self.followed: list[str] = []
        self.forsaken: list[tuple[str, bool]] = []
        self.following = anyio.Event()
        self.done = anyio.Event()
        self.told = anyio.Event()

    async def run(self, job: Job) -> str:
        if not job.ticket:
            self.begun += 1
            raise Later(f"ticket {self.begun}")
        self.followed.append(job.ticket)
        self.following.set()
        await self.done.wait()
        return f"did {job.ticket}"

    async def forsake(self, job: Job, *, declined: bool) -> None:
        self.forsaken.append((job.id, declined))
        self.told.set()


class Keeps:
    """Asks, and keeps something open for the answer."""

    def __init__(self) -> None:
        self.forsaken: list[bool] = []
        self.heard = anyio.Event()

    async def run(self, job: Job) -> str:
        if job.reply is None:
            raise Wanted("How many?", FORM, "kept")
        return job.reply.word

    async def forsake(self, job: Job, *, declined: bool) -> None:
        del job
        self.forsaken.append(declined)
        self.heard.set()


async def begun(kernel: Kernel, world: Any, driver: Any, **given: Any) -> Any:
    world.drivers[Run] = driver
    world.models["m"] = Scripted([calls(RUN), "the end"])
    return await kernel.spawn(agent("command.run", **given), "Order three.")


async def test_it_is_followed_in_the_next_life(node: Any, world: Any) -> None:
    driver = Elsewhere()
    async with node() as kernel:
        pid = await begun(kernel, world, driver)
        await until(kernel, pid, Deferred)
        await driver.following.wait()
    assert driver.forsaken == []  # the node went, nobody gave the call up
    driver.done.set()
    async with node() as kernel:
        assert (await ended(kernel, pid)).answer == "the end"
        seen = await events(kernel, pid)
    kinds = [type(e) for e in seen if isinstance(e, Called | Deferred | Returned | Failed)]
    assert kinds == [Called, Deferred, Returned]
    assert (driver.begun, driver.followed) == (1, ["ticket 1", "ticket 1"])


@pytest.mark.parametrize("how", [Signal.INT, Signal.KILL])
async def test_who_is_given_up_is_told(node: Any, world: Any, how: Signal) -> None:
    driver = Elsewhere()
    async with node() as kernel:
        pid = await begun(kernel, world, driver)
        await driver.following.wait()
        await kernel.signal(pid, how)
        await ended(kernel, pid)
        await driver.told.wait()
    assert driver.forsaken == [(f"{pid}-c1_0", False)]


@pytest.mark.parametrize("answer", [Answer.ALLOW, Answer.DENY])
async def test_an_answer_or_none(node: Any, world: Any, answer: Answer) -> None:
    driver = Keeps()
    async with node() as kernel:
        pid = await begun(kernel, world, driver)
        await until(kernel, pid, Held)
        [asked] = await kernel.approvals.pending()
        await kernel.approvals.decide(asked.id, answer, word="3")
        assert (await ended(kernel, pid)).answer == "the end"
        if answer is Answer.DENY:
            await driver.heard.wait()
    assert driver.forsaken == ([True] if answer is Answer.DENY else [])


async def test_a_question_nobody_answers_in_time(node: Any, world: Any, clock: Any) -> None:
    driver = Keeps()
    async with node(clock=clock) as kernel:
        pid = await begun(kernel, world, driver)
        await until(kernel, pid, Held)
        clock.advance(86400 + 1)
        failed = await until(kernel, pid, Failed)
        assert failed.code is Code.UNCONFIRMED
        await driver.heard.wait()
    assert driver.forsaken == [False]
