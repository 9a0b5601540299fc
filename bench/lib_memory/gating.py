"""Logistic fits for the gate and for memorability.

Logistic               weights, bias and the scale they were fitted on folded in
fit(inputs, answers)   by Newton steps with a ridge
auroc                  how often a positive is ranked over a negative
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Logistic:
    weights: Array
    bias: float

    def predict(self, inputs: Array) -> Array:
        return np.asarray(1 / (1 + np.exp(-(inputs @ self.weights + self.bias))), dtype=np.float64)


def fit(inputs: Array, answers: Array, *, ridge: float = 1.0, steps: int = 25) -> Logistic:
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0)
    scale[scale < 1e-6] = 1.0
    x = np.concatenate([(inputs - mean) / scale, np.ones((len(inputs), 1))], axis=1)
    penalty = np.append(np.full(inputs.shape[1], ridge), 1e-6)
    weights = np.zeros(x.shape[1])
    for _ in range(steps):
        likely = 1 / (1 + np.exp(-(x @ weights)))
        gradient = x.T @ (likely - answers) + penalty * weights
        hessian = (x * (likely * (1 - likely))[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        weights -= step * min(1.0, 3.0 / max(float(np.abs(step).max()), 1e-9))
    plain = weights[:-1] / scale
    return Logistic(plain, float(weights[-1] - plain @ mean))


def auroc(scores: Array, positive: NDArray[np.bool_]) -> float:
    order = np.argsort(scores, kind="stable")
    _, inverse, counts = np.unique(scores[order], return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[inverse]
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return float("nan")
    return float((ranks[positive[order]].sum() - n * (n + 1) / 2) / (n * m))
