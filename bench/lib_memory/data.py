"""Conversations with questions whose evidence is known, as pages.

    load(folder)    every conversation of a folder, in order of name

The format is one JSON file a conversation: {"name", "turns": [{"id", "session", "time", "speaker",
"text"}], "questions": [{"id", "category", "question", "evidence": [turn ids], "trap"?, "sources"?}]}.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from logos.kernel.memory.page import Kind, Page, page_of, split

_FORMATS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d", "%B-%d-%Y", "%b-%d-%Y")
_ROLES = {"user", "assistant", "system", "tool"}


@dataclass(frozen=True, slots=True)
class Question:
    id: str
    category: str
    text: str
    evidence: frozenset[str]
    trap: frozenset[str]
    sources: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Conversation:
    """`turn_of` maps a page id to the id of its turn, `whole` a turn to all of its pages."""

    name: str
    source: str
    pages: list[Page]
    questions: list[Question]
    turn_of: dict[int, str] = field(default_factory=dict)
    whole: dict[str, frozenset[int]] = field(default_factory=dict)

    def resident(self, pages: set[int]) -> set[str]:
        """The turns that are there in full."""
        return {self.turn_of[id_] for id_ in pages if self.whole[self.turn_of[id_]] <= pages}


def load(folder: Path) -> list[Conversation]:
    return [
        conversation(json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(folder.glob("*.json"))
    ]


def conversation(raw: dict[str, Any]) -> Conversation:
    people = not {turn["speaker"] for turn in raw["turns"]} <= _ROLES
    out = Conversation(
        name=raw["name"],
        source=raw["name"].split("-")[0],
        pages=[],
        questions=[_question(each) for each in raw["questions"]],
    )
    for number, turn in enumerate(raw["turns"], 1):
        _add(out, turn, number, Kind.PEOPLE if people else Kind.CHAT)
    for id_, turn in out.turn_of.items():
        out.whole[turn] = out.whole.get(turn, frozenset()) | {id_}
    return out


def _add(out: Conversation, turn: dict[str, Any], number: int, kind: Kind) -> None:
    for piece in split(turn["text"], kind):
        out.pages.append(
            page_of(
                len(out.pages) + 1,
                turn["text"][piece.start : piece.end],
                tokens=piece.tokens,
                kind=kind,
                subject=turn["speaker"] if kind is Kind.PEOPLE else "",
                role="" if kind is Kind.PEOPLE else turn["speaker"],
                time=_time(turn["time"]),
                group=str(turn["session"]),
                turn=number,
            )
        )
        out.turn_of[len(out.pages)] = str(turn["id"])


def _question(raw: dict[str, Any]) -> Question:
    sources = raw.get("sources")
    return Question(
        id=raw["id"],
        category=raw["category"],
        text=raw["question"],
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
