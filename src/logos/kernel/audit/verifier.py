"""Recomputing every hash chain, in large reads.

    verify(store, marks, ...)   all journals, or with `since` what follows the marks

Bodies stored apart from their rows are fetched and hashed as well.  Whatever a journal is checked
against (the process table, the marks of a signed checkpoint) is read before its rows, so growth in
the meantime is no finding.
"""

import hashlib
from array import array
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import anyio.to_thread
import numpy as np

from logos.abi.ids import Pid
from logos.kernel.audit.check import End, Whole, apart
from logos.kernel.audit.checkpoint import Checkpoint, Mark
from logos.kernel.journal import MISPLACED, Broken, Row
from logos.store import Queries, Statement, Store

_SQL = Queries("logos.kernel.audit", "audit.sql")

PROCESSES = 500
ROWS = 2000
BLOBS = 16
"""Fetched at a time; blobs can be large."""

SHOWN = 10
"""At most this many feed positions are looked up."""

KNOWN_BLOBS = 100_000
LAST = 2**63 - 1


class Audit(NamedTuple):
    """The findings.  `broken` is the first fault, process by process; `doubts` are faults of the
    checkpoints, the newest of which is `checkpoint`."""

    processes: int
    events: int
    broken: Sequence[Broken]
    checkpoint: Checkpoint | None = None
    doubts: Sequence[str] = ()


class Verifier:
    def __init__(self, store: Store, marks: Mapping[Pid, Mark], *, since: bool = False) -> None:
        self._store = store
        self._marks = marks
        self._since = since
        self._whole = Whole(since=since)
        self._ids = array("q")
        self._kept: set[bytes] = set()  # blobs that match their digests

    async def run(self, tell: Callable[[int], None] = lambda _: None) -> Audit:
        """`tell` is called with the number of events read so far."""
        after = 0
        left = sorted(self._marks, reverse=True)
        while True:
            found = await self._all(_SQL.ends, after=after, most=PROCESSES)
            ends = _ends(found)
            upto = found[-1]["pid"] if len(found) == PROCESSES else LAST
            marks = {}
            while left and left[-1] <= upto:
                pid = left.pop()
                marks[pid] = self._marks[pid]
            self._whole.begin(ends, marks)
            rows = self._changed(ends, marks) if self._since else self._range(after, upto)
            async for page in rows:
                await self._add(page)
                tell(self._whole.events)
            if strangers := self._whole.strangers():
                self._whole.know(_ends(await self._all(_SQL.ends_of, pids=strangers)))
            self._whole.finish()
            if upto == LAST:
                break
            after = upto
        return Audit(self._whole.processes, self._whole.events, await self._broken())

    def _range(self, after: int, upto: int) -> AsyncIterator[list[Row]]:
        """All rows of these pids, including processes that are in no table."""
        return self._pages(_SQL.rows, Pid(after), LAST, upto=upto)

    def _changed(
        self, ends: Mapping[Pid, End], marks: Mapping[Pid, Mark]
    ) -> AsyncIterator[list[Row]]:
        """The rows from the mark on, of processes whose end has moved."""
        wanted = {}
        for pid, end in ends.items():
            mark = marks.get(pid)
            if mark is None:
                wanted[pid] = 0
            elif (end.seq, end.hash) != (mark.seq, mark.hash):
                wanted[pid] = mark.seq - 1
        given = {"pids": list(wanted), "afters": list(wanted.values())}
        return self._pages(_SQL.rows_since, Pid(0), 0, **given)

    async def _pages(
        self, statement: Statement, pid: Pid, seq: int, **given: Any
    ) -> AsyncIterator[list[Row]]:
        """The rows after a position, ROWS at a time."""
        while True:
            rows = await self._all(statement, pid=pid, seq=seq, most=ROWS, **given)
            yield [Row(*row) for row in rows]
            if len(rows) < ROWS:
                return
            pid, seq = rows[-1]["pid"], rows[-1]["seq"]

    async def _add(self, rows: list[Row]) -> None:
        wanted = sorted({digest for row in rows if (digest := apart(row))} - self._kept)
        forged: dict[bytes, bytes] = {}
        for start in range(0, len(wanted), BLOBS):
            blobs = await self._all(_SQL.blobs, digests=wanted[start : start + BLOBS])
            honest, others = await anyio.to_thread.run_sync(_sorted, blobs)
            self._kept |= honest
            forged |= others
        self._ids.extend(row.id for row in rows)
        if forged:
            rows = [r._replace(body=forged.get(r.digest)) if r.body is None else r for r in rows]
        await anyio.to_thread.run_sync(self._whole.add, rows, self._kept)
        if len(self._kept) > KNOWN_BLOBS:
            self._kept.clear()

    async def _broken(self) -> list[Broken]:
        """Broken journals, and feed positions that are used twice or were never assigned."""
        broken = {one.pid: one for one in self._whole.broken}
        ids = np.sort(np.frombuffer(self._ids, dtype=np.int64))
        last = (await self._all(_SQL.last_place))[0]["id"]
        twice = ids[1:][ids[1:] == ids[:-1]][:SHOWN]
        never = ids[ids > last][:SHOWN]
        for id_, why in (
            *((int(one), "its place in the feed is another event's, too") for one in twice),
            *((int(one), "its place in the feed was never given") for one in never),
        ):
            rows = await self._all(_SQL.at_place, id=id_)
            there = [Broken(row["pid"], row["seq"], why) for row in rows]
            named = {(one.pid, one.seq) for one in broken.values() if one.why == MISPLACED}
            if named.isdisjoint((one.pid, one.seq) for one in there):
                for one in there:
                    found = broken.get(one.pid)
                    if found is None or found.why == MISPLACED:  # the more precise one
                        broken[one.pid] = one
        return sorted(broken.values())

    async def _all(self, statement: Statement, **given: Any) -> Sequence[Any]:
        async def fetch() -> Sequence[Any]:
            async with self._store.connection() as db:
                return await db.all(statement, **given)

        return await self._store.persist(fetch)


def _sorted(blobs: Sequence[Any]) -> tuple[set[bytes], dict[bytes, bytes]]:
    """The blobs that match their digests, and the others."""
    honest, forged = set(), {}
    for digest, body in blobs:
        if hashlib.sha256(body).digest() == digest:
            honest.add(digest)
        else:
            forged[digest] = body
    return honest, forged


def _ends(rows: Sequence[Any]) -> dict[Pid, End]:
    return {
        row["pid"]: End(row["head_seq"], row["head_hash"], row["exit_status"] is not None)
        for row in rows
    }


async def verify(
    store: Store,
    marks: Mapping[Pid, Mark],
    *,
    since: bool = False,
    tell: Callable[[int], None] = lambda _: None,
) -> Audit:
    """Read everything, or with `since` what follows these marks, and recompute it."""
    return await Verifier(store, marks, since=since).run(tell)
