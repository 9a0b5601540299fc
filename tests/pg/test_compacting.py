"""Windows compacted on request, and digests that a model writes: whatever that model does."""

import re
from typing import Any

import anyio
import msgspec
import pytest
from tests.conftest import PATIENCE_S
from tests.pg.acting import agent, calls, ended, events, status

from logos import config
from logos.abi.agent import Limits
from logos.abi.calls import Read
from logos.abi.driver import Job, Profile
from logos.abi.errors import Code, SysError
from logos.abi.events import Compacted
from logos.abi.messages import Usage
from logos.drivers.model import After, Cut, Fail, Say, Scripted
from logos.kernel import Kernel

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

NOTES = {
    "venue": "The venue is the old boat house; Mira pays for it.",
    "cake": "The cake comes from the bakery in Elm Street and costs forty euros.",
    "band": "The band is called The Lanterns and plays from nine.",
}
LINE = re.compile(r"pages? (\d+)(?:-(\d+))? \(\d+\): ", re.MULTILINE)


class Notes:
    async def run(self, job: Job) -> str:
        return f"{NOTES[job.call.path]}\n\n" + "Nothing of interest happened then. " * 300


READS = [calls(("fs_read", {"path": name})) for name in NOTES]


@pytest.fixture(autouse=True)
def _notes(world: Any) -> None:
    world.drivers[Read] = Notes()


async def compacted(kernel: Kernel, pid: Any) -> list[Compacted]:
    return [one for one in await events(kernel, pid) if isinstance(one, Compacted)]


async def test_a_model_may_clear_its_window(node: Any, world: Any) -> None:
    world.models["m"] = model = Scripted(
        [*READS, calls(("memory_compress", {"about": "who pays for the venue?"})), "done"]
    )
    async with node() as kernel:
        pid = await kernel.spawn(agent("fs.read", "memory.compress"), "Read the notes.")
        assert (await ended(kernel, pid)).status == 0
        [event] = await compacted(kernel, pid)
    before, after = (
        msgspec.json.encode(request.messages).decode() for request in model.requests[-2:]
    )
    assert all(fact[:30] in before for fact in NOTES.values())
    assert "Mira pays" in after
    assert "bakery in Elm" not in after
    assert event.digest in after.replace("\\n", "\n")
    assert "pages left the window" in after
    assert event.out


@pytest.mark.parametrize("resident", [True, False])
async def test_what_left_is_indexed_before_anybody_asks(
    node: Any, world: Any, *, resident: bool
) -> None:
    """Not where nobody will."""
    world.models["m"] = Scripted([*READS, "done"], profile=SMALL)
    async with node() as kernel:
        one = agent("fs.read", resident=resident, max_output=256)
        pid = await kernel.spawn(one, "Read the notes.")
        await status(kernel, pid, "waiting" if resident else "exited")
        assert any(event.out for event in await compacted(kernel, pid))
        if not resident:
            assert not kernel.records.spaces.nbytes
            return
        with anyio.fail_after(PATIENCE_S):
            while not kernel.records.spaces.nbytes:  # noqa: ASYNC110 - a task of its own fills it
                await anyio.sleep(0.005)


async def test_keeping_what_is_not_there_is_refused(node: Any, world: Any) -> None:
    world.models["m"] = model = Scripted(
        [
            calls(("memory_compress", {"keep": [999]})),
            calls(("memory_compress", {})),
            "done",
        ]
    )
    async with node() as kernel:
        pid = await kernel.spawn(agent("fs.read", "memory.compress"), "Read the notes.")
        assert (await ended(kernel, pid)).status == 0
        assert await compacted(kernel, pid) == []
    said = [msgspec.json.encode(request.messages[-1]).decode() for request in model.requests]
    assert "no page 999" in said[1]
    assert "too little in the window" in said[2]


async def test_a_person_may_have_a_window_cleared(node: Any, world: Any) -> None:
    world.models["m"] = Scripted([*READS, calls(("message_receive", {})), "done"])
    async with node() as kernel:
        pid = await kernel.spawn(agent("fs.read", "message.receive"), "Read the notes.")
        await status(kernel, pid, "waiting")
        assert await kernel.compress(pid, about="the cake") >= 2
        assert await kernel.compress(pid, about="the cake") == 0
        assert "Elm Street" in str((await kernel.records.window(pid)).messages())
        await kernel.send(pid, "Go on.")
        assert (await ended(kernel, pid)).status == 0
        assert [bool(one.mail) for one in await compacted(kernel, pid)] == [True, True]
        with pytest.raises(SysError) as caught:
            await kernel.compress(pid)
    assert caught.value.code is Code.STATE


# -- by a model --------------------------------------------------------------------------------

SMALL = Profile(name="small", window=6000)
SETTINGS = config.Memory(digester="d", digest_wait_s=0.3)


async def never() -> None:
    await anyio.sleep_forever()


async def digested(node: Any, world: Any, digester: Any, **limits: Any) -> tuple[Any, Any]:
    """A process whose window is too small for its notes: what was compacted, and the process."""
    world.models |= {"m": Scripted([*READS, "done"], profile=SMALL), "d": digester}
    memory = SETTINGS if digester else config.Memory()
    async with node(memory=memory) as kernel:
        pid = await kernel.spawn(
            agent("fs.read", max_output=256), "Read the notes.", limits=Limits(**limits)
        )
        assert (await ended(kernel, pid)).status == 0
        found = [one for one in await compacted(kernel, pid) if one.out]
        assert found
        return found, await kernel.records.process(pid)


def named(digest: str) -> set[int]:
    """The pages that lie in the range of some extracted line."""
    return {
        page
        for first, last in LINE.findall(digest)
        for page in range(int(first), int(last or first) + 1)
    }


async def test_a_model_writes_the_digest(node: Any, world: Any) -> None:
    def write(request: Any) -> Say:
        pages = re.findall(r"^\[pages? (\d+)(?:-(\d+))?\]", request.messages[-1].text, re.MULTILINE)
        first, last = pages[0][0], pages[-1][1] or pages[-1][0]
        text = f"Here they are.\npages {first}-{last}: Mira pays for the boat house.\npage 77777: x"
        return Say(text, usage=Usage(input=1000, output=50, cost=7))

    found, process = await digested(node, world, digester := Scripted(write))
    assert digester.requests
    for event in found:
        assert event.model == "d"
        assert event.usage == Usage(input=1000, output=50, cost=7)
        assert "Mira pays for the boat house." in event.digest
        assert "77777" not in event.digest
        assert "Here they are" not in event.digest
        assert named(event.digest) >= set(event.out)
    assert process.spent.cost == 7 * len(found)
    shown = world.models["m"].requests[-1].messages
    assert "Mira pays for the boat house." in str(shown)
    if len(found) > 1:
        assert "Mira pays for the boat house." in digester.requests[-1].messages[-1].text


@pytest.mark.parametrize(
    ("step", "charged"),
    [
        pytest.param(Say("I would rather not.", usage=Usage(input=9)), 9, id="garbage"),
        pytest.param(Say("page 9999: made up", usage=Usage(input=9)), 9, id="no such page"),
        pytest.param(Say("", usage=Usage(input=9)), 9, id="nothing"),
        pytest.param(After(never, Say("late")), 0, id="late"),
        pytest.param(Cut(Say("page 3: half of it, and no end")), 0, id="cut short"),
        pytest.param(Fail(SysError(Code.LIMIT, "slow down")), 0, id="slow down"),
        pytest.param(Fail(SysError(Code.UNAVAILABLE, "away")), 0, id="away"),
    ],
)
async def test_a_digest_that_will_not_do_is_extracted(
    node: Any, world: Any, step: Any, charged: int
) -> None:
    found, process = await digested(node, world, Scripted(lambda _: step))
    alone, plain = await digested(node, world, None)
    assert [one.digest for one in found] == [one.digest for one in alone]
    assert all(not one.model and one.usage.input == charged for one in found)
    assert process.spent.input - plain.spent.input == charged * len(found)


async def test_a_digest_is_not_paid_for_with_the_last_tokens(node: Any, world: Any) -> None:
    digester = Scripted(lambda _: Say("page 1: x"))
    found, _ = await digested(node, world, digester, tokens=24_000)
    assert any(not one.model for one in found) or digester.requests
    _, process = await digested(node, world, digester, tokens=24_000)
    assert process.spent.tokens <= 24_000
