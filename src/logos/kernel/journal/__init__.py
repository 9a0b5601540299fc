"""The append-only truth: one hash chain per process, and one feed of all of them.

    seal(head, at, events)      events -> rows chained to a head (pure)
    verify(rows, ...)           the first row that breaks the chain (pure)
    without_secrets(...)        events with their secrets removed
    decode(row)                 the event in a row, whatever its age
    Writer.append(entry)        queue; Batch.durable(pid) returns when it is on disk
    read, read_many             rows; `tail`, `read_some`, `read_some_and_tail`, `read_kinds`,
                                `thoughts_since`: a selection of them
    blob                        a body stored under its hash
    Feed.advance()              the rows of all processes, in one order, each once
    snapshots, save_snapshot    folds kept to shorten the next one
    pending                     letters not yet taken

Only the holder of a process can append: `epoch` and `head` are checked in the statement that
appends.  That is the only lock.
"""

from logos.kernel.journal.chain import (
    MISPLACED,
    Broken,
    Head,
    Row,
    before_birth,
    genesis,
    seal,
    verify,
)
from logos.kernel.journal.entry import Birth, Entry, Letter, Projection
from logos.kernel.journal.reader import (
    FOREVER,
    START,
    Feed,
    Pending,
    Snapshot,
    blob,
    last_id,
    pending,
    read,
    read_kinds,
    read_many,
    read_some,
    read_some_and_tail,
    save_snapshot,
    snapshots,
    tail,
    thoughts_since,
)
from logos.kernel.journal.upcast import decode, without_secrets
from logos.kernel.journal.writer import Batch, Fenced, Writer

__all__ = [
    "FOREVER",
    "MISPLACED",
    "START",
    "Batch",
    "Birth",
    "Broken",
    "Entry",
    "Feed",
    "Fenced",
    "Head",
    "Letter",
    "Pending",
    "Projection",
    "Row",
    "Snapshot",
    "Writer",
    "before_birth",
    "blob",
    "decode",
    "genesis",
    "last_id",
    "pending",
    "read",
    "read_kinds",
    "read_many",
    "read_some",
    "read_some_and_tail",
    "save_snapshot",
    "seal",
    "snapshots",
    "tail",
    "thoughts_since",
    "verify",
    "without_secrets",
]
