"""A linear scorer that puts evidence first, fitted listwise.

    Example            one question: its candidates' features, and which of them are evidence
    fit(examples)      -> Linear: one weight vector and a deviation for each stream

The loss of a question is the cross entropy between the softmax of the scores and the evidence; of a turn
of several pages the one that scores best is taken for the evidence (two rounds of
expectation and maximisation).  It is convex, so damped Newton steps with a ridge are enough.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_ENOUGH = 0.2
"""A step that gains less than this, of a loss in the thousands, is the last."""


@dataclass(frozen=True, slots=True)
class Example:
    """`streams` number each candidate's stream; `golds` are groups of candidates, each a turn of
    evidence; `log_weight` makes up for candidates that were left out; `start` ranks before anything
    is known."""

    values: NDArray[np.float32]
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
    examples: list[Example], *, ridge: Ridge = Ridge(), rounds: int = 2, steps: int = 12
) -> Linear:
    stacked = np.concatenate([each.values for each in examples]).astype(np.float64)
    mean, scale = stacked.mean(axis=0), stacked.std(axis=0)
    scale[scale < 1e-6] = 1.0
    streams = sorted(set(np.concatenate([each.streams for each in examples]).tolist()))
    width = len(mean)
    wide = [_spread((each.values - mean) / scale, each.streams, streams) for each in examples]
    penalty = np.concatenate(
        [np.full(width, ridge.shared), np.full(width * len(streams), ridge.deviation)]
    )
    weights = np.zeros(len(penalty))
    for turn in range(rounds):
        targets = [
            _target(each, each.start if turn == 0 else x @ weights[place])
            for each, (x, place) in zip(examples, wide, strict=True)
        ]
        weights = _Problem(examples, wide, targets, penalty, ridge.turns).solve(weights, steps)
    parts = weights.reshape(-1, width)
    return Linear(mean, scale, parts[0], dict(zip(streams, parts[1:], strict=True)))


Wide = tuple[Array, NDArray[np.int64]]


def _spread(values: Array, streams: NDArray[np.int64], known: list[int]) -> Wide:
    """Columns for the shared weights and for each stream present, and which weights they meet."""
    width = values.shape[1]
    columns, places = [values], [np.arange(width)]
    for stream in np.unique(streams):
        columns.append(values * (streams == stream)[:, None])
        places.append(width * (1 + known.index(int(stream))) + np.arange(width))
    return np.concatenate(columns, axis=1), np.concatenate(places)


def _target(example: Example, scores: Array) -> Array:
    """How much of the evidence each candidate is."""
    target = np.zeros(len(example.values))
    for gold in example.golds:
        part = np.exp(scores[gold] - scores[gold].max())
        target[gold] += part / part.sum()
    return target


@dataclass(frozen=True, slots=True)
class _Problem:
    examples: list[Example]
    wide: list[Wide]
    targets: list[Array]
    penalty: Array
    turns: float

    def solve(self, weights: Array, steps: int) -> Array:
        loss, gradient, hessian = self.at(weights, curved=True)
        for _ in range(steps):
            step = np.linalg.solve(hessian, gradient)
            size = 1.0
            while self.at(weights - size * step, curved=False)[0] > loss and size > 1e-3:
                size /= 2
            weights = weights - size * step
            before, (loss, gradient, hessian) = loss, self.at(weights, curved=True)
            if before - loss < _ENOUGH:
                break
        return weights

    def at(self, weights: Array, *, curved: bool) -> tuple[float, Array, Array]:
        """Loss, gradient and (when `curved`) curvature."""
        loss = 0.5 * float((self.penalty * weights * weights).sum())
        gradient = self.penalty * weights
        hessian = np.diag(self.penalty)
        for each, (x, place), target in zip(self.examples, self.wide, self.targets, strict=True):
            scores = x @ weights[place] + each.log_weight
            top = scores.max()
            likely = np.exp(scores - top)
            total = likely.sum()
            likely /= total
            turns = target.sum()
            weight = turns**self.turns
            loss -= weight * float((target * (scores - top - np.log(total))).sum())
            if not curved:
                continue
            gradient[place] += weight * (x.T @ (turns * likely - target))
            centre = likely @ x
            curve = (x * likely[:, None]).T @ x - np.outer(centre, centre)
            hessian[np.ix_(place, place)] += weight * turns * curve
        return loss, gradient, hessian
