"""A linear scorer that puts evidence first, fitted listwise.

    Example            one question: its candidates' features, and which of them are evidence
    fit(examples)      -> Linear: one weight vector and a deviation for each stream

The loss of a question is the cross entropy between the softmax of the scores and the evidence; of a turn
of several pages the one that scores best is taken for the evidence (two rounds of
expectation and maximisation).  It is convex, so a descent that remembers its last steps (L-BFGS) with
a ridge is enough.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
_ENOUGH = 1e-5
"""A step that gains less than this part of the loss is the last."""
_MEMORY = 12
"""Steps that are remembered."""


@dataclass(frozen=True, slots=True)
class Example:
    """`streams` number each candidate's stream; `golds` are groups of candidates, each a turn of
    evidence; `log_weight` makes up for candidates that were left out; `start` ranks before anything
    is known."""

    values: Floats
    streams: NDArray[np.int64]
    golds: tuple[NDArray[np.int64], ...]
    log_weight: Array
    start: Array


@dataclass(frozen=True, slots=True)
class Linear:
    mean: Array
    scale: Array
    shared: Array
    deviation: dict[int, Array]


@dataclass(frozen=True, slots=True)
class Ridge:
    shared: float = 10.0
    deviation: float = 20.0
    turns: float = -0.5
    """A question with n turns of evidence weighs n ** (1 + turns)."""


def fit(
    examples: list[Example], *, ridge: Ridge = Ridge(), rounds: int = 2, steps: int = 80
) -> Linear:
    problem = _Problem(examples, ridge)
    weights = np.zeros(problem.width * (1 + len(problem.known)))
    for turn in range(rounds):
        scores = np.concatenate([each.start for each in examples])
        problem.aim(scores if turn == 0 else problem.scores(weights))
        weights = descend(problem.loss, weights, steps)
    parts = weights.reshape(-1, problem.width)
    deviation = dict(zip(problem.known, parts[1:], strict=True))
    return Linear(problem.mean, problem.scale, parts[0], deviation)


class _Problem:
    """All candidates of all questions, one below the other."""

    def __init__(self, examples: list[Example], ridge: Ridge) -> None:
        values = np.concatenate([each.values for each in examples]).astype(np.float32)
        self.mean = values.mean(axis=0, dtype=np.float64)
        self.scale = values.std(axis=0, dtype=np.float64)
        self.scale[self.scale < 1e-6] = 1.0
        values -= self.mean.astype(np.float32)
        values /= self.scale.astype(np.float32)
        self.width = values.shape[1]
        streams = np.concatenate([each.streams for each in examples])
        self.known: list[int] = sorted(set(streams.tolist()))
        self._parts = [np.flatnonzero(streams == stream) for stream in self.known]
        self._values = [values[part] for part in self._parts]
        self._size = np.array([len(each.values) for each in examples])
        self._start = np.cumsum(self._size) - self._size
        self._log_weight = np.concatenate([each.log_weight for each in examples])
        self._golds = [
            start + gold
            for each, start in zip(examples, self._start, strict=True)
            for gold in each.golds
        ]
        self._penalty = np.full((1 + len(self.known), self.width), ridge.deviation)
        self._penalty[0] = ridge.shared
        self._turns = np.array([len(each.golds) for each in examples], dtype=np.float64)
        self._weight = self._turns**ridge.turns
        self._target = np.zeros(len(streams))

    def aim(self, scores: Array) -> None:
        """How much of the evidence each candidate is, by these scores."""
        self._target[:] = 0
        for gold in self._golds:
            part = np.exp(scores[gold] - scores[gold].max())
            self._target[gold] += part / part.sum()
        self._target *= np.repeat(self._weight, self._size)

    def scores(self, weights: Array) -> Array:
        shared, *own = weights.reshape(-1, self.width)
        out = np.zeros(len(self._target))
        for part, values, deviation in zip(self._parts, self._values, own, strict=True):
            out[part] = values @ (shared + deviation).astype(np.float32)
        return out

    def loss(self, weights: Array) -> tuple[float, Array]:
        """And how it changes with the weights."""
        scores = self.scores(weights) + self._log_weight
        scores -= np.repeat(np.maximum.reduceat(scores, self._start), self._size)
        likely = np.exp(scores)
        total = np.add.reduceat(likely, self._start)
        penalised = self._penalty.ravel() * weights
        lost = -float((self._target * (scores - np.repeat(np.log(total), self._size))).sum())
        pull = likely * np.repeat(self._weight * self._turns / total, self._size) - self._target
        own = [
            values.T @ pull[part].astype(np.float32)
            for part, values in zip(self._parts, self._values, strict=True)
        ]
        gradient = np.stack([np.sum(own, axis=0), *own]).astype(np.float64).ravel()
        return lost + 0.5 * float(penalised @ weights), gradient + penalised


def descend(loss: Callable[[Array], tuple[float, Array]], at: Array, steps: int) -> Array:
    """L-BFGS with halved steps."""
    now, slope = loss(at)
    past: list[tuple[Array, Array]] = []
    for _ in range(steps):
        way = -_curved(slope, past)
        size, least = 1.0, 1e-4 * float(slope @ way)
        while (found := loss(at + size * way))[0] > now + size * least and size > 1e-4:
            size /= 2
        moved, bent = size * way, found[1] - slope
        if float(moved @ bent) > 1e-12:
            past = [*past[1 - _MEMORY :], (moved, bent)]
        at = at + moved
        gained, (now, slope) = now - found[0], found
        if gained < _ENOUGH * abs(now):
            break
    return at


def _curved(slope: Array, past: list[tuple[Array, Array]]) -> Array:
    """The slope times what the last steps tell of the curvature."""
    out = slope.copy()
    parts = []
    for moved, bent in reversed(past):
        parts.append(float(moved @ out) / float(bent @ moved))
        out -= parts[-1] * bent
    if past:
        moved, bent = past[-1]
        out *= float(moved @ bent) / float(bent @ bent)
    else:
        out /= max(float(np.linalg.norm(slope)), 1e-9)
    for (moved, bent), part in zip(past, reversed(parts), strict=True):
        out += moved * (part - float(bent @ out) / float(bent @ moved))
    return out
