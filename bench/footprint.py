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
import msgspec
import psutil

from common import arguments, database, folder, median, note, report
from logos import config
from logos.abi.agent import Agent
from logos.abi.driver import Effect
from logos.abi.events import AnyEvent, Asked, Called, Received, Returned, Thought
from logos.abi.ids import CallId, MailId, Pid
from logos.abi.messages import Finish, Message, Role, Text, ToolCall, Usage
from logos.abi.process import AnyAction, Idle, Process, Think
from logos.boot import settle
from logos.drivers.model import After, Say, Scripted
from logos.kernel import Kernel
from logos.kernel.journal import Entry, Head, Projection, Writer, seal
from logos.kernel.node.lease import Lease
from logos.programs import PROGRAMS
from logos.store import Queries, Store, open_store
from lone import lone

HEADS = Queries("logos.kernel.node", "node.sql")

LOGOS = Path(sysconfig.get_path("scripts")) / "logos"
IDLE = Agent(name="idle", program="agent", resident=True, model="builtin/reader")


def logos(home: Path, *words: str) -> str:
    environ = os.environ | {"LOGOS_HOME": str(home)}
    done = subprocess.run([LOGOS, *words], env=environ, capture_output=True, text=True, check=False)
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
            subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, check=True)
            times.append(time.perf_counter() - began)
    return median(ours) / median(floor), median(ours) * 1e3


def _alive(process: Process, /) -> AnyAction:
    """A program that goes on after a recovery: one thought, then it waits."""
    return Think() if process.news else Idle()


@asynccontextmanager
async def node(url: str, place: Path, model: Scripted | None = None) -> AsyncGenerator[Kernel]:
    quick = Scripted(lambda _: Say("noted"))

    programs = PROGRAMS | {"alive": _alive}
    async with lone(url, place, model or quick, programs=programs) as kernel:
        yield kernel


async def spawn_idle(
    kernel: Kernel, number: int, *, agent: Agent = IDLE, at_once: int = 200
) -> float:
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


async def idle_cost(url: str, place: Path, number: int) -> dict[str, float]:
    me = psutil.Process()
    async with node(url, place) as kernel:
        await spawn_idle(kernel, 500)  # whatever grows once has grown
        await anyio.sleep(1)
        before = me.memory_info().rss
        seconds = await spawn_idle(kernel, number)
        await anyio.sleep(2)
        grown = me.memory_info().rss - before
        cpu, began = sum(me.cpu_times()[:2]), time.perf_counter()
        await anyio.sleep(5)
        share = (sum(me.cpu_times()[:2]) - cpu) / (time.perf_counter() - began)
        live = sum(one.status == "waiting" for one in await kernel.records.list())
    assert live >= number, live
    return {
        "idle_10k_mb": grown / 2**20 * 10_000 / number,
        "spawn_per_s": number / seconds,
        "idle_cpu_share": share,
    }


def turns(number: int) -> list[AnyEvent]:
    """What an agent does over and over: five events a turn."""
    events: list[AnyEvent] = []
    for n in range(number // 5):
        id_ = CallId(f"c{n}_0")
        call = ToolCall(id=id_, name="fs_read", arguments='{"path": "notes.md"}')
        message = Message(role=Role.ASSISTANT, content=(Text(text="Let me look."), call))
        raw = msgspec.Raw(b'{"call":"fs.read","path":"notes.md"}')
        events += [
            Received(mail=MailId(0), text=f"question {n}: " + "what does it say? " * 10),
            Asked(model="bench", tokens=1000, room=1_000_000_000),
            Thought(message=message, usage=Usage(input=900, output=20), finish=Finish.CALLS),
            Called(id=id_, name="fs.read", call=raw, effect=Effect.PURE),
            Returned(id=id_, value=msgspec.Raw(msgspec.json.encode("a line of text " * 40))),
        ]
    return events


async def grow(store: Store, pid: Pid, events: int) -> None:
    """Append to its journal as its node would."""
    shown = Projection("waiting", None, 0, 0, 0, 0, None)
    lease = Lease(store, 600.0)
    async with anyio.create_task_group() as tasks:
        node = await lease.take("bench", alone=True)
        await lease.claim(10_000)
        writer = Writer(store, node, lambda _: None)
        tasks.start_soon(writer.run)
        async with store.connection() as db:
            head = Head(pid, *await db.one(HEADS.head, pid=pid))
        made = turns(events)
        for start in range(0, len(made), 500):
            before = head
            head, rows = seal(before, 1, made[start : start + 500])
            await writer.append(Entry(before.seq, head, rows, shown)).durable(pid)
        tasks.cancel_scope.cancel()
    await lease.resign()


async def fold_seconds(url: str, place: Path, events: int) -> float:
    """The state and the window of a process with so many events, its chain not trusted but read."""
    async with node(url, place) as kernel:
        pid = await kernel.spawn(Agent(name="old", program="init"), "")
        async for told in kernel.records.follow(pid):
            if told.row.kind == "idled":
                break
    async with open_store(url, config.Store()) as store:
        await grow(store, pid, events)
        async with node(url, place) as kernel:
            times = []
            for _ in range(3):
                began = time.perf_counter()
                process = await kernel.records.process(pid)
                times.append(time.perf_counter() - began)
            assert process.seq >= events, process.seq
    return min(times)


async def recovery_seconds(url: str, place: Path, number: int) -> float:
    """From kill -9 of a node with so many thinking processes until each has thought again."""
    command = [
        sys.executable,
        __file__,
        "--child",
        url,
        "--place",
        str(place),
        "--live",
        str(number),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        pids = [Pid(int(word)) for word in child.stdout.readline().split()]
        child.send_signal(signal.SIGKILL)
    began = time.perf_counter()
    async with node(url, place) as kernel, anyio.create_task_group() as tasks:

        async def thought(pid: Pid) -> None:
            async for told in kernel.records.follow(pid):
                if told.row.kind == "thought":
                    return

        for pid in pids:
            tasks.start_soon(thought, pid)
    return time.perf_counter() - began


async def live_until_killed(url: str, place: Path, number: int) -> None:
    never = anyio.Event()
    stuck = Scripted(lambda _: After(never.wait, Say("")))
    async with node(url, place, stuck) as kernel:
        agent = Agent(name="live", program="alive")
        pids = [await kernel.spawn(agent, "think") for _ in range(number)]
        while sum(one.status == "thinking" for one in await kernel.records.list()) < number:
            await anyio.sleep(0.05)
        print(*pids, flush=True)
        await anyio.sleep_forever()


async def main() -> None:
    args = arguments(
        __doc__ or "", rounds=30, idle=10_000, events=10_000, live=1000, child="", place=""
    )
    if args.child:
        await live_until_killed(args.child, Path(args.place), args.live)
    result: dict[str, float] = {}
    settle()  # as the daemon does
    with folder() as place:
        home = place / "home"
        result["boot_s"] = boot_seconds(home, 3)
        result["daemon_mb"] = psutil.Process(daemon_pid(home)).memory_info().rss / 2**20
        result["ps_ratio"], result["ps_ms"] = ps_ratio(home, args.rounds)
        logos(home, "down")
        note(f"daemon: {result}")
        async with database(place) as url:
            result["recover_1000_s"] = await recovery_seconds(url, place, args.live)
            note(f"recovery: {result['recover_1000_s']:.2f} s")
            result["fold_10k_s"] = await fold_seconds(url, place, args.events)
            result |= await idle_cost(url, place, args.idle)
    report(args, result)


if __name__ == "__main__":
    anyio.run(main, backend_options={"use_uvloop": True})
