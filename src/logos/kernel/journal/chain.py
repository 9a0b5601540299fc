"""The hash chain.  Pure.

    link(row, prev)        the hash of one row
    body_of(event)         its canonical bytes
    seal(...)              events -> rows chained to a head
    verify(rows, prev)     the first row that breaks the chain, or None

hash = SHA-256(prev || header || digest), where digest = SHA-256(body) and the header is
every other column of the row in a fixed binary form.  Because only the digest of the body
goes in, a body can be erased for good without breaking the chain.
"""

import hashlib
import struct
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from logos.abi.events import AnyEvent
from logos.abi.ids import Epoch, Pid, Seq

HASH_BYTES = 32
_HEADER = struct.Struct(">qqqqB")
_ENCODE = msgspec.json.Encoder(order="deterministic").encode


class Row(NamedTuple):
    """One row of the journal.  `id` is 0 until the database has assigned it.  When the row was
    forgotten, `body` is what is left of it, which is not what was hashed."""

    id: int
    pid: Pid
    seq: Seq
    epoch: Epoch
    at: int
    kind: str
    body: bytes | None
    digest: bytes
    prev: bytes
    hash: bytes
    forgotten: bool = False


class Head(NamedTuple):
    """Where a journal ends, and the epoch of its writer."""

    pid: Pid
    epoch: Epoch
    seq: Seq
    hash: bytes


def genesis(pid: Pid) -> bytes:
    """The hash that the first row of a process is chained to."""
    return hashlib.sha256(b"logos process %d" % pid).digest()


def before_birth(pid: Pid) -> Head:
    """The head of a process without events: its creator's epoch, and the hash the first row is
    chained to."""
    return Head(pid, Epoch(1), Seq(0), genesis(pid))


def link(row: Row) -> bytes:
    return _hash(row.prev, (row.pid, row.seq, row.epoch, row.at), row.kind, row.digest)


def _hash(prev: bytes, numbers: tuple[int, int, int, int], kind: str, digest: bytes) -> bytes:
    tag = kind.encode()
    return hashlib.sha256(prev + _HEADER.pack(*numbers, len(tag)) + tag + digest).digest()


def body_of(event: AnyEvent) -> bytes:
    """The canonical bytes of an event."""
    return _ENCODE(event)


def seal(
    head: Head, at: int, events: Sequence[AnyEvent], bodies: Sequence[bytes] | None = None
) -> tuple[Head, list[Row]]:
    """The rows of these events, and the head after them.  `at` is microseconds; `bodies` are their
    encoded bodies, if already known."""
    pid, epoch, seq, prev = head
    rows = []
    for event, body in zip(events, bodies or map(_ENCODE, events), strict=True):
        seq = Seq(seq + 1)
        kind = event.__struct_config__.tag
        assert isinstance(kind, str)
        digest = hashlib.sha256(body).digest()
        own = _hash(prev, (pid, seq, epoch, at), kind, digest)
        rows.append(Row(0, pid, seq, epoch, at, kind, body, digest, prev, own))
        prev = own
    return Head(pid, epoch, seq, prev), rows


MISPLACED = "its place in the feed is not between its neighbours'"


class Broken(NamedTuple):
    """The first thing wrong with a journal."""

    pid: Pid
    seq: Seq
    why: str


def verify(
    rows: Sequence[Row], prev: bytes, before: Seq, *, epoch: int = 0, last_id: int = 0
) -> Broken | None:
    """Check consecutive rows of one process that follow event `before`, whose hash is `prev`;
    `epoch` and `last_id` belong to that event, too."""
    earlier: int | None = None
    for row in rows:
        before = Seq(before + 1)
        if row.seq != before:
            return Broken(row.pid, before, f"missing: the next event is {row.seq}")
        if why := _wrong(row, prev):
            return Broken(row.pid, row.seq, why)
        if row.epoch < epoch:
            return Broken(row.pid, row.seq, "its epoch is older than that of the event before")
        if row.id <= last_id:  # one of the two was moved: the other one fits between its neighbours
            moved = row.seq - (earlier is not None and earlier < row.id)
            return Broken(row.pid, Seq(moved), MISPLACED)
        prev, epoch, earlier, last_id = row.hash, row.epoch, last_id, row.id
    return None


def _wrong(row: Row, prev: bytes) -> str:
    if row.prev != prev:
        return "does not hang on the event before it"
    if (
        row.body is not None
        and not row.forgotten
        and hashlib.sha256(row.body).digest() != row.digest
    ):
        return "its body is not what its digest says"
    if link(row) != row.hash:
        return "its hash is not that of its content"
    return ""
