"""What of a question is not to be found where it is answered best.

    missing(space, query, row)    -> Missing: around the page in `row`

Whoever asks for something that was never said mostly takes a true statement and changes a word: a kitten
for a puppy.  Then nearly everything matches, and that word is nowhere near, or something of its kind
stands there instead.

Invariant: it depends on the question, on the pages around the row, and on how rare words are in the space.
"""

from typing import NamedTuple

from logos.kernel.memory.index import Ints
from logos.kernel.memory.query import Query
from logos.kernel.memory.space import Space
from logos.kernel.memory.text import kinds

_NEAR = 2
"""Pages to both sides where a word still counts as being there."""
_BESIDE = 1
"""And something of its kind."""
_SMALL = 1e-6


class Missing(NamedTuple):
    """Of the words of the question: the rarest that nobody ever used and the rarest that does not stand near, as shares
    of its rarest; and the share of its weight in words that something of their kind stands for."""

    unheard: float
    absent: float
    swapped: float


def missing(space: Space, query: Query, row: int) -> Missing:
    group = space.table.columns().group
    here = group[row]
    most = total = _SMALL
    unheard = absent = swapped = 0.0

    def near(rows: Ints, reach: int) -> bool:
        at = int(rows.searchsorted(row - reach))
        for other in rows[at : at + 2 * reach + 1].tolist():
            if other <= row + reach and group[other] == here:
                return True
        return False

    for term in set(query.terms):
        weight, rows = space.words.idf(term), space.words.rows(term)
        most = max(most, weight)
        total += weight
        if not len(rows):
            unheard = max(unheard, weight)
        if not near(rows, _NEAR):
            absent = max(absent, weight)
            if any(near(space.kinds.rows(kind), _BESIDE) for kind in kinds([term])):
                swapped += weight
    return Missing(unheard / most, absent / most, swapped / total)
