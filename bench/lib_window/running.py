"""A scripted model in a window of a given size, and agents that use tools.

loop(...)                            a model that calls a tool so many times
Rows                                 a tool whose answers have the length of records
"""

import itertools
import json
import random
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec

from logos.abi.agent import Agent
from logos.abi.calls import Read
from logos.abi.driver import Job, Price, Profile
from logos.abi.ids import CallId
from logos.abi.messages import AnyDelta, Finished, Message, Request, ToolCall
from logos.abi.rights import parse
from logos.drivers.model import Say, Scripted
from logos.kernel.memory import estimate, number

OUTPUT = 256
WORDS = ["account", "archive", "balance", "boat", "branch", "bridge", "budget", "cabin", "captain", "cargo", "chart", "coast", "colour", "copper", "corner", "cotton", "crane", "crew", "current", "dock", "draft", "engine", "export", "ferry", "field", "fleet", "freight", "garden", "glass", "grain", "harbour", "hull", "island", "journey", "keel", "kitchen", "ladder", "lantern", "letter", "loan", "lock", "market", "mast", "meadow", "mill", "mirror", "needle", "north", "oak", "orchard", "order", "paint", "paper", "pier", "pilot", "plank", "port", "pump", "quay", "rail", "record", "river", "road", "rope", "rudder", "sail", "salt", "sand", "school", "season", "sheet", "signal", "silver", "slate", "spring", "station", "steam", "steel", "stone", "storm", "street", "survey", "table", "tide", "timber", "tower", "track", "trade", "train", "valley", "vessel", "village", "wagon", "wall", "warehouse", "water", "weather", "wharf", "wheat", "wheel", "wind", "window", "winter", "wood", "wool", "yard", "yellow"]  # fmt: skip


def profile(window: int, name: str = "bench") -> Profile:
    price = Price(input=3000, output=15000, cached=300)
    return Profile(name=name, window=window, max_output=OUTPUT, price=price, exact_count=True)


class Text:
    """Sentences about a port, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def __call__(self, least: int, most: int) -> str:
        words = self._random.choices(WORDS, k=self._random.randint(least, most))
        return f"{' '.join(words)} {self._random.randint(10, 9999)}."


class Rows:
    """fs.read: the record that was asked for."""

    def __init__(self, least: int, most: int) -> None:
        self._size = (least, most)

    async def run(self, job: Job) -> str:
        number = int(job.call.path.split("/")[-1])
        return f"{job.call.path}: {Text(number)(*self._size)}"


def loop(
    turns: int, window: int, *, words: tuple[int, int] = (8, 24), keep: bool = True
) -> Scripted:
    """Reads one record after the other, with a few words before each."""
    numbers, text = itertools.count(1), Text(7)

    def step(request: Request) -> Say:
        del request
        if (n := next(numbers)) > turns:
            return Say("done")
        call = ToolCall(
            id=CallId("x"), name="fs_read", arguments=json.dumps({"path": f"/home/{n}"})
        )
        return Say(text(*words), (call,))

    return Counted(step, window, keep=keep)


class Counted(Scripted):
    """Its tokenizer is the kernel's estimate, and its count exact.  Without `keep` it remembers the last
    request alone."""

    def __init__(self, step: Callable[[Request], Say], window: int, *, keep: bool = True) -> None:
        super().__init__(step, profile=profile(window))
        self._keep = keep

    def count(self, request: Request) -> int:
        return tool_tokens(request) + sum(map(number, request.messages))

    def weigh(self, message: Message) -> int:
        return number(message)

    async def think(self, request: Request) -> AsyncGenerator[AnyDelta, None]:
        if not self._keep:
            self.requests.clear()
        async for delta in super().think(request):
            if isinstance(delta, Finished):
                usage = msgspec.structs.replace(delta.usage, input=self.count(request))
                yield msgspec.structs.replace(delta, usage=usage)
            else:
                yield delta


def tool_tokens(request: Request) -> int:
    return sum(estimate(msgspec.json.encode(tool).decode()) for tool in request.tools)


def agent(**fields: Any) -> Agent:
    given = {
        "name": "bench",
        "instructions": "You look after a port. Read the records one by one and say what they mean.",
        "model": "m",
        "tools": ("fs.read", "memory.read", "memory.search"),
        "allow": (parse("read:/home/**"),),
        "max_output": OUTPUT,
    }
    return Agent(**given | fields)


READS = Read
