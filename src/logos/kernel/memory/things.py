"""Questions for things of a kind: each of them is heard of before there is more of the same.

    each_thing(space, query, rows, scores, open_)    scores with which the best page of each thing stands higher

Who asks which sports somebody does is answered by one page for each sport.  By themselves the pages that fit best are
about the same one or two, and the third comes in behind all that was ever said of them.

Invariant: only pages of people talking are moved, and of those at most one for each thing.
"""

import numpy as np
from numpy.typing import NDArray

from logos.kernel.memory.index import Floats
from logos.kernel.memory.page import Kind
from logos.kernel.memory.query import Query
from logos.kernel.memory.space import Space
from logos.kernel.memory.table import KINDS
from logos.kernel.memory.text import things

EACH = 1.5
"""What the best page of a thing gains: docs/design/0023-where-weights-come-from.md."""
_PEOPLE = KINDS.index(Kind.PEOPLE)
Ints = NDArray[np.int64]


def each_thing(
    space: Space, query: Query, rows: Ints, scores: Floats, open_: NDArray[np.bool_]
) -> Floats:
    """`scores` are those of `rows`, in order; only what is `open_` is moved."""
    cols = space.table.columns()
    may = open_ & (cols.kind[rows] == _PEOPLE)
    if not query.wanted or not may.any():
        return scores
    place = np.full(len(cols.kind), -1, dtype=np.int64)
    place[rows[may]] = np.flatnonzero(may)
    best = set()
    for thing in things(query.wanted).difference(query.terms):
        at = place[space.words.rows(thing)]
        at = at[at >= 0]
        if len(at):
            best.add(int(at[np.argmax(scores[at])]))
    out = scores.copy()
    out[list(best)] += np.float32(EACH)
    return out
