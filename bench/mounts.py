"""What mounted tools cost: in the prompt, and for each call.

    python bench/mounts.py [--json] [--calls 200]

    metadata_tokens_1, metadata_tokens_200   of all tools in the prompt of an agent, with 1 and with
                                             200 tools mounted, as this project counts (it errs high)
    call_added_ms_p50                        from the model's proposal to the journaled answer, by the
                                             kernel, less the same call by the bare MCP client
    commits_per_call, commit_ms              of the journal, within that; one row, alone
    added_over_commits_ms                    call_added_ms_p50 without them
    function_ms_p50                          the same with a function of this program: what the kernel
                                             costs without any server
    added_over_journal_ms                    call_ms_p50 less function_ms_p50 and bare_ms_p50
    turn_ms_p50                              from one thought of the model to the next
    driver_ms_p50, bare_ms_p50               the driver alone, and the official client alone

The server is the same program each time, written with the official SDK, on its standard streams.
The bare client starts it directly, the driver in the sandbox.
"""

import logging
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import asyncpg
import msgspec
from mcp import Client, StdioServerParameters

from common import arguments, database, folder, median, percentile, report
from logos import config
from logos.abi.agent import Agent
from logos.abi.calls import CallTool
from logos.abi.driver import Job, Mode
from logos.abi.ids import CallId, Pid
from logos.abi.messages import Request, ToolCall
from logos.abi.rights import parse
from logos.abi.tools import Place
from logos.drivers.function import Functions
from logos.drivers.model import Say, Scripted, measure
from logos.drivers.sandbox import open_sandbox
from logos.drivers.tools import Tools
from logos.kernel import Kernel, Parts, SystemClock, open_kernel
from logos.places import Places, open_places
from logos.programs import PROGRAMS
from logos.store import open_store

SERVER = Path(__file__).parents[1] / "tests" / "contract" / "mcp_sdk_server.py"
TOOLS = ("fs.list", "fs.read", "fs.search", "tool.call")
WARM = 10
ROW = b"x" * 1000


class Caller:
    """Answers each request with one more call, and notes when it was asked."""

    def __init__(self) -> None:
        self.left = 0
        self.tool = "probe/echo"
        self.asked: list[float] = []
        self.last = Request(model="", messages=())

    def __call__(self, request: Request) -> Say:
        self.last = request
        self.asked.append(time.perf_counter())
        if not self.left:
            return Say("done")
        self.left -= 1
        wanted = f'{{"tool": "{self.tool}", "arguments": {{"text": "number {self.left}"}}}}'
        return Say("", (ToolCall(id=CallId("x"), name="tool_call", arguments=wanted),))


async def main() -> None:
    args = arguments(__doc__ or "", calls=200)
    logging.getLogger("logos").setLevel(logging.ERROR)
    result: dict[str, Any] = {}
    with folder() as place:
        async with database(place) as url:
            for more, key in ((0, "metadata_tokens_1"), (188, "metadata_tokens_200")):
                async with machine(place, url, more) as (kernel, places, caller):
                    await touched(places)
                    await run(kernel, caller, 2)
                    result[key] = tokens(caller.last)
            async with machine(place, url, 0) as (kernel, places, caller):
                await touched(places)
                caller.tool = "echo"
                function, _ = await run(kernel, caller, args.calls + WARM)
                caller.tool = "probe/echo"
                before = kernel.commits
                times, turns = await run(kernel, caller, args.calls + WARM)
                commits = (kernel.commits - before) / (args.calls + WARM)
                driver = await direct(places, place, args.calls)
            bare = await official(args.calls)
            commit = await committed(url, args.calls)
    added = median(times[WARM:]) - median(bare)
    result |= {
        "call_added_ms_p50": added,
        "call_ms_p50": median(times[WARM:]),
        "call_ms_p95": percentile(times[WARM:], 0.95),
        "function_ms_p50": median(function[WARM:]),
        "added_over_journal_ms": median(times[WARM:]) - median(function[WARM:]) - median(bare),
        "turn_ms_p50": median(turns[WARM:]),
        "bare_ms_p50": median(bare),
        "driver_ms_p50": median(driver),
        "commits_per_call": commits,
        "commit_ms": median(commit),
        "added_over_commits_ms": added - commits * median(commit),
        "calls": args.calls,
    }
    report(args, result)


@asynccontextmanager
async def machine(place: Path, url: str, more: int) -> AsyncIterator[tuple[Kernel, Places, Caller]]:
    """A kernel with one server mounted, and a model that calls it whenever it is asked."""
    sandbox = open_sandbox(Mode.FULL)
    functions = Functions()
    functions.register(name="echo", manifest={"impact": "read"})(same)
    tools = Tools(functions)
    caller = Caller()
    model = Scripted(caller)
    command = (sys.executable, str(SERVER), str(more))
    mounted = {"probe": Place(command=command, readable=(str(SERVER.parent),))}
    async with (
        open_store(url, config.Store()) as store,
        open_places(place / f"mounts{more}", tools, sandbox, mounted) as places,
    ):

        async def models(_: str) -> Scripted:
            return model

        parts = Parts(
            store=store,
            settings=config.Node(),
            clock=SystemClock(),
            programs=PROGRAMS,
            models=models,
            drivers={CallTool: tools},
            functions=tools.specs,
            manifests=lambda: functions.manifests() | tools.annotations(),
            agents=lambda _: Agent(name="a"),
            workspaces=place / "workspaces",
            place="bench",
            alone=True,
            mounts={"/tools": tools.tree},
        )
        async with open_kernel(parts) as kernel:
            yield kernel, places, caller
    await sandbox.aclose()


def same(text: str) -> str:
    """Say the text again."""
    return text


async def touched(places: Places) -> None:
    for provider in places.tools.places.values():
        await provider.offers()


async def run(kernel: Kernel, caller: Caller, calls: int) -> tuple[list[float], list[float]]:
    """Milliseconds from what was thought to its answer, and from one thought to the next."""
    caller.left, caller.asked = calls, []
    allow = tuple(map(parse, ("read:/tools/**", "call:/tools/**")))
    agent = Agent(name="a", model="m", tools=TOOLS, allow=allow)
    pid = await kernel.spawn(agent, "call echo again and again")
    await kernel.records.wait(pid)
    at: dict[str, list[int]] = {"thought": [], "returned": []}
    async for told in kernel.records.events(pid):
        if told.row.kind in at:
            at[told.row.kind].append(told.row.at)
    calls_ms = [(b - a) / 1000 for a, b in zip(at["thought"], at["returned"], strict=False)]
    turns_ms = [1000 * (b - a) for a, b in zip(caller.asked, caller.asked[1:], strict=False)]
    return calls_ms, turns_ms


def tokens(request: Request) -> int:
    """Of what the tools add to the request."""
    bare = msgspec.structs.replace(request, tools=())
    return measure(request) - measure(bare)


async def direct(places: Places, place: Path, calls: int) -> list[float]:
    arguments = msgspec.Raw(b'{"text":"hello"}')
    call = CallTool(tool="probe/echo", arguments=arguments)
    job = Job(id=CallId("1-1"), pid=Pid(1), call=call, workspace=place)
    return await timed(lambda: places.tools.run(job), calls)


async def official(calls: int) -> list[float]:
    server = StdioServerParameters(command=sys.executable, args=[str(SERVER)])
    async with Client(server) as client:
        return await timed(lambda: client.call_tool("echo", {"text": "hello"}), calls)


async def committed(url: str, calls: int) -> list[float]:
    db = await asyncpg.connect(url)
    try:
        await db.execute("CREATE TABLE bench_commit (id bigserial PRIMARY KEY, body bytea)")
        return await timed(
            lambda: db.execute("INSERT INTO bench_commit (body) VALUES ($1)", ROW), calls
        )
    finally:
        await db.close()


async def timed(action: Any, times: int) -> list[float]:
    taken = []
    for _ in range(times + WARM):
        begun = time.perf_counter()
        await action()
        taken.append(1000 * (time.perf_counter() - begun))
    return taken[WARM:]


if __name__ == "__main__":
    anyio.run(main, backend_options={"use_uvloop": True})
