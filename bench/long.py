"""A long conversation through a small window: does a turn at its end cost what one at its beginning did?

    uv run --extra bench python bench/long.py --json

One agent reads records through a window of 8k tokens until two million tokens have gone by, on a real
kernel and database; every tenth turn somebody asks about something long gone, and memory is searched.

    turns_ratio      mean time of a turn, the last hundred over turns 100 to 200
    cpu_ratio        the same of processor time
    rss_growth_mb    of the process of the kernel, from turn 200 to the end
    tokens           that went through, and `turns`
    turn_ms          of the last hundred
"""

import itertools
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import anyio
import psutil

from common import arguments, database, folder, report
from lib_window.running import READS, Counted, Rows, Text, agent
from logos.abi.errors import SysError
from logos.abi.ids import CallId, Pid
from logos.abi.messages import Request, Role, ToolCall
from logos.boot import settle
from logos.drivers.model import Say
from logos.kernel import Kernel
from lone import lone

WINDOW = 8192
RESULT_WORDS = (200, 400)
SAID_EVERY = 10
HUNDRED = 100
EARLY = (HUNDRED, 2 * HUNDRED)


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


def reader(clock: Clock, limit: int) -> tuple[Counted, list[int]]:
    """Reads on until `limit` tokens of records and words have gone by."""
    numbers, text = itertools.count(1), Text(11)
    passed = [0, 0]

    def step(request: Request) -> Say:
        clock.tick()
        new = [m for m in request.messages[-2:] if m.role is not Role.ASSISTANT]
        passed[0] += sum(model.weigh(message) for message in new)
        passed[1] += 1
        if passed[0] >= limit:
            return Say("done")
        n = next(numbers)
        call = ToolCall(
            id=CallId("x"), name="fs_read", arguments=json.dumps({"path": f"/home/{n}"})
        )
        return Say(text(10, 30), (call,))

    model = Counted(step, WINDOW, keep=False)
    return model, passed


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
    clock = Clock()
    settle()
    with folder() as place:
        async with database(place) as url:
            figures = await run(url, place, clock, args.tokens)
    report(args, figures)


async def run(url: str, place: Path, clock: Clock, limit: int) -> dict[str, float]:
    model, passed = reader(clock, limit)
    async with lone(url, place, model, drivers={READS: Rows(*RESULT_WORDS)}) as running:
        pid = await running.spawn(agent(), "Go through the records of the port.")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, running, pid)
            ended = await running.records.wait(pid)
            tasks.cancel_scope.cancel()
    if ended.status:
        raise SystemExit(f"the agent ended with {ended.status}: {ended.answer}")
    return {
        "turns_ratio": clock.ratio(clock.wall),
        "cpu_ratio": clock.ratio(clock.cpu),
        "rss_growth_mb": (clock.rss[-1] - clock.rss[EARLY[1]]) / 2**20,
        "turn_ms": (clock.wall[-1] - clock.wall[-1 - HUNDRED]) / HUNDRED * 1000,
        "tokens": passed[0],
        "turns": passed[1],
    }


if __name__ == "__main__":
    anyio.run(main)
