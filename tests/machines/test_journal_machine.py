"""The journal's writer and readers against a dict of lists, step by step, on a real PostgreSQL."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any, TypeVar

import anyio
import asyncpg
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.conftest import PATIENCE_S

from logos import config
from logos.abi.agent import Agent
from logos.abi.events import AnyEvent, Received, Spawned
from logos.abi.ids import Epoch, MailId, NodeId, Pid, Seq
from logos.abi.limits import BODY_INLINE_BYTES
from logos.kernel import journal
from logos.kernel.journal import (
    Birth,
    Entry,
    Feed,
    Fenced,
    Head,
    Letter,
    Projection,
    Row,
    Snapshot,
    Writer,
    before_birth,
    seal,
)
from logos.store import open_store

R = TypeVar("R")
SHOWN = Projection("waiting", None, 0, 0, 0, 0, None)
NODE = NodeId(1)
BASES = count(1000, 1000)

TEXT = st.one_of(st.text(max_size=4), st.just("x" * (BODY_INLINE_BYTES + 1)))
TEXTS = st.lists(TEXT, min_size=1, max_size=3)
PICK = st.integers(0, 5)


def received(texts: list[str]) -> list[AnyEvent]:
    return [Received(mail=MailId(0), text=text) for text in texts]


def machine(url: str) -> type[RuleBasedStateMachine]:  # noqa: C901 - a class in a function
    class JournalMachine(RuleBasedStateMachine):
        """Model: a dict of lists of texts, of heads, and of letters nobody has taken."""

        def __init__(self) -> None:
            super().__init__()
            self.model: dict[Pid, list[str]] = {}
            self.heads: dict[Pid, Head] = {}
            self.letters: dict[Pid, list[str]] = {}
            self.fed: list[tuple[Pid, Seq]] = []
            self.numbers: Iterator[int] = count(next(BASES))
            self.stack = ExitStack()
            self.portal = self.stack.enter_context(start_blocking_portal("asyncio"))
            opened = self.portal.wrap_async_context_manager(open_store(url, config.Store()))
            self.store = self.stack.enter_context(opened)
            self.writer = Writer(self.store, NODE, lambda _: None)
            running = self.portal.start_task_soon(self.writer.run)
            self.stack.callback(running.cancel)
            self.feed = Feed(self.store, self.portal.call(journal.last_id, self.store))
            self.open: list[Any] = []  # transactions of somebody else, begun before ours
            self.birth(["first"])

        def do(self, entries: list[Entry]) -> list[bool]:
            """All in one batch.  Which of them went in?"""

            async def go() -> list[bool]:
                batches = [self.writer.append(entry) for entry in entries]
                held = []
                for entry, batch in zip(entries, batches, strict=True):
                    try:
                        await batch.durable(entry.head.pid)
                        held.append(True)
                    except Fenced:
                        held.append(False)
                return held

            return self.portal.call(go)

        def pid(self, pick: int) -> Pid:
            pids = list(self.heads)
            return pids[pick % len(pids)]

        def baby(self, texts: list[str]) -> Entry:
            pid = Pid(next(self.numbers))
            start: AnyEvent = Spawned(agent=Agent(name="a"), task="t", at=1)
            head, rows = seal(before_birth(pid), 1, [start, *received(texts)])
            return Entry(Seq(0), head, rows, SHOWN, birth=Birth(None, "a", "t", "m"))

        def welcome(self, entry: Entry, texts: list[str]) -> None:
            pid = entry.head.pid
            self.model[pid], self.heads[pid], self.letters[pid] = list(texts), entry.head, []

        @rule(texts=TEXTS)
        def birth(self, texts: list[str]) -> None:
            entry = self.baby(texts)
            assert self.do([entry]) == [True]
            self.welcome(entry, texts)

        @rule(
            pick=PICK,
            texts=TEXTS,
            stale=st.sampled_from(["", "", "epoch", "head"]),
            children=st.lists(TEXTS, max_size=2),
            letters=st.lists(st.tuples(PICK, st.text("abc", max_size=3)), max_size=3),
            take=st.booleans(),
            twice=st.booleans(),
            neighbour=st.none() | PICK,
        )
        def append(  # noqa: PLR0913, PLR0917 - what may happen together is just that much
            self,
            pick: int,
            texts: list[str],
            stale: str,
            children: list[list[str]],
            letters: list[tuple[int, str]],
            take: bool,  # noqa: FBT001 - drawn by name
            twice: bool,  # noqa: FBT001 - drawn by name
            neighbour: int | None,
        ) -> None:
            """A stale writer is left out alone, with its children and letters; in the same batch
            its neighbour goes in."""
            pid = self.pid(pick)
            head = self.heads[pid]
            if stale == "epoch":
                head = head._replace(epoch=Epoch(head.epoch + 1))
            elif stale == "head":
                head = head._replace(seq=Seq(head.seq - 1))
            waiting = self.portal.call(journal.pending, self.store, [pid]) if take else []
            babies = [self.baby(c) for c in children]
            after, rows = seal(head, 2, received(texts))
            posted = [Letter(self.pid(to), pid, json.dumps(text).encode()) for to, text in letters]
            entries = [
                Entry(
                    head.seq,
                    after,
                    rows,
                    SHOWN,
                    children=babies,
                    letters=posted,
                    taken=[(x.id, after.seq) for x in waiting],
                )
            ]
            if twice:  # consecutive events of one process in one batch
                last, rows = seal(after, 3, received(texts))
                entries.append(Entry(after.seq, last, rows, SHOWN))
            beside = None if neighbour is None else self.pid(neighbour)
            if beside is not None and beside != pid:
                other, rows = seal(self.heads[beside], 2, received(["beside"]))
                entries.append(Entry(self.heads[beside].seq, other, rows, SHOWN))
                self.heads[beside] = other
                self.model[beside].append("beside")
            held = self.do(entries)
            if stale:
                assert held == [False] * (1 + twice) + [True] * (len(held) - 1 - twice)
                return
            assert all(held)
            self.heads[pid] = entries[twice].head
            self.model[pid] += texts * (1 + twice)
            if take:
                assert [json.loads(x.body) for x in waiting] == self.letters[pid]
                self.letters[pid] = []
            for to, text in letters:
                self.letters[self.pid(to)].append(text)
            for entry, baby in zip(babies, children, strict=True):
                self.welcome(entry, baby)

        @rule(pick=PICK, behind=st.integers(0, 3))
        def snapshot(self, pick: int, behind: int) -> None:
            head = self.heads[self.pid(pick)]
            kept = Snapshot(Seq(max(1, head.seq - behind)), head.hash, b"body %d" % behind)
            self.portal.call(journal.save_snapshot, self.store, head.pid, kept, 1)
            found = self.portal.call(journal.snapshots, self.store, [head.pid], 1)
            assert found[head.pid].seq >= kept.seq
            assert self.portal.call(journal.snapshots, self.store, [head.pid], 2) == {}

        @rule()
        def somebody_begins(self) -> None:
            """A number of the feed is taken by a transaction that has not ended."""
            if len(self.open) > 2:
                return

            async def begin() -> tuple[Any, Any, Pid]:
                db = await asyncpg.connect(url)
                transaction = db.transaction()
                await transaction.start()
                pid = Pid(next(self.numbers))
                await db.execute(
                    "INSERT INTO journal (pid, seq, epoch, at, kind, body, digest, prev, hash)"
                    " VALUES ($1, 1, 1, 1, 'idled', '{\"event\":\"idled\"}', '', '', '')",
                    pid,
                )
                return db, transaction, pid

            self.open.append(self.portal.call(begin))

        @rule(pick=PICK, commits=st.booleans())
        def somebody_ends(self, pick: int, commits: bool) -> None:  # noqa: FBT001 - drawn by name
            if self.open:
                self.end(self.open.pop(pick % len(self.open)), commits=commits)

        def end(self, opened: tuple[Any, Any, Pid], *, commits: bool) -> None:
            db, transaction, pid = opened

            async def end() -> None:
                await (transaction.commit() if commits else transaction.rollback())
                await db.close()

            self.portal.call(end)
            if commits:
                self.others = [*getattr(self, "others", []), (pid, Seq(1))]

        @rule()
        def follow(self) -> None:
            for row in self.portal.call(self.feed.advance):
                self.fed.append((row.pid, row.seq))
            assert len(set(self.fed)) == len(self.fed), "an event was shown twice"

        @invariant()
        def reading_agrees(self) -> None:
            found = self.portal.call(
                journal.read_many, self.store, dict.fromkeys(self.heads, Seq(0))
            )
            for pid, head in self.heads.items():
                assert self.texts(found[pid]) == self.model[pid]
                assert (found[pid][-1].seq, found[pid][-1].hash) == (head.seq, head.hash)
                assert journal.verify(found[pid], journal.genesis(pid), Seq(0)) is None

        @rule(pick=PICK, after=st.integers(0, 4), upto=st.integers(0, 6))
        def reading_a_part_agrees(self, pick: int, after: int, upto: int) -> None:
            pid = self.pid(pick)

            async def part() -> list[Row]:
                return [row async for row in journal.read(self.store, pid, Seq(after), Seq(upto))]

            wanted = range(after + 1, min(upto, self.heads[pid].seq) + 1)
            assert [row.seq for row in self.portal.call(part)] == list(wanted)

        @staticmethod
        def texts(rows: list[Row]) -> list[str]:
            events = [journal.decode(row) for row in rows]
            return [event.text for event in events if isinstance(event, Received)]

        @invariant()
        def mail_agrees(self) -> None:
            found: dict[Pid, list[str]] = {pid: [] for pid in self.letters}
            for letter in self.portal.call(journal.pending, self.store, list(self.letters)):
                found[letter.pid].append(json.loads(letter.body))
            assert found == self.letters

        def teardown(self) -> None:
            try:
                while self.open:
                    self.end(self.open.pop(), commits=len(self.open) % 2 == 0)
                wanted = [(p, Seq(s)) for p, h in self.heads.items() for s in range(1, h.seq + 1)]
                wanted += getattr(self, "others", [])
                for _ in range(200):  # others' transactions on this server may hold it up
                    self.follow()
                    if len(self.fed) == len(wanted):
                        break
                    self.portal.call(anyio.sleep, 0.01)
                assert sorted(self.fed) == sorted(wanted)
                for pid in self.heads:
                    assert [s for p, s in self.fed if p == pid] == sorted(
                        s for p, s in self.fed if p == pid
                    )
            finally:
                self.stack.close()

    return JournalMachine


@pytest.mark.slow
@pytest.mark.unreplayable
def test_the_journal_is_a_dict_of_lists(url: str) -> None:
    run_state_machine_as_test(
        machine(url),
        settings=settings(
            max_examples=int(os.environ.get("LOGOS_EXAMPLES", "12")),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.anyio
async def test_the_feed_waits_for_who_began_last_and_has_not_ended(url: str) -> None:
    """Nobody who began after it has ended, so no snapshot speaks of it."""
    insert = (
        "INSERT INTO journal (pid, seq, epoch, at, kind, digest, prev, hash)"
        " VALUES ($1, 1, 1, 1, 'k', '', '', '')"
    )
    async with open_store(url, config.Store()) as store:
        older, younger = [await asyncpg.connect(url) for _ in range(2)]
        feed = Feed(store, await journal.last_id(store))
        first, second = older.transaction(), younger.transaction()
        for begun, db in ((first, older), (second, younger)):
            await begun.start()
            await db.execute("SELECT pg_current_xact_id()")
        await younger.execute(insert, 20)  # takes the lower number
        await older.execute(insert, 21)
        await first.commit()
        for _ in range(6):
            assert await feed.advance() == []
        await second.commit()
        seen: list[int] = []
        with anyio.fail_after(PATIENCE_S):
            while len(seen) < 2:
                seen += [row.pid for row in await feed.advance()]
        assert seen == [20, 21]
        await older.close()
        await younger.close()


@pytest.mark.slow
@pytest.mark.anyio
async def test_the_feed_shows_each_event_once_while_many_write_and_some_roll_back(url: str) -> None:
    """Concurrent transactions take numbers, and end in any order, or not at all."""
    seen: list[tuple[Pid, Seq]] = []
    wanted: set[tuple[int, int]] = set()
    writing = 6

    async def write(number: int) -> None:
        nonlocal writing
        db = await asyncpg.connect(url)
        try:
            for seq in range(1, 61):
                transaction = db.transaction()
                await transaction.start()
                await db.execute(
                    "INSERT INTO journal (pid, seq, epoch, at, kind, digest, prev, hash)"
                    " VALUES ($1, $2, 1, 1, 'k', '', '', '')",
                    number,
                    seq,
                )
                for _ in range((number * seq) % 4):
                    await db.fetchval("SELECT 1")  # hold it open for a while
                if (number + seq) % 3:
                    await transaction.commit()
                    wanted.add((number, seq))
                else:
                    await transaction.rollback()
        finally:
            writing -= 1
            await db.close()

    async with open_store(url, config.Store()) as store, anyio.create_task_group() as tasks:
        feed = Feed(store, 0)
        for number in range(writing):
            tasks.start_soon(write, number + 10)
        with anyio.fail_after(PATIENCE_S):
            quiet: Callable[[], bool] = lambda: not writing and len(seen) >= len(wanted)  # noqa: E731
            while not quiet():
                seen += [(row.pid, row.seq) for row in await feed.advance()]
        for _ in range(3):
            assert await feed.advance() == []
    assert len(seen) == len(set(seen))
    assert set(seen) == wanted
    for number in range(10, 16):
        own = [seq for pid, seq in seen if pid == number]
        assert own == sorted(own)
