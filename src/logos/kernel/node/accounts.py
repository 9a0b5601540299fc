"""Totals that processes share, across all nodes.

    Accounts.hold(pid, process, wish)   reserve the most a thought may cost; how long its answer may be
    Accounts.wait()                     return when a thought has ended somewhere
    Accounts.settle(pid, process)       it has ended: release what was not used
    Accounts.used(name)                 the total so far
    Accounts.charge(name, usage)        charge something that no process used

What a process has used is in its journal and is copied here.  Until it is copied its reservation
stays, so a total is never exceeded, however many processes run at once.
"""

from collections.abc import Sequence
from typing import NamedTuple

import anyio

from logos.abi.agent import Account, Limits
from logos.abi.driver import Price
from logos.abi.ids import Pid
from logos.abi.messages import Usage
from logos.abi.process import Process
from logos.kernel.process import affordable
from logos.store import Cursor, Queries, Store

_SQL = Queries("logos.kernel.node", "accounts.sql")

RERANKING = "reranking"
"""What it takes to judge what searches of memory found."""

LOOK_S = 0.5
"""Thoughts that end on other nodes do not notify this one."""


class Wish(NamedTuple):
    """A thought: the tokens of its prompt, and the maximum of its answer."""

    price: Price
    prompt: int
    output: int


class Accounts:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._settled = anyio.Event()

    async def hold(self, pid: Pid, process: Process, wish: Wish) -> int | None:
        """How long the answer may be; None: wait.  Raise `budget` when what is left of a total does
        not pay for it."""
        bounded = [a for a in process.accounts if not (a.tokens is None and a.cost is None)]
        if not bounded:
            return wish.output
        # a fixed order, so that no two wait for each other
        bounded.sort(key=lambda account: account.name)

        async def attempt() -> int | None:
            async with self._store.transaction() as db:
                output = await _room(db, bounded, (pid, process), wish)
                if output is not None:
                    held = _cost(wish._replace(output=output))
                    await _set(db, bounded, (pid, process.own), held)
                return output

        return await self._store.persist(attempt)

    async def wait(self) -> None:
        with anyio.move_on_after(LOOK_S):
            await self._settled.wait()

    async def settle(self, pid: Pid, process: Process) -> None:
        async def attempt() -> None:
            async with self._store.connection() as db:
                await _set(db, process.accounts, (pid, process.own), Usage())

        if process.accounts:
            await self._store.persist(attempt)
            self._settled.set()
            self._settled = anyio.Event()

    async def used(self, name: str) -> Usage:
        async def attempt() -> Usage:
            async with self._store.connection() as db:
                row = await db.one(_SQL.sum_account, name=name)
                return Usage(input=row["tokens"], cost=row["cost"])

        return await self._store.persist(attempt)

    async def charge(self, name: str, usage: Usage) -> None:
        """Charged twice if the database is lost at this very moment."""

        async def attempt() -> None:
            async with self._store.connection() as db:
                await db.one(_SQL.add_account, name=name, tokens=usage.tokens, cost=usage.cost)

        await self._store.persist(attempt)


async def _room(
    db: Cursor, accounts: Sequence[Account], whose: tuple[Pid, Process], wish: Wish
) -> int | None:
    """How many tokens the answer may have; None: wait.  Raise `budget`."""
    pid, process = whose
    output, held = wish.output, []
    for account in accounts:
        await db.one(_SQL.lock_account, name=account.name)
        others = await db.one(_SQL.sum_others, name=account.name, pid=pid)
        rest = Limits(
            tokens=_rest(account.tokens, others["tokens"] + process.own.tokens),
            cost=_rest(account.cost, others["cost"] + process.own.cost),
        )
        output = affordable(rest, wish.price, wish.prompt, output)
        held.append((rest, others["held_tokens"], others["held_cost"]))
    most = _cost(wish._replace(output=output))
    for rest, tokens, cost in held:
        if rest.tokens is not None and most.tokens + tokens > rest.tokens:
            return None
        if rest.cost is not None and most.cost + cost > rest.cost:
            return None
    return output


def _rest(limit: int | None, used: int) -> int | None:
    return None if limit is None else max(limit - used, 0)


def _cost(wish: Wish) -> Usage:
    price, prompt, output = wish
    return Usage(input=prompt, output=output, cost=prompt * price.input + output * price.output)


async def _set(
    db: Cursor, accounts: Sequence[Account], whose: tuple[Pid, Usage], held: Usage
) -> None:
    pid, own = whose
    await db.all(
        _SQL.set_account,
        names=[account.name for account in accounts],
        pid=pid,
        tokens=own.tokens,
        cost=own.cost,
        held_tokens=held.tokens,
        held_cost=held.cost,
    )
