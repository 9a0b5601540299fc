"""Words a slip of the finger away from one another.

    one_slip(lines, starts, word)    of sorted words, a line each, those that `word` is one letter away from
    READABLE                         letters a word has at least for its slips to be told from other words

One letter is missing, or one too many, or two neighbours have changed places.  Another letter in place of one
makes another word more often than a slip ("father", "gather").  All words are compared at once: how much of its
beginning and of its end each shares with `word`, which has three letters at least, so that the first or the last is
the same.

Invariant: a word is not a slip of itself.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

READABLE = 6


def one_slip(lines: bytes, starts: Sequence[int], word: str) -> list[str]:
    """`starts`: where each line begins, and where the last one ends."""
    text = np.frombuffer(lines, dtype=np.uint8)
    begins = np.asarray(starts, dtype=np.int64)
    sizes = np.diff(begins) - 1
    mine = np.frombuffer(word.encode(), dtype=np.uint8)
    out = []
    for size in range(len(mine) - 1, len(mine) + 2):
        at = begins[:-1][sizes == size]
        at = at[(text[at] == mine[0]) | (text[at + (size - 1)] == mine[-1])]
        letters = text[at[:, None] + np.arange(size)]
        least = min(size, len(mine))
        head = _agree(letters[:, :least], mine[:least])
        tail = _agree(letters[:, ::-1][:, :least], mine[::-1][:least])
        swapped = size == len(mine)
        slip = _swapped(letters, mine, head, tail) if swapped else head + tail >= least
        out += [bytes(row).decode() for row in letters[slip]]
    return out


def _agree(letters: NDArray[Any], mine: NDArray[Any]) -> NDArray[np.int64]:
    """How many of the first letters are the same."""
    return np.asarray(np.logical_and.accumulate(letters == mine, axis=1).sum(axis=1))


def _swapped(
    letters: NDArray[Any], mine: NDArray[Any], head: NDArray[Any], tail: NDArray[Any]
) -> NDArray[np.bool_]:
    """Two neighbours have changed places, and the rest agrees."""
    out = np.asarray(head + tail == len(mine) - 2)
    here = np.flatnonzero(out)
    first = head[here]
    out[here] = (letters[here, first] == mine[first + 1]) & (
        letters[here, first + 1] == mine[first]
    )
    return out
