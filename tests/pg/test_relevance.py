"""What was found, judged by an endpoint that knows synonyms, and whatever it does wrong."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from tests.conftest import World
from tests.pg.meanings import HANG, Server, reading_minutes, serving

from logos import config
from logos.abi.errors import Code, SysError
from logos.abi.events import Remembered
from logos.abi.ids import Pid
from logos.kernel import RERANKING, Ask, Kernel
from logos.kernel.meaning.patience import STRIKES
from logos.vault import Vault

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SETTINGS = config.Memory(reranker="r/one", rerank_wait_ms=5000, embed_confidential=True)
STREET = [
    "In Elm Street there is a bakery with a green door.",
    "In Elm Street there is a fence that nobody paints.",
    "In Elm Street there is a surgeon on the second floor.",
    "In Elm Street there is a lamp that was never lit.",
]
QUESTION = "Is there a physician in Elm Street?"
ONE = Ask(budget=60, gate=False, mass=0.2)


@asynccontextmanager
async def judging(
    node: Any, server: Server, *, memory: config.Memory = SETTINGS, **parts: Any
) -> AsyncIterator[tuple[Kernel, Pid]]:
    reranker = server.reranker()

    async def named(name: str) -> Any:
        if name != "r/one":
            raise SysError(Code.NOT_FOUND, f"no model {name}")
        return reranker

    try:
        async with node(memory=memory, reranker=named, **parts) as kernel:
            pid = await kernel.space("home")
            items = [Remembered(path=f"/mem/archive/{n}", text=t) for n, t in enumerate(STREET)]
            await kernel.remember(pid, items)
            yield kernel, pid
    finally:
        await reranker.aclose()


async def test_what_answers_the_question_comes_first(node: Any) -> None:
    async with serving() as server, judging(node, server) as (kernel, pid):
        found = await kernel.records.fault(pid, QUESTION, ONE)
        assert "surgeon" in found.text
        assert found.reranked == "used"
        assert dict(found.why[0].moved)["rerank"] > 0
        [asked] = server.asked
        assert (asked[0], sorted(asked[1:])) == (QUESTION, sorted(STREET))
    async with node() as kernel:
        found = await kernel.records.fault(pid, QUESTION, ONE)
        assert "surgeon" not in found.text, "words alone do not tell them apart"
        assert found.reranked == "off"


async def test_what_a_judgement_took_is_counted(node: Any) -> None:
    async with serving() as server, judging(node, server) as (kernel, pid):
        for n in (1, 2):
            await kernel.records.fault(pid, QUESTION, ONE)
            used = await kernel.accounts.used(RERANKING)
            assert used.tokens == n * sum(map(len, STREET))


async def test_it_is_shown_no_more_than_the_best(node: Any) -> None:
    memory = msgspec.structs.replace(SETTINGS, rerank_pages=2)
    async with serving() as server, judging(node, server, memory=memory) as (kernel, pid):
        await kernel.records.fault(pid, QUESTION, ONE)
        assert [len(asked) for asked in server.asked] == [1 + 2]


async def test_of_less_than_two_pages_nobody_is_asked(node: Any) -> None:
    async with serving() as server, judging(node, server) as (kernel, _):
        pid = await kernel.space("other")
        for n in range(2):
            found = await kernel.records.fault(pid, QUESTION, ONE)
            assert (len(found.pages), found.reranked) == (n, "off")
            await kernel.remember(pid, [Remembered(path="/mem/archive/0", text=STREET[0])])
        assert not server.asked


@pytest.mark.parametrize("out", ["", "let out"])
async def test_what_is_confidential_stays_here(node: Any, world: World, out: str) -> None:
    agent, parts = reading_minutes(world, f"{STREET[2]} It is to be sold.")
    memory = msgspec.structs.replace(SETTINGS, embed_confidential=bool(out))
    async with serving() as server, judging(node, server, memory=memory, **parts) as (kernel, _):
        pid = await kernel.spawn(agent, f"Read what the board said of {STREET[0]}")
        await kernel.records.wait(pid)
        server.asked.clear()
        found = await kernel.records.fault(pid, QUESTION, ONE)
        assert found.reranked == ("used" if out else "off")
        assert any("surgeon" in text for text in server.texts) is bool(out)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(500, id="broken"),
        pytest.param(lambda body: {"results": body["results"][:2]}, id="half an answer"),
        pytest.param(lambda body: "<html>", id="no JSON"),
        pytest.param(
            lambda body: {"results": [r | {"index": 0} for r in body["results"]]}, id="one for all"
        ),
        pytest.param(
            lambda body: {"results": [r | {"relevance_score": "x"} for r in body["results"]]},
            id="no numbers",
        ),
    ],
)
async def test_when_it_fails_words_decide(node: Any, fault: Any) -> None:
    async with serving() as server, judging(node, server) as (kernel, pid):
        server.faults += [fault]
        found = await kernel.records.fault(pid, QUESTION, ONE)
        assert found.pages
        assert found.reranked == "late"
        assert (await kernel.records.fault(pid, QUESTION, ONE)).reranked == "used"


async def test_who_asks_does_not_wait_long(node: Any) -> None:
    memory = msgspec.structs.replace(SETTINGS, rerank_wait_ms=30)
    async with serving() as server, judging(node, server, memory=memory) as (kernel, pid):
        server.faults += [HANG] * STRIKES
        for _ in range(STRIKES + 2):
            assert (await kernel.records.fault(pid, QUESTION, ONE)).reranked == "late"
        assert (
            len(server.asked) <= STRIKES
        )  # then it is left alone; a busy machine gives up before it has asked


async def test_secrets_do_not_leave_with_a_page(node: Any) -> None:
    vault = Vault({"DOOR_KEY": "green door"})
    async with serving() as server, judging(node, server, vault=vault) as (kernel, pid):
        await kernel.records.fault(pid, f"{QUESTION} Behind the green door?", ONE)
        assert any("bakery" in text for text in server.texts)
        assert not any("green door" in text for text in server.texts)
