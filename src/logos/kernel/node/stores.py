"""What processes keep, for their calls and for people: put in, and looked up by path.

    Stores.remember(pid, items)    events into its journal, by mail; their numbers
    Stores.shelf(pid)              what it keeps, by path, as of all that is durable
    Stores.find(name), named()     spaces that several processes share

What a process keeps is a fold of its journal and nothing else: a shelf can be thrown away at any
time, and is, when it was asked longest ago.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import anyio

from logos.abi.errors import Code, SysError
from logos.abi.events import Linked, Pinned, Remembered
from logos.abi.ids import MailId, Pid, Seq
from logos.abi.limits import FILE_BYTES
from logos.kernel import journal
from logos.kernel.memory import Shelf, place
from logos.kernel.node.records import POLL_S, Records
from logos.kernel.process.mail import AnyMail, Deposit
from logos.store import Queries, Store

_SQL = Queries("logos.kernel.node", "stores.sql")

Item: TypeAlias = Remembered | Linked | Pinned

BATCH_ITEMS = 500
BATCH_CHARS = 1 << 20
"""What one letter carries at most."""

AHEAD = 3
"""Letters on their way at a time."""

SHELVES = 32
"""Processes whose memory stays folded."""

KINDS = ("remembered", "linked", "forgot")
"""Events that change a shelf."""


class Stores:
    """`post` sends a letter and says its number."""

    def __init__(
        self, store: Store, records: Records, post: Callable[[Pid, AnyMail], Awaitable[MailId]]
    ) -> None:
        self._store = store
        self._records = records
        self._post = post
        self._shelves: dict[Pid, Shelf] = {}  # the one asked longest ago first
        self._lock = anyio.Lock(fast_acquire=True)  # guards _shelves while they are brought up

    async def remember(self, pid: Pid, items: Sequence[Item]) -> list[Seq]:
        """In its journal, once and in this order, when this returns: the number of each.

        Raise `invalid` for a path that memory does not have, `state` when it has exited.
        """
        waiting: list[tuple[MailId, int]] = []
        found: list[Seq] = []
        for batch in batches([_checked(item) for item in items]):
            waiting.append((await self._post(pid, Deposit(tuple(batch))), len(batch)))
            if len(waiting) == AHEAD:
                found += await self._taken(pid, *waiting.pop(0))
        for letter in waiting:
            found += await self._taken(pid, *letter)
        return found

    async def _taken(self, pid: Pid, letter: MailId, events: int) -> Sequence[Seq]:
        async def look() -> Any:
            async with self._store.connection() as db:
                return await db.one(_SQL.taken, id=letter)

        while True:
            changed = self._records.changed(pid)
            row = await self._store.persist(look)
            if row["taken"] is not None:
                first = int(row["taken"])
                return [Seq(n) for n in range(first, first + events)]
            if row["exit_status"] is not None:
                raise SysError(Code.STATE, f"process {pid} has exited")
            with anyio.move_on_after(POLL_S):
                await changed.wait()

    async def shelf(self, pid: Pid) -> Shelf:
        async with self._lock:
            shelf = self._shelves.pop(pid, None) or Shelf()
            async for row in journal.read_kinds(self._store, pid, KINDS, shelf.seq):
                shelf.apply(row.seq, row.at, journal.decode(row))
            self._shelves[pid] = shelf
            if len(self._shelves) > SHELVES:
                del self._shelves[next(iter(self._shelves))]
            return shelf

    def drop(self, pid: Pid) -> None:
        """Something was forgotten."""
        self._shelves.pop(pid, None)

    async def find(self, name: str) -> Pid | None:
        async def look() -> Any:
            async with self._store.connection() as db:
                return await db.one(_SQL.space, agent=f"/mem/{name}")

        row = await self._store.persist(look)
        return None if row is None else Pid(row["pid"])

    async def named(self) -> dict[str, Pid]:
        async def look() -> Sequence[Any]:
            async with self._store.connection() as db:
                return await db.all(_SQL.spaces)

        rows = await self._store.persist(look)
        return {row["agent"].removeprefix("/mem/"): Pid(row["pid"]) for row in rows}


def batches(items: Sequence[Item]) -> list[list[Item]]:
    """In order, each small enough for one letter."""
    made: list[list[Item]] = []
    room = 0
    for item in items:
        size = len(item.text) if isinstance(item, Remembered) else 0
        if not made or len(made[-1]) == BATCH_ITEMS or size > room:
            made.append([])
            room = BATCH_CHARS
        made[-1].append(item)
        room -= size
    return made


def _checked(item: Item) -> Item:
    if isinstance(item, Remembered):
        if len(item.text) > FILE_BYTES:
            raise SysError(
                Code.LIMIT, f"{item.path} is longer than {FILE_BYTES >> 20} MiB", hint="cut it up"
            )
        if item.path != place(item.path):
            raise SysError(Code.INVALID, f"{item.path} is not a plain path")
    return item
