"""Conversations with questions whose evidence is known, as the journals of processes.

    load(folder, source)       the conversations of a folder, in order of name
    Conversation.events        what its process remembers, one event a turn
    Conversation.recall(...)   its address space, folded from these events

The format is one JSON file a conversation: {"name", "turns": [{"id", "session", "time", "speaker",
"text"}], "questions": [{"id", "category", "question", "evidence": [turn ids], "trap"?, "sources"?}]}.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from logos.abi.events import Remembered
from logos.abi.ids import Seq
from logos.kernel.memory import Kind, Recall, Source

_FORMATS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d", "%B-%d-%Y", "%b-%d-%Y")
_ROLES = {"user", "assistant", "system", "tool"}
FIRST = 2
"""The event of the first turn: the first event of a process is its birth."""


@dataclass(frozen=True, slots=True)
class Question:
    id: str
    category: str
    text: str
    answer: str
    evidence: frozenset[str]
    trap: frozenset[str]
    sources: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turn `turns[i]` is event `FIRST + i`."""

    name: str
    source: str
    kind: Kind
    turns: list[str]
    events: list[Remembered]
    questions: list[Question]

    def recall(self) -> Recall:
        out = Recall()
        for seq, event in enumerate(self.events, FIRST):
            out.add(Seq(seq), 0, event)
        return out

    def event(self, seq: int) -> Remembered:
        return self.events[seq - FIRST]

    def turn(self, seq: int) -> str:
        return self.turns[seq - FIRST]

    def touched(self, sources: Iterable[Source]) -> set[str]:
        """The turns of which there is anything."""
        return {self.turn(each.seq) for each in sources}

    def resident(self, sources: Iterable[Source]) -> set[str]:
        """The turns that are there in full."""
        there: dict[int, int] = {}
        for each in sources:
            there[each.seq] = there.get(each.seq, 0) + each.end - each.start
        return {self.turn(seq) for seq, size in there.items() if size == len(self.event(seq).text)}


def load(folder: Path, source: str = "") -> list[Conversation]:
    """All, or those of one source ("locomo").  Ends the program with what is wrong where there are none."""
    found = [_read(path) for path in sorted(folder.glob("*.json"))]
    wanted = [each for each in found if source in ("", each.source)]
    if not wanted:
        what = f"conversations named {source}-*" if source else "conversations (*.json)"
        raise SystemExit(f"{folder} holds no {what}: --split is the folder they are in")
    return wanted


def _read(path: Path) -> Conversation:
    try:
        return conversation(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{path} is not a conversation: {error!r}") from error


def conversation(raw: dict[str, Any]) -> Conversation:
    people = not {turn["speaker"] for turn in raw["turns"]} <= _ROLES
    kind = Kind.PEOPLE if people else Kind.CHAT
    return Conversation(
        name=raw["name"],
        source=raw["name"].split("-")[0],
        kind=kind,
        turns=[str(turn["id"]) for turn in raw["turns"]],
        events=[_event(turn, kind, number) for number, turn in enumerate(raw["turns"])],
        questions=[_question(each) for each in raw["questions"]],
    )


def _event(turn: dict[str, Any], kind: Kind, number: int) -> Remembered:
    return Remembered(
        path=f"/mem/archive/{number}",
        text=turn["text"],
        kind=kind.value,
        subject=turn["speaker"] if kind is Kind.PEOPLE else "",
        role="" if kind is Kind.PEOPLE else turn["speaker"],
        time=_time(turn["time"]),
        group=str(turn["session"]),
    )


def _question(raw: dict[str, Any]) -> Question:
    sources = raw.get("sources")
    return Question(
        id=raw["id"],
        category=raw["category"],
        text=raw["question"],
        answer=str(raw.get("answer", "")),
        evidence=frozenset(map(str, raw["evidence"])),
        trap=frozenset(map(str, raw.get("trap", ()))),
        sources={k: list(map(str, v)) for k, v in sources.items()}
        if isinstance(sources, dict)
        else {},
    )


def _time(text: str | None) -> int | None:
    for form in _FORMATS if text else ():
        try:
            return int(datetime.strptime(text or "", form).replace(tzinfo=UTC).timestamp() * 1e6)
        except ValueError:
            continue
    return None
