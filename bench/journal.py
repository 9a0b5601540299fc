"""Durable steps: the journal beside its floor, DBOS and LangGraph, interleaved in one run.

A step is one event of about 1 kB in closed loop: the next begins when the last is on disk.
The floor is group commit of the same rows through the same driver into a bare table: no
hashing, no fence, no process row, no feed.  The rivals run as their documentation has it, each in a
process of its own, on the same server.

    uv run --extra bench python bench/journal.py --json
"""

import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import asyncpg

from common import arguments, database, execute, folder, median, note, percentile, report, sibling
from logos import config
from logos.abi.agent import Agent
from logos.abi.events import Received, Spawned
from logos.abi.ids import MailId, Pid
from logos.boot import settle
from logos.kernel.journal import Birth, Entry, Projection, Writer, before_birth, seal
from logos.kernel.node.lease import Lease
from logos.store import open_store

HERE = Path(__file__).parent
TEXT = ("the quick brown fox jumps over the lazy dog " * 24)[:960]
SHOWN = Projection("ready", None, 0, 0, 0, 0, None)
FLOOR_TABLE = """
CREATE TABLE IF NOT EXISTS floor (
    pid bigint, seq bigint, epoch bigint, at bigint, kind text, body bytea, digest bytea,
    prev bytea, hash bytea, PRIMARY KEY (pid, seq))"""
FLOOR = """
INSERT INTO floor SELECT * FROM unnest(
    $1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bytea[], $7::bytea[],
    $8::bytea[], $9::bytea[])"""
HASH = b"h" * 32

Step = Callable[[], Awaitable[None]]


async def closed_loop(steps: list[Step], seconds: float) -> tuple[float, list[float]]:
    """Steps per second, and how long each took in seconds."""
    latencies: list[float] = []
    stop = time.perf_counter() + seconds

    async def one(step: Step) -> None:
        while (began := time.perf_counter()) < stop:
            await step()
            latencies.append(time.perf_counter() - began)

    began = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for step in steps:
            tasks.start_soon(one, step)
    return len(latencies) / (time.perf_counter() - began), latencies


class Process:
    """A process as the writer sees it."""

    def __init__(self, writer: Writer, pid: Pid) -> None:
        self._writer = writer
        self._head = before_birth(pid)

    async def begin(self) -> None:
        event = Spawned(agent=Agent(name="bench"), task="", at=0)
        await self._put(event, Birth(None, "bench", "", ""))

    async def step(self) -> None:
        await self._put(Received(mail=MailId(0), text=TEXT), None)

    async def _put(self, event: Any, birth: Birth | None) -> None:
        before = self._head
        self._head, rows = seal(before, time.time_ns() // 1000, [event])
        entry = Entry(before=before.seq, head=self._head, rows=rows, projection=SHOWN, birth=birth)
        await self._writer.append(entry).durable(before.pid)


class Floor:
    """The least a group commit can be: gather, insert, answer."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._rows: list[tuple[Any, ...]] = []
        self._done = anyio.Event()
        self._work = anyio.Event()
        self.body = b"x" * 1060

    async def run(self) -> None:
        db = await asyncpg.connect(self._url)
        insert = await db.prepare(FLOOR)
        try:
            while True:
                if not self._rows:
                    self._work = anyio.Event()
                    await self._work.wait()
                rows, done = self._rows[:2048], self._done
                self._rows, self._done = self._rows[2048:], anyio.Event()
                await insert.fetch(*map(list, zip(*rows, strict=True)))
                done.set()
        finally:
            db.terminate()

    def stepper(self, pid: int) -> Step:
        seq = 0

        async def step() -> None:
            nonlocal seq
            seq += 1
            self._rows.append((pid, seq, 1, 1, "received", self.body, HASH, HASH, HASH))
            self._work.set()
            await self._done.wait()

        return step


async def journal_round(url: str, processes: int, seconds: float) -> tuple[float, list[float]]:
    async with open_store(url, config.Store()) as store, anyio.create_task_group() as tasks:
        lease = Lease(store, 600.0)
        node = await lease.take("bench", alone=True)
        writer = Writer(store, node, lambda _: None)
        tasks.start_soon(writer.run)
        running = [Process(writer, await writer.new_pid()) for _ in range(processes)]
        async with anyio.create_task_group() as births:
            for process in running:
                births.start_soon(process.begin)
        result = await closed_loop([p.step for p in running], seconds)
        tasks.cancel_scope.cancel()
    return result


async def floor_round(url: str, processes: int, seconds: float) -> tuple[float, list[float]]:
    await execute(url, FLOOR_TABLE)
    await execute(url, "TRUNCATE floor")
    floor = Floor(url)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(floor.run)
        result = await closed_loop([floor.stepper(pid) for pid in range(processes)], seconds)
        tasks.cancel_scope.cancel()
    return result


async def bytes_a_step(url: str, history: int) -> float:
    """WAL per step of one process that has this many events behind it."""
    async with open_store(url, config.Store()) as store, anyio.create_task_group() as tasks:
        lease = Lease(store, 600.0)
        writer = Writer(store, await lease.take("bench", alone=True), lambda _: None)
        tasks.start_soon(writer.run)
        process = Process(writer, await writer.new_pid())
        await process.begin()
        for _ in range(history):
            await process.step()
        await execute(url, "CHECKPOINT")
        for _ in range(20):  # the first change of a page after a checkpoint logs all of it
            await process.step()
        before = await execute(url, "SELECT pg_current_wal_insert_lsn() - '0/0'")
        for _ in range(100):
            await process.step()
        after = await execute(url, "SELECT pg_current_wal_insert_lsn() - '0/0'")
        tasks.cancel_scope.cancel()
    return float(after - before) / 100


def rival(script: str, url: str, *words: str) -> float:
    """Steps per second of a rival, measured by its own script."""
    command = [sys.executable, str(HERE / "rivals" / script), url, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        note(done.stderr[-2000:])
        raise SystemExit(f"{script} failed")
    return float(done.stdout.split()[-1])


async def main() -> None:
    args = arguments(__doc__ or "", rounds=3, seconds=2.0)
    rates: dict[str, list[float]] = {}
    lats: dict[str, list[float]] = {}

    def add(key: str, result: tuple[float, list[float]]) -> None:
        rates.setdefault(key, []).append(result[0])
        lats.setdefault(key, []).extend(result[1])

    settle()  # as the daemon does
    with folder() as place:
        async with database(place) as url:
            for number in range(args.rounds):
                note(f"round {number + 1} of {args.rounds}")
                for processes in (1, 50, 1000):
                    add(f"floor_{processes}", await floor_round(url, processes, args.seconds))
                    add(f"{processes}", await journal_round(url, processes, args.seconds))
                for name, script, words in (
                    ("dbos", "dbos_steps.py", ["50", "20"]),
                    ("langgraph", "langgraph_steps.py", ["50", "4", "500"]),
                ):
                    await execute(url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
                    await execute(url, f"CREATE DATABASE {name}")
                    rate = await anyio.to_thread.run_sync(
                        lambda s=script, w=words, n=name: rival(s, sibling(url, n), *w)
                    )
                    rates.setdefault(name, []).append(rate)
            short, long = await bytes_a_step(url, 10), await bytes_a_step(url, 500)
    mid = {key: median(values) for key, values in rates.items()}
    ratio = {
        n: median([a / b for a, b in zip(rates[n], rates[f"floor_{n}"], strict=True)])
        for n in ("1", "50", "1000")
    }
    result: dict[str, Any] = {f"events_per_s_{n}": mid[n] for n in ("1", "50", "1000")}
    result |= {f"floor_per_s_{n}": mid[f"floor_{n}"] for n in ("1", "50", "1000")}
    result |= {f"floor_ratio_{n}": ratio[n] for n in ("1", "50", "1000")}
    result |= {f"p50_ms_{n}": percentile(lats[n], 0.5) * 1e3 for n in ("1", "50", "1000")}
    result |= {f"p99_ms_{n}": percentile(lats[n], 0.99) * 1e3 for n in ("1", "50", "1000")}
    result |= {
        "dbos_per_s": mid["dbos"],
        "langgraph_per_s": mid["langgraph"],
        "vs_dbos": mid["50"] / mid["dbos"],
        "vs_langgraph": mid["50"] / mid["langgraph"],
        "bytes_step_10": short,
        "bytes_step_500": long,
        "bytes_step_500_vs_10": long / short,
    }
    report(args, result)


if __name__ == "__main__":
    anyio.run(main, backend_options={"use_uvloop": True})
