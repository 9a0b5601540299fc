"""Exporting the record, so that it can be checked independently.

    export(store, notary, pid)   the lines of the file, one by one

A checkpoint is signed first, and exactly what it covers is written: rows that arrive meanwhile
belong to the next export.  Only the ends of the journals are held in memory.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid
from logos.kernel.audit import merkle
from logos.kernel.audit.check import apart
from logos.kernel.audit.checkpoint import Mark
from logos.kernel.audit.notary import Notary
from logos.kernel.audit.offline import (
    VERSION,
    Checkpointed,
    Ended,
    Kept,
    Marked,
    encode,
    row_line,
)
from logos.kernel.journal import Row
from logos.store import Queries, Store

_SQL = Queries("logos.kernel.audit", "audit.sql")

ROWS = 500


async def export(store: Store, notary: Notary, pid: Pid | None = None) -> AsyncIterator[bytes]:
    """Export all processes, or one.  Raise `not_found` when there is no such process."""
    await notary.sign()
    signed, marks = await notary.newest()
    if pid is not None and pid not in marks:
        raise SysError(Code.NOT_FOUND, f"there is no process {pid}", hint="see `logos ps -a`")
    yield encode(Checkpointed(v=VERSION, **signed._asdict()))
    for line in _marks(marks, pid):
        yield encode(line)
    wanted = marks if pid is None else {pid: marks[pid]}
    rows, kept = 0, set[bytes]()
    async for page in _rows(store, wanted):
        digests = sorted({digest for row in page if (digest := apart(row))} - kept)
        blobs = dict(await _all(store, _SQL.blobs, digests=digests))
        for row in page:
            needed = apart(row)
            if row.body is not None and needed in blobs and needed not in kept:
                kept.add(needed)
                yield encode(Kept(body=blobs[needed]))
            whole = row if row.body is not None else row._replace(body=blobs.get(row.digest))
            yield encode(row_line(whole))
            rows += 1
    yield encode(Ended(rows=rows))


def _marks(marks: Mapping[Pid, Mark], pid: Pid | None) -> list[Marked]:
    ordered = [marks[one] for one in sorted(marks)]
    if pid is None:
        return [Marked(**mark._asdict()) for mark in ordered]
    index = next(n for n, mark in enumerate(ordered) if mark.pid == pid)
    path = merkle.path([mark.leaf() for mark in ordered], index)
    return [Marked(**ordered[index]._asdict(), index=index, path=tuple(path))]


async def _rows(store: Store, marks: Mapping[Pid, Mark]) -> AsyncIterator[list[Row]]:
    """The rows up to the marks."""
    for pid in sorted(marks):
        seq = 0
        while seq < marks[pid].seq:
            found = await _all(store, _SQL.rows, pid=pid, seq=seq, upto=pid, most=ROWS)
            if not found:
                break
            seq = found[-1]["seq"]
            yield [Row(*row) for row in found if row["seq"] <= marks[pid].seq]


async def _all(store: Store, statement: Any, **given: Any) -> Sequence[Any]:
    async def fetch() -> Sequence[Any]:
        async with store.connection() as db:
            return await db.all(statement, **given)

    return await store.persist(fetch)
