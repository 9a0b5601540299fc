"""A process in memory: its state, its window, and where its journal ends.

    Resident.append(*events)   fold them, seal them, and hand them to the writer
    load(...)                  processes back from snapshots and journals

What is in memory is on its way to disk: an event the table refuses is never written, and nobody
outside learns of one before its batch is durable.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import anyio
import msgspec

from logos.abi.driver import Clock
from logos.abi.errors import Code
from logos.abi.events import AnyEvent, Exited, Failed, Forgot
from logos.abi.ids import INIT, CallId, MailId, NodeId, Pid, Seq
from logos.abi.limits import SNAPSHOT_EVENTS
from logos.abi.process import Process, Stage
from logos.kernel import journal
from logos.kernel.journal import Entry, Head, Letter, Projection, Row, Snapshot, Writer
from logos.kernel.memory import Window
from logos.kernel.node.trail import Trail
from logos.kernel.process import apply, bequeathed, taken, wake_at
from logos.kernel.process.bodies import Death, encode
from logos.store import Queries, Store

_SQL = Queries("logos.kernel.node", "node.sql")

FOLD_VERSION = 14
"""Raise it when Process, Window or their folds change: old snapshots are then ignored."""


class Saved(msgspec.Struct):
    """The body of a snapshot."""

    process: Process
    window: Window


@dataclass(slots=True)
class Asking:
    """A tool's question for which the tool keeps something open."""

    settled: anyio.Event = field(default_factory=anyio.Event)
    declined: bool = False


@dataclass(slots=True)
class Resident:
    head: Head
    process: Process
    window: Window
    writer: Writer
    clock: Clock
    trail: Trail = field(default_factory=lambda: Trail(journal.START))
    changed: anyio.Event = field(default_factory=anyio.Event)
    thought: anyio.CancelScope | None = None
    running: dict[CallId, anyio.CancelScope] = field(default_factory=dict)
    asking: dict[CallId, Asking] = field(default_factory=dict)
    posting: bool = False
    more_mail: bool = False
    unread: bool = False
    last: journal.Batch | None = None
    timer: int | None = None
    unsaved: int = 0
    stale: bool = False

    @property
    def pid(self) -> Pid:
        return self.head.pid

    def append(
        self,
        *said: AnyEvent,
        children: Sequence[Entry] = (),
        letters: Sequence[Letter] = (),
        blobs: Sequence[bytes] = (),
    ) -> journal.Batch:
        """Raise SysError `state` for an event that cannot follow; then nothing is written."""
        vault = self.writer.vault
        events, bodies = journal.without_secrets(vault, said)
        before = self.head
        process = self.process
        for event in events:
            process = apply(process, event)
        self.process = process
        self.head, rows = journal.seal(before, self.clock.now(), events, bodies)
        for row, event in zip(rows, events, strict=True):
            self.window.apply(row.seq, event)
            self.trail.add(row.seq, event)
        self.unsaved += len(rows)
        self.stale |= any(isinstance(event, Forgot) for event in events)
        self.changed.set()
        if self.asking:
            self.settled(events)
        self.last = self.writer.append(
            Entry(
                before=before.seq,
                head=self.head,
                rows=rows,
                projection=project(process),
                children=children,
                letters=[
                    letter._replace(body=vault.clean(letter.body))
                    for letter in (*letters, *self._death(events))
                ],
                taken=[(MailId(i), Seq(before.seq + n)) for i, n in taken(events)],
                blobs=blobs,
                erased=[
                    seq for event in events if isinstance(event, Forgot) for seq in event.pages
                ],
            )
        )
        return self.last

    def settled(self, events: Sequence[AnyEvent] = (), *, lost: bool = False) -> None:
        """Tell those who keep something open for an answer that there is one, or will be none."""
        waits = {c.id for c in self.process.open if c.stage in (Stage.ASKED, Stage.AGREED)}
        for id_ in [one for one in self.asking if lost or one not in waits]:
            asking = self.asking.pop(id_)
            asking.declined = any(
                isinstance(e, Failed) and e.id == id_ and e.code is Code.DENIED for e in events
            )
            asking.settled.set()

    async def durable(self) -> None:
        """Return when everything appended so far is on disk.  Raise Fenced."""
        if self.last is not None:
            await self.last.durable(self.pid)

    async def refold(self, store: Store) -> None:
        """After something was forgotten: rebuild what is in memory from the journal."""
        while self.stale:
            end = self.head.seq
            await self.durable()
            folded = await fold_all(store, self.pid)
            if self.head.seq == end:
                self.process, self.window, self.trail = folded.process, folded.window, Trail(end)
                self.stale = False

    def _death(self, events: Sequence[AnyEvent]) -> list[Letter]:
        """The letter to the parent about an exit.  Init adopts orphans and needs none."""
        last, parent = events[-1], self.process.parent
        if not isinstance(last, Exited) or parent in (None, INIT):
            return []
        used, calls = bequeathed(self.process)
        body = Death(last.status, last.answer, used, calls, last.carries)
        assert parent is not None
        return [Letter(parent, self.pid, encode(body))]

    async def save(self, store: Store) -> None:
        """Save a snapshot, if enough has happened since the last one."""
        if self.unsaved < SNAPSHOT_EVENTS or self.stale:
            return
        self.unsaved = 0
        body = msgspec.json.encode(Saved(self.process, self.window))
        snapshot = Snapshot(self.head.seq, self.head.hash, body)
        await self.durable()  # a snapshot must not be ahead of its journal
        await journal.save_snapshot(store, self.pid, snapshot, FOLD_VERSION)


def project(process: Process) -> Projection:
    return Projection(
        status=process.status,
        wake_at=wake_at(process),
        thoughts=process.thoughts,
        calls=process.calls,
        tokens=process.spent.tokens,
        cost=process.spent.cost,
        exit_status=process.exit_status,
    )


def born(
    pid: Pid, events: Sequence[AnyEvent], at: int, bodies: Sequence[bytes] | None = None
) -> tuple[Head, Sequence[Row], Window, Process]:
    """A process that begins with these events."""
    process, window = Process(), Window()
    head, rows = journal.seal(journal.before_birth(pid), at, events, bodies)
    for row, said in zip(rows, events, strict=True):
        process = apply(process, said)
        window.apply(row.seq, said)
    return head, rows, window, process


class Folded(NamedTuple):
    """A process as folded from its journal."""

    head: Head
    process: Process
    window: Window
    unsaved: int


async def load(store: Store, node: NodeId, pids: Sequence[Pid]) -> list[Folded]:
    """Those of these processes that this node drives."""

    async def mine() -> list[Head]:
        async with store.connection() as db:
            return [Head(*row) for row in await db.all(_SQL.mine, pids=list(pids), node=node)]

    heads = await store.persist(mine)
    kept = await journal.snapshots(store, [h.pid for h in heads], FOLD_VERSION)
    start = {h.pid: kept[h.pid].seq if h.pid in kept else journal.START for h in heads}
    rows = await journal.read_many(store, start)
    return [_fold(head, kept.get(head.pid), rows[head.pid]) for head in heads]


async def fold_all(store: Store, pid: Pid, upto: Seq = journal.FOREVER) -> Folded:
    """One process from its journal alone, whoever drives it."""
    rows = [row async for row in journal.read(store, pid, upto=upto)]
    end = rows[-1] if rows else None
    head = Head(pid, end.epoch, end.seq, end.hash) if end else journal.before_birth(pid)
    return _fold(head, None, rows)


_SAVED: msgspec.json.Decoder[Saved] = msgspec.json.Decoder(Saved)


def _fold(head: Head, kept: Snapshot | None, rows: Sequence[Row]) -> Folded:
    saved = Saved(Process(), Window()) if kept is None else _SAVED.decode(kept.body)
    process, window = saved.process, saved.window
    for row in rows:
        if row.seq > head.seq:
            break
        event = journal.decode(row)
        process = apply(process, event)
        window.apply(row.seq, event)
    return Folded(head, process, window, len(rows))
