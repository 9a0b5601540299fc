"""Prefix caching: how much of a prompt is the unchanged beginning of the one before.

    uv run --extra bench python bench/prefix.py --split DIR --json

An agent makes 500 thoughts with a tool call each, in windows of 8k and 32k tokens, on a real kernel and
database; the same conversation is fitted into the same room by a sliding window and by cutting out
its middle.  Then a stream of questions is put to an agent that remembers a conversation of LoCoMo
(DIR): what it is sent beside the same pages put together anew for each question.

    kept_8k, kept_32k        share of prompt tokens that are the beginning of the previous prompt
    kept_8k_sliding, kept_8k_middle, and for 32k
    cost_vs_sliding          with cached tokens at a tenth, 8k; cost_vs_sliding_32k
    uncached_vs_rebuild      uncached tokens of a request, paged on demand over rebuilt for each, in a
                             window of 16k; uncached_vs_rebuild_8k
    resident, resident_rebuild   share of the questions whose evidence is all in the prompt
    turn_tokens              what a turn adds
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from common import CONVERSATIONS, database, folder, report
from lib_memory import data
from lib_memory.data import Conversation
from lib_window.prompts import Prompt, measured, middle, sliding
from lib_window.running import READS, Counted, Rows, agent, loop, tool_tokens
from logos.abi.events import AnyEvent, Asked, Compacted, Idled, PagedIn
from logos.abi.ids import Pid, Seq
from logos.abi.messages import Message, Request, Role, said
from logos.abi.paging import Shown
from logos.drivers.model import Say
from logos.kernel import Kernel, Window
from logos.kernel.memory import Source, number
from logos.kernel.memory.layout import brought_back
from lone import lone

TURNS = 500
RESULT_WORDS = (30, 70)
WINDOWS = {"8k": 8192, "32k": 32768}
DEMAND_WINDOWS = {"8k": 8192, "": 16384}
SYSTEM = "You answer questions about a talk."
ANSWER = "I have noted that."


async def turns(url: str, place: Path, turns: int) -> dict[str, float]:
    out: dict[str, float] = {}
    for name, window in WINDOWS.items():
        model = loop(turns, window)
        async with lone(url, place, model, drivers={READS: Rows(*RESULT_WORDS)}) as running:
            pid = await running.spawn(agent(), "Go through the records of the port.")
            ended = await running.records.wait(pid)
            if ended.status:
                sys.exit(f"the agent ended with {ended.status}: {ended.answer}")
            events = [(told.row.seq, told.event) async for told in running.records.events(pid)]
        rooms = [event.room for _, event in events if isinstance(event, Asked)]
        whole = transcripts(events)
        fixed = tool_tokens(model.requests[0])
        room = rooms[0] - fixed
        ours = measured((request.messages for request in model.requests), fixed)
        slid = measured(sliding(whole, room), fixed)
        cut = measured(middle(whole, room), fixed)
        cost = "cost_vs_sliding" if name == "8k" else f"cost_vs_sliding_{name}"
        out |= {
            f"kept_{name}": ours.share,
            f"kept_{name}_sliding": slid.share,
            f"kept_{name}_middle": cut.share,
            cost: ours.cost / slid.cost,
            f"cost_vs_middle_{name}": ours.cost / cut.cost,
            f"prompt_{name}": ours.total / ours.requests,
            f"prompt_{name}_sliding": slid.total / slid.requests,
            f"turn_tokens_{name}": sum(map(number, whole[-1])) / turns,
        }
    return out


def transcripts(events: Sequence[tuple[Seq, AnyEvent]]) -> list[Prompt]:
    """The whole conversation at each thought."""
    window = Window()
    out: list[Prompt] = []
    for seq, event in events:
        if isinstance(event, Asked):
            out.append(window.messages())
        if not isinstance(event, Compacted | PagedIn):
            window.apply(seq, event)
    return out


@dataclass
class Stream:
    """Questions to an agent that remembers a conversation, and what became of each.  `sources` is what
    was in its window, `rebuilt` the prompt that has the same pages put together anew."""

    requests: list[Request] = field(default_factory=list)
    rebuilt: list[Prompt] = field(default_factory=list)
    held: list[list[Source]] = field(default_factory=list)
    wanted: list[list[Source]] = field(default_factory=list)


async def asked(url: str, place: Path, talk: Conversation, window: int) -> Stream:
    model = Counted(lambda _: Say(ANSWER), window)
    one = agent(resident=True, tools=(), allow=(), instructions=SYSTEM)
    async with lone(url, place, model) as running:
        pid = await running.spawn(one, "")
        seqs: list[Seq] = []
        for at in range(0, len(talk.events), 200):
            seqs += await running.remember(pid, talk.events[at : at + 200])
        await _converse(running, pid, [question.text for question in talk.questions])
        events = [(told.row.seq, told.event) async for told in running.records.events(pid)]
    out = _followed(events, {seq: Seq(data.FIRST + n) for n, seq in enumerate(seqs)})
    out.requests = model.requests
    return out


async def _converse(running: Kernel, pid: Pid, questions: list[str]) -> None:
    """One after the other, each when the one before was answered."""
    left = iter(questions)
    async for told in running.records.follow(pid):
        if isinstance(told.event, Idled):
            question = next(left, None)
            if question is None:
                return
            await running.send(pid, question)


def _followed(events: Sequence[tuple[Seq, AnyEvent]], turn: dict[Seq, Seq]) -> Stream:
    out = Stream()
    window = Window()
    talked: list[Message] = []
    seen: dict[tuple[Seq, int], Shown] = {}
    wanted: list[Shown] = []
    for seq, event in events:
        window.apply(seq, event)
        if isinstance(event, PagedIn):
            seen |= {(one.page, one.start): one for one in event.pages}
            used = [seen[k] for one in event.used if (k := (one.page, one.start)) in seen]
            wanted = [*event.pages, *used]
        asks_now = isinstance(event, Asked) and any(
            one.message.text.startswith("[message]") for one in window.body
        )
        if asks_now:
            asks = [turn_.message for turn_ in window.body if turn_.message.role is Role.USER]
            question = next(m for m in reversed(asks) if m.text.startswith("[message]"))
            block = [said(Role.USER, brought_back(wanted))] if wanted else []
            out.rebuilt.append([said(Role.SYSTEM, SYSTEM), *talked, *block, question])
            talked += [question, said(Role.ASSISTANT, ANSWER)]
            pieces = [piece.shown for one in window.body for piece in one.pieces]
            out.held.append(_sources(pieces, turn))
            out.wanted.append(_sources(wanted, turn))
            wanted = []
    return out


def _sources(pieces: Sequence[Shown], turn: dict[Seq, Seq]) -> list[Source]:
    return [
        Source(seq=turn[one.page], start=one.start, end=one.end)
        for one in pieces
        if one.page in turn
    ]


async def demand(url: str, place: Path, talks: Sequence[Conversation]) -> dict[str, float]:
    out: dict[str, float] = {}
    for name, window in DEMAND_WINDOWS.items():
        streams = [await asked(url, place, talk, window) for talk in talks]
        figures = _compared(talks, streams)
        out |= {f"{key}_{name}".rstrip("_"): value for key, value in figures.items()}
    return out


def _compared(talks: Sequence[Conversation], streams: Sequence[Stream]) -> dict[str, float]:
    ours = rebuilt = 0
    counted: list[tuple[bool, bool]] = []
    for talk, stream in zip(talks, streams, strict=True):
        first = len(stream.requests) - len(stream.rebuilt)
        a = measured(request.messages for request in stream.requests[first:])
        b = measured(stream.rebuilt)
        ours += a.total - a.kept
        rebuilt += b.total - b.kept
        counted += [
            (question.evidence <= talk.resident(held), question.evidence <= talk.resident(wanted))
            for question, held, wanted in zip(
                talk.questions, stream.held, stream.wanted, strict=True
            )
            if question.evidence
        ]
    questions = sum(len(talk.questions) for talk in talks)
    return {
        "uncached_vs_rebuild": ours / rebuilt,
        "uncached": ours / questions,
        "uncached_rebuild": rebuilt / questions,
        "resident": sum(a for a, _ in counted) / len(counted),
        "resident_rebuild": sum(b for _, b in counted) / len(counted),
    }


async def main(args: argparse.Namespace) -> None:
    figures: dict[str, Any] = {}
    talks = data.load(args.split, "locomo")
    with folder() as place:
        async with database(place) as url:
            figures |= await turns(url, place, args.turns)
            figures |= await demand(url, place, talks[: args.talks])
    report(args, figures)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--split", type=Path, default=CONVERSATIONS)
    parser.add_argument("--turns", type=int, default=500)
    parser.add_argument("--talks", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    anyio.run(main, parsed())
