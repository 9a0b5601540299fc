"""What vectors weigh beside words, on conversations whose evidence is known.

    near_by(prepared, name, file)  how near each page is to each question, by a model -> Nears
    nearness(talk, nears)          the same, as memory asks for it
    Meant(nears)                   gathers, of scorers that have not seen a conversation, what they say of it
    Meant.fitted(weights)          the table with `meaning` and `meaning_gate`

`meaning` is the weight with which the softmax of the scores puts most on the evidence; `meaning_gate` that with
which the gate is right most often.  Each is one number: it is looked for on a grid.
"""

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lib_memory.data import Conversation
from logos import config
from logos.abi.driver import Embedder
from logos.abi.ids import Pid
from logos.boot.models import ModelNames
from logos.kernel.meaning import USED
from logos.kernel.meaning.question import CHARS
from logos.kernel.meaning.vectors import unit
from logos.kernel.memory import Near, key, page_text
from logos.kernel.memory.features import measure
from logos.kernel.memory.near import standing_out
from logos.kernel.memory.query import Query
from logos.kernel.memory.scorer import Scorer, Weights
from logos.kernel.memory.space import Space

BATCH = 64
GRID = np.round(np.arange(0.0, 4.01, 0.05), 2)
RIDGE = 0.002
"""Of a weight, squared: with few questions it stays small."""

Floats: TypeAlias = NDArray[np.float32]
Nears: TypeAlias = dict[tuple[str, str], Near]
"""By the names of conversation and question."""


class Measured(Protocol):
    """A conversation, and its pages."""

    @property
    def conversation(self) -> Conversation: ...
    @property
    def space(self) -> Space: ...


async def near_by(prepared: Sequence[Measured], name: str, settings: Path | None) -> Nears:
    """`name` as in `memory.embedder`, `settings` the file that says where it is."""
    models = ModelNames(config.load(settings, os.environ).config, os.environ, {})
    try:
        return await _embedded(prepared, await models.embedder(name))
    finally:
        await models.close()


def nearness(talk: Conversation, nears: Nears) -> Callable[[Pid, str], Awaitable[tuple[Near, str]]]:
    by_text = {each.text: nears[talk.name, each.id] for each in talk.questions}

    async def near(pid: Pid, question: str) -> tuple[Near, str]:
        del pid
        return by_text[question], USED

    return near


async def _embedded(prepared: Sequence[Measured], embedder: Embedder) -> Nears:
    out: Nears = {}
    for talk, space in ((each.conversation, each.space) for each in prepared):
        cols = space.table.columns()
        pages = [
            page_text(talk.event(seq))[start:end]
            for seq, start, end in zip(cols.seq, cols.start, cols.end, strict=True)
        ]
        keys = key(cols.seq.astype(np.int64), cols.start.astype(np.int64))
        order = np.argsort(keys, kind="stable")
        matrix = (await _vectors(embedder, pages))[order]
        asked = await _vectors(embedder, [each.text[:CHARS] for each in talk.questions])
        for question, vector in zip(talk.questions, asked, strict=True):
            out[talk.name, question.id] = Near(keys[order], matrix @ vector)
    return out


async def _vectors(embedder: Embedder, texts: Sequence[str]) -> Floats:
    """Of an empty text, none: it is near to nothing."""
    rows: list[Floats] = []
    for at in range(0, len(texts), BATCH):
        some = [text.strip() or "." for text in texts[at : at + BATCH]]
        made = await embedder.embed(some)
        rows += [unit(vector) for vector in made.vectors]
    return np.stack(rows) if rows else np.zeros((0, max(embedder.dimension, 1)), dtype=np.float32)


@dataclass
class Meant:
    nears: Nears
    asked: list[tuple[Floats, Floats, list[NDArray[np.int64]]]] = field(default_factory=list)
    best: list[float] = field(default_factory=list)

    def hear(self, scorer: Scorer, talk: Conversation, space: Space, asked: Any) -> None:
        """A question to a conversation that the scorer has not seen."""
        query: Query = asked.query
        near = self.nears[talk.name, asked.question.id]
        measured = measure(space, query, near=near)
        streams = space.table.columns().stream[measured.rows]
        scores, _ = scorer.score(measured.values, streams)
        seqs = space.table.columns().seq[measured.rows].tolist()
        turns = np.array([talk.turn(seq) for seq in seqs])
        golds = [np.flatnonzero(turns == gold) for gold in sorted(asked.question.evidence)]
        golds = [gold for gold in golds if len(gold)]
        if golds:
            self.asked.append((scores, measured.close, golds))

    def judge(self, talk: Conversation, space: Space, asked: Any) -> None:
        """One that the gate is fitted to; in the order of these."""
        near = self.nears[talk.name, asked.question.id]
        close = measure(space, asked.query, near=near).close
        self.best.append(standing_out(close))

    def fitted(self, weights: Weights, rows: NDArray[Any], answers: NDArray[Any]) -> dict[str, Any]:
        """What is to be changed in the table."""
        found: dict[str, Any] = {"meaning": 0.0, "meaning_gate": 0.0}
        if self.asked:
            found["meaning"] = _least(lambda weight: self.loss(weight) + RIDGE * weight**2)
        if weights.gate and len(self.best) == len(rows) and not answers.all():
            by_words = rows.astype(np.float64) @ np.array(weights.gate) + weights.gate_bias
            best, right = np.array(self.best), answers.astype(np.float64)

            def loss(weight: float) -> float:
                odds = by_words + weight * best
                return float(np.mean(np.logaddexp(0.0, odds) - right * odds)) + RIDGE * weight**2

            found["meaning_gate"] = _least(loss)
        return found

    def loss(self, weight: float) -> float:
        """Of the evidence, with so much for each deviation; a question with n turns weighs sqrt(n)."""
        total = mass = 0.0
        for scores, close, golds in self.asked:
            found = (scores + np.float32(weight) * close).astype(np.float64)
            found -= np.logaddexp.reduce(found)
            share = len(golds) ** -0.5
            total -= share * sum(float(np.logaddexp.reduce(found[gold])) for gold in golds)
            mass += share * len(golds)
        return total / max(mass, 1e-9)


def _least(loss: Callable[[float], float]) -> float:
    return float(min(GRID.tolist(), key=loss))
