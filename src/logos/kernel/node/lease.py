"""Which node drives what: leases of nodes, and processes that change hands.

    Lease.take(place)     register this node
    Lease.beat()          renew; how many nodes are alive; raise Dead when too late
    Lease.fresh           whether it certainly holds at this moment
    Lease.claim(most)     take over processes that nobody drives
    Lease.resign()        release everything

One row per node, whatever it drives.  All times are the database's.  A node whose lease
expired is dead for ever: it must register again as another one.
"""

import time
from typing import Any, NamedTuple

from logos.abi.ids import NodeId, Pid
from logos.store import Queries, Store

_SQL = Queries("logos.kernel.node", "node.sql")


class Dead(Exception):  # noqa: N818 - a state of the world, not a mistake
    """The lease expired: others now own what this node drove."""


class Claimed(NamedTuple):
    pid: Pid
    status: str
    wake_at: int | None


class Lease:
    def __init__(self, store: Store, lease_s: float) -> None:
        self._store = store
        self._lease_s = lease_s
        self._until = 0.0
        self.node = NodeId(0)

    @property
    def fresh(self) -> bool:
        """Does the lease certainly hold?  Counted from before the database was asked for it.  A
        node that was suspended and resumes finds it stale at once, before it has done anything."""
        return time.monotonic() < self._until

    async def take(self, place: str, *, alone: bool) -> NodeId:
        """`alone`: this process holds the lock of its home, so any earlier node there is dead."""

        async def register() -> tuple[float, Any]:
            async with self._store.transaction() as db:
                if alone:
                    await db.run(_SQL.succeed, place=place)
                asked = time.monotonic()
                return asked, await db.one(_SQL.register, place=place, lease=self._lease_s)

        asked, row = await self._store.persist(register)
        self._until = asked + self._lease_s
        self.node = NodeId(row["id"])
        return self.node

    async def beat(self) -> int:
        async def prolong() -> tuple[float, Any]:
            asked = time.monotonic()
            async with self._store.connection() as db:
                return asked, await db.one(_SQL.heartbeat, node=self.node, lease=self._lease_s)

        asked, row = await self._store.persist(prolong)
        if row is None:
            raise Dead(f"node {self.node} was silent for more than {self._lease_s} s")
        self._until = asked + self._lease_s
        return int(row["alive"])

    async def claim(self, most: int) -> list[Claimed]:
        """Fences what dead nodes left before taking it."""

        tried = False

        async def reap_and_claim() -> list[Claimed]:
            nonlocal tried
            again, tried = tried, True
            async with self._store.connection() as db:
                await db.run(_SQL.reap)
                rows = await db.all(_SQL.claim, node=self.node, most=most)
                if again:  # the answer to an earlier attempt was lost, perhaps not its claim
                    rows = await db.all(_SQL.owned, node=self.node)
            return [Claimed(*row) for row in rows]

        return await self._store.persist(reap_and_claim)

    async def with_mail(self) -> list[Pid]:
        async def fetch() -> list[Pid]:
            async with self._store.connection() as db:
                return [row["pid"] for row in await db.all(_SQL.with_mail, node=self.node)]

        return await self._store.persist(fetch)

    async def notify(self) -> None:
        """Wake the other nodes: there is mail for processes that are not ours."""

        async def send() -> None:
            async with self._store.connection() as db:
                await db.run(_SQL.notify)

        await self._store.persist(send)

    async def resign(self) -> None:
        async def leave() -> None:
            async with self._store.transaction() as db:
                await db.run(_SQL.release, node=self.node)
                await db.run(_SQL.resign, node=self.node)

        await self._store.persist(leave)
