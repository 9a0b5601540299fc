"""A node that was silent for too long and goes on writing.

Its processes are another's by then: what it appends for them is refused, together with the
children and letters that hang on it, while what it still owns goes in from the same batch.
The test proves its power by taking the check out of the statement: then the stale append must
get through.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import asyncpg
import pytest
from tests.conftest import PATIENCE_S

from logos import config
from logos.abi.agent import Agent
from logos.abi.events import Idled, Spawned
from logos.abi.ids import INIT, Pid
from logos.kernel import SystemClock
from logos.kernel.journal import (
    START,
    Birth,
    Entry,
    Fenced,
    Letter,
    Writer,
    append,
    genesis,
    read,
    verify,
)
from logos.kernel.node.lease import Dead, Lease
from logos.kernel.node.resident import Resident, born, project
from logos.store import Store, open_store

pytestmark = pytest.mark.anyio

FENCE = re.compile(r"AND (p\.)?epoch = (h\.epoch|\$\d+)")
BENCH = Path(__file__).parents[2] / "bench"


class Half:
    """The half of a node that writes."""

    def __init__(self, store: Store, lease: Lease) -> None:
        self.lease = lease
        self.writer = Writer(store, lease.node, lambda _: None)

    async def entry(self) -> tuple[Entry, Resident]:
        """A process about to be born."""
        pid = await self.writer.new_pid()
        event = Spawned(agent=Agent(name="a"), task="t", at=SystemClock().now(), parent=INIT)
        head, rows, window, process = born(pid, [event], event.at)
        birth = Birth(INIT, "a", "t", "")
        entry = Entry(START, head, rows, project(process), birth)
        return entry, Resident(head, process, window, self.writer, SystemClock())


@asynccontextmanager
async def half_a_node(store: Store, place: str, lease_s: float) -> AsyncIterator[Half]:
    lease = Lease(store, lease_s)
    await lease.take(place, alone=False)
    half = Half(store, lease)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(half.writer.run)
        yield half
        tasks.cancel_scope.cancel()


async def taken_over(heir: Lease) -> set[Pid]:
    """What the heir gets once the other's lease has run out."""
    pids: set[Pid] = set()
    while not pids:
        pids = {line.pid for line in await heir.claim(10)}
    return pids


class Outcome:
    refused: bool
    neighbour: bool
    child: Pid
    lost: Pid


async def zombie_writes(url: str, *, alone: bool) -> Outcome:
    """A dies in silence, B takes its process over, A goes on: one batch with what it has lost
    (with a child and a letter) and, unless that is `alone`, with what it bore meanwhile."""
    outcome = Outcome()
    async with (
        open_store(url, config.Store()) as store,
        half_a_node(store, "zombie", 0.05) as zombie,
        half_a_node(store, "heir", 30) as heir,
    ):
        entry, lost = await zombie.entry()
        await zombie.writer.append(entry).durable(lost.pid)
        assert await taken_over(heir.lease) == {lost.pid}
        with pytest.raises(Dead):
            await zombie.lease.beat()
        entry, kept = await zombie.entry()
        await zombie.writer.append(entry).durable(kept.pid)
        child, _ = await zombie.entry()
        outcome.lost, outcome.child = lost.pid, child.head.pid
        stale = lost.append(Idled(), children=[child], letters=[Letter(INIT, lost.pid, b"{}")])
        if not alone:
            assert kept.append(Idled()) is stale, "they ride in one batch"
        await stale.durable(kept.pid)
        kinds = [row.kind async for row in read(store, kept.pid)]
        outcome.neighbour = kinds == ["spawned", "idled"][: 1 if alone else 2]
        try:
            await stale.durable(lost.pid)
            outcome.refused = False
        except Fenced:
            outcome.refused = True
        rows = [row async for row in read(store, lost.pid)]
        assert verify(rows, genesis(lost.pid), START) is None
    return outcome


async def scalar(url: str, question: str, *arguments: object) -> Any:
    db = await asyncpg.connect(url)
    try:
        return await db.fetchval(question, *arguments)
    finally:
        await db.close()


@pytest.mark.parametrize("alone", [False, True])
async def test_a_stale_append_is_refused_and_its_neighbours_go_in(url: str, *, alone: bool) -> None:
    outcome = await zombie_writes(url, alone=alone)
    assert outcome.refused
    assert outcome.neighbour
    assert await scalar(url, "SELECT count(*) FROM journal WHERE pid = $1", outcome.lost) == 1
    assert await scalar(url, "SELECT count(*) FROM process WHERE pid = $1", outcome.child) == 0
    assert await scalar(url, "SELECT count(*) FROM mail") == 0


@pytest.mark.parametrize("name", ["append", "append_one"])
async def test_without_the_check_it_gets_through(
    url: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    statement = append._SQL._statements[name]
    assert FENCE.search(statement.text)
    text = FENCE.sub(r"AND \2::bigint IS NOT NULL", statement.text)  # it is still given
    monkeypatch.setitem(append._SQL._statements, name, replace(statement, text=text))
    outcome = await zombie_writes(url, alone=name == "append_one")
    assert not outcome.refused
    assert await scalar(url, "SELECT count(*) FROM journal WHERE pid = $1", outcome.lost) == 2


async def waiting(url: str, number: int) -> None:
    """Return when so many appends wait for a lock."""
    await until(
        url,
        "SELECT count(*) >= "  # a number of ours
        + str(number)
        + " FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%held AS%'",
    )


async def test_a_node_that_only_lost_its_connection_is_no_zombie(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may finish a statement after its client has gone, and after that client's
    second attempt has begun: the second is refused, but by the first, not by another node."""
    connect = Store._connect
    lock, other = await asyncpg.connect(url), await asyncpg.connect(url)
    async with open_store(url, config.Store()) as store, half_a_node(store, "slow", 30) as half:
        entry, resident = await half.entry()
        await half.writer.append(entry).durable(resident.pid)
        async with anyio.create_task_group() as tasks:

            async def deaf(self: Store) -> Any:
                """Sends an append the long way, and hears nothing of it."""
                db = await connect(self)
                fetch = db.fetch

                async def lost(text: str, *arguments: object) -> Any:
                    if "held AS" not in text:
                        return await fetch(text, *arguments)
                    monkeypatch.undo()
                    tasks.start_soon(other.fetch, text, *arguments)
                    await waiting(url, 1)
                    db.terminate()
                    raise asyncpg.ConnectionDoesNotExistError("closed")

                return _Line(db, lost)

            store.close()
            monkeypatch.setattr(Store, "_connect", deaf)
            await lock.execute("BEGIN")
            await lock.fetch("SELECT FROM process WHERE pid = $1 FOR UPDATE", resident.pid)
            batch = resident.append(Idled())
            await waiting(url, 2)
            await lock.execute("COMMIT")
            with anyio.fail_after(PATIENCE_S):
                await batch.durable(resident.pid)
        rows = [row async for row in read(store, resident.pid)]
        assert [row.kind for row in rows] == ["spawned", "idled"]
    await lock.close()
    await other.close()


class _Line:
    def __init__(self, db: Any, fetch: Any) -> None:
        self._db = db
        self.fetch = fetch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


# -- real nodes ----------------------------------------------------------------------------


class Node:
    """A node in a process of its own; its lines are what it tells."""

    def __init__(self, url: str, folder: Path, place: str, *flags: str) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "lib_chaos.node", "--shared", "--lease", "4"),
                *("--url", url, "--folder", str(folder), "--place", place, *flags),
            ],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(BENCH)},
        )

    def hear(self) -> str:
        assert self.process.stdout is not None
        return str(json.loads(self.process.stdout.readline())["event"])

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def nodes() -> Iterator[list[Node]]:
    made: list[Node] = []
    yield made
    for node in made:
        node.close()


async def until(url: str, question: str) -> None:
    with anyio.fail_after(PATIENCE_S):
        while not await scalar(url, question):  # noqa: ASYNC110 - another process's doing
            await anyio.sleep(0.05)


def compared(url: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "lib_chaos.compare", url, str(folder)]
    environ = os.environ | {"PYTHONPATH": str(BENCH)}
    out = subprocess.run(command, check=True, capture_output=True, env=environ, text=True).stdout
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


UNDER_WAY = """
SELECT coalesce(array_agg(pid || '-' || id), '{}') FROM (
    SELECT pid, convert_from(body, 'UTF8')::json ->> 'id' AS id FROM journal WHERE kind = 'called'
    EXCEPT
    SELECT pid, convert_from(body, 'UTF8')::json ->> 'id' FROM journal WHERE kind IN ('returned', 'failed')
) AS open
"""
"""Calls that are being made."""


@pytest.mark.slow
async def test_a_node_that_was_stopped_past_its_lease_ends(
    url: str, tmp_path: Path, nodes: list[Node]
) -> None:
    """SIGSTOP, another takes over, SIGCONT: refused, and it ends by itself.  Nothing is lost, and nothing
    done twice but what it was in the middle of writing: a write itself cannot be fenced."""
    first = Node(url, tmp_path, "first", "--processes", "20", "--rounds", "8")
    nodes.append(first)
    assert first.hear() == "ready"
    await until(url, "SELECT count(*) >= 20 FROM process WHERE thoughts > 0")
    second = Node(url, tmp_path, "second", "--processes", "0")
    nodes.append(second)
    assert second.hear() == "ready"
    first.send(signal.SIGSTOP)
    middle = {f"fs.append {id_}" for id_ in await scalar(url, UNDER_WAY)}
    await until(url, "SELECT count(*) FROM process WHERE node = (SELECT max(id) FROM node)")
    before = await scalar(url, "SELECT max(id) FROM node")
    first.send(signal.SIGCONT)
    assert await anyio.to_thread.run_sync(first.hear) == "dead"
    assert first.process.wait(10) == 3
    assert await scalar(url, "SELECT max(id) FROM node") == before
    (tmp_path / "finish").touch()
    while await anyio.to_thread.run_sync(second.hear) != "done":
        pass
    assert second.process.wait(10) == 0
    found = compared(url, tmp_path)
    assert (found["lost"], found["unexplained"]) == ([], [])
    assert set(found["duplicated"]) <= middle
