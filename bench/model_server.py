"""A Chat Completions endpoint that answers after a fixed time, for benchmarks.

The least a server can be: no framework, one write per answer.  A request whose prompt
contains `slow` takes the slow time.  Prints its port, then serves until killed.

usage: model_server.py SECONDS SLOW_SECONDS
"""

import asyncio
import json
import sys

import uvloop

ANSWER = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "bench",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "done"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 20, "completion_tokens": 1, "total_tokens": 21},
}


def whole() -> bytes:
    body = json.dumps(ANSWER).encode()
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def streamed() -> bytes:
    base = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "bench"}
    delta = {"role": "assistant", "content": "done"}
    chunks = [
        base | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        base | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        base | {"choices": [], "usage": ANSWER["usage"]},
    ]
    events = b"".join(b"data: " + json.dumps(c).encode() + b"\n\n" for c in chunks)
    events += b"data: [DONE]\n\n"
    head = f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {len(events)}\r\n\r\n"
    return head.encode() + events


WHOLE, STREAMED = whole(), streamed()


class Server(asyncio.Protocol):
    def __init__(self, seconds: float, slow: float) -> None:
        self._seconds, self._slow = seconds, slow
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if len(rest) < length:
            return
        body, self._buffer = rest[:length], rest[length:]
        answer = STREAMED if b'"stream":true' in body.replace(b" ", b"") else WHOLE
        delay = self._slow if b"slow" in body else self._seconds
        asyncio.get_running_loop().call_later(delay, self._answer, answer)

    def _answer(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)  # type: ignore[attr-defined]


async def main(seconds: float, slow: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Server(seconds, slow), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


uvloop.run(main(float(sys.argv[1]), float(sys.argv[2])))
