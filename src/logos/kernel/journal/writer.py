"""Group commit: one writer for all processes of a node.

    Writer.append(entry)    queue events of one process; returns their batch
    Writer.run()            commit batches until cancelled
    Writer.drain()          then commit what was still queued
    Batch.durable(pid)      return when the events are on disk; raise Fenced when they are not

While one batch commits, the next one fills, so a lone process pays for one commit and a thousand
share it.  Each process's fence is checked inside the statement that appends: only a stale writer's
events are rejected, and with them the children they created, the letters they sent and those they
took, because all of that happens in the same transaction.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain

import anyio
import anyio.lowlevel

from logos.abi.errors import SysError
from logos.abi.ids import NodeId, Pid, Seq
from logos.abi.limits import BATCH_EVENTS
from logos.kernel.journal.append import append
from logos.kernel.journal.entry import Entry, inline
from logos.store import Cursor, Queries, Store
from logos.vault import Vault

MOST_PIDS = 256

SECOND_LANE_EVENTS = 256
"""This many events must wait before a second batch is committed beside the first: a commit has its
price, and only a long queue is worth two at once."""

_SQL = Queries("logos.kernel.journal", "journal.sql")


class Fenced(Exception):  # noqa: N818 - a state of the world, not a mistake
    """Another node owns this process now."""

    def __init__(self, pid: Pid) -> None:
        super().__init__(f"process {pid} is driven by another node")
        self.pid = pid


@dataclass(slots=True)
class Batch:
    entries: list[Entry] = field(default_factory=list)
    events: int = 0
    done: anyio.Event = field(default_factory=anyio.Event)
    refused: set[Pid] = field(default_factory=set)
    tried: bool = False
    error: SysError | None = None

    async def durable(self, pid: Pid) -> None:
        """Raise Fenced, or SysError `unavailable` when the database stays away."""
        if not self.done.is_set():
            await self.done.wait()
        if self.error is not None:
            raise self.error
        if pid in self.refused:
            raise Fenced(pid)


class _Bell:
    """Wakes one task, which has checked everything before it waits."""

    def __init__(self) -> None:
        self._rung = anyio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self) -> None:
        if self._rung.is_set():
            self._rung = anyio.Event()
        await self._rung.wait()


class Writer:
    """`_open` is the batch being filled; `_full` are batches waiting their turn; `_busy` are the
    processes in batches being committed, because two batches under way must not share one."""

    def __init__(
        self,
        store: Store,
        node: NodeId,
        committed: Callable[[Sequence[Entry]], None],
        vault: Vault | None = None,
    ) -> None:
        self.vault = vault or Vault()
        self._store = store
        self._node = node
        self._committed = committed
        self._open = Batch()
        self._full: list[Batch] = []
        self._cut: list[Batch] = []
        self._busy: set[Pid] = set()
        self._work = _Bell()
        self._much = _Bell()
        self._pids: list[Pid] = []
        self._block = 1
        self._counting = anyio.Lock(fast_acquire=True)  # guards _pids while a block is fetched
        self.batches = 0

    def append(self, entry: Entry) -> Batch:
        batch = self._open
        batch.entries.append(entry)
        batch.events += len(entry.rows) + len(entry.children)
        if batch.events >= BATCH_EVENTS:
            self._full.append(batch)
            self._open = Batch()
        self._ring()
        return batch

    async def new_pid(self) -> Pid:
        """Pids are fetched in growing blocks, so a busy node asks rarely."""
        async with self._counting:
            if not self._pids:
                size, self._block = self._block, min(self._block * 2, MOST_PIDS)

                async def fetch() -> list[Pid]:
                    async with self._store.connection() as db:
                        return [row["pid"] for row in await db.all(_SQL.pids, n=size)]

                self._pids = await self._store.persist(fetch)
                self._pids.reverse()
            return self._pids.pop()

    async def run(self) -> None:
        """Return only by cancellation, or by SysError when the database stays away."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._lane, 1, self._work)
            tasks.start_soon(self._lane, SECOND_LANE_EVENTS, self._much)

    async def drain(self) -> None:
        """After `run` was cancelled: commit what was under way and what was queued, in order.
        Nobody is notified.  Raise SysError when the database stays away."""
        waiting = [*self._cut, *self._full, self._open]
        self._cut, self._full, self._open = [], [], Batch()
        for batch in waiting:
            if batch.entries:
                await self._store.persist(lambda batch=batch: self._commit(batch))  # type: ignore[misc]
                batch.done.set()

    def _ring(self) -> None:
        self._work.ring()
        if self._full or self._open.events >= SECOND_LANE_EVENTS:
            self._much.ring()

    async def _lane(self, least: int, bell: "_Bell") -> None:
        while True:
            batch = self._take(least)
            if batch is None:
                await bell.wait()
                continue
            pids = {entry.head.pid for entry in batch.entries}
            self._busy |= pids
            try:
                await self._store.persist(lambda batch=batch: self._commit(batch))  # type: ignore[misc]
            except SysError as error:
                batch.error = error
                batch.done.set()
                raise
            except anyio.get_cancelled_exc_class():
                self._cut.append(batch)
                raise
            self._busy -= pids
            self._ring()
            self._committed([e for e in batch.entries if e.head.pid not in batch.refused])
            self.batches += 1
            batch.done.set()
            gone_on = {entry.head.pid for entry in self._open.entries}
            if pids != gone_on:
                await anyio.lowlevel.checkpoint()  # so that those just released join the next batch

    def _take(self, least: int) -> Batch | None:
        """The next batch, if it is worth a second lane and its processes are free."""
        batch = self._full[0] if self._full else self._open
        if batch.events < least or not self._busy.isdisjoint(e.head.pid for e in batch.entries):
            return None
        if self._full:
            return self._full.pop(0)
        self._open = Batch()
        return batch

    async def _commit(self, batch: Batch) -> None:
        entries = batch.entries
        wanted = {e.head.pid for e in entries}
        again, batch.tried = batch.tried, True
        if again and (held := await self._went_in(entries)):
            batch.refused = wanted - held
            return  # an earlier attempt was committed though its answer was lost
        if blobs := _blobs(entries):
            async with self._store.connection() as db:
                digests = sorted(blobs)  # the same order in all lanes and on all nodes: no deadlock
                await db.run(_SQL.store_blobs, digests=digests, bodies=[blobs[d] for d in digests])
        batch.refused = wanted - await self._append(entries)
        # the earlier attempt may have been committed while this one waited
        if again and batch.refused:
            batch.refused -= await self._went_in(entries)

    async def _append(self, entries: Sequence[Entry]) -> set[Pid]:
        if any(e.children or e.letters or e.taken or e.erased for e in entries):
            async with self._store.transaction() as db:
                return await self._with_effects(db, entries)
        async with self._store.connection() as db:
            return await append(db, self._node, entries)

    async def _with_effects(self, db: Cursor, entries: Sequence[Entry]) -> set[Pid]:
        held = await append(db, self._node, entries)
        hold = [e for e in entries if e.head.pid in held]
        if children := list(chain.from_iterable(e.children for e in hold)):
            held |= await append(db, self._node, children)
        if letters := [letter for e in hold for letter in e.letters]:
            await db.run(
                _SQL.post,
                receivers=[x.to for x in letters],
                senders=[x.sender for x in letters],
                bodies=[x.body for x in letters],
            )
        if taken := [pair for e in hold for pair in e.taken]:
            await db.run(_SQL.take, ids=[i for i, _ in taken], seqs=[s for _, s in taken])
        for entry in hold:
            if entry.erased:
                await _erase(db, entry.head.pid, entry.erased)
        return held

    async def _went_in(self, entries: Sequence[Entry]) -> set[Pid]:
        """The processes whose journals end as this batch would have them end."""
        ours = {e.head.pid: e.head for e in entries}
        async with self._store.connection() as db:
            heads = await db.all(_SQL.heads, pids=list(ours))
        return {
            row["pid"]
            for row in heads
            if (row["head_seq"], row["head_hash"]) == (ours[row["pid"]].seq, ours[row["pid"]].hash)
        }


async def _erase(db: Cursor, pid: Pid, seqs: Sequence[Seq]) -> None:
    """Erase the bodies of these events, and whatever was derived from them."""
    await db.run(_SQL.mark_forgotten, pid=pid, seqs=list(seqs))
    await db.run(_SQL.forget_bodies, pid=pid, seqs=list(seqs))
    await db.run(_SQL.forget_blobs, pid=pid, seqs=list(seqs))
    await db.run(_SQL.forget_copies, pid=pid, seqs=list(seqs))
    await db.all(_SQL.guard_vectors, pid=pid)
    await db.run(_SQL.forget_vectors, pid=pid, seqs=list(seqs))


def _blobs(entries: Sequence[Entry]) -> dict[bytes, bytes]:
    """Large bodies are written first: a blob nobody points to is harmless, a pointer to a missing
    one is not."""
    rows = chain.from_iterable(e.rows for e in chain(entries, *(e.children for e in entries)))
    blobs = {r.digest: r.body for r in rows if r.body is not None and not inline(r.kind, r.body)}
    return blobs | {hashlib.sha256(body).digest(): body for e in entries for body in e.blobs}
