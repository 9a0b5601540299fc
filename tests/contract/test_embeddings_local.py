"""Vectors made in this process, by a real engine and a model of random weights."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import msgspec
import pytest
from model_gguf import MEAN, WIDTH, write_gguf
from tests.conftest import PATIENCE_S, World

from logos import config
from logos.abi.errors import Code, SysError
from logos.abi.events import Remembered
from logos.boot.models import ModelNames
from logos.drivers.model import Embeddings, Endpoint, LocalEmbeddings, open_embedder
from logos.kernel import Ask, open_kernel
from logos.store import open_store

pytestmark = pytest.mark.anyio

NEEDED = "xllamacpp is not installed: pip install 'logos[local]'"


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "vectors.gguf"
    write_gguf(path, pooling=MEAN)
    return path


@pytest.fixture
async def embedder(path: Path) -> AsyncIterator[LocalEmbeddings]:
    pytest.importorskip("xllamacpp", reason=NEEDED)
    made = open_embedder(f"local/{path}", Endpoint(window=512))
    assert isinstance(made, LocalEmbeddings)
    yield made
    await made.aclose()


async def test_each_text_has_a_vector_of_its_own(embedder: LocalEmbeddings) -> None:
    texts = [f"The boat house, number {n}" for n in range(11)]
    made = await embedder.embed(texts)
    assert len(set(made.vectors)) == len(texts)
    assert embedder.dimension == WIDTH == len(made.vectors[0])
    assert made.tokens > sum(map(len, texts))
    alone = await embedder.embed([texts[7]])
    assert alone.vectors[0] == pytest.approx(made.vectors[7], abs=1e-3)
    assert await embedder.embed([]) == msgspec.structs.replace(made, vectors=(), tokens=0)


async def test_a_text_that_is_too_long_is_told_so(embedder: LocalEmbeddings) -> None:
    with pytest.raises(SysError) as caught:
        await embedder.embed(["short", "x" * 600])
    assert caught.value.code is Code.CONTEXT
    assert (await embedder.embed(["short"])).vectors


async def test_the_node_goes_on_while_it_works(embedder: LocalEmbeddings) -> None:
    """Others run, a question does not wait for all of a batch, and who gives up leaves nothing broken."""
    await embedder.embed(["warm"])
    batch = ["word " * 60] * 32
    done = ticks = 0
    answered_at = 0

    async def pages() -> None:
        nonlocal done
        await embedder.embed(batch)
        done = 1

    async def question() -> None:
        nonlocal answered_at
        await embedder.embed(["Which pet?"])
        answered_at = 1 if not done else 2

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pages)
        tasks.start_soon(question)
        while not done:
            await anyio.sleep(0.0005)
            ticks += 1
    assert ticks > 3
    assert answered_at == 1
    with anyio.move_on_after(0.001):
        await embedder.embed(batch)
    assert (await embedder.embed(["short"])).vectors


async def test_the_gateway_passes_its_answer_on(embedder: LocalEmbeddings) -> None:
    said = await embedder.post(b'{"model": "any", "input": ["a", "b"]}')
    answer = msgspec.json.decode(said)
    assert [row["index"] for row in answer["data"]] == [0, 1]
    assert answer["object"] == "list"
    with pytest.raises(SysError) as caught:
        await embedder.post(b'{"input": 7}')
    assert caught.value.code is Code.INVALID


@pytest.mark.parametrize("damage", ["nonsense", "half"])
async def test_a_file_that_is_no_model_is_told_when_it_is_wanted(
    path: Path, tmp_path: Path, damage: str
) -> None:
    """It is nothing that is wrong with a page: pages must not be passed over for it."""
    pytest.importorskip("xllamacpp", reason=NEEDED)
    file = tmp_path / "bad.gguf"
    whole = await anyio.Path(path).read_bytes()
    file.write_bytes(b"GGUF but not really" if damage == "nonsense" else whole[: len(whole) // 2])
    made = open_embedder(f"local/{file}", Endpoint())
    with pytest.raises(SysError) as caught:
        await made.embed(["a"])
    assert caught.value.code is Code.UNAVAILABLE
    assert "GGUF" in caught.value.hint
    file.write_bytes(whole)
    assert (await made.embed(["a"])).vectors
    await made.aclose()


async def test_a_model_that_thinks_gives_no_vectors(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason=NEEDED)
    file = tmp_path / "thinks.gguf"
    write_gguf(file)
    made = open_embedder(f"local/{file}", Endpoint())
    with pytest.raises(SysError) as caught:
        await made.embed(["a"])
    assert caught.value.code is Code.MODEL
    assert "for embeddings" in caught.value.hint
    await made.aclose()


def test_what_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SysError) as caught:
        open_embedder(f"local/{tmp_path}/none.gguf", Endpoint())
    assert caught.value.code is Code.NOT_FOUND
    assert "local/" in caught.value.hint
    assert isinstance(open_embedder("openai/text-embedding-3-small", Endpoint()), Embeddings)


async def test_without_the_engine_it_says_what_to_install(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    made = open_embedder(f"local/{path}", Endpoint())
    with pytest.raises(SysError) as caught:
        await made.embed(["a"])
    assert caught.value.code is Code.UNAVAILABLE
    assert "logos[local]" in caught.value.hint


def test_another_file_has_another_name(tmp_path: Path, path: Path) -> None:
    file = tmp_path / "one.gguf"
    names = set()
    for data in (path.read_bytes(), path.read_bytes() + b"\0", b"other"):
        file.write_bytes(data)
        names.add(open_embedder(f"local/{file}", Endpoint()).name)
    assert len(names) == 3


async def test_the_settings_may_name_it(path: Path) -> None:
    pytest.importorskip("xllamacpp", reason=NEEDED)
    setting = config.Endpoint(model=str(path), window=256)
    names = ModelNames(config.Config(models={"local/vectors": setting}), {}, {})
    embedder = await names.embedder("local/vectors")
    assert len((await embedder.embed(["a"])).vectors[0]) == WIDTH
    await names.close()


async def test_memory_is_searched_by_its_vectors(path: Path, url: str, world: World) -> None:
    pytest.importorskip("xllamacpp", reason=NEEDED)
    setting = config.Endpoint(model=str(path), window=512)
    names = ModelNames(config.Config(models={"local/vectors": setting}), {}, {})
    memory = config.Memory(embedder="local/vectors", embed_rate=1000, embed_wait_ms=5000)
    async with open_store(url, config.Store()) as store:
        parts = world.parts(store)._replace(memory=memory, embedder=names.embedder)
        async with open_kernel(parts) as kernel:
            pid = await kernel.space("home")
            texts = [f"The boat house has door {n}, and it is shut." for n in range(9)]
            await kernel.remember(
                pid,
                [Remembered(path=f"/mem/archive/{n}", text=text) for n, text in enumerate(texts)],
            )
            with anyio.fail_after(PATIENCE_S):
                while not any(line.pages == len(texts) for line in await kernel.meaning.states()):  # noqa: ASYNC110 - it is in the database
                    await anyio.sleep(0.02)
            found = await kernel.records.fault(pid, texts[4], Ask(budget=200, gate=False))
    assert found.vectors == "used"
    assert texts[4] in found.text
    await names.close()
