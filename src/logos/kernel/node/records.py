"""Reading the record: the process table, journals, windows, chains.

    Records.list, known, process, window    the present state
    Records.events, follow, feed, newest    past events, and events to come
    Records.wait                            the end of a process
    Records.fault                           the pages of a process that a question needs
    Records.search                          the same, as text, for a deliberate search
    Records.audit                           recompute every chain
    Records.replay, steps                   reconstruct every prompt

Reads only; works for any process, whoever drives it.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple

import anyio

from logos.abi.calls import Exit
from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent, Exited
from logos.abi.ids import Pid, Seq
from logos.abi.process import Process
from logos.kernel import journal
from logos.kernel.audit import Audit, verify
from logos.kernel.journal import Entry, Row
from logos.kernel.memory import Ask, Fault, Weights, Window, found_text, page_text
from logos.kernel.node.replay import Replayed, Step, replay, steps
from logos.kernel.node.resident import Folded, fold_all
from logos.kernel.node.spaces import MOST_BYTES, Spaces
from logos.kernel.syscall import Known
from logos.store import Queries, Store

_SQL = Queries("logos.kernel.node", "node.sql")

POLL_S = 0.5
"""How often a follower polls: events of other nodes come without a wake-up."""

PAGE = 1000


class Listed(NamedTuple):
    """One line of the process table.  Times in microseconds, `cost` in nano-dollars."""

    pid: Pid
    parent: Pid | None
    status: str
    agent: str
    task: str
    model: str
    spawned_at: int
    wake_at: int | None
    thoughts: int
    calls: int
    tokens: int
    cost: int
    exit_status: int | None
    node: int | None
    events: int


class Told(NamedTuple):
    """One event of one process, as its journal has it."""

    row: Row
    event: AnyEvent


class Records:
    def __init__(
        self, store: Store, weights: Weights | None = None, *, most: int = MOST_BYTES
    ) -> None:
        self._store = store
        self.spaces = Spaces(store, weights, most=most)
        self._changed: dict[Pid, anyio.Event] = {}
        self._any: anyio.Event | None = None

    async def list(self, *, everyone: bool = False) -> list[Listed]:
        """The process table, by pid."""
        found: list[Listed] = []
        while True:
            after = found[-1].pid if found else 0

            async def page(after: int = after) -> Sequence[Any]:
                async with self._store.connection() as db:
                    return await db.all(_SQL.list, everyone=everyone, after=after, most=PAGE)

            rows = await self._store.persist(page)
            found += (Listed(*row) for row in rows)
            if len(rows) < PAGE:
                return found

    async def quiet(self, start: str, before: int) -> Sequence[Pid]:
        """Some processes whose agent's name starts like this and that have been waiting since
        before then."""

        async def fetch() -> Sequence[Any]:
            async with self._store.connection() as db:
                return await db.all(_SQL.quiet, start=start, before=before, most=PAGE)

        return [row["pid"] for row in await self._store.persist(fetch)]

    async def process(self, pid: Pid) -> Process:
        """Its state, folded from the journal."""
        return (await self._folded(pid)).process

    async def window(self, pid: Pid) -> Window:
        """What its model sees, folded from the journal."""
        return (await self._folded(pid)).window

    async def _folded(self, pid: Pid) -> Folded:
        folded = await fold_all(self._store, pid)
        if not folded.head.seq:
            raise SysError(Code.NOT_FOUND, f"there is no process {pid}", hint="see `logos ps -a`")
        return folded

    async def events(self, pid: Pid, after: Seq = journal.START) -> AsyncIterator[Told]:
        """Its events so far."""
        async for row in journal.read(self._store, pid, after):
            yield Told(row, journal.decode(row))

    async def follow(self, pid: Pid, after: Seq = journal.START) -> AsyncIterator[Told]:
        """Its events so far and to come, until it exits; nothing if its end is already behind
        `after`."""
        known = await self.known(pid)
        if known is None:
            raise SysError(Code.NOT_FOUND, f"there is no process {pid}", hint="see `logos ps -a`")
        while True:
            changed = self.changed(pid)
            async for told in self.events(pid, after):
                yield told
                after = told.row.seq
                if isinstance(told.event, Exited):
                    return
            if known is None or known.exit_status is not None:
                return
            with anyio.move_on_after(POLL_S) as quiet:
                await changed.wait()
            if quiet.cancelled_caught:
                known = await self.known(pid)

    async def newest(self) -> int:
        """The feed position of the latest event."""
        return await journal.last_id(self._store)

    async def feed(self, after: int) -> AsyncIterator[Told]:
        """The events of all processes after a feed position, past and to come."""
        feed = journal.Feed(self._store, after)
        while True:
            changed = self._any = self._any or anyio.Event()
            rows = await feed.advance()
            for row in rows:
                yield Told(row, journal.decode(row))
            if not rows:
                with anyio.move_on_after(POLL_S):
                    await changed.wait()

    async def wait(self, pid: Pid) -> Exit:
        """Return when it has exited."""
        known = await self.known(pid)
        while known is not None and known.exit_status is None:
            changed = self.changed(pid)
            known = await self.known(pid)
            if known is None or known.exit_status is not None:
                break
            with anyio.move_on_after(POLL_S):
                await changed.wait()
        if known is None or known.exit_status is None:
            raise SysError(Code.NOT_FOUND, f"there is no process {pid}", hint="see `logos ps -a`")
        return Exit(pid=pid, status=known.exit_status, answer=await self.answer(pid))

    async def audit(self, tell: Callable[[int], None] = lambda _: None) -> Audit:
        """Recompute every chain.  `tell` is called with the number of events checked so far."""
        return await verify(self._store, {}, tell=tell)

    async def replay(self, pid: Pid, upto: Seq = journal.FOREVER) -> Replayed:
        """Fold it with the recorded answers: is every prompt, byte for byte, what was sent?"""
        return await replay(self._store, pid, upto)

    def steps(self, pid: Pid, upto: Seq = journal.FOREVER) -> AsyncIterator[Step]:
        """Each event with the process before and after it, and the request that each thought
        sent."""
        return steps(self._store, pid, upto)

    async def known(self, pid: Pid) -> Known | None:
        async def fetch() -> Any:
            async with self._store.connection() as db:
                return await db.one(_SQL.known, pid=pid)

        row = await self._store.persist(fetch)
        return None if row is None else Known(*row)

    async def answer(self, pid: Pid) -> str:
        """The last words of a process that has exited, from its last event."""

        async def fetch() -> Any:
            async with self._store.connection() as db:
                return await db.one(_SQL.head, pid=pid)

        end = (await self._store.persist(fetch))["head_seq"]
        async for told in self.events(pid, Seq(end - 1)):
            if isinstance(told.event, Exited):
                return told.event.answer
        # it has forgotten something since
        async for row in journal.read_kinds(self._store, pid, ("exited",)):
            event = journal.decode(row)
            return event.answer if isinstance(event, Exited) else ""
        return ""

    async def page(self, pid: Pid, page: Seq) -> str:
        """What one event put into the window, exactly."""
        async for row in journal.read(self._store, pid, Seq(page - 1), page):
            if text := page_text(journal.decode(row)):
                return text
        raise SysError(
            Code.NOT_FOUND, f"there is no page {page}", hint="use a number you were shown"
        )

    async def fault(self, pid: Pid, question: str, ask: Ask = Ask()) -> Fault:  # noqa: B008 - frozen
        """The pages of a process's memory that a question needs, or none."""
        return await self.spaces.fault(pid, question, ask)

    async def search(self, pid: Pid, question: str, tokens: int) -> str:
        """What a process has seen that matches a question.  A deliberate search is not gated."""
        found = await self.fault(pid, question, Ask(budget=tokens, gate=False))
        return found_text(question, found)

    def changed(self, pid: Pid) -> anyio.Event:
        """Set at the next commit for this process on this node."""
        return self._changed.setdefault(pid, anyio.Event())

    def committed(self, entries: Sequence[Entry]) -> None:
        """Wake the followers of these processes."""
        self.spaces.written(entries)
        for entry in entries:
            if (changed := self._changed.pop(entry.head.pid, None)) is not None:
                changed.set()
        if self._any is not None:
            self._any.set()
            self._any = None
