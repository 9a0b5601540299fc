"""Pages found by what they mean: with an endpoint that knows synonyms, and whatever it does wrong."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import asyncpg
import msgspec
import pytest
from tests.conftest import PATIENCE_S
from tests.pg.meanings import HANG, Server, reading_minutes, serving

from logos import config
from logos.abi.agent import Agent
from logos.abi.calls import SearchMemory
from logos.abi.driver import Embedder
from logos.abi.errors import Code, SysError
from logos.abi.events import Remembered
from logos.abi.ids import NodeId, Pid, Seq
from logos.drivers.model import Scripted
from logos.kernel import Ask, Kernel, SystemClock
from logos.kernel.meaning import Hooks, Meaning
from logos.kernel.meaning.patience import STRIKES
from logos.store import open_store
from logos.vault import Vault

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SETTINGS = config.Memory(embedder="e/one", embed_rate=1000, embed_retry_s=0.01, embed_wait_ms=5000)
KEPT = [
    "The surgeon will see Tom at nine on Thursday.",
    "Aunt Vera drives a red sedan to church.",
    "The bakery in Elm Street closes at noon.",
    "Nine chairs stand around the table in the hall.",
    "The lake froze over twice that winter.",
    "A letter came from the council about the fence.",
    "The beagle sleeps beside the stove.",
]
BEAGLE = f"/mem/archive/{len(KEPT) - 1}"
QUESTION = "Which pet lives here?"
OPEN = Ask(budget=60, gate=False, mass=0.5)


class Models:
    """Embedders by name, of one server."""

    def __init__(self, server: Server, *names: str) -> None:
        self.here = {name: server.embedder(name) for name in names}

    async def __call__(self, name: str) -> Embedder:
        if name not in self.here:
            raise SysError(Code.NOT_FOUND, f"no model {name}")
        return self.here[name]

    async def aclose(self) -> None:
        for one in self.here.values():
            await one.aclose()


@asynccontextmanager
async def meant(
    node: Any, server: Server, *, memory: config.Memory = SETTINGS, **parts: Any
) -> AsyncIterator[Kernel]:
    models = Models(server, "e/one", "e/two")
    try:
        async with node(memory=memory, embedder=models, **parts) as kernel:
            yield kernel
    finally:
        await models.aclose()


async def stored(kernel: Kernel, texts: list[str] = KEPT) -> Pid:
    pid = await kernel.space("home")
    items = [Remembered(path=f"/mem/archive/{n}", text=text) for n, text in enumerate(texts)]
    await kernel.remember(pid, items)
    return pid


async def done(kernel: Kernel, pid: Pid, *, pages: int = len(KEPT)) -> None:
    """All of it has vectors."""

    async def whole() -> bool:
        [line] = [line for line in await kernel.meaning.states() if line.pid == pid]
        return line.done == line.events and line.pages >= pages and not line.others

    await reached(whole)


async def failing(kernel: Kernel, why: str) -> bool:
    return any(why in line.error for line in await kernel.meaning.states())


async def reached(met: Callable[[], Awaitable[bool]]) -> None:
    with anyio.fail_after(PATIENCE_S):
        while not await met():  # noqa: ASYNC110 - it is in the database
            await anyio.sleep(0.02)


async def found(kernel: Kernel, pid: Pid, question: str = QUESTION) -> tuple[str, str]:
    fault = await kernel.records.fault(pid, question, OPEN)
    return fault.text, fault.vectors


async def test_a_question_without_a_common_word_finds_its_page(node: Any) -> None:
    async with serving() as server:
        async with meant(node, server) as kernel:
            pid = await stored(kernel)
            await done(kernel, pid)
            text, vectors = await found(kernel, pid)
            assert "beagle" in text
            assert vectors == "used"
            fault = await kernel.records.fault(pid, "Who is the physician?", OPEN)
            assert "surgeon" in fault.text
            assert fault.why[0].moved[0][0] == "meaning"
            said = await kernel.stores.search("home", SearchMemory(question=QUESTION, tokens=200))
            assert "beagle" in said
            sure = (await kernel.records.fault(pid, QUESTION, Ask(budget=60))).confidence
        async with node() as kernel:
            text, vectors = await found(kernel, pid)
            assert "beagle" not in text
            assert vectors == "off"
            assert "beagle" not in await kernel.stores.search(
                "home", SearchMemory(question=QUESTION, tokens=64)
            )
            assert (await kernel.records.fault(pid, QUESTION, Ask(budget=60))).confidence < sure


async def test_what_a_question_took_is_counted_once(node: Any) -> None:
    async with serving() as server, meant(node, server) as kernel:
        pid = await stored(kernel)
        await done(kernel, pid)
        for _ in range(2):
            await found(kernel, pid)
            [line] = [line for line in await kernel.meaning.states() if line.pid == pid]
            assert line.tokens == sum(map(len, [*KEPT, QUESTION]))


async def test_what_a_process_was_told_is_found(node: Any, world: Any) -> None:
    world.models["m"] = Scripted(["Noted."])
    agent = Agent(name="a", model="m", max_output=64, program="agent")
    async with serving() as server, meant(node, server) as kernel:
        pid = await kernel.spawn(agent, "\n\n".join(text * 12 for text in KEPT))
        await kernel.records.wait(pid)
        await done(kernel, pid)
        fault = await kernel.records.fault(pid, QUESTION, Ask(budget=200, gate=False, mass=0.5))
        assert "beagle" in fault.text


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(429, id="slow down"),
        pytest.param(500, id="broken"),
        pytest.param(lambda body: {"data": body["data"][:2]}, id="half an answer"),
        pytest.param(lambda body: "<html>", id="no JSON"),
        pytest.param(lambda body: {"data": [{"embedding": "x"}]}, id="no numbers"),
        pytest.param(
            lambda body: {"data": [r | {"embedding": [0.0] * 64} for r in body["data"]]}, id="zeros"
        ),
        pytest.param(
            lambda body: {"data": [r | {"index": 0} for r in body["data"]]}, id="twice the same"
        ),
    ],
)
async def test_an_endpoint_that_fails_is_asked_again(node: Any, fault: Any) -> None:
    async with serving() as server, meant(node, server) as kernel:
        server.faults += [fault, fault]
        pid = await stored(kernel)
        await done(kernel, pid)
        assert "beagle" in (await found(kernel, pid))[0]
        assert len(server.asked) >= 4


async def test_vectors_of_another_length_are_not_taken(node: Any) -> None:
    async with serving() as server, meant(node, server) as kernel:
        pid = await stored(kernel)
        await done(kernel, pid)
        server.dimension = 32
        await kernel.remember(pid, [Remembered(path="/mem/archive/more", text="One more page.")])
        await reached(lambda: failing(kernel, "32 and 64"))
        assert (await found(kernel, pid, "Which hound?"))[1] == "late"
        await kernel.meaning.again(pid)
        await done(kernel, pid, pages=len(KEPT) + 1)
        assert "beagle" in (await found(kernel, pid, "Which pet?"))[0]


async def test_a_page_that_is_not_taken_is_passed_over(node: Any) -> None:
    async with serving() as server, meant(node, server) as kernel:
        server.refuses = "council"
        pid = await stored(kernel)
        await done(kernel, pid, pages=len(KEPT) - 1)
        [line] = [line for line in await kernel.meaning.states() if line.pid == pid]
        assert (line.pages, line.skipped) == (len(KEPT) - 1, 1)
        assert "beagle" in (await found(kernel, pid))[0]


async def test_who_asks_does_not_wait_long(node: Any) -> None:
    memory = msgspec.structs.replace(SETTINGS, embed_wait_ms=30)
    async with serving() as server, meant(node, server, memory=memory) as kernel:
        pid = await stored(kernel)
        await done(kernel, pid)
        server.faults += [HANG] * STRIKES
        before = len(server.asked)
        for n in range(STRIKES + 2):
            assert (await found(kernel, pid, f"Which pet was it {n}?"))[1] == "late"
        assert (
            len(server.asked) <= before + STRIKES
        )  # then it is left alone; a busy machine gives up before it has asked


async def test_while_a_question_waits_for_its_vector_the_rest_is_loaded(node: Any) -> None:
    patient = msgspec.structs.replace(SETTINGS, embed_wait_ms=int(PATIENCE_S * 1000))
    async with serving() as server:
        async with meant(node, server) as kernel:
            pid = await stored(kernel)
            await done(kernel, pid)
            await kernel.records.spaces.save(everything=True)
        async with (
            meant(node, server, memory=patient) as kernel,
            anyio.create_task_group() as tasks,
        ):
            held = (kernel.records.spaces, kernel.meaning.vectors)
            assert not any(one.nbytes for one in held)
            server.faults += [HANG]
            tasks.start_soon(found, kernel, pid)
            await server.until(2)
            with anyio.fail_after(PATIENCE_S / 2):  # less than the question waits
                while not all(one.nbytes for one in held):  # noqa: ASYNC110 - tasks of their own
                    await anyio.sleep(0.005)
            tasks.cancel_scope.cancel()


async def test_vectors_that_cannot_be_loaded_ahead_are_no_error(node: Any, url: str) -> None:
    async with serving() as server, meant(node, server) as kernel:
        pid = await stored(kernel)
        await done(kernel, pid)
        db = await asyncpg.connect(url)
        await db.execute(
            "UPDATE page_vector SET vector = substr(vector, 1, 6)"
            " WHERE seq = (SELECT min(seq) FROM page_vector)"
        )
        await db.close()
        assert (await found(kernel, pid))[1] == "late"
        assert (await kernel.records.fault(pid, "beagle", OPEN)).pages


async def test_half_done_is_gone_on_with(node: Any) -> None:
    """The node ends in the middle; no page that had its vector is sent again."""
    texts = [f"{text} Note {n}." for n in range(20) for text in KEPT]
    async with serving() as server:
        async with meant(node, server) as kernel:
            server.faults += [lambda body: body, HANG]
            pid = await stored(kernel, texts)
            await server.until(2)
        async with meant(node, server) as kernel:
            before = set(server.asked[0])
            again = len(server.asked)
            await done(kernel, pid, pages=len(texts))
            assert not before & {t for texts in server.asked[again:] for t in texts}
            assert len(server.texts) == len(texts) + len(server.asked[1])


async def test_another_model_takes_over_when_it_is_as_far(node: Any) -> None:
    two = msgspec.structs.replace(SETTINGS, embedder="e/two")
    async with serving() as server:
        async with meant(node, server) as kernel:
            pid = await stored(kernel)
            await done(kernel, pid)
        server.dimension = 48
        server.faults += [HANG]
        async with meant(node, server, memory=two) as kernel:
            await server.until(2)  # the new one is at it, and stuck
            server.dimension = 64
            assert (await found(kernel, pid))[1] == "used"
            [line] = [line for line in await kernel.meaning.states() if line.pid == pid]
            assert (line.pages, line.others) == (0, len(KEPT))
        server.dimension = 48
        async with meant(node, server, memory=two) as kernel:
            await done(kernel, pid)
            text, vectors = await found(kernel, pid)
            assert "beagle" in text
            assert vectors == "used"


async def test_what_is_forgotten_has_no_vector(node: Any, url: str) -> None:
    async with serving() as server, meant(node, server) as kernel:
        pid = await stored(kernel)
        await done(kernel, pid)
        assert "beagle" in (await found(kernel, pid))[0]
        gone = await kernel.forget(pid, path=BEAGLE)
        assert "beagle" not in (await found(kernel, pid))[0]
        db = await asyncpg.connect(url)
        left = await db.fetch("SELECT seq FROM page_vector WHERE pid = $1", pid)
        await db.close()
        assert len(left) == len(KEPT) - 1
        assert not {row["seq"] for row in left} & set(gone)


async def test_secrets_do_not_leave_with_a_page(node: Any) -> None:
    vault = Vault({"SHOP_KEY": "sesame-open-9981"})
    async with serving() as server, meant(node, server, vault=vault) as kernel:
        pid = await stored(kernel)
        await done(kernel, pid)
        await found(kernel, pid, "Is it sesame-open-9981 that opens the shop?")
        assert server.texts
        assert not any("sesame" in text for text in server.texts)


async def test_what_has_become_confidential_meanwhile_stays_here(node: Any, url: str) -> None:
    """Between the look at who has read what and the look at the pages the journal grows."""
    secret = False

    async with serving() as server, node() as kernel, open_store(url, config.Store()) as store:
        pid = await stored(kernel)

        async def pages(of: Pid, place: tuple[Seq, int], most: int) -> Any:
            nonlocal secret
            secret = secret or of == pid
            return await kernel.records.spaces.after(of, place, most)

        async def private(of: Pid) -> bool:
            return of == pid and secret

        models = Models(server, "e/one")
        hooks = Hooks(models, pages, private)
        meaning = Meaning(store, SETTINGS, hooks, SystemClock(), Vault())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(meaning.run, NodeId(1))

            async def told() -> bool:
                return any("confidential" in line.error for line in await meaning.states())

            await reached(told)
            tasks.cancel_scope.cancel()
        await models.aclose()
        assert not any("beagle" in text for text in server.texts)


@pytest.mark.parametrize("out", ["", "let out"])
async def test_what_is_confidential_stays_here(node: Any, world: Any, out: str) -> None:
    agent, parts = reading_minutes(world, "The beagle is to be sold.")
    memory = msgspec.structs.replace(SETTINGS, embed_confidential=bool(out))
    async with serving() as server, meant(node, server, memory=memory, **parts) as kernel:
        pid = await kernel.spawn(agent, "Read what the board said.")
        await kernel.records.wait(pid)
        await done(kernel, pid, pages=3 if out else 0)
        [line] = [line for line in await kernel.meaning.states() if line.pid == pid]
        assert bool(line.error) is not bool(out)
        assert any("beagle" in text for text in server.texts) is bool(out)
        assert (await found(kernel, pid))[1] == ("used" if out else "off")
