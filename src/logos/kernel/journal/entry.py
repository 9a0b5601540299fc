"""What a writer is handed: events of one process, and what must happen together with them.

Entry           consecutive events, and their effects
Projection      of the process after them, for whoever looks without folding
Birth, Letter   a new process; mail
inline          whether a body stands in the journal itself
"""

from collections.abc import Sequence
from typing import NamedTuple

from logos.abi.ids import MailId, Pid, Seq
from logos.abi.limits import BODY_INLINE_BYTES
from logos.kernel.journal.chain import Head, Row


class Projection(NamedTuple):
    """What `ps` and the recovery want to know without folding."""

    status: str
    wake_at: int | None
    thoughts: int
    calls: int
    tokens: int
    cost: int
    exit_status: int | None


class Letter(NamedTuple):
    """Mail to be posted together with the sender's events."""

    to: Pid
    sender: Pid | None
    body: bytes


class Birth(NamedTuple):
    """What a new process's row says besides its projection."""

    parent: Pid | None
    agent: str
    task: str
    model: str


class Entry(NamedTuple):
    """Consecutive events of one process, and what must happen together with them.

    `children` are entries of new processes (with a `birth`); `taken` letters are marked read;
    `blobs` are what the events name by its SHA-256.
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
    """What was forgotten is said in the journal itself: who checks it looks nowhere else."""
    return body is not None and (kind == "forgot" or len(body) <= BODY_INLINE_BYTES)
