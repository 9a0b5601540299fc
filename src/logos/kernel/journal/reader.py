"""Reading journals: one process, many at once, or all of them in the order of the feed."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from logos.abi.events import Forgot
from logos.abi.ids import MailId, Pid, Seq
from logos.kernel.journal.chain import Row
from logos.store import Queries, Statement, Store

_FORGOT: msgspec.json.Decoder[Forgot] = msgspec.json.Decoder(Forgot)

_SQL = Queries("logos.kernel.journal", "journal.sql")

PAGE = 1000
"""Rows fetched at a time."""

START = Seq(0)
FOREVER = Seq(2**62)


class Snapshot(NamedTuple):
    seq: Seq
    hash: bytes
    body: bytes


class Pending(NamedTuple):
    """A letter that has not been taken."""

    id: MailId
    pid: Pid
    sender: Pid | None
    body: bytes


def read(store: Store, pid: Pid, after: Seq = START, upto: Seq = FOREVER) -> AsyncGenerator[Row]:
    """The rows of one process, in order."""
    return _paged(store, _SQL.read, {"after": "seq"}, {"pid": pid, "after": after, "upto": upto})


def read_kinds(
    store: Store, pid: Pid, kinds: Sequence[str], after: Seq = START
) -> AsyncGenerator[Row]:
    """The rows of one process that are of these kinds, in order."""
    given = {"pid": pid, "kinds": list(kinds), "after": after}
    return _paged(store, _SQL.read_kinds, {"after": "seq"}, given)


def thoughts_since(store: Store, at: int) -> AsyncGenerator[Row]:
    """The end of every process's thoughts, and digests written by a model, after a time in
    microseconds, oldest first."""
    place = {"at": "at", "pid": "pid", "seq": "seq"}
    return _paged(store, _SQL.thoughts_since, place, {"at": at, "pid": Pid(0), "seq": START})


async def _paged(
    store: Store, statement: Statement, place: Mapping[str, str], given: Mapping[str, Any]
) -> AsyncGenerator[Row]:
    """`place` maps each parameter of the page position to the column it is read from."""
    while True:

        async def page(given: Mapping[str, Any] = given) -> Sequence[Any]:
            async with store.connection() as db:
                return await db.all(statement, most=PAGE, **given)

        rows = await store.persist(page)
        for row in await _whole(store, rows):
            yield row
        if len(rows) < PAGE:
            return
        given = {**given, **{name: rows[-1][column] for name, column in place.items()}}


async def tail(store: Store, pid: Pid, after: Seq, most: int) -> list[Row]:
    """Up to `most` rows of one process after a position."""

    async def page() -> Sequence[Any]:
        async with store.connection() as db:
            return await db.all(_SQL.read, pid=pid, after=after, upto=FOREVER, most=most)

    return await _whole(store, await store.persist(page))


async def read_some(store: Store, pid: Pid, seqs: Sequence[Seq]) -> list[Row]:
    """The existing rows among these of one process, in order."""

    async def fetch() -> Sequence[Any]:
        async with store.connection() as db:
            return await db.all(_SQL.read_some, pid=pid, seqs=list(seqs))

    return await _whole(store, await store.persist(fetch))


async def read_some_and_tail(
    store: Store, pid: Pid, seqs: Sequence[Seq], after: Seq, most: int
) -> tuple[list[Row], list[Row]]:
    """`read_some` for those up to `after`, and `tail` from there, as of one moment."""

    async def fetch() -> Sequence[Any]:
        async with store.connection() as db:
            return await db.all(
                _SQL.read_some_and_tail, pid=pid, seqs=list(seqs), after=after, most=most
            )

    rows = await _whole(store, await store.persist(fetch))
    return [row for row in rows if row.seq <= after], [row for row in rows if row.seq > after]


async def read_many(store: Store, after: dict[Pid, Seq]) -> dict[Pid, list[Row]]:
    """The rows of several processes, each from its own position."""

    async def fetch() -> Sequence[Any]:
        async with store.connection() as db:
            return await db.all(_SQL.read_many, pids=list(after), afters=list(after.values()))

    found: dict[Pid, list[Row]] = {pid: [] for pid in after}
    for row in await _whole(store, await store.persist(fetch)):
        found[row.pid].append(row)
    return found


async def _whole(store: Store, rows: Sequence[Any]) -> list[Row]:
    """Rows with, in place of forgotten bodies, what is left of them."""
    made = [Row(*row) for row in rows]
    gone = {row.pid for row in made if row.body is None}
    if not gone:
        return made
    left = await _left(store, gone)
    return [
        row._replace(body=left[row.pid, row.seq], forgotten=True)
        if row.body is None and (row.pid, row.seq) in left
        else row
        for row in made
    ]


async def _left(store: Store, pids: Collection[Pid]) -> dict[tuple[Pid, Seq], bytes]:
    """The most recent skeleton of each forgotten event."""

    async def fetch() -> Sequence[Any]:
        async with store.connection() as db:
            return await db.all(_SQL.forgots, pids=list(pids))

    return {
        (row["pid"], one.page): bytes(one.body)
        for row in await store.persist(fetch)
        if row["body"] is not None
        for one in _FORGOT.decode(row["body"]).left
    }


async def blob(store: Store, digest: bytes) -> bytes | None:
    """The body with this SHA-256, if it was kept."""

    async def fetch() -> Any:
        async with store.connection() as db:
            return await db.one(_SQL.blob, digest=digest)

    row = await store.persist(fetch)
    return None if row is None else bytes(row["body"])


async def pending(store: Store, pids: Sequence[Pid]) -> list[Pending]:
    async def fetch() -> Sequence[Any]:
        async with store.connection() as db:
            return await db.all(_SQL.pending, pids=list(pids))

    return [Pending(*row) for row in await store.persist(fetch)]


async def snapshots(store: Store, pids: Sequence[Pid], version: int) -> dict[Pid, Snapshot]:
    async def fetch() -> Sequence[Any]:
        async with store.connection() as db:
            return await db.all(_SQL.snapshots, pids=list(pids), version=version)

    return {
        row["pid"]: Snapshot(row["seq"], row["hash"], row["body"])
        for row in await store.persist(fetch)
    }


async def save_snapshot(store: Store, pid: Pid, snapshot: Snapshot, version: int) -> None:
    """Save it, and drop older ones.  A snapshot can always be recomputed."""

    async def write() -> None:
        async with store.connection() as db:
            await db.run(
                _SQL.save,
                pid=pid,
                seq=snapshot.seq,
                version=version,
                hash=snapshot.hash,
                body=snapshot.body,
            )
            await db.run(_SQL.forget_snapshots, pid=pid, before=snapshot.seq)

    await store.persist(write)


class Feed:
    """The events of all processes in the order of the feed, each exactly once, from any position.

    Identity numbers are assigned before transactions commit, so a number may be missing only
    because its transaction is still under way.  At a gap the feed waits until every transaction
    that had begun to write when the gap was seen has ended.  A writer writes something before it
    takes a number, so whoever took one below the gap's end is among them.
    """

    def __init__(self, store: Store, after: int) -> None:
        self._store = store
        self._after = after
        # gaps up to this position were seen, and these transactions bound them
        self._seen: tuple[int, int | None] = (0, None)

    async def advance(self) -> list[Row]:
        """The rows that have become certain since the last call; possibly none."""

        async def fetch() -> tuple[Sequence[Any], int]:
            upto, limit = self._seen
            async with self._store.connection() as db:
                if limit is None and upto > self._after:
                    self._seen = (upto, (await db.one(_SQL.youngest))["next"])
                # first: whatever it says has ended is visible to the statement below
                horizon = await db.one(_SQL.horizon)
                rows = await db.all(_SQL.feed, after=self._after, most=PAGE)
                return rows, horizon["oldest"]

        rows, oldest = await self._store.persist(fetch)
        certain: list[Any] = []
        for row in rows:
            gap = row["id"] != self._after + 1
            if gap and not self._is_dead(row["id"], rows[-1]["id"], oldest):
                break
            self._after = row["id"]
            certain.append(row)
        return await _whole(self._store, certain)

    def _is_dead(self, at: int, newest: int, oldest: int) -> bool:
        """Has every transaction ended that could fill the gap before `at`?  Their bounds are taken
        after the gap was seen: a writer that fills a gap seen later may have begun in between."""
        upto, limit = self._seen
        if at > upto:
            self._seen = (newest, None)
            return False
        return limit is not None and oldest >= limit


async def last_id(store: Store) -> int:
    """The newest position in the feed."""

    async def fetch() -> int:
        async with store.connection() as db:
            return int((await db.one(_SQL.last))["id"])

    return await store.persist(fetch)
