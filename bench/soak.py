"""Many requests at once, half of them broken, against a daemon of its own.

    python bench/soak.py [--json] [--requests 10000] [--clients 50]

    requests          how many were sent
    leaked            file descriptors and connections the daemon has more of afterwards
    stuck             processes of the gateway that still wait for a thought when nobody asks any more
    unjournaled_500   answers of status 500 about which no journal has anything
    ok, refused       whole answers, and requests that were refused with a status below 500
    rss_mb            memory before and after

Broken: a request in drips, half a head, half a body, a body that is no JSON, JSON of the wrong kind, deep nesting, a body that lies
about its length, a huge head, a wrong key, a wrong path, a client that hangs up at once or in the middle of a
stream, one that reads nothing, and upstream: errors, garbage, half an answer, a closed connection.
All of it on loopback, and all of it bounded.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import psutil
import uvloop

from common import folder, note, report
from gateway import daemon

PATIENCE_S = 30.0
GRACE_S = 90.0
"""Longer than a connection to a model is kept."""
LEFT = (ConnectionError, asyncio.IncompleteReadError, TimeoutError, BrokenPipeError, OSError)

WHOLE = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "bench",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "done " * 50},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 20, "completion_tokens": 50, "total_tokens": 70},
}


def answer(status: str, body: bytes, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def streamed(words: int = 50) -> bytes:
    base = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "bench"}
    deltas = [{"role": "assistant", "content": f"word {n} "} for n in range(words)]
    chunks = [base | {"choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
    chunks.append(base | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    chunks.append(base | {"choices": [], "usage": WHOLE["usage"]})
    return (
        b"".join(b"data: " + json.dumps(c).encode() + b"\n\n" for c in chunks) + b"data: [DONE]\n\n"
    )


GOOD = answer("200 OK", json.dumps(WHOLE).encode())
STREAMED = answer("200 OK", streamed(), "text/event-stream")
ENDLESS = answer("200 OK", streamed(4000), "text/event-stream")
FAILURES = [
    answer("400 Bad Request", b'{"error":{"message":"no"}}'),
    answer("404 Not Found", b"nothing"),
    answer("200 OK", b"this is not JSON"),
    STREAMED[: len(STREAMED) // 2],
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\r\n\r\n",
    b"",
]
"""What an upstream may do; after each it hangs up."""


class Upstream(asyncio.Protocol):
    """Fails when the prompt says so.  One write an answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if len(rest) < length:
            return
        body, self._buffer = rest[:length], rest[length:]
        if b"FAIL" in body:
            failure = FAILURES[len(body) % len(FAILURES)]
            self._transport.write(failure)  # type: ignore[attr-defined]
            self._transport.close()
        elif b"SLOW" in body:
            asyncio.get_running_loop().call_later(0.5, self._write, STREAMED)
        elif b"LONG" in body:
            self._write(ENDLESS)
        else:
            self._write(STREAMED if b'"stream":true' in body.replace(b" ", b"") else GOOD)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)  # type: ignore[attr-defined]


@asynccontextmanager
async def upstream() -> AsyncGenerator[int]:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0, backlog=1024)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


class Client:
    """One request after the other, each on a connection of its own."""

    def __init__(self, port: int, seen: Counter[str], suspects: list[str]) -> None:
        self._port = port
        self._seen = seen
        self._suspects = suspects

    async def send(self, data: bytes, *, read: bool = True, rest: bytes = b"") -> None:
        """`read` off: hang up at once; `rest` after a first read."""
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                writer.write(data)
                await writer.drain()
                if rest:
                    await reader.read(1)
                    return
                if read:
                    writer.write_eof() if not data else None
                    self._note(await reader.read(1 << 16))
            finally:
                writer.close()

    async def drip(self, data: bytes) -> None:
        """A few bytes at a time, and the answer is read so, too."""
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=64)
            try:
                for at in range(0, len(data), 40):
                    writer.write(data[at : at + 40])
                    await asyncio.sleep(0.01)
                head = b""
                while piece := await reader.read(64):
                    head = head or piece
                    await asyncio.sleep(0.001)
                self._note(head)
            finally:
                writer.close()

    async def stare(self, data: bytes) -> None:
        """Reads nothing of a long answer, and leaves."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=64)
        try:
            writer.write(data)
            await writer.drain()
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.sleep(0.5)
            del reader
        finally:
            writer.transport.abort()

    def _note(self, head: bytes) -> None:
        status = head.partition(b" ")[2][:3].decode("latin-1") or "none"
        self._seen[status] += 1
        if status == "500":
            pid = head.lower().partition(b"x-logos-pid:")[2].partition(b"\r\n")[0].strip()
            self._suspects.append(pid.decode("latin-1"))


def post(
    body: bytes, *, path: str = "/v1/chat/completions", more: str = "", length: int = -1
) -> bytes:
    size = len(body) if length < 0 else length
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n{more}"
    head += f"content-type: application/json\r\ncontent-length: {size}\r\n\r\n"
    return head.encode() + body


def chat(text: str, *, stream: bool = False) -> bytes:
    said = [{"role": "user", "content": text}]
    return json.dumps({"model": "vllm/bench", "messages": said, "stream": stream}).encode()


def messages(text: str, *, stream: bool = False) -> bytes:
    said = [{"role": "user", "content": text}]
    body = {"model": "vllm/bench", "max_tokens": 99, "messages": said, "stream": stream}
    return json.dumps(body).encode()


def respond(text: str, *, stream: bool = False) -> bytes:
    return json.dumps({"model": "vllm/bench", "input": text, "stream": stream}).encode()


Deed = Callable[[Client, str], Awaitable[None]]

SOUND: list[Deed] = [
    lambda c, t: c.send(post(chat(t))),
    lambda c, t: c.send(post(chat(t, stream=True))),
    lambda c, t: c.send(post(messages(t, stream=True), path="/v1/messages")),
    lambda c, t: c.send(post(respond(t, stream=True), path="/v1/responses")),
]

BROKEN: list[Deed] = [
    lambda c, _: c.send(b"POST /v1/chat/comp", read=False),
    lambda c, t: c.send(post(chat(t))[:-20], read=False),
    lambda c, t: c.drip(post(chat(t, stream=True))),
    lambda c, t: c.stare(post(chat(t + " LONG", stream=True))),
    lambda c, _: c.send(post(b"{not json")),
    lambda c, _: c.send(post(b'{"model":7,"messages":"x"}')),
    lambda c, _: c.send(post(b'{"model":"m","messages":[{"role":"wizard"}]}')),
    lambda c, _: c.send(post(b"[" * 100_000)),
    lambda c, _: c.send(post(b'{"model":"m","messages":' + b'[{"a":' * 5_000)),
    lambda c, _: c.send(post(b'{"model":"m","input":"\\ud800"}', path="/v1/responses")),
    lambda c, t: c.send(post(chat(t), length=10)),
    lambda c, t: c.send(post(chat(t), more="x-huge: " + "x" * 100_000 + "\r\n")),
    lambda c, t: c.send(post(chat(t), more="authorization: Bearer lgk_wrong\r\n")),
    lambda c, t: c.send(post(chat(t), path="/v1/nothing/here")),
    lambda c, t: c.send(post(chat(t), more="origin: https://evil.example\r\n")),
    lambda c, t: c.send(post(chat(t + " SLOW", stream=True)), read=False),
    lambda c, t: c.send(post(chat(t, stream=True)), rest=b"x"),
    lambda c, t: c.send(post(chat(t + " FAIL"))),
    lambda c, t: c.send(post(chat(t + " FAIL", stream=True))),
    lambda c, t: c.send(post(messages(t + " FAIL"), path="/v1/messages")),
    lambda c, t: c.send(post(respond(t + " FAIL"), path="/v1/responses")),
    lambda c, _: c.send(b"\x16\x03\x01\x02\x00\x01\x00" + bytes(200)),
    lambda c, _: c.send(b"GET / HTTP/0.9\r\n\r\n"),
    lambda c, _: c.send(post(b"", path="/v1/chat/completions")),
    lambda c, _: c.send(
        b"GET /v1/responses/resp_9999_9999 HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
    ),
]


async def run(port: int, count: int, clients: int) -> tuple[Counter[str], list[str]]:
    seen: Counter[str] = Counter()
    suspects: list[str] = []
    client = Client(port, seen, suspects)
    left = iter(range(count))
    dice = random.Random(7)

    async def work() -> None:
        for number in left:
            deeds = BROKEN if number % 2 else SOUND
            try:
                await dice.choice(deeds)(client, f"request {number} " + "x" * dice.randrange(200))
            except LEFT:
                seen["left"] += 1
            if number % 1000 == 0:
                note(f"{number}: {dict(seen)}")

    async with anyio.create_task_group() as tasks:
        for _ in range(clients):
            tasks.start_soon(work)
    return seen, suspects


async def logos(place: Path, *words: str) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "logos.cli.client", *words, "--json"]
    environ = os.environ | {"LOGOS_HOME": str(place)}
    done = await anyio.run_process(command, env=environ, stderr=subprocess.PIPE)
    found: list[dict[str, object]] = json.loads(done.stdout)["data"]
    return found


async def stuck(place: Path) -> int:
    """Those that still think, or are about to, after a while."""
    until = time.monotonic() + GRACE_S
    while True:
        listed = await logos(place, "ps")
        busy = [
            one for one in listed if one["agent"] == "gateway/local" and one["status"] != "waiting"
        ]
        if not busy or time.monotonic() > until:
            return len(busy)
        await anyio.sleep(0.5)


async def unjournaled(place: Path, suspects: list[str]) -> int:
    found = 0
    for pid in suspects:
        if not pid.isdecimal():
            found += 1
            continue
        out = await anyio.run_process(
            [sys.executable, "-m", "logos.cli.client", "journal", pid, "--json"],
            env=os.environ | {"LOGOS_HOME": str(place)},
            check=False,
        )
        kinds = [json.loads(line)["type"] for line in out.stdout.splitlines()]
        found += not {"interrupted", "exited", "received"} & set(kinds)
    return found


def held(process: psutil.Process) -> int:
    return int(process.num_fds())


async def main(args: argparse.Namespace) -> None:
    with folder() as place:
        async with upstream() as port:
            with daemon(place, port) as (gateway, process):
                await run(gateway, 200, args.clients)  # what is opened once is open
                await stuck(place)
                await anyio.sleep(1.0)
                before, memory = held(process), process.memory_info().rss
                began = time.monotonic()
                seen, suspects = await run(gateway, args.requests, args.clients)
                took = time.monotonic() - began
                waiting = await stuck(place)
                after = await settled(process, before)
                missing = await unjournaled(place, suspects)
                rss = process.memory_info().rss
    report(
        args,
        {
            "requests": args.requests,
            "leaked": max(0, after - before),
            "stuck": waiting,
            "unjournaled_500": missing,
            "ok": seen["200"],
            "refused": sum(n for status, n in seen.items() if status.startswith("4")),
            "status_500": seen["500"],
            "status_5xx": sum(n for status, n in seen.items() if status.startswith("5")),
            "left": seen["left"] + seen["none"],
            "requests_per_s": args.requests / took,
            "rss_mb_before": memory / 1e6,
            "rss_mb": rss / 1e6,
        },
    )


async def settled(process: psutil.Process, before: int) -> int:
    """Connections are closed a moment after their clients have left."""
    until = time.monotonic() + GRACE_S
    while held(process) > before and time.monotonic() < until:
        await anyio.sleep(0.5)
    return held(process)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=50)
    with suppress(KeyboardInterrupt):
        uvloop.run(main(parser.parse_args()))
