"""Vectors of pages, on disk and, while they are asked, in memory.

    Vectors.near(pid, model, vector)   cosines with every page of a space
    Vectors.ready(pid, model)          have them in memory, for who will ask
    Vectors.states(), of(pid)          how far each space is, by model
    Vectors.claim, add, finish, fail   for who fills them
    Vectors.spent(pid, model, tokens)  a question had its vector made
    Vectors.drop(pid)                  all of a space

A vector is kept as numbers of two bytes and of length 1, so that a cosine is a product.  A space is one
matrix; what was added since is read before each use, by any node.

Invariant: vectors of different models never meet.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from logos.abi.errors import SysError
from logos.abi.ids import NodeId, Pid, Seq
from logos.kernel.memory import SPACE_VERSION, Near, key
from logos.store import Queries, Store

_SQL = Queries("logos.kernel.meaning", "meaning.sql")

log = logging.getLogger("logos.kernel")

Floats = NDArray[np.float32]

MOST_BYTES = 256 << 20
"""Of matrices in memory."""

AHEAD = 512
"""Rows a matrix grows by, at least."""


class State(NamedTuple):
    """Of one space with one model.  `head`: how much of the journal was done when it was last whole."""

    model: str
    setting: str
    version: int
    dimension: int
    seq: int
    start: int
    head: int
    pages: int
    skipped: int
    tokens: int
    error: str


class Status(NamedTuple):
    """A line for people.  Of `events` of its journal, `done` were looked at.  `others`: pages that have
    vectors of another model, which serve until those of this one are there."""

    pid: Pid
    name: str
    events: int
    done: int
    pages: int
    skipped: int
    tokens: int
    others: int
    error: str


class Claim(NamedTuple):
    """`journal` is where the journal ends; the rest as in State."""

    journal: int
    seq: Seq
    start: int
    dimension: int
    pages: int


class Filled(NamedTuple):
    """Pages that were dealt with: those at `places` have `vectors`; the last of them all is `upto`."""

    places: Sequence[tuple[Seq, int]]
    vectors: Sequence[bytes]
    upto: tuple[Seq, int]
    skipped: int
    tokens: int
    dimension: int


@dataclass(slots=True)
class _Matrix:
    """Room for more than `size` rows."""

    keys: NDArray[np.int64]
    rows: Floats
    size: int
    last: tuple[int, int]


class Vectors:
    def __init__(self, store: Store, *, most: int = MOST_BYTES) -> None:
        self._store = store
        self._most = most
        self._held: dict[tuple[Pid, str], _Matrix] = {}  # the one asked longest ago first

    async def near(self, pid: Pid, model: str, vector: Floats) -> Near | None:
        """None: there is nothing to compare with."""
        held = self._held.pop((pid, model), None)
        last = (0, -1) if held is None else held.last
        rows = await self._all(_SQL.load, pid=pid, model=model, seq=last[0], start=last[1])
        if held is None and not rows:
            return None

        def compare() -> tuple[_Matrix, Near]:
            matrix = _grown(held, rows, len(vector)) if rows or held is None else held
            cosines = matrix.rows[: matrix.size] @ vector
            return matrix, Near(matrix.keys[: matrix.size], cosines)

        matrix, near = await anyio.to_thread.run_sync(compare)
        self._held[pid, model] = matrix
        self._trim()
        return near

    async def ready(self, pid: Pid, model: str) -> None:
        """Whoever asks hears of what goes wrong here, too."""
        if (pid, model) in self._held:
            return
        try:
            rows = await self._all(_SQL.load, pid=pid, model=model, seq=0, start=-1)
            if rows:
                length = len(rows[0]["vector"]) // 2
                matrix = await anyio.to_thread.run_sync(lambda: _grown(None, rows, length))
                self._held.setdefault((pid, model), matrix)
                self._trim()
        except (SysError, ValueError) as error:
            log.info("the vectors of process %d were not loaded ahead: %s", pid, error)

    def _trim(self) -> None:
        total = sum(each.rows.nbytes for each in self._held.values())
        while total > self._most and len(self._held) > 1:
            oldest = next(iter(self._held))
            total -= self._held.pop(oldest).rows.nbytes

    @property
    def nbytes(self) -> int:
        return sum(each.rows.nbytes for each in self._held.values())

    def let_go(self, pid: Pid) -> None:
        """Out of memory: something of it is gone, or was made anew."""
        for held in [held for held in self._held if held[0] == pid]:
            del self._held[held]

    async def states(self, model: str) -> list[Status]:
        found: dict[Pid, Status] = {}
        for row in await self._all(_SQL.states):
            pid = Pid(row["pid"])
            line = found.get(pid) or Status(pid, row["agent"], row["head_seq"], 0, 0, 0, 0, 0, "")
            if row["model"] == model:
                made = row["head"], row["pages"], row["skipped"], row["tokens"]
                line = Status(*line[:3], *made, line.others, row["error"])
            elif row["model"]:
                line = line._replace(others=line.others + row["pages"])
            found[pid] = line
        return list(found.values())

    async def of(self, pid: Pid) -> list[State]:
        return [State(*row) for row in await self._all(_SQL.of, pid=pid)]

    async def behind(self, model: str, node: NodeId, most: int) -> list[Pid]:
        rows = await self._all(_SQL.behind, model=model, node=node, most=most)
        return [Pid(row["pid"]) for row in rows]

    async def claim(self, pid: Pid, model: str, setting: str, node: NodeId) -> Claim | None:
        """None: another node is at it."""

        async def take() -> Claim | None:
            async with self._store.transaction() as db:
                row = await db.one(
                    _SQL.claim,
                    pid=pid,
                    model=model,
                    setting=setting,
                    version=SPACE_VERSION,
                    node=node,
                )
                if row is None:
                    return None
                claim = Claim(*row)
                if not claim.seq:
                    await db.run(_SQL.stale, pid=pid, model=model, seq=0, start=-1)
                return claim

        claim = await self._store.persist(take)
        if claim is not None and not claim.seq:
            self.let_go(pid)
        return claim

    async def add(self, pid: Pid, model: str, filled: Filled) -> None:
        """And how far it is, at once."""

        async def write() -> None:
            async with self._store.transaction() as db:
                await db.all(_SQL.guard, pid=pid)
                await db.run(
                    _SQL.add,
                    pid=pid,
                    model=model,
                    seqs=[seq for seq, _ in filled.places],
                    starts=[start for _, start in filled.places],
                    vectors=list(filled.vectors),
                )
                await db.run(
                    _SQL.advance,
                    pid=pid,
                    model=model,
                    seq=filled.upto[0],
                    start=filled.upto[1],
                    dimension=filled.dimension,
                    pages=len(filled.places),
                    skipped=filled.skipped,
                    tokens=filled.tokens,
                )

        await self._store.persist(write)

    async def spent(self, pid: Pid, model: str, tokens: int) -> None:
        """On a question.  Twice, should the database be lost just now."""

        async def write() -> None:
            async with self._store.connection() as db:
                await db.run(_SQL.spent, pid=pid, model=model, tokens=tokens)

        await self._store.persist(write)

    async def finish(self, pid: Pid, model: str, head: int, *, error: str = "") -> None:
        """All of the journal up to `head` has been looked at: what older models said goes."""

        async def write() -> None:
            async with self._store.transaction() as db:
                await db.run(_SQL.finish, pid=pid, model=model, head=head, error=error)
                await db.run(_SQL.drop_others, pid=pid, model=model)

        await self._store.persist(write)
        for held in [held for held in self._held if held[0] == pid and held[1] != model]:
            del self._held[held]

    async def fail(self, pid: Pid, model: str, error: str) -> None:
        async def write() -> None:
            async with self._store.connection() as db:
                await db.run(_SQL.fail, pid=pid, model=model, error=error)

        await self._store.persist(write)

    async def drop(self, pid: Pid) -> None:
        async def write() -> None:
            async with self._store.connection() as db:
                await db.run(_SQL.drop, pid=pid)

        await self._store.persist(write)
        self.let_go(pid)

    async def _all(self, statement: Any, **arguments: object) -> Sequence[Any]:
        async def fetch() -> Sequence[Any]:
            async with self._store.connection() as db:
                return await db.all(statement, **arguments)

        return await self._store.persist(fetch)


def packed(vector: Sequence[float]) -> bytes:
    """Of length 1, in two bytes a number."""
    return unit(vector).astype("<f2").tobytes()


def unit(vector: Sequence[float]) -> Floats:
    found = np.asarray(vector, dtype=np.float32)
    return found / np.float32(max(float(np.linalg.norm(found)), 1e-12))


def _grown(held: _Matrix | None, rows: Sequence[Any], dimension: int) -> _Matrix:
    """With these rows, which stand behind those it has."""
    size = 0 if held is None else held.size
    need = size + len(rows)
    if held is None or need > len(held.keys):
        room = need + max(AHEAD, need // 4)
        keys = np.zeros(room, dtype=np.int64)
        matrix = np.zeros((room, dimension), dtype=np.float32)
        if held is not None:
            keys[:size], matrix[:size] = held.keys[:size], held.rows[:size]
    else:
        keys, matrix = held.keys, held.rows
    seqs = np.fromiter((row["seq"] for row in rows), dtype=np.int64, count=len(rows))
    starts = np.fromiter((row["start"] for row in rows), dtype=np.int64, count=len(rows))
    keys[size:need] = key(seqs, starts)
    data = b"".join(bytes(row["vector"]) for row in rows)
    matrix[size:need] = np.frombuffer(data, dtype="<f2").reshape(len(rows), -1)
    last = (int(seqs[-1]), int(starts[-1])) if rows else (0, -1)
    return _Matrix(keys, matrix, need, last)
