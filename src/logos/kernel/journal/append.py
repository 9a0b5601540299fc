"""Appending entries to the database: one statement, which also checks the fence.

    append(db, node, entries)     the processes whose events were appended

A batch of one process has a simpler statement: a lone process waits for every microsecond of it.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from logos.abi.ids import NodeId, Pid, Seq
from logos.kernel.journal.chain import Head, Row
from logos.kernel.journal.entry import Entry, Projection, inline
from logos.store import Cursor, Queries

_SQL = Queries("logos.kernel.journal", "journal.sql")


async def append(db: Cursor, node: NodeId, entries: Sequence[Entry]) -> set[Pid]:
    """Append them all in one statement.  Entries of the same process are consecutive events, the
    first of which may be its birth."""
    first: dict[Pid, Seq] = {}
    last: dict[Pid, Entry] = {}
    for entry in entries:
        first.setdefault(entry.head.pid, entry.before)
        last[entry.head.pid] = entry
    if len(last) == 1:
        held = await _one(db, node, entries)
    else:
        held = await _many(db, node, entries, (first, last))
    return {row["pid"] for row in held}


async def _one(db: Cursor, node: NodeId, entries: Sequence[Entry]) -> Sequence[Any]:
    last = entries[-1]
    head, shown = last.head, last.projection
    born = next((e for e in entries if e.birth is not None), None)
    given: dict[str, Any] = {}
    if born is not None and born.birth is not None:
        given = {"node": node, "born_at": born.rows[0].at, **born.birth._asdict()}
    return await db.all(
        _SQL.append_one if born is None else _SQL.append_one_born,
        **given,
        pid=head.pid,
        epoch=head.epoch,
        before=entries[0].before,
        after=head.seq,
        head_hash=head.hash,
        **shown._asdict(),
        **_rows(entries),
    )


async def _many(
    db: Cursor,
    node: NodeId,
    entries: Sequence[Entry],
    ends: tuple[dict[Pid, Seq], dict[Pid, Entry]],
) -> Sequence[Any]:
    first, last = ends
    pids = sorted(last)  # the same order on every node: no deadlock
    head = _columns(Head._fields, (last[pid].head for pid in pids))
    shown = _columns(Projection._fields, (last[pid].projection for pid in pids))
    births = _births(entries)
    return await db.all(
        _SQL.append_born if births else _SQL.append,
        **births,
        node=node,
        pids=_plain(pids),
        epochs=_plain(head["epoch"]),
        befores=_plain(first[pid] for pid in pids),
        afters=_plain(head["seq"]),
        hashes=head["hash"],
        statuses=_plain(shown["status"]),
        wakes=_literal(shown["wake_at"]),
        thoughts=_plain(shown["thoughts"]),
        calls=_plain(shown["calls"]),
        tokens=_plain(shown["tokens"]),
        costs=_plain(shown["cost"]),
        exits=_literal(shown["exit_status"]),
        row_pids=_plain(row.pid for e in entries for row in e.rows),
        **_rows(entries),
    )


def _rows(entries: Sequence[Entry]) -> dict[str, Any]:
    rows = _columns(Row._fields, chain.from_iterable(e.rows for e in entries))
    return {
        "row_seqs": _plain(rows["seq"]),
        "row_epochs": _plain(rows["epoch"]),
        "row_ats": _plain(rows["at"]),
        "row_kinds": _plain(rows["kind"]),
        "row_bodies": [
            body if inline(kind, body) else None
            for kind, body in zip(rows["kind"], rows["body"], strict=True)
        ],
        "row_digests": rows["digest"],
        "row_prevs": rows["prev"],
        "row_hashes": rows["hash"],
    }


def _columns(names: Sequence[str], records: Iterable[Sequence[Any]]) -> dict[str, Sequence[Any]]:
    return dict(zip(names, zip(*records, strict=True), strict=True))


def _plain(values: Iterable[int | str]) -> str:
    """The same, for arrays without NULLs."""
    return "{" + ",".join(map(str, values)) + "}"


def _literal(values: Iterable[int | str | None]) -> str:
    """A PostgreSQL array literal of numbers or of plain words."""
    return "{" + ",".join(["NULL" if v is None else str(v) for v in values]) + "}"


def _births(entries: Sequence[Entry]) -> dict[str, Any]:
    """The columns that only new processes have; empty when there are none."""
    pairs = [(e, e.birth) for e in entries if e.birth is not None]
    if not pairs:
        return {}
    return {
        "born_pids": [e.head.pid for e, _ in pairs],
        "parents": [b.parent for _, b in pairs],
        "agents": [b.agent for _, b in pairs],
        "tasks": [b.task for _, b in pairs],
        "models": [b.model for _, b in pairs],
        "born_ats": [e.rows[0].at for e, _ in pairs],
    }
