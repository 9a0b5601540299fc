"""From features to a score: one weight vector, and a small deviation for each stream.

    Weights        everything that was learned, as data; `load()` reads the shipped table
    score          features -> one number per page; a softmax of them is how likely each is wanted
    reasons        the features that moved a page's score most

The table says where it came from; `bench/fit_pager.py` makes another from one's own history.

Invariant: a page's score is a linear function of its features.
"""

from collections.abc import Sequence
from functools import lru_cache
from importlib import resources

import msgspec
import numpy as np
from numpy.typing import NDArray

from logos.abi.errors import Code, SysError
from logos.kernel.memory.features import NAMES
from logos.kernel.memory.index import Floats
from logos.kernel.memory.table import STREAMS


class Weights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`deviation` is by stream: a kind, and who speaks where that is known.  `mean` and `scale` bring a feature to the scale it was learned on.  `gate` and `gate_bias` are
    for the names in `gate_names`; `threshold` is the confidence below which nothing is paged in, `floor` that below which even a search for what
    a known subject said finds nothing.
    `meaning` is what each deviation by which a page's vector is nearer than most (near.py) adds to its score, and
    `meaning_gate` what each by which the nearest stands out adds to the gate: fitted with a small model of sentences, and best
    fitted again with one's own (`bench/fit_pager.py --embedder`).
    `rerank` is what each deviation adds by which a page stands above the worst that a reranker was shown: a guess.
    `memorable` are by kind of stream, the bias last, for any other kind under ""; `temperature` flattens
    the softmax."""

    note: str
    names: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    shared: tuple[float, ...]
    deviation: dict[str, tuple[float, ...]]
    gate_names: tuple[str, ...] = ()
    gate: tuple[float, ...] = ()
    gate_bias: float = 0.0
    threshold: float = 0.0
    floor: float = 0.0
    temperature: float = 1.0
    memorable: dict[str, tuple[float, ...]] = {}
    meaning: float = 0.3
    meaning_gate: float = 0.05
    rerank: float = 1.0


def parse(raw: bytes) -> Weights:
    try:
        weights = msgspec.json.decode(raw, type=Weights)
    except msgspec.DecodeError as error:
        raise SysError(Code.INVALID, f"not a table of weights: {error}") from error
    if weights.names != NAMES:
        raise SysError(
            Code.INVALID,
            "the table of weights is for other features",
            hint="fit it again with bench/fit_pager.py",
        )
    return weights


@lru_cache(maxsize=1)
def load() -> Weights:
    """The weights that ship."""
    return parse(resources.files("logos.kernel.memory").joinpath("weights.json").read_bytes())


class Scorer:
    """Weights as arrays."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self._mean = np.array(weights.mean, dtype=np.float32)
        self._scale = np.array(weights.scale, dtype=np.float32)
        shared = np.array(weights.shared, dtype=np.float32)
        none = (0.0,) * len(shared)
        self._by_stream = np.stack(
            [
                shared + np.array(weights.deviation.get(name, none), dtype=np.float32)
                for name in STREAMS
            ]
        )

    def score(
        self, values: Floats, streams: NDArray[np.int64], part: Sequence[int] = ()
    ) -> tuple[Floats, Floats]:
        """Of each page its score, and how much of that comes from the features `part`.  `streams`
        number each page's stream in the order of STREAMS."""
        there = np.flatnonzero(np.bincount(streams, minlength=1))
        weights = np.zeros((2, len(there), values.shape[1]), dtype=np.float32)
        weights[0] = self._by_stream[there]
        weights[1][:, list(part)] = weights[0][:, list(part)]
        centred = (values - self._mean) / self._scale
        both = weights.reshape(-1, values.shape[1])
        of_all = np.asarray(centred @ both.T, dtype=np.float32)
        column = np.searchsorted(there, streams)
        row = np.arange(len(values))
        return of_all[row, column], of_all[row, column + len(there)]

    def reasons(
        self, values: Floats, streams: NDArray[np.int64], *, most: int = 3
    ) -> list[tuple[tuple[str, float], ...]]:
        """For each page the `most` features that moved its score most, largest first."""
        moved = (values - self._mean) / self._scale * self._by_stream[streams]
        order = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :most]
        sizes = np.take_along_axis(moved, order, axis=1).astype(float).round(2).tolist()
        return [
            tuple((NAMES[i], size) for i, size in zip(names, row, strict=True))
            for names, row in zip(order.tolist(), sizes, strict=True)
        ]
