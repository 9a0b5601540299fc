"""Signing checkpoints, and checking the journals against them.

    Notary.sign()          sign where all journals end now; None if nothing changed
    Notary.standing()      the existing checkpoints, and their faults
    Notary.verify(since)   recompute every chain and check it against the newest checkpoint
    Notary.run()           sign at intervals, until cancelled

Each checkpoint is kept in the database and appended to a file outside it, so that rewriting the
database, marks and checkpoints included, changes neither the file nor the key.  No checkpoint is
signed on top of a mark that no longer holds.
"""

import base64
import json
import logging
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import anyio.to_thread
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from logos.abi.driver import Clock
from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid
from logos.kernel.audit.checkpoint import (
    NOWHERE,
    BadCheckpoint,
    Checkpoint,
    Mark,
    Signed,
    opened,
    places,
    root_of,
    sign,
)
from logos.kernel.audit.verifier import Audit, verify
from logos.store import Cursor, Queries, Store

_SQL = Queries("logos.kernel.audit", "audit.sql")

log = logging.getLogger("logos.audit")

PIDS = 100
"""Journals whose feed positions are fetched at once."""


class Seal(NamedTuple):
    """What signing and checking need: our key, the file outside the database, other trusted keys,
    and how often to sign (0: only on request)."""

    key: Ed25519PrivateKey
    file: Path
    trusted: Collection[bytes] = ()
    every_s: float = 0.0


class Standing(NamedTuple):
    """The newest checkpoint, its marks, and the faults of any checkpoint."""

    newest: Checkpoint | None
    marks: Mapping[Pid, Mark]
    wrong: Sequence[str]


class Notary:
    def __init__(self, store: Store, seal: Seal, clock: Clock) -> None:
        self._store = store
        self._seal = seal
        self._clock = clock
        self._trusted = {seal.key.public_key().public_bytes_raw(), *seal.trusted}

    @property
    def key(self) -> bytes:
        """Our public key."""
        return self._seal.key.public_key().public_bytes_raw()

    async def run(self) -> None:
        """A refusal is logged and tried again; it does not stop the node."""
        while self._seal.every_s:
            await anyio.sleep(self._seal.every_s)
            try:
                await self.sign()
            except SysError as error:
                log.error("no checkpoint: %s %s", error.message, error.hint)  # noqa: TRY400

    async def sign(self) -> Checkpoint | None:
        """Raise `state` when what was signed last no longer holds."""

        async def attempt() -> Checkpoint | None:
            async with self._store.transaction() as db:
                await db.run(_SQL.lock)
                return await self._sign(db)

        made = await self._store.persist(attempt)
        await self._append_to_file()
        return made

    async def _sign(self, db: Cursor) -> Checkpoint | None:
        before = await self._newest(db)
        marks = {row["pid"]: Mark(*row) for row in await db.all(_SQL.marks)}
        heads = await db.all(_SQL.heads)
        changed = [r for r in heads if not _same(marks.get(r["pid"]), r)]
        if gone := marks.keys() - {row["pid"] for row in heads}:
            raise _refuse(min(gone), "is gone")
        if before is not None and not changed:
            return None
        fresh: list[Mark] = []
        for n in range(0, len(changed), PIDS):
            fresh += await self._marks(db, changed[n : n + PIDS], marks)
        marks |= {mark.pid: mark for mark in fresh}
        ordered = [marks[pid] for pid in sorted(marks)]
        checkpoint = Checkpoint(
            number=1 if before is None else before[0] + 1,
            at=self._clock.now(),
            processes=len(ordered),
            events=sum(mark.seq for mark in ordered),
            root=await anyio.to_thread.run_sync(root_of, ordered),
            before=NOWHERE if before is None else before[1].digest,
        )
        await self._keep(db, checkpoint, fresh)
        return checkpoint

    async def _keep(self, db: Cursor, checkpoint: Checkpoint, fresh: Sequence[Mark]) -> None:
        signed = sign(checkpoint, self._seal.key)
        await db.run(_SQL.keep, number=checkpoint.number, **signed._asdict())
        await db.run(
            _SQL.keep_marks,
            pids=[mark.pid for mark in fresh],
            seqs=[mark.seq for mark in fresh],
            hashes=[mark.hash for mark in fresh],
            places=[mark.places for mark in fresh],
        )

    async def _newest(self, db: Cursor) -> tuple[int, Signed] | None:
        row = await db.one(_SQL.newest)
        return None if row is None else (row["number"], Signed(*row[1:]))

    async def _marks(
        self, db: Cursor, heads: Sequence[Any], marks: Mapping[Pid, Mark]
    ) -> list[Mark]:
        """The new marks of these journals.  The rows between the old and the new mark must
        exist."""
        old = {row["pid"]: marks.get(row["pid"]) for row in heads}
        rows = await db.all(
            _SQL.places,
            pids=list(old),
            afters=[1 if mark is None else mark.seq for mark in old.values()],
            uptos=[row["head_seq"] for row in heads],
        )
        return await anyio.to_thread.run_sync(_marked, heads, old, rows)

    async def verify(
        self, *, since: bool = False, tell: Callable[[int], None] = lambda _: None
    ) -> Audit:
        """With `since`, read only what came after the newest checkpoint, and where all journals
        end.  Raise `state` when there is no checkpoint."""
        standing = await self.standing()
        if since and (standing.newest is None or standing.wrong):
            raise SysError(
                Code.STATE,
                "there is no checkpoint to begin from"
                if standing.newest is None
                else standing.wrong[0],
                hint="`logos audit verify` reads everything; `logos audit checkpoint` makes one",
            )
        marks = {} if standing.wrong else standing.marks
        found = await verify(self._store, marks, since=since, tell=tell)
        return found._replace(checkpoint=standing.newest, doubts=standing.wrong)

    async def newest(self) -> tuple[Signed, Mapping[Pid, Mark]]:
        """The newest checkpoint in its signed form, and its marks."""

        async def fetch() -> tuple[Any, Sequence[Any]]:
            async with self._store.transaction() as db:
                await db.run(_SQL.lock)
                return await self._newest(db), await db.all(_SQL.marks)

        found, marks = await self._store.persist(fetch)
        assert found is not None
        return found[1], {row["pid"]: Mark(*row) for row in marks}

    async def standing(self) -> Standing:
        """Read all checkpoints, and their copies in the file."""

        async def fetch() -> tuple[Sequence[Any], Sequence[Any]]:
            async with self._store.transaction() as db:
                return await db.all(_SQL.checkpoints, after=0), await db.all(_SQL.marks)

        rows, marked = await self._store.persist(fetch)
        kept = {row["number"]: Signed(*row[1:]) for row in rows}
        marks = {row["pid"]: Mark(*row) for row in marked}
        return await anyio.to_thread.run_sync(self._judge, kept, marks)

    def _judge(self, kept: Mapping[int, Signed], marks: Mapping[Pid, Mark]) -> Standing:
        wrong: list[str] = []
        newest: Checkpoint | None = None
        before = NOWHERE
        for number, signed in kept.items():
            try:
                checkpoint = opened(signed, self._trusted)
            except BadCheckpoint as bad:
                wrong.append(f"checkpoint {number}: {bad}")
            else:
                if (checkpoint.number, checkpoint.before) != (number, before):
                    wrong.append(f"checkpoint {number}: does not follow the one before it")
                newest = checkpoint
            before = signed.digest
        for number, signed in self._in_file().items():
            if kept.get(number) != signed:
                wrong.append(f"checkpoint {number}: the database has lost it or has another")
        if newest is not None:
            ordered = [marks[pid] for pid in sorted(marks)]
            if (len(ordered), root_of(ordered)) != (newest.processes, newest.root):
                wrong.append(f"checkpoint {newest.number}: the marks are not those that it signed")
        elif marks:
            wrong.append("there are marks, and no checkpoint that signs them")
        return Standing(newest, marks, wrong)

    def _in_file(self) -> dict[int, Signed]:
        """The checkpoints in the file that are signed by our key; anything else in it is no
        evidence."""
        if not self._seal.file.exists():
            return {}
        found = {}
        for line in self._seal.file.read_bytes().splitlines():
            if (read := _read_line(line)) is None:
                continue
            try:
                found[opened(read, self._trusted).number] = read
            except BadCheckpoint:
                continue
        return found

    async def _append_to_file(self) -> None:
        """Append what the file lacks, in order, also after a crash in between."""
        there = await anyio.to_thread.run_sync(self._in_file)

        async def fetch() -> Sequence[Any]:
            async with self._store.connection() as db:
                return await db.all(_SQL.checkpoints, after=max(there, default=0))

        rows = await self._store.persist(fetch)
        signed = [Signed(*row[1:]) for row in rows if row["key"] == self.key]
        await anyio.to_thread.run_sync(_append, self._seal.file, [_line(one) for one in signed])


def _same(mark: Mark | None, head: Any) -> bool:
    if mark is None:
        return False
    if (mark.seq, mark.hash) == (head["head_seq"], head["head_hash"]):
        return True
    if head["head_seq"] <= mark.seq:
        raise _refuse(mark.pid, "ends before, or otherwise than, it did")
    return False


def _marked(
    heads: Sequence[Any], old: Mapping[Pid, Mark | None], rows: Sequence[Any]
) -> list[Mark]:
    by_pid: dict[Pid, list[Any]] = {row["pid"]: [] for row in heads}
    for row in rows:
        by_pid[row["pid"]].append(row)
    made = []
    for head in heads:
        pid, its = head["pid"], by_pid[head["pid"]]
        mark = old[pid]
        if not its or its[-1]["hash"] != head["head_hash"]:
            raise _refuse(pid, "does not end where the process table says")
        if mark is not None and (its[0]["seq"], its[0]["hash"]) != (mark.seq, mark.hash):
            raise _refuse(pid, "was changed before its last mark")
        ids = [row["id"] for row in (its if mark is None else its[1:])]
        rolled = places(NOWHERE if mark is None else mark.places, ids)
        made.append(Mark(pid, head["head_seq"], head["head_hash"], rolled))
    return made


def _refuse(pid: Pid, why: str) -> SysError:
    return SysError(
        Code.STATE,
        f"the journal of process {pid} {why}: nothing is signed over it",
        hint="`logos audit verify` says more",
    )


def _line(signed: Signed) -> bytes:
    fields = {k: base64.b64encode(v).decode() for k, v in signed._asdict().items()}
    return json.dumps(fields).encode() + b"\n"


def _read_line(line: bytes) -> Signed | None:
    try:
        fields = json.loads(line)
        return Signed(*(base64.b64decode(fields[name], validate=True) for name in Signed._fields))
    except (ValueError, KeyError, TypeError):
        return None


def _append(file: Path, lines: Sequence[bytes]) -> None:
    if not lines:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as open_:
        if open_.tell() and not file.read_bytes().endswith(b"\n"):
            open_.write(b"\n")  # the last line was cut off
        open_.write(b"".join(lines))
        open_.flush()
        os.fsync(open_.fileno())
