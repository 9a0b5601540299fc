"""What processes keep: put in by mail, once; spaces; looked up by path and found by a search."""

import anyio
import pytest
from tests.conftest import World

from logos import config
from logos.abi.errors import Code, SysError
from logos.abi.events import Linked, Remembered
from logos.abi.ids import Pid
from logos.kernel import Kernel, Sought, open_kernel
from logos.kernel.memory import Ask
from logos.store import open_store

pytestmark = pytest.mark.anyio


def entry(name: str, text: str, **fields: object) -> Remembered:
    return Remembered(path=f"/mem/archive/{name}", text=text, **fields)  # type: ignore[arg-type]


async def test_a_space_keeps_what_it_is_given(url: str, world: World) -> None:
    async with open_store(url, config.Store()) as store, open_kernel(world.parts(store)) as kernel:
        pid = await kernel.space("team")
        assert await kernel.space("team") == pid
        assert await kernel.stores.named() == {"team": pid}
        items = [entry(f"n{n}", f"note {n}") for n in range(1203)]
        seqs = await kernel.remember(pid, items)
        assert len(set(seqs)) == len(items)
        told = [t async for t in kernel.records.events(pid)]
        kept = [t.event for t in told if isinstance(t.event, Remembered)]
        assert [e.text for e in kept] == [i.text for i in items]
        assert await kernel.records.page(pid, seqs[7]) == "note 7"
        shelf = await kernel.stores.shelf(pid)
        found = shelf.one("/mem/archive/n1202")
        assert found is not None
        assert found.seq == seqs[-1]


async def test_what_a_space_keeps_is_found(url: str, world: World) -> None:
    async with open_store(url, config.Store()) as store, open_kernel(world.parts(store)) as kernel:
        pid = await kernel.space("team")
        people = [("Mira", "I will pay for the venue in Lisbon."), ("Jon", "The cake is mine.")]
        items = [
            entry(f"talk/{n}", text, kind="people", subject=who, role="user", group="talk", time=n)
            for n, (who, text) in enumerate(people)
        ]
        await kernel.remember(pid, items)
        fault = await kernel.records.fault(pid, "Who pays for the venue?", Ask(budget=200))
        assert [page.subject for page in fault.pages][:1] == ["Mira"]
        assert fault.pages[0].text == "I will pay for the venue in Lisbon."


async def test_a_search_on_purpose_finds_every_page_with_its_words(url: str, world: World) -> None:
    async with open_store(url, config.Store()) as store, open_kernel(world.parts(store)) as kernel:
        pid = await kernel.space("team")
        talk = [f"In which hall lies the parcel for Person3{n}?" for n in range(9)]
        said = [entry(f"q{n}", text, kind="chat", role="user") for n, text in enumerate(talk)]
        notes = [entry(f"n{n}", f"Person3 has moved to hall {n}.") for n in range(5)]
        asked = entry("ask", "In which hall lies the parcel for Person3?", kind="chat", role="user")
        await kernel.remember(pid, [*said, *notes, asked])
        found = await kernel.stores.seek(pid, "Person3", 1024, Sought())
        assert {page.text for page in found.pages} >= {one.text for one in (*notes, asked)}
        assert len(found.why) == len(found.pages)
        few = await kernel.stores.seek(pid, "Person3", 64, Sought())
        assert 0 < few.tokens <= 64


async def test_an_older_version_is_marked_as_superseded(url: str, world: World) -> None:
    async with open_store(url, config.Store()) as store, open_kernel(world.parts(store)) as kernel:
        pid = await kernel.space("team")
        path = "/mem/facts/venue/city"
        facts = [
            Remembered(
                path=path, text=t, kind="fact", subject="venue", relation="city", valid_from=n
            )
            for n, t in ((5, "Lisbon"), (9, "Porto"), (2, "Faro"))
        ]
        seqs = await kernel.remember(pid, facts)
        ask = Ask(budget=500, gate=False)
        fault = await kernel.records.fault(pid, "Which city is the venue in?", ask)
        ends = {page.source.seq: page.valid_to for page in fault.pages}
        for seq, until in zip(seqs, (9, None, 5), strict=True):
            assert ends.get(seq, until) == until
        assert seqs[1] in ends
        assert await kernel.records.page(pid, seqs[1]) == "venue city: Porto"


async def test_who_cannot_get_it_is_said_at_once(url: str, world: World) -> None:
    async with open_store(url, config.Store()) as store, open_kernel(world.parts(store)) as kernel:
        with pytest.raises(SysError) as caught:
            await kernel.remember(Pid(99), [entry("a", "b")])
        assert caught.value.code is Code.NOT_FOUND
        for path in ("/home/a", "/mem", "/mem/archive", "/mem/core/a/b", "/mem/archive/../../x"):
            with pytest.raises(SysError) as caught:
                await kernel.remember(await kernel.space("team"), [Remembered(path=path, text="x")])
            assert caught.value.code is Code.INVALID
        with pytest.raises(SysError):
            await kernel.space("core")


async def test_two_nodes_make_one_space(url: str, world: World) -> None:
    other = World(world.workspaces, place="other")
    settings = config.Node(lease_s=5)
    async with (
        open_store(url, config.Store()) as store,
        open_kernel(world.parts(store, settings)) as one,
    ):
        parts = other.parts(store, settings)._replace(alone=False)
        async with open_kernel(parts) as two:
            made: list[Pid] = []

            async def make(kernel: Kernel) -> None:
                made.append(await kernel.space("team"))

            async with anyio.create_task_group() as tasks:
                for kernel in (one, two):
                    tasks.start_soon(make, kernel)
            assert len(set(made)) == 1


async def test_edges_come_with_what_they_join(url: str, world: World) -> None:
    async with open_store(url, config.Store()) as store, open_kernel(world.parts(store)) as kernel:
        pid = await kernel.space("team")
        a, b = "/mem/archive/a", "/mem/archive/b"
        await kernel.remember(pid, [entry("a", "x"), Linked(source=a, relation="cites", target=b)])
        [edge] = (await kernel.stores.shelf(pid)).edges(b)
        assert (edge.source, edge.relation) == (a, "cites")
