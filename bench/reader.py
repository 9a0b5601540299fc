"""Questions about long conversations, answered end to end by `builtin/reader` in a window of 4k tokens.

    uv run --extra bench python bench/reader.py --split ../shared/memory/dev --json

For each question a process of its own remembers the conversation and is then asked; what its model sees is what the
kernel pages in before the thought. Beside it the same reader is given, in the same words, the newest turns
that fit into the same window (f1_sliding), and the whole conversation in a window that holds it (f1_full).

Token-F1: words of the answer and of the annotated one, without articles and punctuation, as multisets;
the source an answer cites in brackets does not count. Only questions whose annotated answer has at most
five words are asked: factoids. The reader quotes, so its F1 is low by nature: read the ratios.
"""

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import anyio

from common import CONVERSATIONS, database, folder, note
from lib_memory import data
from lib_memory.data import FIRST, Conversation, Question
from logos.abi.agent import Agent
from logos.abi.events import Remembered, Thought
from logos.abi.ids import Seq
from logos.abi.messages import Request, Role, TextDelta, said
from logos.abi.paging import Shown
from logos.boot import settle
from logos.drivers.model.reader import Reader
from logos.kernel import Kernel
from logos.kernel.memory import estimate
from logos.kernel.memory.layout import brought_back
from lone import lone

WINDOW, OUTPUT = 4096, 256
WORDS = 5
PIECES = 200
"""Letters with memories: so many items in each."""
_NOISE = re.compile(r"\b(?:a|an|the)\b|[^\w\s]")
_CITED = re.compile(r"\((?:page[^)]*)\)")


def f1(answer: str, gold: str) -> float:
    mine, theirs = _words(_CITED.sub(" ", answer)), _words(gold)
    common = (mine & theirs).total()
    if not common:
        return 0.0
    precise, whole = common / mine.total(), common / theirs.total()
    return 2 * precise * whole / (precise + whole)


def _words(text: str) -> Counter[str]:
    return Counter(_NOISE.sub(" ", text.lower()).split())


def factoids(conversation: Conversation, number: int) -> list[Question]:
    found = [
        question
        for question in conversation.questions
        if question.evidence and 0 < len(question.answer.split()) <= WORDS
    ]
    random.Random(conversation.name).shuffle(found)
    return found[:number]


async def paged(running: Kernel, events: Sequence[Remembered], question: str) -> str:
    agent = Agent(name="reader", model="reader", resident=True, max_output=OUTPUT)
    pid = await running.spawn(agent, "")
    for first in range(0, len(events), PIECES):
        await running.remember(pid, events[first : first + PIECES])
    before = Seq((await running.records.process(pid)).thoughts)
    await running.send(pid, question)
    thoughts = 0
    async for told in running.records.follow(pid):
        if isinstance(told.event, Thought):
            thoughts += 1
            if thoughts > before:
                return told.event.message.text
    return ""


async def alone(model: Reader, pieces: Sequence[Shown], question: str) -> str:
    """The reader, given these turns as memory gives them."""
    messages = (
        said(Role.SYSTEM, "reader"),
        said(Role.USER, brought_back(pieces)),
        said(Role.USER, question),
    )
    request = Request(model="reader", messages=messages, max_output=OUTPUT)
    heard = [delta async for delta in model.think(request)]
    return "".join(delta.text for delta in heard if isinstance(delta, TextDelta))


def shown(conversation: Conversation) -> list[Shown]:
    return [
        Shown(
            page=Seq(FIRST + n), text=event.text, role=event.role, subject=event.subject,
            group=event.group, time=event.time,
        )
        for n, event in enumerate(conversation.events)
    ]  # fmt: skip


def newest(pieces: Sequence[Shown], room: int) -> list[Shown]:
    out: list[Shown] = []
    for piece in reversed(pieces):
        room -= estimate(piece.text) + 10
        if room < 0:
            break
        out.append(piece)
    return out[::-1]


async def run(args: argparse.Namespace) -> dict[str, float | None]:
    settle()
    conversations = data.load(args.split, "locomo")
    small, large = Reader(window=WINDOW), Reader(window=10_000_000)
    scores: dict[str, list[float]] = {"f1": [], "f1_sliding": [], "f1_full": []}
    asked = [(each, one) for each in conversations for one in factoids(each, args.questions)]
    with folder() as place:
        async with database(place) as url, lone(url, place, small) as running:
            ours = [await paged(running, each.events, one.text) for each, one in asked]
            note(f"{len(asked)} questions answered from memory")
    for (each, question), answer in zip(
        asked, ours, strict=True
    ):  # without a kernel that would wait
        everything = shown(each)
        late = newest(everything, int(WINDOW * small.profile.effective) - OUTPUT - 200)
        answers = {
            "f1": answer,
            "f1_sliding": await alone(small, late, question.text),
            "f1_full": await alone(large, everything, question.text),
        }
        for key, given in answers.items():
            scores[key].append(f1(given, question.answer))
        if args.show:
            note(json.dumps([question.text, question.answer, answers], indent=1))
    means = {key: round(sum(found) / max(len(found), 1), 4) for key, found in scores.items()}
    return means | {
        "vs_sliding": ratio(means["f1"], means["f1_sliding"]),
        "vs_full": ratio(means["f1"], means["f1_full"]),
        "questions": len(scores["f1"]),
    }


def ratio(one: float, other: float) -> float | None:
    """None: of nothing."""
    return round(one / other, 3) if other else None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--split", type=Path, default=CONVERSATIONS)
    parser.add_argument("--questions", type=int, default=40, help="of each conversation, at most")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--show", action="store_true", help="print every answer")
    args = parser.parse_args()
    print(json.dumps(anyio.run(run, args)))


if __name__ == "__main__":
    main()
