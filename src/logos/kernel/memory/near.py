"""What models say of pages and a question, which words do not.  Pure.

    Near                 cosines of pages with a question, by where the pages stand
    Judged               what a reranker says of some pages, by where they stand
    key(seq, start)      where a page stands, as one number
    closeness(near, ...) how near each row is -> deviations from the median, 0 where nothing is known
    standing_out(close)  by how much the nearest is further off than chance takes one
    preference(judged)   how far each row stands above the worst judged -> deviations, 0 for the others
    nearest(close)       the rows that are candidates for their nearness alone
    Near.upto(seq)       without the pages of later events

What a cosine means differs from model to model, and from space to space.  So a page counts by how
far it stands out among the others: in deviations from the median, by the median deviation, which a
few good pages do not move.  Judgements are about few pages, most of them good, and count from the worst.

Invariant: rows of which nothing is said are as if nothing was said of any.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

MOST = 32
"""Pages that become candidates because they are near."""

FROM = 2.0
"""Deviations from which a page stands out: in a thousand pages some twenty are so far off by chance."""

CEILING = 10.0
"""Deviations beyond which more says nothing."""

_LEAST_SPREAD = 0.03
"""Cosines of few or of equal pages hardly differ."""
_TO_DEVIATION = 1.4826
_FEW = 3
_ALIKE = 1e-6


MOST_PREFERRED = 4.0
"""Deviations above the worst beyond which more says nothing."""


@dataclass(frozen=True, slots=True)
class Near:
    """`keys` ascend."""

    keys: Ints
    cosines: Floats

    def upto(self, seq: int) -> "Near":
        size = int(self.keys.searchsorted((seq + 1) << 32))
        return Near(self.keys[:size], self.cosines[:size])


@dataclass(frozen=True, slots=True)
class Judged:
    """`keys` in any order, each once."""

    keys: Ints
    scores: Floats


def key(seq: Ints, start: Ints) -> Ints:
    return (seq << 32) | start


def closeness(near: Near, seq: Ints, start: Ints) -> Floats:
    """Of the pages that stand there, between -CEILING and CEILING."""
    out = np.zeros(len(seq), dtype=np.float32)
    if len(near.keys) < _FEW:
        return out
    wanted = key(seq, start)
    at = np.minimum(np.searchsorted(near.keys, wanted), len(near.keys) - 1)
    known = near.keys[at] == wanted
    middle = np.median(near.cosines)
    spread = _TO_DEVIATION * float(np.median(np.abs(near.cosines - middle)))
    far = (near.cosines[at] - middle) / max(spread, _LEAST_SPREAD)
    out[known] = np.clip(far[known], -CEILING, CEILING)
    return out


def standing_out(close: Floats) -> float:
    return max(float(close.max(initial=0.0)) - FROM, 0.0)


def preference(judged: Judged, seq: Ints, start: Ints) -> Floats:
    """Of the pages that stand there, between 0 and MOST_PREFERRED."""
    out = np.zeros(len(seq), dtype=np.float32)
    spread = float(judged.scores.std()) if len(judged.scores) else 0.0
    if spread < _ALIKE:
        return out
    above = np.clip((judged.scores - judged.scores.min()) / spread, 0, MOST_PREFERRED)
    order = np.argsort(judged.keys, kind="stable")
    keys, above = judged.keys[order], above[order]
    wanted = key(seq, start)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    known = keys[at] == wanted
    out[known] = above[at][known]
    return out


def nearest(close: Floats, live: NDArray[np.bool_]) -> Ints:
    """The `MOST` nearest of those that are `live` and stand out."""
    rows = np.flatnonzero(live & (close > FROM))
    return rows[np.argsort(-close[rows], kind="stable")[:MOST]]
