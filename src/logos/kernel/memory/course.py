"""Questions for the course of things: in what order they came up, how they went on.

    COURSE              the form of such a question
    openings(cols)      of each row the place of its turn among the principal's in that conversation
    first_things(...)   scores with which what the principal came with stands before what followed from it

No page says an order.  What answers is each time something was brought up, once from every conversation, and
words tell little of which that is: who comes back to a thing comes with it first, and what follows is about
the answers.  So a match counts less the later in its conversation it stands, and only the
principal's own turns count.

Invariant: only pages of turns by users, where there are any, are scored here; others fall behind them.
"""

import re

import numpy as np
from numpy.typing import NDArray

from logos.kernel.memory.index import Floats
from logos.kernel.memory.table import ROLES, Columns

COURSE = re.compile(
    r"\border in which\b|\bin (?:what|which|chronological) order\b"
    r"|\b(?:list|name|tell|give|mention|say|walk)\b[^.?!]{0,120}\bin order\b(?! to\b| that\b)"
    r"|\b(?:order|sequence|course) of events\b"
    r"|\bhow\b[^.?!]{0,120}\b(?:developed|progressed|evolved|unfolded|came about)\b"
    r"|\bhow (?:did|has|have)\b[^.?!]{0,120}\b(?:develop|progress|evolve|unfold)\b"
    r"|\bhow\b[^.?!]{0,120}\b(?:over time|throughout our|over the (?:past|last))\b",
    re.IGNORECASE,
)
OPENINGS = 256
"""Turns that are candidates for being brought up early."""
LATER = 3.0
"""What a score loses when the place in the conversation grows e-fold."""
_BEHIND = 1000.0
_USER = ROLES.index("user")
Ints = NDArray[np.int64]


def openings(cols: Columns) -> Ints:
    """0 for the principal's first turn; -1 where somebody else speaks."""
    mine = cols.role == _USER
    first = np.ones(len(mine), dtype=np.bool_)
    first[1:] = cols.turn[1:] != cols.turn[:-1]
    order = np.argsort(cols.group, kind="stable")
    group = cols.group[order]
    count = np.cumsum((mine & first)[order])
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]][: len(group)])
    before = np.where(starts > 0, count[starts - 1], 0)
    place = np.empty(len(mine), dtype=np.int64)
    place[order] = count - 1 - np.repeat(before, np.diff(np.r_[starts, len(group)]))
    place[~mine] = -1
    return place


def earliest(cols: Columns, live: NDArray[np.bool_]) -> Ints:
    """The rows of turns that came early in their conversations."""
    place = openings(cols)
    mine = np.flatnonzero(live & (place >= 0))
    return mine[np.argsort(place[mine], kind="stable")[:OPENINGS]]


def first_things(scores: Floats, rows: Ints, cols: Columns) -> Floats:
    place = openings(cols)[rows]
    if not (place >= 0).any():
        return scores
    later = np.float32(LATER) * np.log1p(np.maximum(place, 0)).astype(np.float32)
    return np.where(place >= 0, scores - later, scores - np.float32(_BEHIND))
