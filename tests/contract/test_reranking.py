"""Scores by a real engine and a model of random weights, and what an endpoint's answer must be."""

import sys
from pathlib import Path

import pytest
from model_gguf import MEAN, RANK, write_gguf

from logos import config
from logos.abi.errors import Code, SysError
from logos.boot.models import ModelNames
from logos.drivers.model import Endpoint, LocalReranking, Reranking, open_reranker
from logos.drivers.model.reranking import judged

pytestmark = pytest.mark.anyio

NEEDED = "xllamacpp is not installed: pip install 'logos[local]'"
TEXTS = [f"The boat house, number {n}" for n in range(5)]


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "judge.gguf"
    write_gguf(path, pooling=RANK)
    return path


async def test_each_text_has_a_score_of_its_own(path: Path) -> None:
    pytest.importorskip("xllamacpp", reason=NEEDED)
    made = open_reranker(f"local/{path}", Endpoint(window=512))
    assert isinstance(made, LocalReranking)
    found = await made.rerank("Which boat house?", TEXTS)
    assert len(set(found.scores)) == len(TEXTS)
    assert found.tokens > sum(map(len, TEXTS))
    turned = await made.rerank("Which boat house?", TEXTS[::-1])
    assert turned.scores[::-1] == pytest.approx(found.scores, abs=1e-3)
    assert (await made.rerank("Which?", [])).scores == ()
    with pytest.raises(SysError) as caught:
        await made.rerank("Which?", ["x" * 900])
    assert caught.value.code is Code.CONTEXT
    await made.aclose()


async def test_a_model_for_vectors_judges_nothing(tmp_path: Path) -> None:
    """The engine would give scores, and they would mean nothing."""
    pytest.importorskip("xllamacpp", reason=NEEDED)
    file = tmp_path / "vectors.gguf"
    write_gguf(file, pooling=MEAN)
    made = open_reranker(f"local/{file}", Endpoint(window=512))
    with pytest.raises(SysError) as caught:
        await made.rerank("Which?", TEXTS)
    assert caught.value.code is Code.MODEL
    assert "for reranking" in caught.value.hint
    await made.aclose()


async def test_the_settings_may_name_it(path: Path) -> None:
    pytest.importorskip("xllamacpp", reason=NEEDED)
    setting = config.Endpoint(model=str(path), window=512)
    names = ModelNames(config.Config(models={"local/judge": setting}), {}, {})
    reranker = await names.reranker("local/judge")
    assert len((await reranker.rerank("Which?", TEXTS)).scores) == len(TEXTS)
    assert await names.reranker("local/judge") is reranker
    await names.close()


async def test_without_the_engine_it_says_what_to_install(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    made = open_reranker(f"local/{path}", Endpoint())
    with pytest.raises(SysError) as caught:
        await made.rerank("Which?", TEXTS)
    assert caught.value.code is Code.UNAVAILABLE
    assert "logos[local]" in caught.value.hint


def test_whom_nobody_can_find_is_said_at_once(tmp_path: Path) -> None:
    for name in ("nobody/model", f"local/{tmp_path}/none.gguf"):
        with pytest.raises(SysError) as caught:
            open_reranker(name, Endpoint())
        assert caught.value.code is Code.NOT_FOUND
        assert caught.value.hint
    assert isinstance(open_reranker("jina/jina-reranker-v2", Endpoint(key="k")), Reranking)


@pytest.mark.parametrize("named", ["results", "data"])
def test_both_names_of_the_answer_are_read(named: str) -> None:
    rows = '[{"index": 1, "relevance_score": 8.5}, {"index": 0, "relevance_score": -3}]'
    found = judged(f'{{"{named}": {rows}, "usage": {{"total_tokens": 7}}}}'.encode(), 2)
    assert (found.scores, found.tokens) == ((-3.0, 8.5), 7)


@pytest.mark.parametrize(
    "said",
    [
        b"<html>",
        b"{}",
        b'{"results": [{"index": 0, "relevance_score": 1}]}',
        b'{"results": [{"index": 0, "relevance_score": 1}, {"index": 0, "relevance_score": 2}]}',
        b'{"results": [{"index": 0, "relevance_score": 1}, {"index": 7, "relevance_score": 2}]}',
        b'{"results": [{"index": 0, "relevance_score": 1}, {"index": 1, "relevance_score": 1e999}]}',
    ],
)
def test_anything_else_is_no_answer(said: bytes) -> None:
    with pytest.raises(SysError) as caught:
        judged(said, 2)
    assert caught.value.code is Code.MODEL
