"""What is forgotten is nowhere in the database, and the journal that held it is still whole."""

import json
from typing import Any

import asyncpg
import pytest
from tests.pg.test_memory_calls import called

from logos.abi.agent import Agent
from logos.abi.errors import Code, SysError
from logos.abi.events import Exited, Failed, Forgot, Remembered
from logos.abi.ids import Pid, Seq
from logos.abi.rights import parse
from logos.drivers.model import Scripted

pytestmark = pytest.mark.anyio

SECRET = "The code of the safe is nine three seven one, said Ann."
LONG = "\n".join(f"{n}. {SECRET}" for n in range(200))
TOOLS = (
    "memory.remember",
    "memory.search",
    "memory.read",
    "memory.forget",
    "fs.read",
    "message.receive",
)
ALLOW = tuple(map(parse, ("read:/mem/**", "write:/mem/team/**")))


async def dump(url: str) -> str:
    """Everything that is in the tables."""
    db = await asyncpg.connect(url)
    try:
        names = await db.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows = [row for (name,) in names for row in await db.fetch(f'SELECT * FROM "{name}"')]
    finally:
        await db.close()
    values = [value for row in rows for value in row.values()]
    return "\n".join(
        value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        for value in values
    )


def agent(**fields: object) -> Agent:
    return Agent(name="a", model="m", tools=TOOLS, allow=ALLOW, **fields)  # type: ignore[arg-type]


async def whole(kernel: Any) -> bool:
    return not (await kernel.records.audit()).broken


@pytest.mark.parametrize("text", [SECRET, LONG], ids=["short", "blob"])
async def test_a_process_forgets_what_it_kept(url: str, node: Any, world: Any, text: str) -> None:
    path = "/mem/archive/safe"
    world.models["m"] = model = Scripted(
        [
            called("memory_remember", path=path, text=text),
            called("memory_search", question="What is the code of the safe?"),
            called("fs_read", path=path),
            called("memory_remember", path="/mem/archive/other", text="The dog is called Rex."),
            called("memory_forget", path=path, reason="asked to"),
            called("fs_read", path=path),
            called("fs_read", path="/mem/archive/other"),
            "done",
        ]
    )
    async with node() as kernel:
        pid = await kernel.spawn(agent(), "Remember what I say, then forget /mem/archive/safe.")
        assert (await kernel.records.wait(pid)).status == 0
        told = [t async for t in kernel.records.events(pid)]
        assert await whole(kernel)
        shelf = await kernel.stores.shelf(pid)
        assert shelf.one(path) is None
        assert shelf.history(path)[0].ends
    [forgot] = [t.event for t in told if isinstance(t.event, Forgot)]
    assert forgot.reason == "asked to"
    assert all(told[page - 1].row.forgotten for page in forgot.pages)
    failed = [t.event for t in told if isinstance(t.event, Failed)]
    assert [one.code for one in failed] == [Code.NOT_FOUND]
    everything = await dump(url)
    assert "nine three seven" not in everything
    assert "The dog is called Rex." in everything
    last = json.dumps([str(m) for m in model.requests[-1].messages])
    assert "nine three seven" not in last
    assert "Rex" in last


async def test_people_have_anything_forgotten(url: str, node: Any, world: Any) -> None:
    """Also what it was told to do, also in the snapshot and the process table."""
    world.models["m"] = Scripted(["I see.", "It is forgotten.", "bye"])
    async with node() as kernel:
        pid = await kernel.spawn(agent(resident=True), SECRET)
        await kernel.send(pid, f"Again: {SECRET}")
        async for told in kernel.records.follow(pid):
            if told.row.kind == "thought" and told.row.seq > 5:
                break
        pages = await kernel.forget(pid, [Seq(1)], reason="asked to")
        assert len(pages) == 2
        assert await kernel.forget(pid, path="/mem/archive/nowhere") == ()
        assert await whole(kernel)
        assert (await kernel.records.process(pid)).task == "[forgotten]"
        assert "nine three" not in str((await kernel.records.window(pid)).messages())
    assert "nine three seven" not in await dump(url)
    async with node() as kernel:  # another node folds what is left
        await kernel.send(pid, "Are you there?")
        async for told in kernel.records.follow(pid, Seq(pages[-1])):
            if told.row.kind == "thought":
                break
        assert await whole(kernel)


async def test_what_a_process_did_it_cannot_make_forgotten(node: Any, world: Any) -> None:
    world.models["m"] = Scripted(
        [
            called("memory_remember", text=SECRET),
            called("memory_forget", pages=[3]),
            called("memory_forget", path="/mem/archive/nothing"),
            called("memory_forget"),
            "done",
        ]
    )
    async with node() as kernel:
        pid = await kernel.spawn(
            agent(), "Remember it, then forget page 3 and /mem/archive/nothing."
        )
        await kernel.records.wait(pid)
        failed = [t.event async for t in kernel.records.events(pid) if t.row.kind == "failed"]
        assert [one.code for one in failed] == [Code.DENIED, Code.NOT_FOUND, Code.INVALID]
        assert [t.row.kind async for t in kernel.records.events(pid)].count("forgot") == 0


async def test_the_dead_are_made_to_forget(url: str, node: Any, world: Any) -> None:
    world.models["m"] = Scripted([f"You said: {SECRET}"])
    async with node() as kernel:
        pid = await kernel.spawn(agent(), "What did I say?")
        await kernel.records.wait(pid)
        told = [t async for t in kernel.records.events(pid)]
        [thought] = [t.row.seq for t in told if t.row.kind == "thought"]
        pages = await kernel.forget(pid, [thought])
        assert pages == (thought, told[-1].row.seq)
        again = await kernel.records.wait(pid)
        assert (again.status, again.answer) == (0, "[forgotten]")
        assert await whole(kernel)
        last = [t.event async for t in kernel.records.events(pid)][-2:]
        assert [type(one) for one in last] == [Exited, Forgot]
    assert "nine three seven" not in await dump(url)


async def test_a_space_is_made_to_forget_by_whoever_may_write(
    url: str, node: Any, world: Any
) -> None:
    async with node() as kernel:
        pid = await kernel.space("team")
        items = [
            Remembered(path="/mem/archive/safe", text=SECRET),
            Remembered(path="/kv/a", text="b"),
        ]
        await kernel.remember(pid, items)
        world.models["m"] = Scripted([called("memory_forget", path="/mem/team/safe"), "done"])
        await kernel.records.wait(await kernel.spawn(agent(), "Forget /mem/team/safe."))
        async for told in kernel.records.follow(pid):
            if isinstance(told.event, Forgot):
                break
        assert await whole(kernel)
    assert "nine three seven" not in await dump(url)


async def test_a_blob_that_others_need_stays(url: str, node: Any, world: Any) -> None:
    async with node() as kernel:
        one, other = await kernel.space("one"), await kernel.space("other")
        item = Remembered(path="/mem/archive/safe", text=LONG, mail=0)  # type: ignore[arg-type]
        filler = Remembered(path="/kv/a", text="b")
        for pid in (one, other):
            await kernel.remember(pid, [filler, item])
        seqs = {pid: (await kernel.stores.shelf(pid)).pages("/mem/archive") for pid in (one, other)}
        await kernel.forget(one, path="/mem/archive/safe")
        with pytest.raises(SysError):
            await kernel.records.page(one, seqs[one][0])
        assert await kernel.records.page(other, seqs[other][0]) == LONG
        assert await whole(kernel)
        await kernel.forget(other, path="/mem/archive")
        assert await whole(kernel)
    assert "nine three seven" not in await dump(url)


async def test_a_body_goes_only_when_the_journal_says_so(url: str, node: Any, world: Any) -> None:
    world.models["m"] = Scripted(["x"])
    async with node() as kernel:
        pid = await kernel.spawn(agent(), "Hello.")
        await kernel.records.wait(pid)
        other = Pid(await kernel.space("team"))
        await kernel.remember(other, [Remembered(path="/kv/a", text="b")])
        await kernel.forget(other, path="/kv/a")
        db = await asyncpg.connect(url)
        try:
            for statement in (
                f"UPDATE journal SET body = NULL WHERE pid = {pid}",
                f"UPDATE journal SET body = NULL, at = 0 WHERE pid = {other}",
                f"UPDATE journal SET body = 'x' WHERE pid = {other}",
                f"DELETE FROM journal WHERE pid = {other}",
            ):
                with pytest.raises(asyncpg.RaiseError, match="append-only"):
                    await db.execute(statement)
        finally:
            await db.close()
