"""What a label says, how labels join, and where labelled data may go.  Pure.

    Integrity    who stands behind the data: principal > agent > tool_trusted > untrusted
    Label        integrity, who may read it (None: anybody), which secret classes are in it
    join(*)      the label of what was made from several things
    flows(a, b)  may data labelled `a` go to a place that is cleared for `b`?

Invariant: `join` only ever lowers: less trust, fewer readers, more secrets.  Labels form a
bounded lattice, so the order in which a process read things does not matter.
"""

from enum import IntEnum
from functools import reduce

import msgspec


class Integrity(IntEnum):
    UNTRUSTED = 0
    TOOL_TRUSTED = 1
    AGENT = 2
    PRINCIPAL = 3


class Label(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`readers` None means everybody; an empty set means nobody but the principal."""

    integrity: Integrity = Integrity.UNTRUSTED
    readers: frozenset[str] | None = None
    secrets: frozenset[str] = frozenset()

    def __or__(self, other: "Label") -> "Label":
        return Label(
            integrity=min(self.integrity, other.integrity),
            readers=_both(self.readers, other.readers),
            secrets=self.secrets | other.secrets,
        )

    def __le__(self, other: "Label") -> bool:
        """Is this at most as restricted as `other`?"""
        return self | other == other


TOP_TRUST = Label(integrity=Integrity.PRINCIPAL)
"""The neutral element of join: the principal's own public words."""


def join(*labels: Label) -> Label:
    """The label of something made from all of these; of nothing, the principal's."""
    return reduce(Label.__or__, labels, TOP_TRUST)


def flows(data: Label, place: Label) -> bool:
    """May the data go there?

    The place wants at least its integrity, shows what it gets to its readers, and is cleared
    for its secret classes.
    """
    if data.integrity < place.integrity or not data.secrets <= place.secrets:
        return False
    if data.readers is None:
        return True
    return place.readers is not None and place.readers <= data.readers


def _both(a: frozenset[str] | None, b: frozenset[str] | None) -> frozenset[str] | None:
    if a is None or b is None:
        return b if a is None else a
    return a & b
