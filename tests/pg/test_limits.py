"""What a process may use and how it ends: limits, the watchdog, and models that fail."""

from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from tests.pg.acting import Files, agent, calls, ended, events, status, until

from logos.abi.agent import Agent, Limits
from logos.abi.calls import Read
from logos.abi.driver import Job, Price, Profile
from logos.abi.errors import MEANING, Code, SysError
from logos.abi.events import (
    Asked,
    Failed,
    Interrupted,
    Signalled,
    Warned,
)
from logos.abi.messages import Usage
from logos.abi.process import Signal
from logos.drivers.model import After, Cut, Fail, Say, Scripted

pytestmark = pytest.mark.anyio


class Hangs:
    def __init__(self) -> None:
        self.cancelled = 0
        self.begun = anyio.Event()

    async def run(self, job: Job) -> str:
        self.begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.cancelled += 1
        return ""


PRICED = Profile(name="priced", price=Price(input=10, output=100))


@pytest.mark.parametrize(
    ("limits", "exits", "most"),
    [
        (Limits(tokens=3000), Code.BUDGET, Usage(input=3000)),
        (Limits(cost=60_000), Code.BUDGET, Usage(cost=60_000)),
        (Limits(calls=2), Code.BUDGET, None),
        (Limits(tokens=10), Code.BUDGET, Usage(input=10)),
    ],
)
async def test_a_process_ends_within_its_limits(
    node: Any, world: Any, limits: Limits, exits: Code, most: Usage | None
) -> None:
    paths: Iterator[int] = iter(range(1000))
    world.drivers[Read] = Files()
    world.models["m"] = Scripted(
        lambda _: calls(("fs_read", {"path": f"p{next(paths)}"}), text="x" * 90), profile=PRICED
    )
    async with node() as kernel:
        pid = await kernel.spawn(agent("fs.read"), "t", limits=limits)
        assert (await ended(kernel, pid)).status == MEANING[exits].exit_status
        process = await kernel.records.process(pid)
        if most is None:
            assert process.calls == 2
        elif most.cost:
            assert 0 < process.spent.cost <= most.cost
        else:
            assert process.spent.tokens <= most.tokens


async def test_time_is_up_in_the_middle_of_a_thought(node: Any, world: Any, clock: Any) -> None:
    began = anyio.Event()

    async def never() -> None:
        began.set()
        await anyio.sleep_forever()

    world.models["m"] = Scripted([After(never, Say("too late"))])
    async with node(clock=clock) as kernel:
        pid = await kernel.spawn(agent(), "t", limits=Limits(wall_s=30))
        await began.wait()
        clock.advance(30)
        assert (await ended(kernel, pid)).status == MEANING[Code.BUDGET].exit_status
        assert (await kernel.records.process(pid)).spent.tokens > 0


async def test_time_is_up_in_the_middle_of_a_call(node: Any, world: Any, clock: Any) -> None:
    world.drivers[Read] = hangs = Hangs()
    world.models["m"] = Scripted([calls(("fs_read", {"path": "x"}))])
    async with node(clock=clock) as kernel:
        pid = await kernel.spawn(agent("fs.read"), "t", limits=Limits(wall_s=30))
        await hangs.begun.wait()
        clock.advance(31)
        assert (await ended(kernel, pid)).status == MEANING[Code.BUDGET].exit_status
    assert hangs.cancelled == 1


@pytest.mark.parametrize(
    ("limits", "asked", "code"),
    [
        (Limits(children=1), {}, Code.LIMIT),
        (Limits(depth=0), {}, Code.LIMIT),
        (Limits(tokens=50_000), {"tokens": 40_000}, Code.BUDGET),
    ],
)
async def test_a_child_too_many_is_refused(
    node: Any, world: Any, limits: Limits, asked: dict[str, int], code: Code
) -> None:
    spawn = ("process_spawn", {"agent": "kid", "task": "x", "limits": asked})
    world.models |= {
        "m": Scripted([calls(spawn, spawn), "enough"]),
        "k": Scripted([After(anyio.sleep_forever, Say(""))] * 2),
    }
    world.agents["kid"] = Agent(name="kid", model="k")
    async with node() as kernel:
        pid = await kernel.spawn(agent("process.spawn"), "t", limits=limits)
        assert (await ended(kernel, pid)).answer == "enough"
        refused = [x for x in await events(kernel, pid) if isinstance(x, Failed)]
        assert {x.code for x in refused} == {code}


async def test_the_watchdog_stops_who_goes_round_in_circles(
    node: Any, world: Any, clock: Any
) -> None:
    world.models["m"] = Scripted(lambda _: calls(("fs_read", {"path": "x"})))
    async with node(clock=clock) as kernel:  # without a driver every read fails alike
        pid = await kernel.spawn(agent("fs.read"), "t")
        await until(kernel, pid, Warned, 2)
        await status(kernel, pid, "waiting")
        clock.advance(5)
        stop = await until(kernel, pid, Signalled)
        assert stop.signal is Signal.STOP
        assert "watchdog" in stop.reason
        await status(kernel, pid, "stopped")
        await kernel.signal(pid, Signal.KILL)
        assert (await ended(kernel, pid)).status == 137


# -- models that fail ----------------------------------------------------------------------


def _slow_down() -> Fail:
    return Fail(SysError(Code.LIMIT, "slow down"))


@pytest.mark.parametrize(
    ("step", "code", "charged"),
    [
        (_slow_down(), Code.LIMIT, False),
        (Fail(SysError(Code.UNAVAILABLE, "gone")), Code.UNAVAILABLE, False),
        (Fail(KeyError("a bug")), Code.INTERNAL, False),  # type: ignore[arg-type]
        (Cut(Say("half an answer of two")), Code.MODEL, True),
        (Say("\ud800"), Code.INTERNAL, True),
    ],
)
async def test_a_thought_that_fails_is_had_again(
    node: Any, world: Any, clock: Any, step: Any, code: Code, *, charged: bool
) -> None:
    world.models["m"] = Scripted([step, step, "at last"])
    async with node(clock=clock) as kernel:
        pid = await kernel.spawn(agent(), "t")
        for n, pause in ((1, 0.5), (2, 1.0)):
            cut = await until(kernel, pid, Interrupted, n)
            assert cut.code is code
            assert bool(cut.charged.tokens) == charged
            await until(kernel, pid, Asked, n + 1)
            clock.advance(pause)
        assert (await ended(kernel, pid)).answer == "at last"


@pytest.mark.parametrize(
    ("step", "thoughts", "code"),
    [
        (_slow_down(), 6, Code.LIMIT),
        (Cut(Say("half an answer of two")), 6, Code.MODEL),
        (Fail(SysError(Code.UNAUTHENTICATED, "who?")), 1, Code.UNAUTHENTICATED),
        (Fail(SysError(Code.CONTEXT, "too long")), 1, Code.CONTEXT),
    ],
)
async def test_a_model_that_keeps_failing_ends_the_process(
    node: Any, world: Any, clock: Any, step: Any, thoughts: int, code: Code
) -> None:
    world.models["m"] = model = Scripted([step] * 9)
    async with node(clock=clock) as kernel:
        pid = await kernel.spawn(agent(), "t")
        for n in range(1, thoughts):
            await until(kernel, pid, Asked, n + 1)
            clock.advance(30)
        assert (await ended(kernel, pid)).status == MEANING[code].exit_status
        assert len(model.requests) == thoughts


async def test_a_model_that_does_not_exist_is_said_at_once(node: Any) -> None:
    async with node() as kernel:
        for wrong in (agent(model="none"), agent("fs.raed"), agent(program="none")):
            with pytest.raises(SysError) as caught:
                await kernel.spawn(wrong, "t")
            assert caught.value.code is Code.NOT_FOUND
