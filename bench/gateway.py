"""What the gateway costs: against a direct call, and against another gateway.

    python bench/gateway.py [--json] [--clients 100] [--seconds 8] [--litellm PATH]

    added_ms_p50               one client, one request after the other, each a conversation of its own: the
                               median of a request through the gateway less that of a direct one to the same
                               upstream, alternating
    commit_ms                  a commit of the same database, alternating with the requests; a conversation has two
    continued_added_ms_p50     the same for the next turns of one conversation, which alternate with the others
    cpu_ms                     processor time of the daemon for a streamed request with many clients
    db_cpu_ms                  and of its database
    throughput_100_vs_litellm  streamed requests a second with 100 clients, against LiteLLM's proxy before the
                               same upstream, by the same clients; null without it
    litellm_cpu_ms             processor time of that proxy for a request

The upstream is a bare server on loopback.  The daemon is a process of its own, with journaling on. LiteLLM
and the vendors' current clients do not fit into one environment: --litellm names the command of an
environment of its own, as `uv venv v && uv pip install --python v/bin/python 'litellm[proxy]'` makes it.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import asyncpg
import psutil
import uvloop

from common import folder, note, percentile, report

HERE = Path(__file__).parent
ANSWER_S = "0.0"
PATIENCE_S = 90.0


def body(text: str, *, stream: bool, model: str = "vllm/bench") -> bytes:
    said = [{"role": "system", "content": "be brief"}, {"role": "user", "content": text}]
    return json.dumps({"model": model, "messages": said, "stream": stream}).encode()


def request(port: int, content: bytes, path: str = "/v1/chat/completions") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer sk-bench\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    return head.encode() + content


class Line:
    """One kept connection of the least client there can be."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, content: bytes) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request(self._port, content))
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError((head + await reader.read(2000)).decode())
        if b"chunked" not in head:
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            return await reader.readexactly(length)
        pieces = []
        while size := int((await reader.readuntil(b"\r\n")).strip() or b"0", 16):
            pieces.append((await reader.readexactly(size + 2))[:-2])
        await reader.readexactly(2)
        return b"".join(pieces)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


@contextmanager
def upstream() -> Iterator[int]:
    command = [sys.executable, str(HERE / "model_server.py"), ANSWER_S, "1.0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield int(running.stdout.readline())
        finally:
            running.kill()


@contextmanager
def daemon(place: Path, port: int) -> Iterator[tuple[int, psutil.Process]]:
    """The port of its gateway."""
    environ = os.environ | {
        "LOGOS_HOME": str(place),
        "LOGOS_MODEL": "vllm/bench",
        "VLLM_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "LOGOS_GATEWAY_ON": "true",
    }
    log = place / "daemon.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "logos.cli.daemon"]
        running = subprocess.Popen(command, env=environ, stdout=out, stderr=out)
    try:
        file, until = place / "gateway.port", time.monotonic() + PATIENCE_S
        while not file.exists() or not _answers(int(file.read_text() or 0)):
            if running.poll() is not None or time.monotonic() > until:
                raise RuntimeError(log.read_text())
            time.sleep(0.05)
        yield int(file.read_text()), psutil.Process(running.pid)
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(PATIENCE_S)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return bool(port) and probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def litellm(command: str, place: Path, port: int) -> Iterator[tuple[int, psutil.Process]]:
    """One worker, as it comes, without its database."""
    settings = place / "litellm.yaml"
    settings.write_text(
        "model_list:\n  - model_name: bench\n    litellm_params:\n      model: openai/bench\n"
        f"      api_base: http://127.0.0.1:{port}/v1\n      api_key: sk-bench\n"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        own = int(free.getsockname()[1])
    environ = os.environ | {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # on loopback
    }
    words = [command, "--config", str(settings), "--port", str(own), "--host", "127.0.0.1"]
    with (place / "litellm.log").open("wb") as out:
        running = subprocess.Popen(words, env=environ, stdout=out, stderr=out)
    try:
        until = time.monotonic() + PATIENCE_S
        while not _answers(own):
            if running.poll() is not None or time.monotonic() > until:
                raise RuntimeError((place / "litellm.log").read_text())
            time.sleep(0.2)
        yield own, psutil.Process(running.pid)
    finally:
        running.terminate()
        running.wait(PATIENCE_S)


def processor(process: psutil.Process) -> float:
    """Seconds so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def database_of(process: psutil.Process) -> float:
    """Of its database's processes, which are not its children for long."""
    home = process.environ().get("LOGOS_HOME", "?")
    found = psutil.process_iter(["name"])
    return sum(_spent(one, home) for one in found if "postgres" in (one.info["name"] or ""))


def _spent(one: psutil.Process, home: str) -> float:
    """Nothing, if it is another's or has ended."""
    try:
        lines = [" ".join(each.cmdline()) for each in (one, *one.parents())]
        return processor(one) if any(home in line for line in lines) else 0.0
    except psutil.Error:
        return 0.0


async def alternating(direct: int, gateway: int, url: str, count: int) -> dict[str, float]:
    """Milliseconds of each side, of a commit, and of further turns of one conversation."""
    bare, ours = Line(direct), Line(gateway)
    there: list[float] = []
    here: list[float] = []
    commits: list[float] = []
    further: list[float] = []
    said = [{"role": "user", "content": "one conversation"}]
    async with committing(url) as commit:
        for number in range(-20, count):
            content = body(f"question {number}", stream=False)
            more = json.dumps({"model": "vllm/bench", "messages": said}).encode()
            for once, times in (
                (bare.ask(content), there),
                (ours.ask(content), here),
                (commit(number), commits),
                (ours.ask(more), further),
            ):
                began = time.perf_counter()
                await once
                if number >= 0:
                    times.append((time.perf_counter() - began) * 1e3)
            said += [
                {"role": "assistant", "content": "done"},
                {"role": "user", "content": f"{number}"},
            ]
    for line in (bare, ours):
        line.close()
    direct_p50 = percentile(there, 0.5)
    return {
        "direct_ms_p50": direct_p50,
        "gateway_ms_p50": percentile(here, 0.5),
        "added_ms_p50": percentile(here, 0.5) - direct_p50,
        "commit_ms": percentile(commits, 0.5),
        "continued_added_ms_p50": percentile(further, 0.5) - direct_p50,
    }


async def streams(port: int, clients: int, seconds: float, model: str) -> float:
    """Whole streams a second."""
    done = 0
    until = time.monotonic() + seconds

    async def client(number: int) -> None:
        nonlocal done
        line = Line(port)
        turn = 0
        while time.monotonic() < until:
            turn += 1
            text = f"client {number}, question {turn}"
            answer = await line.ask(body(text, stream=True, model=model))
            if b"[DONE]" not in answer:
                raise RuntimeError(answer.decode())
            done += 1
        line.close()

    began = time.monotonic()
    async with anyio.create_task_group() as tasks:
        for number in range(clients):
            tasks.start_soon(client, number)
    return done / (time.monotonic() - began)


@asynccontextmanager
async def committing(url: str) -> AsyncGenerator[Callable[[int], Awaitable[object]]]:
    """A small commit each time."""
    db = await asyncpg.connect(url)
    try:
        await db.execute("CREATE TABLE bench_commit (n integer)")
        yield lambda number: db.execute(f"INSERT INTO bench_commit VALUES ({number})")
        await db.execute("DROP TABLE bench_commit")
    finally:
        await db.close()


@asynccontextmanager
async def measured(process: psutil.Process, counted: dict[str, float]) -> AsyncGenerator[None]:
    before, base = processor(process), database_of(process)
    yield
    counted["own"] = processor(process) - before
    counted["db"] = database_of(process) - base


async def main(args: argparse.Namespace) -> None:
    result: dict[str, float | None] = {}
    with folder() as place, upstream() as port:
        with daemon(place, port) as (gateway, process):
            result |= await alternating(port, gateway, _url(place), args.requests)
            counted: dict[str, float] = {}
            async with measured(process, counted):
                ours = await streams(gateway, args.clients, args.seconds, "vllm/bench")
            asked = ours * args.seconds
            result |= {
                "streams_per_s": ours,
                "cpu_ms": counted["own"] / asked * 1e3,
                "db_cpu_ms": counted["db"] / asked * 1e3,
                "rss_mb": process.memory_info().rss / 1e6,
            }
            note(f"gateway: {ours:.0f} streams/s")
        result["throughput_100_vs_litellm"] = None
        if args.litellm:
            with litellm(args.litellm, place, port) as (own, process):
                await streams(own, 4, 2.0, "bench")  # it warms up
                before = processor(process)
                theirs = await streams(own, args.clients, args.seconds, "bench")
                spent = processor(process) - before
                note(f"LiteLLM: {theirs:.0f} streams/s")
                result |= {
                    "litellm_per_s": theirs,
                    "litellm_cpu_ms": spent / (theirs * args.seconds) * 1e3,
                    "throughput_100_vs_litellm": ours / theirs,
                }
    report(args, result)


def _url(place: Path) -> str:
    """Of the database in that home."""
    sockets = next((place / "store").glob("**/.s.PGSQL.*")).parent
    return f"postgresql://postgres@/logos?host={sockets}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--litellm", default=os.environ.get("BENCH_LITELLM", ""))
    uvloop.run(main(parser.parse_args()))
