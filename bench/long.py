"""A long conversation through a small window: does a turn at its end cost what one at its beginning did?

    uv run --extra bench python bench/long.py --json

One agent reads records through a window of 8k tokens until two million tokens have gone by, on a real
kernel and database; every tenth turn somebody asks about something long gone, and memory is searched.
Then a second agent begins the same work, and when it has made a hundred turns the two take turns: a
hundred of the old conversation, each beside one of the young.

    turns_ratio      mean time of a turn of the first, its last hundred before that over its turns 100 to 200;
                     minutes lie between, and a shared machine is not the same then
    cpu_ratio        the same of processor time
    beside_ratio     mean time of the hundred turns over that of the hundred beside them: what the length of a
                     conversation costs, on one machine and in one process of one age; beside_cpu_ratio
    rss_growth_mb    of the process of the kernel, from turn 200 until the second began
    tokens           that went through, and `turns`
    turn_ms          of the old conversation, beside the young one
"""

import itertools
import json
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import anyio
import psutil

from common import arguments, database, folder, report
from lib_window.running import READS, Counted, Rows, Text, agent
from logos.abi.errors import SysError
from logos.abi.ids import CallId, Pid
from logos.abi.messages import Request, Role, ToolCall
from logos.boot import settle
from logos.drivers.model import After, Say
from logos.kernel import Kernel
from lone import lone

WINDOW = 8192
RESULT_WORDS = (200, 400)
SAID_EVERY = 10
HUNDRED = 100
EARLY = (HUNDRED, 2 * HUNDRED)
OLD, YOUNG = "old", "young"


class Clock:
    """When each turn began, on the wall and in processor time, and what the process had then."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []
        self.rss: list[int] = []
        self._process = psutil.Process(os.getpid())

    def tick(self) -> None:
        self.wall.append(time.perf_counter())
        self.cpu.append(time.process_time())
        self.rss.append(self._process.memory_info().rss)

    def ratio(self, times: Sequence[float]) -> float:
        first, last = EARLY
        early = (times[last] - times[first]) / (last - first)
        return (times[-1] - times[-1 - HUNDRED]) / HUNDRED / early


class Alternating:
    """Two conversations, of which one works at a time, a turn each."""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = {OLD: [], YOUNG: []}
        self.cpu: dict[str, list[float]] = {OLD: [], YOUNG: []}
        self.begun = anyio.Event()  # the old one has come to its end
        self._go = {OLD: anyio.Event(), YOUNG: anyio.Event()}
        self._since: dict[str, tuple[float, float]] = {}

    async def wait(self, who: str) -> None:
        """Its turn has ended, the other's begins; until its next."""
        if who in self._since:
            wall, cpu = self._since[who]
            self.wall[who].append(time.perf_counter() - wall)
            self.cpu[who].append(time.process_time() - cpu)
        self.begun.set()
        self._go[YOUNG if who == OLD else OLD].set()
        await self._go[who].wait()
        self._go[who] = anyio.Event()
        self._since[who] = time.perf_counter(), time.process_time()

    def done(self, who: str) -> None:
        """The other goes on alone."""
        self._go[YOUNG if who == OLD else OLD].set()

    @staticmethod
    def ratio(times: dict[str, list[float]]) -> float:
        return sum(times[OLD][:HUNDRED]) / sum(times[YOUNG][:HUNDRED])


class Reader:
    """Reads on; what went by is in `tokens` and `turns`."""

    def __init__(self, who: str, pair: Alternating, clock: Clock | None, limit: int) -> None:
        self.model = Counted(self.step, WINDOW, keep=False)
        self.tokens = self.turns = 0
        self._who, self._pair, self._clock, self._limit = who, pair, clock, limit
        self._numbers, self._text = itertools.count(1), Text(11)
        self._together = 0

    def step(self, request: Request) -> Say | After:
        new = [m for m in request.messages[-2:] if m.role is not Role.ASSISTANT]
        self.tokens += sum(self.model.weigh(message) for message in new)
        self.turns += 1
        if not self._at_the_end():
            if self._clock is not None:
                self._clock.tick()
            return self._next()
        if self._together > HUNDRED:
            self._pair.done(self._who)
            return Say("done")
        self._together += 1
        return After(partial(self._pair.wait, self._who), self._next())

    def _at_the_end(self) -> bool:
        return self.turns > HUNDRED if self._clock is None else self.tokens >= self._limit

    def _next(self) -> Say:
        path = {"path": f"/home/{next(self._numbers)}"}
        call = ToolCall(id=CallId("x"), name="fs_read", arguments=json.dumps(path))
        return Say(self._text(10, 30), (call,))


async def ask(running: Kernel, pid: Pid) -> None:
    """Every tenth turn a question about an early record."""
    turns = 0
    async for told in running.records.follow(pid):
        turns += told.row.kind == "thought"
        if told.row.kind == "thought" and turns % SAID_EVERY == 0:
            try:
                await running.send(pid, f"What did record {turns // 3} say about the harbour?")
            except SysError:  # it has just ended
                return


async def main() -> None:
    args = arguments(__doc__ or "", tokens=2_000_000)
    settle()
    with folder() as place:
        async with database(place) as url:
            figures = await run(url, place, args.tokens)
    report(args, figures)


async def run(url: str, place: Path, limit: int) -> dict[str, float]:
    clock, pair = Clock(), Alternating()
    old, young = Reader(OLD, pair, clock, limit), Reader(YOUNG, pair, None, limit)
    models = {OLD: old.model, YOUNG: young.model}
    async with (
        lone(url, place, models, drivers={READS: Rows(*RESULT_WORDS)}) as running,
        anyio.create_task_group() as tasks,
    ):

        async def begin(name: str) -> Pid:
            pid = await running.spawn(agent(model=name), "Go through the records of the port.")
            tasks.start_soon(ask, running, pid)
            return pid

        first = await begin(OLD)
        await pair.begun.wait()
        second = await begin(YOUNG)
        for pid in (first, second):
            ended = await running.records.wait(pid)
            if ended.status:
                raise SystemExit(f"the agent ended with {ended.status}: {ended.answer}")
        tasks.cancel_scope.cancel()
    if len(clock.wall) <= EARLY[1] + HUNDRED:
        raise SystemExit(f"too short: {limit} tokens are {len(clock.wall)} turns, and it takes 300")
    return {
        "turns_ratio": clock.ratio(clock.wall),
        "cpu_ratio": clock.ratio(clock.cpu),
        "beside_ratio": pair.ratio(pair.wall),
        "beside_cpu_ratio": pair.ratio(pair.cpu),
        "rss_growth_mb": (clock.rss[-1] - clock.rss[EARLY[1]]) / 2**20,
        "turn_ms": sum(pair.wall[OLD][:HUNDRED]) / HUNDRED * 1000,
        "tokens": old.tokens,
        "turns": old.turns,
    }


if __name__ == "__main__":
    anyio.run(main)
