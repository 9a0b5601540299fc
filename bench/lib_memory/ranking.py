"""A linear scorer that puts evidence first, fitted listwise.

    Example            one question: its candidates' features, and which of them are evidence
    fit(examples)      -> Linear: one weight vector and a deviation for each kind of stream

The loss of a question is the cross entropy between the softmax of the scores and the evidence; of a turn
of several pages the one that scores best is taken for the evidence (two rounds of
expectation and maximisation).  It is convex, so damped Newton steps with a ridge are enough.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Example:
    """`log_weight` makes up for candidates that were left out; `start` ranks before anything is
    known; `golds` are groups of candidates, each a turn of evidence."""

    values: NDArray[np.float32]
    kind: str
    golds: tuple[NDArray[np.int64], ...]
    log_weight: Array
    start: Array


@dataclass(frozen=True, slots=True)
class Linear:
    mean: Array
    scale: Array
    shared: Array
    deviation: dict[str, Array]

    def score(self, values: NDArray[np.float32], kind: str) -> Array:
        weights = self.shared + self.deviation.get(kind, 0)
        return np.asarray(((values - self.mean) / self.scale) @ weights, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Ridge:
    shared: float = 10.0
    deviation: float = 20.0


def fit(
    examples: list[Example], *, ridge: Ridge = Ridge(), rounds: int = 2, steps: int = 12
) -> Linear:
    stacked = np.concatenate([each.values for each in examples]).astype(np.float64)
    mean, scale = stacked.mean(axis=0), stacked.std(axis=0)
    scale[scale < 1e-6] = 1.0
    kinds = sorted({each.kind for each in examples})
    inputs = [(each.values - mean) / scale for each in examples]
    width = len(mean)
    blocks = [slice(width * (1 + kinds.index(each.kind)), width * (2 + kinds.index(each.kind))) for each in examples]
    penalty = np.concatenate([np.full(width, ridge.shared), np.full(width * len(kinds), ridge.deviation)])
    weights = np.zeros(width * (1 + len(kinds)))
    for turn in range(rounds):
        targets = [
            _target(each, each.start if turn == 0 else x @ (weights[:width] + weights[block]))
            for each, x, block in zip(examples, inputs, blocks, strict=True)
        ]
        problem = _Problem(examples, inputs, blocks, targets, penalty)
        weights = problem.solve(weights, steps)
    deviation = {kind: weights[width * (1 + i) : width * (2 + i)] for i, kind in enumerate(kinds)}
    return Linear(mean, scale, weights[:width], deviation)


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
    inputs: list[Array]
    blocks: list[slice]
    targets: list[Array]
    penalty: Array

    def solve(self, weights: Array, steps: int) -> Array:
        loss, gradient, hessian = self.at(weights, curved=True)
        for _ in range(steps):
            step = np.linalg.solve(hessian, gradient)
            size = 1.0
            while True:
                trial = self.at(weights - size * step, curved=False)[0]
                if trial <= loss or size < 1e-3:
                    break
                size /= 2
            weights = weights - size * step
            before, (loss, gradient, hessian) = loss, self.at(weights, curved=True)
            if before - loss < 1e-3:
                break
        return weights

    def at(self, weights: Array, *, curved: bool) -> tuple[float, Array, Array]:
        """Loss, gradient and (when `curved`) curvature.  A question with n turns of evidence counts
        as the square root of n."""
        width = self.inputs[0].shape[1]
        loss = 0.5 * float((self.penalty * weights * weights).sum())
        gradient = self.penalty * weights
        hessian = np.diag(self.penalty) if curved else np.zeros((0, 0))
        for each, x, block, target in zip(
            self.examples, self.inputs, self.blocks, self.targets, strict=True
        ):
            scores = x @ (weights[:width] + weights[block]) + each.log_weight
            top = scores.max()
            likely = np.exp(scores - top)
            total = likely.sum()
            likely /= total
            turns = target.sum()
            weight = turns**-0.5
            loss -= weight * float((target * (scores - top - np.log(total))).sum())
            slope = weight * (x.T @ (turns * likely - target))
            gradient[:width] += slope
            gradient[block] += slope
            if curved:
                centre = likely @ x
                curve = weight * turns * ((x * likely[:, None]).T @ x - np.outer(centre, centre))
                for a in (slice(0, width), block):
                    for b in (slice(0, width), block):
                        hessian[a, b] += curve
        return loss, gradient, hessian
