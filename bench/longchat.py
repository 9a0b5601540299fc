"""A conversation far larger than the model's window, sent whole at each turn by OpenAI's client.

    python bench/longchat.py [--json] [--split DIR] [--turns 300] [--tokens 200000] [--questions 200]

    overflows    requests upstream that are larger than the model's window, answer included
    kept         share of what was sent upstream that is the beginning of the request before, so that a prefix
                 cache has it
    fraction     of the questions asked at the end, those all of whose evidence is in the request upstream, word
                 for word
    fraction_window   the same if the newest text filled the window and nothing were brought back

The text is that of annotated conversations, one after the other, cut into pieces of equal length.  A turn, as an
agent has it: the person says a piece; the model, scripted and with a window of 8,192 tokens, reads on with a tool
so many times, and answers.  Everything is sent again each time.  Questions are asked at the end one after the
other, in one order for all runs.  `kept_most` is what no window could beat that grows by as much and
gives up half when it is full.
"""

import argparse
import math
import random
import textwrap
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from common import CONVERSATIONS, database, folder, note, report
from lib_memory import data
from lib_memory.data import Conversation
from logos import config
from logos.abi.driver import Profile
from logos.abi.ids import CallId
from logos.abi.messages import Message, Request, ToolCall, ToolResult, Usage
from logos.boot import boot
from logos.drivers.model import Say, Scripted
from logos.gateway import open_gateway

WINDOW = 8192
OUTPUT = 512
CHARS_A_TOKEN = 4.0
OVERHEAD = 5
"""Tokens of a message besides its text."""
NOTED = "Noted."
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "read_on",
            "description": "The next piece of the text.",
            "parameters": {"type": "object", "properties": {}},
        },
    }
]

Ask = Callable[[list[Any]], Awaitable[dict[str, Any]]]


def lines(conversations: Sequence[Conversation]) -> list[str]:
    return [
        f"{event.subject or event.role}: {event.text}"
        for each in conversations
        for event in each.events
    ]


def blocks(text: Sequence[str], count: int, chars: int) -> list[str]:
    """So many pieces of about the same length from the first so many characters.  A line that is longer
    than two of them is said in several."""
    share = chars / count
    kept, size = [], 0
    for line in text:
        if size >= chars:
            break
        kept += textwrap.wrap(line, int(2 * share)) if len(line) > 2 * share else [line]
        size += len(line)
    found: list[list[str]] = [[]]
    at, left = 0, len(kept)
    for line in kept:
        missing = count - len(found)
        if found[-1] and missing and (at >= size / count * len(found) or left <= missing):
            found.append([])
        found[-1].append(line)
        at += len(line)
        left -= 1
    return ["\n".join(block) for block in found]


def squeezed(text: str) -> str:
    return " ".join(text.split())


def seen(request: Request) -> str:
    parts = (part for message in request.messages for part in message.content)
    return "\n".join(
        part.content if isinstance(part, ToolResult) else getattr(part, "text", "")
        for part in parts
    )


def tokens(text: str) -> int:
    return math.ceil(len(text) / CHARS_A_TOKEN)


class Small(Scripted):
    """Its tokens are those by which the length of the conversation is counted, and it says so."""

    def count(self, request: Request) -> int:
        said = sum(OVERHEAD + tokens(_whole(message)) for message in request.messages)
        return said + sum(
            tokens(bytes(tool.schema).decode() + tool.description) for tool in request.tools
        )


def _whole(message: Message) -> str:
    parts = (
        part.content
        if isinstance(part, ToolResult)
        else part.name + part.arguments
        if isinstance(part, ToolCall)
        else getattr(part, "text", "")
        for part in message.content
    )
    return "".join(parts)


class Watch:
    """Plays the model, and looks at what it is sent."""

    def __init__(self, profile: Profile) -> None:
        self.model = Small(self.answer, profile=profile)
        self.reads = 0
        self.overflows = 0
        self.sent = self.same = self.requests = 0
        self.last = ""

    def answer(self, request: Request) -> Say:
        self.model.requests.clear()
        text = seen(request)
        self.requests += 1
        size = self.model.count(request)
        self.overflows += size + request.max_output > WINDOW
        if self.last:
            self.sent += len(text)
            self.same += _common(self.last, text)
        self.last = text
        if not self.reads:
            return Say(NOTED, usage=Usage(input=size, output=tokens(NOTED)))
        self.reads -= 1
        call = ToolCall(id=CallId("x"), name="read_on", arguments="{}")
        return Say("", (call,), usage=Usage(input=size, output=OVERHEAD))


def _common(a: str, b: str) -> int:
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[:middle] == b[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


async def converse(ask: Ask, watch: Watch, text: Sequence[str], reads: int) -> list[Any]:
    said: list[Any] = []
    pieces = iter(text)
    for turn, piece in enumerate(pieces):
        watch.reads = reads
        said.append({"role": "user", "content": piece})
        while True:
            answer = await ask(said)
            said.append(answer)
            calls = answer.get("tool_calls", ())
            if not calls:
                break
            for call in calls:
                content = next(pieces, "(the end)")
                said.append({"role": "tool", "tool_call_id": call["id"], "content": content})
        if turn % 50 == 0:
            note(f"turn {turn}: {len(said)} messages")
    return said


async def questions(
    ask: Ask,
    watch: Watch,
    said: list[Any],
    asked: Sequence[tuple[str, list[str]]],
) -> tuple[float, float]:
    """The share whose evidence was seen; and had the newest text filled the window."""
    hits = naive = 0
    watch.reads = 0
    room = int((WINDOW - OUTPUT) * CHARS_A_TOKEN)
    for question, evidence in asked:
        said.append({"role": "user", "content": question})
        answer = await ask(said)
        text = squeezed(watch.last)
        hits += all(one in text for one in evidence)
        newest = squeezed("\n".join(one.get("content") or "" for one in said)[-room:])
        naive += all(one in newest for one in evidence)
        said.append(answer)
    return hits / max(len(asked), 1), naive / max(len(asked), 1)


def chosen(
    conversations: Sequence[Conversation], text: str, count: int
) -> list[tuple[str, list[str]]]:
    """Questions that have evidence, all of it said."""
    there = squeezed(text)
    found = []
    for each in conversations:
        by_id = dict(zip(each.turns, each.events, strict=True))
        for question in each.questions:
            evidence = [squeezed(by_id[id_].text) for id_ in question.evidence if id_ in by_id]
            if evidence and all(one in there for one in evidence):
                found.append((question.text, evidence))
    return random.Random(1).sample(found, min(count, len(found)))


async def main(args: argparse.Namespace) -> None:
    every = data.load(args.split)
    people = [each for each in every if each.source == "locomo"]
    others = [each for each in every if each.source != "locomo"]
    chars = int(args.tokens * CHARS_A_TOKEN)
    text = blocks([*lines(people), *lines(others)], (1 + args.reads) * args.turns, chars)
    asked = chosen(people, "\n".join(text), args.questions)
    watch = Watch(
        Profile(name="small", window=WINDOW, max_output=OUTPUT, effective=1.0, exact_count=True)
    )
    with folder() as place:
        async with database(place) as url:
            settings = config.Config(
                home=str(place / "home"), model="small", store=config.Store(url=url)
            )
            async with (
                boot(config.Loaded(settings, {}), models={"small": watch.model}) as machine,
                open_gateway(machine, settings.gateway, place / "home") as gateway,
                AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="any", timeout=600) as client,
            ):

                async def ask(said: list[Any]) -> dict[str, Any]:
                    body = {"model": "small", "messages": said, "tools": TOOLS}
                    # by its method for any request: `create` looks at the type of each message, at
                    # a third of a millisecond each, and there are thousands
                    answer = await client.post(
                        "/chat/completions", cast_to=ChatCompletion, body=body
                    )
                    return answer.choices[0].message.model_dump(exclude_none=True)

                began = time.perf_counter()
                said = await converse(ask, watch, text, args.reads)
                turns_s = time.perf_counter() - began
                kept = watch.same / max(watch.sent, 1)
                fraction, naive = await questions(ask, watch, said, asked)
                listed = await machine.kernel.records.list(everyone=True)
                processes = sum(one.agent.startswith("gateway/") for one in listed)
    room = WINDOW - OUTPUT
    growth = sum(len(block) for block in text) / CHARS_A_TOKEN / (args.turns * (1 + args.reads))
    report(
        args,
        {
            "turns": args.turns,
            "tokens": sum(len(block) for block in text) / CHARS_A_TOKEN,
            "requests": watch.requests,
            "overflows": watch.overflows,
            "kept": kept,
            "kept_with_questions": watch.same / max(watch.sent, 1),
            "kept_most": 1 - growth / room / 0.375,
            "request_tokens": growth,
            "fraction": fraction,
            "fraction_window": naive,
            "questions": len(asked),
            "processes": processes,
            "turn_ms": turns_s / args.turns * 1e3,
        },
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--split", type=Path, default=CONVERSATIONS)
    parser.add_argument("--turns", type=int, default=300)
    parser.add_argument("--tokens", type=int, default=200_000)
    parser.add_argument("--reads", type=int, default=4)
    parser.add_argument("--questions", type=int, default=200)
    anyio.run(main, parser.parse_args(), backend_options={"use_uvloop": True})
