"""Reranking: how well texts answer a question.

Reranking(name, endpoint)              satisfies Reranker: `POST URL/rerank`, as Jina, Cohere, Voyage, vLLM and
                                       llama.cpp's server speak it
LocalReranking(name, path, endpoint)   the same by a GGUF file in this process (`xllamacpp`)
open_reranker(name, endpoint)          one of them, by the name of the model
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from logos.abi.driver import Reranked
from logos.abi.errors import Code, SysError
from logos.drivers.model.aside import Aside
from logos.drivers.model.endpoint import Endpoint
from logos.drivers.model.engine import Mode
from logos.drivers.model.wire import Wire

PLACES = 4
"""Requests at once."""

VENDORS = {
    "cohere": "https://api.cohere.com/v2",
    "jina": "https://api.jina.ai/v1",
    "voyage": "https://api.voyageai.com/v1",
}

PROBE = ("Where is the key?", "The key is under the mat.", "It rained.", "Nobody was in.")
ALIKE = 0.01
"""Scores of one text differ by no more, whatever stands beside it."""


class _Row(msgspec.Struct):
    index: int
    relevance_score: float


class _Usage(msgspec.Struct):
    total_tokens: int = 0


class _Answer(msgspec.Struct):
    """Voyage calls its results `data`."""

    results: list[_Row] | None = None
    data: list[_Row] | None = None
    usage: _Usage | None = None


class Reranking:
    def __init__(self, name: str, endpoint: Endpoint) -> None:
        """Raise `not_found` for one nobody knows where to find."""
        who, _, model = name.partition("/")
        url = endpoint.url or VENDORS.get(who, "")
        if not url:
            raise SysError(
                Code.NOT_FOUND,
                f"{name!r} judges nothing",
                hint=f"give its url in the settings, or take one of {', '.join(VENDORS)}",
            )
        headers = {"authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
        self._model = endpoint.model or model or name
        self.name = f"{name}:{self._model}"
        self._wire = Wire(endpoint, url.rstrip("/") + "/rerank", headers, PLACES)

    async def rerank(self, question: str, texts: Sequence[str]) -> Reranked:
        if not texts:
            return Reranked(())
        body = {"model": self._model, "query": question, "documents": list(texts)}
        async with self._wire.post(msgspec.json.encode(body)) as answer:
            said = b"".join([piece async for piece in answer])
        return judged(said, len(texts))

    async def aclose(self) -> None:
        await self._wire.aclose()


class LocalReranking:
    def __init__(self, name: str, path: Path, endpoint: Endpoint) -> None:
        """Raise `not_found` where there is no file."""
        self._engine = Aside(name, path, endpoint, Mode.RERANK)
        self.name = self._engine.name
        self._proved = False

    async def rerank(self, question: str, texts: Sequence[str]) -> Reranked:
        if not texts:
            return Reranked(())
        if not self._proved:
            await self._prove()
        return await self._judged(question, texts)

    async def _prove(self) -> None:
        """The engine reads scores out of any model, and those of one that was not made for it
        depend on what else is judged.  Raise `model` then."""
        there = (await self._judged(PROBE[0], PROBE)).scores
        back = (await self._judged(PROBE[0], PROBE[::-1])).scores[::-1]
        if not np.allclose(there, back, atol=ALIKE):
            hint = "is it a model for reranking?"
            raise SysError(Code.MODEL, f"{self._engine.path.name} judges nothing", hint=hint)
        self._proved = True

    async def _judged(self, question: str, texts: Sequence[str]) -> Reranked:
        fields: dict[str, Any] = {"query": question, "documents": list(texts)}
        said = await self._engine.ask("handle_rerank", fields)
        return judged(msgspec.json.encode(said), len(texts))

    async def aclose(self) -> None:
        await self._engine.aclose()


def judged(said: bytes, wanted: int) -> Reranked:
    """An answer of this dialect, checked.  Raise `model`."""
    try:
        answer = msgspec.json.decode(said, type=_Answer)
    except msgspec.DecodeError as error:
        raise SysError(Code.MODEL, f"no scores came: {error}") from error
    rows = answer.results or answer.data or []
    scores = {row.index: row.relevance_score for row in rows}
    if len(rows) != wanted or sorted(scores) != list(range(wanted)):
        raise SysError(Code.MODEL, f"{len(scores)} scores came for {wanted} texts")
    found = tuple(scores[n] for n in range(wanted))
    if not all(map(math.isfinite, found)):
        raise SysError(Code.MODEL, "a score came that is not a number")
    return Reranked(found, answer.usage.total_tokens if answer.usage else 0)


def open_reranker(name: str, endpoint: Endpoint) -> Reranking | LocalReranking:
    """Raise `not_found` for a model that judges nothing, and for a file that is not there."""
    who, _, model = name.partition("/")
    if who != "local":
        return Reranking(name, endpoint)
    return LocalReranking(name, Path(endpoint.model or model), endpoint)
