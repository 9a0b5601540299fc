"""An endpoint on loopback for embeddings, as OpenAI's, and for reranking: what it answers follows from the texts
alone.

    serving()     the endpoint, for a while: `url`, what it was `asked`, and `faults` to come
    reading_minutes(world, text)  an agent that reads what not everybody may, and the parts of its kernel
    Endpoint      `faults` are answered first, one a request: a status, a function of the answer, `HANG`

A text is a bag of things; words of one meaning are one thing.  So a question finds what shares no
word with it, and nothing that a search by words would find is needed.
"""

import hashlib
import json
import math
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from operator import mul
from typing import Any

import anyio
from anyio.abc import ByteStream
from anyio.streams.buffered import BufferedByteReceiveStream
from tests.conftest import PATIENCE_S, World

from logos.abi.agent import Agent
from logos.abi.calls import CallTool
from logos.abi.driver import Effect
from logos.abi.ids import CallId
from logos.abi.messages import ToolCall
from logos.abi.rights import EVERYTHING
from logos.drivers.function import Functions
from logos.drivers.model import Embeddings, Endpoint, Reranking, Say, Scripted

MEANINGS = {
    "dog": "animal", "hound": "animal", "beagle": "animal", "pet": "animal",
    "physician": "doctor", "surgeon": "doctor", "doctor": "doctor",
    "automobile": "car", "sedan": "car", "vehicle": "car", "car": "car",
    "purchased": "buy", "bought": "buy", "acquire": "buy",
    "salary": "pay", "wage": "pay", "earnings": "pay",
}  # fmt: skip

HANG = "hang"

Fault = int | str | Callable[[dict[str, Any]], Any]


@dataclass
class Server:
    url: str = ""
    dimension: int = 64
    asked: list[list[str]] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    refuses: str = ""
    """Texts with this in them are not taken."""
    more: anyio.Event = field(default_factory=anyio.Event)

    @property
    def texts(self) -> list[str]:
        return [text for texts in self.asked for text in texts]

    def embedder(self, name: str = "e/one") -> Embeddings:
        return Embeddings(name, Endpoint(url=self.url))

    def reranker(self, name: str = "r/one") -> Reranking:
        return Reranking(name, Endpoint(url=self.url))

    async def until(self, requests: int) -> None:
        with anyio.fail_after(PATIENCE_S):
            while len(self.asked) < requests:
                await self.more.wait()

    async def serve(self, line: ByteStream) -> None:
        reader = BufferedByteReceiveStream(line)
        async with line:
            try:
                while True:
                    await self._one(line, reader)
            except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError):
                return

    async def _one(self, line: ByteStream, reader: BufferedByteReceiveStream) -> None:
        head = (await reader.receive_until(b"\r\n\r\n", 65536)).decode()
        [size] = re.findall(r"content-length: (\d+)", head, re.IGNORECASE)
        said = json.loads(await reader.receive_exactly(int(size)))
        texts = said.get("documents") or said["input"]
        self.asked.append([said["query"], *texts] if "query" in said else texts)
        arrived, self.more = self.more, anyio.Event()
        arrived.set()
        fault: Any = self.faults.popleft() if len(self.faults) else None
        status = 200
        body: Any = self._judged(said["query"], texts) if "query" in said else self._answer(texts)
        if fault == HANG:
            await anyio.Event().wait()
        if isinstance(fault, int):
            status, body = fault, {"error": {"message": "no"}}
        elif fault is not None:
            body = fault(body)
        if self.refuses and any(self.refuses in text for text in texts):
            status, body = 400, {"error": {"message": "input is not valid"}}
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        await line.send(
            b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
            % (status, len(data), data)
        )

    def _answer(self, texts: list[str]) -> dict[str, Any]:
        rows = [{"index": n, "embedding": meaning(t, self.dimension)} for n, t in enumerate(texts)]
        return {"data": rows[::-1], "usage": {"prompt_tokens": sum(map(len, texts))}}

    def _judged(self, question: str, texts: list[str]) -> dict[str, Any]:
        asked = meaning(question, self.dimension)
        rows = [
            {"index": n, "relevance_score": 9 * sum(map(mul, asked, meaning(t, self.dimension)))}
            for n, t in enumerate(texts)
        ]
        rows.sort(key=lambda row: -row["relevance_score"])
        return {"results": rows, "usage": {"total_tokens": sum(map(len, texts))}}


def meaning(text: str, dimension: int) -> list[float]:
    out = [0.0] * dimension
    for word in re.findall(r"[a-z]{3,}", text.lower()):
        thing = MEANINGS.get(word, word)
        digest = hashlib.sha256(thing.encode()).digest()
        weight = 4.0 if word in MEANINGS else 0.2
        for n in range(4):
            place = int.from_bytes(digest[3 * n : 3 * n + 2], "big") % dimension
            out[place] += weight * (1 if digest[3 * n + 2] % 2 else -1)
    size = math.sqrt(sum(x * x for x in out)) or 1.0
    return [x / size for x in out] if any(out) else [1.0] + [0.0] * (dimension - 1)


def reading_minutes(world: World, text: str) -> tuple[Agent, dict[str, Any]]:
    tools = Functions()

    @tools.register(
        effect=Effect.PURE,
        manifest={"impact": "read", "result": {"type": "minutes", "readers": ["Ann"]}},
    )
    def board() -> str:
        """What the board said."""
        return text

    world.drivers[CallTool] = tools
    world.models["m"] = Scripted(
        [Say(calls=(ToolCall(id=CallId("x"), name="board", arguments="{}"),)), "Done."]
    )
    parts = {
        "functions": lambda: {spec.name: spec for spec in tools.specs()},
        "manifests": tools.manifests,
    }
    agent = Agent(name="a", model="m", tools=("board",), allow=tuple(EVERYTHING))
    return agent, parts


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra_attributes[anyio.abc.SocketAttribute.local_port]()
        server.url = f"http://127.0.0.1:{port}/v1"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, server.serve)
            yield server
            tasks.cancel_scope.cancel()
