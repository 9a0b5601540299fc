"""Recent spending on thoughts, by principal and in total, and whether another thought is allowed.

    Meter.committed(entries)          called for every commit of this node
    await Meter.refusal(pid, now)     why a process may not think now, and until when; None: it may
    await Meter.spending(now)         what each principal has used in the last hour and day
    Paid, paid_since(store, at)       every thought's bill, from the journal

The principal of a tree is whoever asked for its first process (`Spawned.by`).  The journal holds
every bill, so a restarted node knows what was spent before; bills of other nodes are read while
there are any.  Sums are kept by the minute: a limit is exact to the minute in time and, in amount,
to the thoughts that run at once (their reservations count).

Invariant: a refusal comes before anything is sent to a model.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import NamedTuple

import anyio

from logos import config
from logos.abi.events import Asked, Compacted, Interrupted, Spawned, Thought, Vectored
from logos.abi.ids import INIT, Pid, Seq
from logos.abi.messages import Usage
from logos.kernel import journal
from logos.kernel.journal import Entry, Row
from logos.kernel.node.spent import MINUTE, SPANS, Spent
from logos.kernel.process import SECOND
from logos.store import Store

FRESH_S = 5
"""How long the bills of another node may stay unknown."""

LATE = 10
"""Minutes in which another node may have come and gone unnoticed."""

EVERYBODY = "\0"
"""The key of the total over all principals: no name contains this character."""

_KINDS = frozenset({"asked", "thought", "interrupted", "compacted", "vectored"})


class Paid(NamedTuple):
    """The bill of one thought.  `at` is in microseconds."""

    pid: Pid
    seq: Seq
    at: int
    usage: Usage


class Refusal(NamedTuple):
    text: str
    until: int


class Spending(NamedTuple):
    """What one principal has used: tokens, and money in nano-dollars."""

    principal: str
    tokens_hour: int
    cost_hour: int
    tokens_day: int
    cost_day: int


class Meter:
    def __init__(
        self, store: Store, limits: config.Limits, now: Callable[[], int], peers: Callable[[], int]
    ) -> None:
        self._store, self._limits, self._now, self._peers = store, limits, now, peers
        self._on = limits != config.Limits()
        self._sums: dict[str, Spent] = {}
        self._known: dict[Pid, str] = {}
        self._counted: dict[tuple[Pid, Seq], int] = {}
        self._held: dict[Pid, Usage] = {}
        self._news: list[Row] = []
        self._read_to: int | None = None
        self._looked = self._swept = 0
        self._lock = anyio.Lock()

    def committed(self, entries: Iterable[Entry]) -> None:
        if self._on:
            self._news += (row for entry in entries for row in entry.rows if row.kind in _KINDS)

    async def refusal(self, pid: Pid, now: int) -> Refusal | None:
        if not self._on:
            return None
        async with self._lock:
            await self._catch_up(now)
            who = await self._principal(pid)
        return self._over(who, f"{who or 'who named nobody'} has", self._limits.principal, now) or (
            self._over(EVERYBODY, "all of them together have", self._limits.node, now)
        )

    async def spending(self, now: int) -> list[Spending]:
        """Computed from the journal, whether or not there are limits."""
        sums: dict[str, Spent] = {}
        async for paid in paid_since(self._store, now - SPANS["day"] * MINUTE):
            who = await self._principal(paid.pid)
            sums.setdefault(who, Spent()).add(paid.at, paid.usage)
        found = []
        for who, one in sorted(sums.items()):
            found.append(Spending(who, *one.over(now, "hour"), *one.over(now, "day")))
        return found

    def _over(self, who: str, has: str, allowed: config.Allowance, now: int) -> Refusal | None:
        if (sums := self._sums.get(who)) is None:
            return None
        for name, span, limit in _limits(allowed):
            used = getattr(sums.over(now, span), name)
            if used >= limit:
                until = sums.free_at(now, span, name=name, limit=limit)
                what = f"{used / 1e9:.4f} of {limit / 1e9:.4f} dollars" if name == "cost" else (
                    f"{used} of {limit} tokens"
                )  # fmt: skip
                where = "node" if who == EVERYBODY else "principal"
                text = f"{has} used {what} in an {span}"
                return Refusal(
                    f"spending is held: {text.replace('an day', 'a day')} "
                    f"(limits.{where}.{name}_per_{span})",
                    until,
                )
        return None

    async def _catch_up(self, now: int) -> None:
        if self._read_to is None:
            await self._read(now - SPANS["day"] * MINUTE)
        elif self._peers() <= 1:  # nobody else spends
            self._read_to = max(self._read_to, now - LATE * MINUTE)
        elif now - self._looked > FRESH_S * SECOND:
            await self._read(self._read_to - MINUTE)
        news, self._news = self._news, []
        for row in news:
            await self._note(row)
        if now // MINUTE != self._swept:
            self._swept = now // MINUTE
            self._sums = {who: one for who, one in self._sums.items() if one.prune(now)}
            again = min(self._read_to or 0, now - LATE * MINUTE) - MINUTE
            self._counted = {one: at for one, at in self._counted.items() if at >= again}

    async def _read(self, since: int) -> None:
        self._looked = self._now()
        async for paid in paid_since(self._store, since):
            await self._pay(paid)
            self._read_to = max(self._read_to or 0, paid.at)
        self._read_to = self._read_to or self._looked

    async def _note(self, row: Row) -> None:
        event = journal.decode(row)
        if isinstance(event, Asked):
            aside = Usage(input=event.tokens, cost=event.cost)
            self._hold(await self._principal(row.pid), row.pid, aside)
            return
        if not isinstance(event, Compacted | Vectored):
            self._hold(await self._principal(row.pid), row.pid, None)
        if (usage := _billed(event)) is not None:
            await self._pay(Paid(row.pid, row.seq, row.at, usage))

    async def _pay(self, paid: Paid) -> None:
        if (paid.pid, paid.seq) in self._counted:
            return
        self._counted[paid.pid, paid.seq] = paid.at
        for who in (await self._principal(paid.pid), EVERYBODY):
            self._sums.setdefault(who, Spent()).add(paid.at, paid.usage)

    def _hold(self, who: str, pid: Pid, held: Usage | None) -> None:
        """Replaces the earlier reservation of this process."""
        before = self._held.pop(pid, None)
        for name in (who, EVERYBODY):
            sums = self._sums.setdefault(name, Spent())
            if before is not None:
                sums.set_aside(before, -1)
            if held is not None:
                sums.set_aside(held, 1)
        if held is not None:
            self._held[pid] = held

    async def _principal(self, pid: Pid) -> str:
        """The name given at the first process of its line."""
        line: list[Pid] = []
        who: str | None = None
        while who is None:
            if pid in self._known:
                who = self._known[pid]
                break
            line.append(pid)
            rows = await journal.read_some(self._store, pid, [Seq(1)])
            born = journal.decode(rows[0]) if rows else None
            if isinstance(born, Spawned) and not born.by and born.parent not in (None, INIT):
                assert born.parent is not None
                pid = born.parent
            else:
                who = born.by if isinstance(born, Spawned) else ""
        self._known.update(dict.fromkeys(line, who))
        return who


def _billed(event: object) -> Usage | None:
    match event:
        case Thought(usage=usage) | Interrupted(charged=usage) | Vectored(usage=usage):
            return usage
        case Compacted(usage=usage) if usage != Usage():
            return usage
        case _:
            return None


async def paid_since(store: Store, at: int) -> AsyncIterator[Paid]:
    """The bills of all thoughts after that time, oldest first."""
    async for row in journal.thoughts_since(store, at):
        if (usage := _billed(journal.decode(row))) is not None:
            yield Paid(row.pid, row.seq, row.at, usage)


def _limits(allowed: config.Allowance) -> list[tuple[str, str, int]]:
    found: list[tuple[str, str, int]] = []
    for span in SPANS:
        if (tokens := getattr(allowed, f"tokens_per_{span}")) is not None:
            found.append(("tokens", span, tokens))
        if (cost := getattr(allowed, f"cost_per_{span}")) is not None:
            found.append(("cost", span, int(cost * 1e9)))
    return found
