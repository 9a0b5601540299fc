"""Address spaces: the same answer from memory, from disk, and from the journal alone."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from logos import config
from logos.abi.agent import Agent
from logos.abi.errors import Code, SysError
from logos.abi.events import Received, Thought
from logos.abi.ids import Pid, Seq
from logos.abi.messages import Role
from logos.drivers.model import Say, Scripted
from logos.kernel import Kernel
from logos.kernel.journal import Entry, Head, Projection
from logos.kernel.memory import Ask, Recall, Rules, load, page_text
from logos.kernel.node.records import Records
from logos.kernel.node.spaces import weights_in
from logos.store import open_store

pytestmark = pytest.mark.anyio

SAID = [
    "Mira pays for the boat house, our venue.",
    "The cake comes from the bakery in Elm Street.",
    "The band is called The Lanterns and plays from nine.",
    "Nothing of interest happened on Tuesday. " * 60,
]
OPEN = Ask(budget=300, gate=False, mass=2.0)
QUESTION = "Where does the cake come from?"


async def grown(kernel: Kernel, said: list[str]) -> Pid:
    """A process that was told all this."""
    agent = Agent(name="a", model="m", max_output=64)
    pid = await kernel.spawn(agent, "\n\n".join(said))
    await kernel.records.wait(pid)
    return pid


@pytest.fixture
def _answers(world: Any) -> None:
    world.models["m"] = Scripted([Say("Noted.")] * 20)


@pytest.mark.usefixtures("_answers")
async def test_memory_disk_and_journal_say_the_same(node: Any, url: str) -> None:
    async with node() as kernel:
        pid = await grown(kernel, SAID)
        first = await kernel.records.fault(pid, QUESTION, OPEN)
        assert "Elm Street" in first.text
        assert all(page.text for page in first.pages)
        await kernel.records.spaces.drop()
        assert kernel.records.spaces.nbytes == 0
        assert await kernel.records.fault(pid, QUESTION, OPEN) == first
    async with open_store(url, config.Store()) as store:
        recall = Recall()
        async for row, event in Records(store).events(pid):
            recall.add(row.seq, row.at, event)
        fresh = recall.fault(QUESTION, OPEN)
        assert [each.source for each in fresh.pages] == [each.source for each in first.pages]
        assert fresh.why == first.why
        again = Recall.unpack(recall.pack())
        assert again.fault(QUESTION, OPEN) == fresh
        assert again.pack() == recall.pack()


@pytest.mark.usefixtures("_answers")
async def test_a_page_is_a_piece_of_its_event(node: Any) -> None:
    async with node() as kernel:
        pid = await grown(kernel, SAID)
        found = await kernel.records.fault(pid, "What happened on Tuesday?", OPEN)
        texts = {row.seq: page_text(event) async for row, event in kernel.records.events(pid)}
    assert found.pages
    for page in found.pages:
        where = page.source
        assert page.text == texts[where.seq][where.start : where.end]


@pytest.mark.usefixtures("_answers")
async def test_what_comes_later_is_found(node: Any, url: str) -> None:
    """By the node that drives the process, and by one that only reads."""
    async with node() as kernel, open_store(url, config.Store()) as store:
        reader = Records(store)
        agent = Agent(name="a", model="m", max_output=64, resident=True)
        pid = await kernel.spawn(agent, "Plan the feast.")
        for records in (kernel.records, reader):
            assert "Elm" not in (await records.fault(pid, QUESTION, OPEN)).text
        await kernel.send(pid, SAID[1])
        async for _, event in kernel.records.follow(pid):
            if "Elm Street" in page_text(event):
                break
        for records in (kernel.records, reader):
            assert "Elm Street" in (await records.fault(pid, QUESTION, OPEN)).text


@pytest.mark.usefixtures("_answers")
async def test_only_so_much_stays_in_memory(node: Any, url: str) -> None:
    async with node() as kernel:
        pids = [await grown(kernel, [said]) for said in SAID]
    async with open_store(url, config.Store()) as store:
        records = Records(store)
        answers = {pid: await records.fault(pid, QUESTION, OPEN) for pid in pids}
        everything = records.spaces.nbytes
        small = Records(store, most=everything // 2)
        for _ in range(2):
            for pid in pids:
                assert await small.fault(pid, QUESTION, OPEN) == answers[pid]
                await small.spaces.save()
                assert small.spaces.nbytes <= everything // 2


@pytest.mark.usefixtures("_answers")
async def test_what_is_in_the_window_does_not_come_in_again(node: Any) -> None:
    async with node() as kernel:
        pid = await grown(kernel, [SAID[1]])
        shown = await kernel.records.fault(pid, QUESTION, OPEN)
        [page] = [each for each in shown.pages if each.role == Role.USER]
        for rules in (
            Rules(events=frozenset({page.source.seq})),
            Rules(pieces=frozenset({(page.source.seq, page.source.start)})),
        ):
            found = await kernel.records.fault(
                pid, QUESTION, Ask(budget=300, gate=False, rules=rules)
            )
            assert page.source not in [each.source for each in found.pages]
            assert (page.source, "resident") in [(each.source, each.rule) for each in found.refused]
        elsewhere = Ask(budget=300, gate=False, rules=Rules(roles=frozenset({"assistant"})))
        found = await kernel.records.fault(pid, QUESTION, elsewhere)
        assert {each.role for each in found.pages} == {"assistant"}


@pytest.mark.usefixtures("_answers")
async def test_a_node_answers_with_weights_of_its_own(node: Any, tmp_path: Path) -> None:
    own = tmp_path / "weights.json"
    own.write_bytes(msgspec.json.encode(msgspec.structs.replace(load(), threshold=2.0)))
    async with node(settings=config.Node(weights=str(own))) as kernel:
        pid = await kernel.spawn(Agent(name="a", model="m", max_output=64), SAID[1])
        assert (await kernel.records.fault(pid, QUESTION)).abstained
    with pytest.raises(SysError) as caught:
        weights_in(str(tmp_path / "none.json"))
    assert caught.value.code is Code.NOT_FOUND


WAITING = Projection("waiting", None, 1, 0, 0, 0, None)
TOLD: dict[str, Callable[[int], bool]] = {
    "everything": lambda n: True,
    "nothing": lambda n: False,
    "gaps": lambda n: n % 3 != 0,
}


@pytest.mark.parametrize("told", TOLD)
@pytest.mark.usefixtures("_answers")
async def test_the_answer_does_not_depend_on_what_it_was_told(
    node: Any, url: str, told: str
) -> None:
    """Event by event a reader hears of what was written: of all, of none, of some, and of some twice."""
    async with node() as kernel:
        agent = Agent(name="a", model="m", max_output=64, resident=True)
        pid = await kernel.spawn(agent, SAID[0])
        async with open_store(url, config.Store()) as store:
            reader = Records(store)
            await reader.fault(pid, QUESTION, OPEN)
            seen = heard = Seq(0)
            for said in (*SAID[1:], "And the cake comes from Oak Lane after all."):
                await kernel.send(pid, said)
                async for row, event in kernel.records.follow(pid, seen):
                    seen = row.seq
                    if isinstance(event, Received):
                        break
                async for row, _ in kernel.records.events(pid, heard):
                    heard = row.seq
                    for _ in range(1 + row.seq % 2 if TOLD[told](row.seq) else 0):
                        entry = Entry(Seq(row.seq - 1), Head(pid, row.epoch, row.seq, row.hash),
                                      [row], WAITING)  # fmt: skip
                        reader.spaces.written([entry])
                found = await reader.fault(pid, QUESTION, OPEN)
                assert found == await Records(store).fault(pid, QUESTION, OPEN)
            assert "Oak Lane" in (await reader.fault(pid, QUESTION, OPEN)).text


@pytest.mark.usefixtures("_answers")
async def test_a_question_does_not_stand_in_its_own_way(node: Any, url: str) -> None:
    """What is asked before a thought is asked of what was said before."""
    async with node() as kernel, open_store(url, config.Store()) as store:
        agent = Agent(name="a", model="m", max_output=64, resident=True)
        pid = await kernel.spawn(agent, "\n\n".join(SAID))
        reader, late, knows = Records(store), Records(store), Records(store)
        asking = Seq(0)
        async for _, event in kernel.records.follow(pid):
            if isinstance(event, Thought):
                break
        before = await reader.fault(pid, QUESTION, OPEN)
        await kernel.send(pid, QUESTION)
        async for row, event in kernel.records.follow(pid):
            if isinstance(event, Received):
                asking = row.seq
                break
        ask = dataclasses.replace(OPEN, upto=Seq(asking - 1))
        assert asking in [
            page.source.seq for page in (await knows.fault(pid, QUESTION, OPEN)).pages
        ]
        for records in (reader, late, knows, kernel.records):
            found = await records.fault(pid, QUESTION, ask)
            assert [page.source for page in found.pages] == [page.source for page in before.pages]
            assert found.confidence == before.confidence


async def test_a_process_without_a_journal_has_nothing(url: str) -> None:
    async with open_store(url, config.Store()) as store:
        records = Records(store)
        assert (await records.fault(Pid(77), QUESTION)).abstained
        with pytest.raises(SysError) as caught:
            await records.fault(Pid(77), QUESTION, Ask(budget=0))
        assert caught.value.code is Code.INVALID
    assert Recall().seq == Seq(0)
