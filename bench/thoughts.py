"""Thoughts: agents on the kernel beside a bare client loop, against a model that takes 50 ms.

Both sides send the same requests with the same HTTP client (httpx2) to the same loopback
server; the kernel's are journaled, fenced, budgeted and followed by a fold.  A second bare
loop uses the vendor's SDK, which is what people write.

    uv run --extra bench python bench/thoughts.py --json
"""

import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path

import anyio
import httpx2
import openai

from common import arguments, database, folder, median, note, percentile, report
from logos import config
from logos.abi.agent import Agent
from logos.abi.ids import Pid
from logos.abi.process import AnyAction, Finish, Process, Think
from logos.boot import settle
from logos.drivers.model import Endpoint, open_model
from logos.kernel import Kernel
from logos.programs import PROGRAMS
from lone import lone

HERE = Path(__file__).parent
TASK = "Say done."
LATENCY_S, SLOW_S = 0.05, 8.0


@contextmanager
def server():
    command = [sys.executable, str(HERE / "model_server.py"), str(LATENCY_S), str(SLOW_S)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield f"http://127.0.0.1:{running.stdout.readline().strip()}/v1"
        finally:
            running.kill()


def thinker(thoughts: int) -> Callable[[Process], AnyAction]:
    """A program that thinks so many times and is done."""

    def program(process: Process, /) -> AnyAction:
        return Think() if process.thoughts < thoughts else Finish()

    return program


@asynccontextmanager
async def kernel(url: str, models: str, place: Path, *, thoughts: int) -> AsyncGenerator[Kernel]:
    model = open_model("openai/bench", Endpoint(url=models, key="none", stream=False))

    settings, programs = config.Node(resident=1000), PROGRAMS | {"thinker": thinker(thoughts)}
    async with lone(url, place, model, settings=settings, programs=programs) as running:
        yield running
    await model.aclose()


async def on_kernel(url: str, models: str, place: Path, agents: int, thoughts: int) -> float:
    """Thoughts per second of all agents together."""
    agent = Agent(name="bench", program="thinker", max_output=16)
    async with kernel(url, models, place, thoughts=thoughts) as running:
        began = time.perf_counter()

        async def one() -> None:
            ended = await running.records.wait(await running.spawn(agent, TASK))
            assert ended.status == 0, ended.answer

        await together([one] * agents)
        return agents * thoughts / (time.perf_counter() - began)


async def together(each: list[Callable[[], Awaitable[None]]]) -> None:
    async with anyio.create_task_group() as tasks:
        for one in each:
            tasks.start_soon(one)


async def directly(models: str, agents: int, thoughts: int) -> float:
    """The same with the bare client."""
    limits = httpx2.Limits(max_connections=agents, max_keepalive_connections=agents)
    async with httpx2.AsyncClient(limits=limits, timeout=60) as client:
        began = time.perf_counter()

        async def one() -> None:
            messages = [
                {"role": "system", "content": "bench"},
                {"role": "user", "content": TASK},
            ]
            for _ in range(thoughts):
                body = {"model": "bench", "messages": messages, "max_tokens": 16}
                answer = await client.post(f"{models}/chat/completions", json=body)
                messages.append(answer.json()["choices"][0]["message"])

        await together([one] * agents)
        return agents * thoughts / (time.perf_counter() - began)


async def with_sdk(models: str, agents: int, thoughts: int) -> float:
    """The same with the vendor's SDK."""
    async with openai.AsyncOpenAI(base_url=models, api_key="none", max_retries=0) as client:
        began = time.perf_counter()

        async def one() -> None:
            messages: list = [
                {"role": "system", "content": "bench"},
                {"role": "user", "content": TASK},
            ]
            for _ in range(thoughts):
                answer = await client.chat.completions.create(
                    model="bench", messages=messages, max_tokens=16
                )
                messages.append({"role": "assistant", "content": answer.choices[0].message.content})

        await together([one] * agents)
        return agents * thoughts / (time.perf_counter() - began)


async def head_of_line(url: str, models: str, place: Path) -> float:
    """Seconds until three thoughts of 50 ms are had beside one of 8 s."""
    async with kernel(url, models, place, thoughts=1) as running:
        agent = Agent(name="bench", program="thinker", max_output=16)
        await running.records.wait(await running.spawn(agent, TASK))  # connections, plans
        await running.spawn(agent, "slow")
        await anyio.sleep(0.05)
        began = time.perf_counter()

        async def quick() -> None:
            await running.records.wait(await running.spawn(agent, TASK))

        await together([quick] * 3)
        return time.perf_counter() - began


async def alone(
    url: str, models: str, place: Path, thoughts: int
) -> tuple[list[float], list[float], float]:
    """One agent: seconds of each thought from asking to durable, of a commit, and commits a thought."""
    async with kernel(url, models, place, thoughts=thoughts) as running:
        agent = Agent(name="bench", program="thinker", max_output=16)
        before = running.commits
        pid = await running.spawn(agent, TASK)
        await running.records.wait(pid)
        made = (running.commits - before) / thoughts
        times = [t.row.at async for t in running.records.events(pid) if t.row.kind == "asked"]
        each = [(b - a) / 1e6 for a, b in pairwise(times)]
        commits: list[float] = []
        other = await running.spawn(Agent(name="idle", program="init"), "")
        for _ in range(50):
            began = time.perf_counter()
            await running.send(Pid(other), TASK)
            commits.append(time.perf_counter() - began)
        return each, commits, made


async def main() -> None:
    args = arguments(__doc__ or "", rounds=3, thoughts=20)
    ratios: dict[int, list[float]] = {}
    sdk: list[float] = []
    result: dict[str, float] = {}
    settle()  # as the daemon does
    with folder() as place, server() as models:
        async with database(place) as url:
            for number in range(args.rounds):
                for agents in (1, 10, 100, 250):
                    bare = await directly(models, agents, args.thoughts)
                    ours = await on_kernel(url, models, place, agents, args.thoughts)
                    ratios.setdefault(agents, []).append(ours / bare)
                    note(f"round {number + 1}: {agents} agents: {ours:.0f}/s, bare {bare:.0f}/s")
                    result |= {f"thoughts_per_s_{agents}": ours, f"direct_per_s_{agents}": bare}
                sdk.append(ours / await with_sdk(models, 250, args.thoughts))
            each, commits, a_thought = await alone(url, models, place, 60)
            result["hol_s"] = min([await head_of_line(url, models, place) for _ in range(3)])
            bare = 1 / await directly(models, 1, 60)
    result |= {f"throughput_ratio_{n}": median(r) for n, r in ratios.items()}
    result |= {
        "throughput_ratio_250_sdk": median(sdk),
        "added_ms": (percentile(each, 0.5) - bare) * 1e3,
        "commit_ms": percentile(commits, 0.5) * 1e3,
        "commits_per_thought": a_thought,
    }
    report(args, result)


if __name__ == "__main__":
    anyio.run(main, backend_options={"use_uvloop": True})
