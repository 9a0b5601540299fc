"""What LogOS costs: to start, to hold idle processes, to spawn, to fold, to recover, to ask.

    boot_s            `logos up` on warm files until it answers, its database included
    daemon_mb         resident memory of the daemon after boot
    idle_10k_mb       what 10,000 idle processes add to it; idle_cpu_share what they use
    spawn_per_s       processes started, each durable, by one client inside the node
    ps_ratio          `logos ps`, a whole process, beside `python3 -c pass`, interleaved
    fold_10k_s        the state of a process with 10,000 events, from the journal alone
    recover_1000_s    after kill -9 with 1,000 live processes: until all of them go on

    uv run --extra bench python bench/footprint.py --json
"""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import psutil
from common import arguments, database, folder, median, note, report

from logos import config
from logos.abi.agent import Agent
from logos.abi.ids import Pid
from logos.abi.process import AnyAction, Idle, Process, Think
from logos.drivers.model import Say, Scripted
from logos.kernel import Kernel, Parts, SystemClock, open_kernel
from logos.programs import PROGRAMS
from logos.store import open_store

LOGOS = Path(sysconfig.get_path("scripts")) / "logos"
IDLE = Agent(name="idle", program="agent", resident=True, model="builtin/reader")
TALKS = 3333
"""Messages that make some 10,000 events: received, asked, thought, idled."""


def logos(home: Path, *words: str) -> str:
    environ = os.environ | {"LOGOS_HOME": str(home)}
    done = subprocess.run([LOGOS, *words], env=environ, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"logos {' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def daemon_pid(home: Path) -> int:
    return int(json.loads(logos(home, "status", "--json"))["data"]["pid"])


def boot_seconds(home: Path, rounds: int) -> float:
    """Files warm: the first start made them."""
    logos(home, "up")
    times = []
    for _ in range(rounds):
        logos(home, "down")
        while (home / "logos.sock").exists():
            time.sleep(0.01)
        began = time.perf_counter()
        logos(home, "up")
        times.append(time.perf_counter() - began)
    return median(times)


def ps_ratio(home: Path, rounds: int) -> tuple[float, float]:
    environ = os.environ | {"LOGOS_HOME": str(home)}
    ours, floor = [], []
    for _ in range(rounds):
        for times, command in ((floor, [sys.executable, "-c", "pass"]), (ours, [LOGOS, "ps"])):
            began = time.perf_counter()
            subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, check=True)  # noqa: S603
            times.append(time.perf_counter() - began)
    return median(ours) / median(floor), median(ours) * 1e3


async def nothing(name: str) -> Scripted:
    del name
    return Scripted([Say("noted")] * (TALKS + 1))


def _alive(process: Process, /) -> AnyAction:
    """A program that goes on after a recovery: one thought, then it waits."""
    return Think() if process.news else Idle()


@asynccontextmanager
async def node(url: str, place: Path) -> AsyncGenerator[Kernel]:
    model = await nothing("")
    quick = Scripted(lambda _: Say("noted"))

    async def find(name: str) -> Scripted:
        return quick if name == "quick" else model

    async with open_store(url, config.Store()) as store:
        parts = Parts(
            store=store,
            settings=config.Node(),
            clock=SystemClock(),
            programs=PROGRAMS | {"alive": _alive},
            models=find,
            drivers={},
            functions=dict,
            agents=lambda name: Agent(name=name),
            workspaces=place / "workspaces",
            place="bench",
            alone=True,
        )
        async with open_kernel(parts) as kernel:
            yield kernel


async def spawn_idle(kernel: Kernel, number: int, *, agent: Agent = IDLE, at_once: int = 200) -> float:
    """Seconds to start so many processes, each durable before it counts."""
    began = time.perf_counter()
    left = number

    async def some() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await kernel.spawn(agent, "")

    async with anyio.create_task_group() as tasks:
        for _ in range(at_once):
            tasks.start_soon(some)
    return time.perf_counter() - began
