"""The statement happened, its answer never came: the connection breaks after the first, second,
third ... statement, until a run ends without a break.

Nobody dies here.  The kernel has to find out what happened, or ask again without doing it
twice: a process that was claimed is driven, a message a person sent arrives once, what was
appended is appended once.
"""

import threading
from collections import Counter
from typing import Any

import anyio
import asyncpg
import pytest
from tests.conftest import PATIENCE_S

from logos import config
from logos.abi import events as e
from logos.abi.agent import Agent
from logos.abi.ids import INIT, Pid
from logos.abi.messages import Request
from logos.drivers.model import After, Say, Scripted
from logos.kernel import Kernel, open_kernel
from logos.store import Lost, Statement, Store, open_store

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MOST_ANSWERS = 500


class Line:
    """Swallows answer number `at` to statements with this text, of all the connections of a
    run, and breaks."""

    def __init__(self, at: int, to: str = "") -> None:
        self.at = at
        self.to = to
        self.answers = 0
        self.broken = ""

    def answered(self, what: str, db: Any) -> None:
        self.answers += self.to in what
        if self.answers == self.at and not self.broken:
            self.broken = what
            db.terminate()
            raise asyncpg.ConnectionDoesNotExistError("connection was closed")


class Connection:
    """asyncpg's, at the end of that line."""

    def __init__(self, db: Any, line: Line) -> None:
        self._db = db
        self._line = line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def fetch(self, text: str, *arguments: object) -> Any:
        rows = await self._db.fetch(text, *arguments)
        self._line.answered(text, self._db)
        return rows

    async def execute(self, text: str) -> Any:
        done = await self._db.execute(text)
        self._line.answered(text, self._db)
        return done


class Office:
    """A resident that gets messages, and a worker whom the node before left in a thought."""

    def __init__(self, url: str, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self._url = url
        self._world = world
        self._patch = monkeypatch
        self._connect = Store._connect
        self.inbox = Pid(0)
        self.open = anyio.Event()
        world.models = {"inbox": Scripted(lambda _: Say("read")), "worker": Scripted(self._think)}

    def _think(self, request: Request) -> After:
        del request
        return After(self.open.wait, Say("done"))

    async def leave_work(self) -> Pid:
        """A worker in the middle of a thought, driven by nobody."""
        self.open = anyio.Event()
        line = Line(0)
        async with self._kernel(line) as kernel:
            if not self.inbox:
                agent = Agent(name="inbox", model="inbox", resident=True)
                self.inbox = await kernel.spawn(agent, "read")
            pid: Pid = await kernel.spawn(Agent(name="worker", model="worker"), "work")
            async for told in kernel.records.follow(pid):
                if isinstance(told.event, e.Asked):
                    break
        self.open.set()
        return pid

    async def over(self, line: Line, pid: Pid, text: str) -> None:
        """The next node: finishes the work, delivers a message."""
        async with self._kernel(line) as kernel:
            await kernel.send(self.inbox, text)
            assert (await kernel.records.wait(pid)).status == 0
            child = await kernel.spawn(Agent(name="worker", model="worker"), "more")
            assert (await kernel.records.wait(child)).status == 0
            async for told in kernel.records.follow(self.inbox):
                if isinstance(told.event, e.Received) and told.event.text == text:
                    break

    async def received(self) -> Counter[str]:
        async with self._kernel(Line(0)) as kernel:
            told = [t.event async for t in kernel.records.events(self.inbox)]
            assert not (await kernel.records.audit()).broken
            assert (await kernel.records.known(INIT)) is not None
            table = await kernel.records.list(everyone=True)
            assert {x.exit_status for x in table if x.agent == "worker"} == {0}
        return Counter(event.text for event in told if isinstance(event, e.Received))

    def _kernel(self, line: Line) -> Any:
        original = self._connect

        async def connect(store: Store) -> Connection:
            return Connection(await original(store), line)

        self._patch.setattr(Store, "_connect", connect)
        return _opened(self._url, self._world)


class _opened:  # noqa: N801 - used as a function
    def __init__(self, url: str, world: Any) -> None:
        self._store = open_store(url, config.Store(pool=2))
        self._world = world

    async def __aenter__(self) -> Kernel:
        self._kernel = open_kernel(self._world.parts(await self._store.__aenter__()))
        return await self._kernel.__aenter__()

    async def __aexit__(self, *error: object) -> None:
        await self._kernel.__aexit__(*error)  # type: ignore[arg-type]
        await self._store.__aexit__(*error)  # type: ignore[arg-type]


KINDS = {
    "a claim": "UPDATE process p SET node",
    "an append": "held AS",
    "a message": "INSERT INTO mail",
    "a commit": "COMMIT",
}


async def test_no_lost_answer_loses_or_repeats_anything(
    url: str, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer to the statements that change something; of all the others every third."""
    office = Office(url, world, monkeypatch)
    sent: list[str] = []
    lost: Counter[str] = Counter()
    for kind, text in [*KINDS.items(), ("any", "")]:
        for at in range(1, MOST_ANSWERS, 1 if text else 3):
            pid = await office.leave_work()
            line = Line(at, text)
            sent.append(f"{kind} {at}")
            with anyio.fail_after(PATIENCE_S):
                await office.over(line, pid, sent[-1])
            if not line.broken:
                break
            lost[kind] += 1
    assert set(lost) == {*KINDS, "any"}
    assert await office.received() == dict.fromkeys(sent, 1)


async def _end(url: str, pid: int) -> None:
    """The server ends that connection.  Return when it has."""
    admin = await asyncpg.connect(url)
    await admin.execute(f"SELECT pg_terminate_backend({pid}, 10000)")
    await admin.close()


async def test_a_rollback_that_fails_hides_nothing(url: str) -> None:
    """A transaction has to be tried again, and before it is rolled back its connection ends,
    unnoticed yet: what the kernel hears must be that it is lost, or it does not try again."""
    whose = Statement("whose", "SELECT pg_backend_pid() AS pid", ())

    async def attempt(store: Store) -> None:
        async with store.transaction() as db:
            pid = (await db.one(whose))["pid"]
            other = threading.Thread(target=anyio.run, args=(_end, url, pid))
            other.start()
            other.join()  # our own loop stands still and sees nothing of it
            raise Lost("a deadlock")

    async with open_store(url, config.Store()) as store:
        with pytest.raises(Lost, match="a deadlock"):
            await attempt(store)
        async with store.transaction() as db:
            assert (await db.one(whose))["pid"]
