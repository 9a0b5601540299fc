"""Who has spent too much lately waits: by principal, and all together; whichever life of a node counts."""

from typing import Any

import anyio
import pytest
from tests.pg.acting import agent, calls, ended, events, status, until

from logos import config
from logos.abi.agent import Agent
from logos.abi.driver import Price, Profile
from logos.abi.events import Asked, Paced, Started
from logos.abi.messages import Usage
from logos.abi.process import Signal
from logos.abi.rights import EVERYTHING
from logos.drivers.model import After, Say, Scripted
from logos.kernel.node.meter import Meter
from logos.kernel.node.spent import MINUTE
from logos.store import open_store

pytestmark = pytest.mark.anyio

HOUR_S = 3600
DEAR = Profile(name="dear", price=Price(input=1, output=1))
BILL = Usage(input=600, output=400, cost=1_000_000_000)


def thinks(*says: str) -> Scripted:
    return Scripted([Say(text, usage=BILL) for text in says], profile=DEAR)


def limits(**principal: float) -> config.Limits:
    return config.Limits(principal=config.Allowance(**principal))  # type: ignore[arg-type]  # names are checked there


async def test_one_principal_waits_and_others_do_not(node: Any, world: Any, clock: Any) -> None:
    world.models["m"] = thinks("one", "two", "three")
    async with node(clock=clock, limits=limits(tokens_per_hour=1000)) as kernel:
        await ended(kernel, await kernel.spawn(agent(), "t", by="alice"))
        late = await kernel.spawn(agent(), "t", by="alice")
        held = await until(kernel, late, Paced)
        assert "alice has used 1000 of 1000 tokens in an hour" in held.why
        assert "limits.principal.tokens_per_hour" in held.why
        await status(kernel, late, "waiting")
        assert (await ended(kernel, await kernel.spawn(agent(), "t", by="bob"))).status == 0
        assert not [e for e in await events(kernel, late) if isinstance(e, Asked)]
        clock.advance(HOUR_S + 60)
        assert (await ended(kernel, late)).answer == "three"


async def test_what_was_spent_is_known_to_the_next_life(node: Any, world: Any, clock: Any) -> None:
    allowed = limits(cost_per_day=1.5)
    world.models["m"] = thinks("one", "two")
    async with node(clock=clock, limits=allowed) as kernel:
        await ended(kernel, await kernel.spawn(agent(), "t", by="alice"))
    async with node(clock=clock, limits=limits(cost_per_day=0.9)) as kernel:
        late = await kernel.spawn(agent(), "t", by="alice")
        held = await until(kernel, late, Paced)
        assert "1.0000 of 0.9000 dollars in a day" in held.why
        assert held.paused_until > clock.now() + 23 * 60 * MINUTE
        [one] = await kernel.meter.spending(clock.now())
        assert one == ("alice", 1000, BILL.cost, 1000, BILL.cost)
    async with node(clock=clock, limits=allowed) as kernel:  # and it is looked at anew
        await kernel.signal(late, Signal.CONT)
        assert (await ended(kernel, late)).answer == "two"


async def test_children_spend_for_whoever_asked_for_their_parent(
    node: Any, world: Any, clock: Any
) -> None:
    spawn = calls(("process_spawn", {"agent": "kid", "task": "t"}), usage=Usage(input=10))
    world.models |= {"m": Scripted([spawn, "done"]), "k": thinks("kid", "kid")}
    world.agents["kid"] = Agent(name="kid", model="k", allow=tuple(EVERYTHING))
    async with node(clock=clock, limits=limits(tokens_per_hour=1000)) as kernel:
        pid = await kernel.spawn(agent("process.spawn"), "t", by="alice")
        started = await until(kernel, pid, Started)
        await ended(kernel, started.pid)
        late = await kernel.spawn(agent(model="k"), "t", by="alice")
        assert "alice" in (await until(kernel, late, Paced)).why


async def test_all_together(node: Any, world: Any, clock: Any) -> None:
    world.models["m"] = thinks("one", "two", "three")
    allowed = config.Limits(node=config.Allowance(cost_per_hour=2.0))
    async with node(clock=clock, limits=allowed) as kernel:
        for who in ("alice", "bob"):
            await ended(kernel, await kernel.spawn(agent(), "t", by=who))
        late = await kernel.spawn(agent(), "t", by="carol")
        assert "limits.node.cost_per_hour" in (await until(kernel, late, Paced)).why


async def test_what_is_set_aside_counts(node: Any, world: Any, clock: Any) -> None:
    """Thoughts that run at once do not pass a limit together."""
    began, go = anyio.Event(), anyio.Event()

    async def slow() -> None:
        began.set()
        await go.wait()

    world.models |= {"m": Scripted([After(slow, Say("one", usage=BILL))]), "n": thinks("two")}
    async with node(clock=clock, limits=limits(tokens_per_hour=1000)) as kernel:
        first = await kernel.spawn(agent(), "t", by="alice")
        await began.wait()
        await until(kernel, first, Asked)
        late = await kernel.spawn(agent(model="n"), "t", by="alice")
        await until(kernel, late, Paced)
        go.set()
        assert (await ended(kernel, first)).answer == "one"


async def test_a_bill_that_is_read_again_counts_once(
    node: Any, world: Any, clock: Any, url: str
) -> None:
    """Bills of other nodes are read anew from the last one on, however long ago that was."""
    world.models["m"] = thinks("one")
    async with node(clock=clock) as kernel:
        pid = await kernel.spawn(agent(), "t", by="alice")
        await ended(kernel, pid)
    async with open_store(url, config.Store()) as store:
        meter = Meter(store, limits(tokens_per_hour=1500), clock.now, lambda: 2)
        for _ in range(4):
            assert await meter.refusal(pid, clock.now()) is None
            clock.advance(11 * 60)
