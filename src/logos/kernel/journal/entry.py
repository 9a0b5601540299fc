"""What the writer is given: events of one process, and what must be committed with them.

Entry           consecutive events, and their effects
Projection      a summary of the process after them, readable without folding
Birth, Letter   a new process; mail
inline          whether a body is stored in the journal row itself
"""

from collections.abc import Sequence
from typing import NamedTuple

from logos.abi.ids import MailId, Pid, Seq
from logos.abi.limits import BODY_INLINE_BYTES
from logos.kernel.journal.chain import Head, Row


class Projection(NamedTuple):
    """What `ps` and recovery need to know without folding."""

    status: str
    wake_at: int | None
    thoughts: int
    calls: int
    tokens: int
    cost: int
    exit_status: int | None


class Letter(NamedTuple):
    """Mail posted in the same transaction as the sender's events."""

    to: Pid
    sender: Pid | None
    body: bytes


class Birth(NamedTuple):
    """The columns of a new process besides its projection."""

    parent: Pid | None
    agent: str
    task: str
    model: str


class Entry(NamedTuple):
    """Consecutive events of one process, and what must be committed with them.

    `children` are entries of new processes (with a `birth`); `taken` letters are marked as taken;
    `blobs` are the bodies that the events name by SHA-256.
    """

    before: Seq
    head: Head
    rows: Sequence[Row]
    projection: Projection
    birth: Birth | None = None
    children: Sequence["Entry"] = ()
    letters: Sequence[Letter] = ()
    taken: Sequence[tuple[MailId, Seq]] = ()
    blobs: Sequence[bytes] = ()
    erased: Sequence[Seq] = ()


def inline(kind: str, body: bytes | None) -> bool:
    """What is left of forgotten events is always inline, so that a check of the chain needs nothing
    else."""
    return body is not None and (kind == "forgot" or len(body) <= BODY_INLINE_BYTES)
