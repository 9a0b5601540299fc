"""Digests of idle processes, written anew by a model: whatever it says, and whatever happens meanwhile."""

import re
from typing import Any

import pytest
from tests.pg.acting import agent, calls, ended, events, status
from tests.pg.test_compacting import LINE, READS, SMALL, Notes, named

from logos import config
from logos.abi.calls import Read
from logos.abi.events import Compacted
from logos.abi.ids import Pid, Seq
from logos.abi.messages import Request
from logos.drivers.model import Say, Scripted
from logos.kernel import Kernel
from logos.kernel.process.bodies import Squeeze

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

TOLD = "Mira pays for the boat house."


def settings(**given: Any) -> config.Memory:
    return config.Memory(digester="d", consolidate=config.Consolidate(**given))


def tells(request: Request) -> Say:
    """Of the first page that names Mira."""
    shown = request.messages[-1].text.split("[page ")
    [page] = [int(part.partition("]")[0]) for part in shown[1:] if "Mira" in part][:1]
    return Say(f"Here you are.\npage {page}: {TOLD}\npage 77777: made up")


@pytest.fixture(autouse=True)
def _notes(world: Any) -> None:
    world.drivers[Read] = Notes()


async def idle(node: Any, world: Any) -> Pid:
    """A process whose window was too small for its notes, when there was no model for digests."""
    wait = calls(("message_receive", {}))
    world.models["m"] = Scripted([*READS, wait, "done"], profile=SMALL)
    async with node() as kernel:
        pid = await kernel.spawn(
            agent("fs.read", "message.receive", max_output=256), "Read the notes."
        )
        await status(kernel, pid, "waiting")
        assert (await kernel.records.window(pid)).digest
    return Pid(pid)


async def written(kernel: Kernel, pid: Pid) -> list[Compacted]:
    found = [one for one in await events(kernel, pid) if isinstance(one, Compacted)]
    return [one for one in found if one.model]


async def test_what_left_without_a_model_is_told_by_one_later(node: Any, world: Any) -> None:
    pid = await idle(node, world)
    world.models["d"] = model = Scripted(tells)
    async with node(memory=settings()) as kernel:
        before = (await kernel.records.window(pid)).digest
        dry = await kernel.sleep.consolidate(pid, dry=True)
        assert dry.digest
        assert not model.requests
        report = await kernel.sleep.consolidate(pid)
        [line] = report.digest
        assert re.fullmatch(rf"page \d+: {re.escape(TOLD)}", line)
        assert report.tokens
        [event] = await written(kernel, pid)
        assert (event.model, event.out) == ("d", ())
        after = (await kernel.records.window(pid)).digest
        assert after == event.digest
        assert line in after
        assert "77777" not in after
        assert named(after) >= named(before)
        assert LINE.search(after)
        await kernel.sleep.consolidate(pid)
        assert len(model.requests) == 1
        await kernel.send(pid, "Go on.")
        assert (await ended(kernel, pid)).status == 0
    assert TOLD in str(world.models["m"].requests[-1].messages)


@pytest.mark.parametrize("answer", ["I would rather not.", "page 9999: made up", ""])
async def test_what_will_not_do_leaves_the_digest(node: Any, world: Any, answer: str) -> None:
    pid = await idle(node, world)
    steps = [Say(answer)]
    world.models["d"] = Scripted(lambda request: steps.pop() if steps else tells(request))
    async with node(memory=settings()) as kernel:
        before = (await kernel.records.window(pid)).digest
        report = await kernel.sleep.consolidate(pid)
        assert report.why
        assert report.tokens
        assert not report.digest
        assert (await kernel.records.window(pid)).digest == before
        assert not await written(kernel, pid)
        assert (await kernel.sleep.consolidate(pid)).digest


async def test_the_day_has_only_so_many_tokens(node: Any, world: Any) -> None:
    pid = await idle(node, world)
    world.models["d"] = model = Scripted(tells)
    async with node(memory=settings(tokens_per_day=500)) as kernel:
        report = await kernel.sleep.consolidate(pid)
        assert "used today" in report.why
        assert not model.requests
        assert not await written(kernel, pid)


async def test_a_digest_of_another_compaction_is_not_replaced(node: Any, world: Any) -> None:
    """The window was compacted while the model wrote."""
    pid = await idle(node, world)
    async with node() as kernel:
        before = (await kernel.records.window(pid)).digest
        late = Squeeze(told=("page 3: late",), model="d", base=Seq(2))
        event = await kernel.stores.compacted(pid, late)
        assert (event.digest, event.model) == (before, "")
        assert (await kernel.records.window(pid)).digest == before


async def test_idle_ones_have_theirs_by_themselves(node: Any, world: Any) -> None:
    pid = await idle(node, world)
    world.models["d"] = model = Scripted(tells)
    async with node(memory=settings(on=True, idle_s=0.05)) as kernel:
        while not await written(kernel, pid):
            await kernel.records.changed(pid).wait()
        assert len(model.requests) == 1
