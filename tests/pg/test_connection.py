"""The database goes away under load: nothing acknowledged is lost, nothing happens twice."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio
import anyio.abc
import asyncpg
import pytest
from tests.conftest import PATIENCE_S

from logos import config
from logos.abi.agent import Agent
from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent, Received, Spawned
from logos.abi.ids import CallId, MailId, NodeId, Pid, Seq
from logos.abi.messages import Request, Role, ToolCall
from logos.abi.rights import EVERYTHING
from logos.drivers.model import Say, Scripted
from logos.kernel import journal
from logos.kernel.journal import Birth, Entry, Head, Letter, Projection, Writer, before_birth, seal
from logos.store import Fault, Lost, Store, open_store
from logos.store.pool import Cursor
from logos.store.sql import Statement

pytestmark = pytest.mark.anyio

SHOWN = Projection("ready", None, 0, 0, 0, 0, None)
NODE = NodeId(1)


def born(pid: int) -> Entry:
    start: AnyEvent = Spawned(agent=Agent(name="a"), task="t", at=1)
    head, rows = seal(before_birth(Pid(pid)), 1, [start])
    return Entry(Seq(0), head, rows, SHOWN, birth=Birth(None, "a", "t", "m"))


def more(head: Head, *texts: str, **given: Any) -> Entry:
    events = [Received(mail=MailId(0), text=text) for text in texts]
    after, rows = seal(head, 2, events)
    return Entry(head.seq, after, rows, SHOWN, **given)


async def terminate(url: str, *, but: str = "none") -> int:
    """Break every connection to this database but our own."""
    db = await asyncpg.connect(url)
    try:
        return int(
            await db.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND application_name <> $1",
                but,
            )
        )
    finally:
        await db.close()


async def mail(url: str) -> list[str]:
    db = await asyncpg.connect(url)
    try:
        return [json.loads(row["body"])["text"] for row in await db.fetch("TABLE mail")]
    finally:
        await db.close()


@asynccontextmanager
async def writing(store: Store) -> AsyncGenerator[Writer]:
    writer = Writer(store, NODE, lambda _: None)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(writer.run)
        yield writer
        tasks.cancel_scope.cancel()


async def journal_of(store: Store, pid: int) -> list[str]:
    rows = [row async for row in journal.read(store, Pid(pid))]
    assert journal.verify(rows, journal.genesis(Pid(pid)), Seq(0)) is None
    events = [journal.decode(row) for row in rows]
    return [event.text for event in events if isinstance(event, Received)]


def losing(*when: str, times: int = 1) -> Fault:
    """The answer to these statements is lost, although they happened."""
    left = dict.fromkeys(when, times)

    async def fault(name: str) -> None:
        if left.get(name):
            left[name] -= 1
            raise Lost(name)

    return fault


@pytest.mark.parametrize("name", ["BEGIN", "append_one_born", "append_one", "post", "COMMIT"])
async def test_an_attempt_that_is_lost_is_made_again(url: str, name: str) -> None:
    fault = losing(name, times=2)
    async with open_store(url, config.Store(), fault) as store, writing(store) as writer:
        entry = born(11)
        letter = Letter(Pid(11), None, b'{"type":"note","text":"x"}')
        await writer.append(entry).durable(Pid(11))
        await writer.append(more(entry.head, "x", letters=[letter])).durable(Pid(11))
        assert await journal_of(store, 11) == ["x"]
    assert await mail(url) == ["x"]


async def test_a_lost_answer_to_a_birth_bears_nobody_twice(url: str) -> None:
    """It happens on the server; the answer never comes."""
    lost: list[str] = []

    class Deaf(Cursor):
        async def all(self, statement: Statement, **args: object) -> Sequence[Any]:
            rows = await super().all(statement, **args)
            if statement.name == "append_one_born" and len(lost) < 2:
                lost.append(statement.name)
                raise Lost(statement.name)
            return rows

    async with open_store(url, config.Store()) as store:
        real = store.connection

        @asynccontextmanager
        async def connection() -> AsyncGenerator[Cursor]:
            async with real() as cursor:
                yield Deaf(cursor._db, None)

        store.connection = connection  # type: ignore[method-assign]
        async with writing(store) as writer:
            entry = born(11)
            first = writer.append(entry)
            last = writer.append(more(entry.head, "x"))  # in the same batch
            await first.durable(Pid(11))
            await last.durable(Pid(11))
            assert first is last
            await writer.append(born(12)).durable(Pid(12))
            assert len(lost) == 2
            assert await journal_of(store, 11) == ["x"]
            assert await journal_of(store, 12) == []


async def test_a_lost_answer_to_commit_posts_no_letter_twice(url: str) -> None:
    """COMMIT happens on the server; its answer never comes."""
    lost = 0

    async with open_store(url, config.Store()) as store:
        real = store._boundary

        async def boundary(db: Any, text: str) -> None:
            nonlocal lost
            await real(db, text)
            if text == "COMMIT" and lost < 1:
                lost += 1
                raise Lost("the answer")

        store._boundary = boundary  # type: ignore[method-assign]
        async with writing(store) as writer:
            parent, receiver = born(11), born(12)
            for entry in (parent, receiver):
                await writer.append(entry).durable(entry.head.pid)
            letter = Letter(Pid(12), Pid(11), b'{"type":"note","text":"once"}')
            entry = more(parent.head, "x", letters=[letter], children=[born(13)])
            await writer.append(entry).durable(Pid(11))
            assert lost == 1
            assert await journal_of(store, 11) == ["x"]
            assert await journal_of(store, 13) == []
    assert await mail(url) == ["once"]


class Wire:
    """A proxy before the server, that can be cut on our side only: the server goes on with what
    it was told."""

    def __init__(self, url: str, folder: Path) -> None:
        parts = urlsplit(url)
        (host,) = parse_qs(parts.query)["host"]
        self._server = f"{host}/.s.PGSQL.5432"
        self._socket = folder / ".s.PGSQL.5432"
        self.url = f"postgresql://postgres@{parts.path}?host={folder}"
        self._ours: list[anyio.abc.SocketStream] = []

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        listener = await anyio.create_unix_listener(self._socket)
        async with listener:
            task_status.started()
            await listener.serve(self._join)

    async def _join(self, ours: anyio.abc.SocketStream) -> None:
        theirs = await anyio.connect_unix(self._server)
        self._ours.append(ours)
        async with theirs, ours, anyio.create_task_group() as tasks:
            tasks.start_soon(self._copy, theirs, ours)
            await self._copy(ours, theirs)
            await anyio.sleep_forever()  # the server's side stays open: it notices nothing

    async def _copy(self, source: anyio.abc.ByteStream, sink: anyio.abc.ByteStream) -> None:
        try:
            while True:
                await sink.send(await source.receive())
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            return

    async def cut(self) -> None:
        ours, self._ours = self._ours, []
        for stream in ours:
            await stream.aclose()


async def test_a_statement_that_outlives_its_connection_is_no_fence(
    url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It waits for a lock, our connection breaks, and it goes in after all."""
    wire = Wire(url, tmp_path_factory.mktemp("w"))
    async with AsyncExitStack() as stack:
        locker, watcher = await asyncpg.connect(url), await asyncpg.connect(url)
        stack.push_async_callback(locker.close)
        stack.push_async_callback(watcher.close)
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        await tasks.start(wire.run)
        store = await stack.enter_async_context(open_store(wire.url, config.Store()))
        writer = await stack.enter_async_context(writing(store))
        entry = born(21)
        await writer.append(entry).durable(Pid(21))
        lock = locker.transaction()
        await lock.start()
        await locker.execute("SELECT FROM process WHERE pid = 21 FOR UPDATE")
        batch = writer.append(more(entry.head, "x"))
        await _waiting(watcher, 1)
        await wire.cut()
        await _waiting(watcher, 2)  # the second attempt is behind the first
        await lock.rollback()
        with anyio.fail_after(PATIENCE_S):
            await batch.durable(Pid(21))
        assert await journal_of(store, 21) == ["x"]


async def _waiting(db: asyncpg.Connection, wanted: int) -> None:
    """Until so many backends wait for a lock."""
    blocked = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database()"
    )
    with anyio.fail_after(PATIENCE_S):
        while wanted != await db.fetchval(blocked):
            await anyio.lowlevel.checkpoint()


async def test_connections_that_break_under_load_lose_nothing(url: str) -> None:
    """Twenty processes append and write to each other while every connection is cut, often."""
    n, rounds = 20, 25
    async with open_store(url, config.Store(pool=3)) as store, writing(store) as writer:
        heads = {}
        for number in range(100, 100 + n):
            entry = born(number)
            await writer.append(entry).durable(Pid(number))
            heads[number] = entry.head

        async def work(number: int) -> None:
            for turn in range(rounds):
                text = f"{number}.{turn}"
                to = Pid(100 + (number + 1) % n)
                letter = Letter(to, Pid(number), json.dumps({"text": text}).encode())
                entry = more(heads[number], text, letters=[letter] if turn % 2 else [])
                await writer.append(entry).durable(Pid(number))
                heads[number] = entry.head

        broken = 0
        async with anyio.create_task_group() as load:
            for number in range(100, 100 + n):
                load.start_soon(work, number)
            for _ in range(6):
                broken += await terminate(url)
                await anyio.sleep(0.02)  # the load goes on in between
        assert broken
        for number in range(100, 100 + n):
            assert await journal_of(store, number) == [f"{number}.{k}" for k in range(rounds)]
    wanted = [f"{p}.{k}" for p in range(100, 100 + n) for k in range(1, rounds, 2)]
    assert sorted(await mail(url)) == sorted(wanted)


async def test_a_whole_kernel_lives_through_broken_connections(
    url: str, node: Any, world: Any
) -> None:
    def talk(request: Request) -> Say:
        said = [m for m in request.messages if m.role is Role.TOOL]
        if len(said) == 6:
            return Say("done")
        call = ToolCall(
            id=CallId("x"),
            name="message_send",
            arguments=json.dumps({"to": 2, "text": f"{len(said)}"}),
        )
        return Say("", (call,))

    world.models |= {"m": Scripted(talk), "sink": Scripted(lambda _: Say("ok"))}
    sink = Agent(name="sink", model="sink", resident=True)
    talker = Agent(name="t", model="m", tools=("message.send",), allow=tuple(EVERYTHING))
    async with node() as kernel:
        first = await kernel.spawn(sink, "")
        assert first == 2
        pids = [await kernel.spawn(talker, f"{k}") for k in range(5)]
        async with anyio.create_task_group() as tasks:

            async def cut() -> None:
                for _ in range(4):
                    await terminate(url)
                    await anyio.sleep(0.03)  # the agents go on in between

            tasks.start_soon(cut)
            with anyio.fail_after(PATIENCE_S):
                for pid in pids:
                    assert (await kernel.records.wait(pid)).answer == "done"
        with anyio.fail_after(PATIENCE_S):
            got: list[tuple[Pid | None, str]] = []
            async for told in kernel.records.follow(first):
                if isinstance(told.event, Received):
                    got.append((told.event.sender, told.event.text))
                if len(got) == 30:
                    break
        assert {p: [t for s, t in got if s == p] for p in pids} == {
            p: [f"{k}" for k in range(6)] for p in pids
        }
        assert not (await kernel.records.audit()).broken


async def test_a_database_that_stays_away_is_said_to(url: str) -> None:
    async def always(name: str) -> None:
        raise Lost(name)

    async with open_store(url, config.Store(patience_s=0.2), always) as store:
        with pytest.raises(SysError) as caught:
            await journal.last_id(store)
    assert caught.value.code is Code.UNAVAILABLE


async def test_a_break_inside_a_transaction_is_lost_not_a_bug(url: str) -> None:
    statement = Statement("one", "SELECT 1 AS one", ())

    async def broken(store: Store) -> None:
        async with store.transaction() as db:
            await db.all(statement)
            await terminate(url)
            await db.all(statement)

    async with open_store(url, config.Store()) as store:
        with pytest.raises(Lost):
            await broken(store)
        async with store.transaction() as db:
            assert (await db.one(statement))["one"] == 1
