"""Forgetting: which events hold the words of some pages, and what is left of them.  Pure.

    forgotten(rows, pages)   bodies of a journal -> what the events are read as from now on

The events `pages` lose all their words.  Every other event of the journal loses the copies of them:
where the whole of what was forgotten stands in it, and, in what memory itself brought back and in
digests, each line that shares a stretch with it.  What the fold needs stays: who, when, which call,
what it cost.

Invariant: what is left of an event is the same kind of event, and folds where it folded.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from logos.abi.ids import Seq
from logos.abi.paging import Skeleton
from logos.kernel.memory.digest import untold

GONE = "[forgotten]"

LEAST = 16
"""A shorter text is a copy only where it stands alone: within another it is a coincidence."""

STRETCH = 20
"""Any common stretch of twice as many characters is found in a line."""

WORDS = frozenset(
    {"text", "task", "content", "answer", "hint", "reason", "question", "digest", "tail"}
)
"""Fields that hold words, in whatever event; `message` too, where it is no structure."""

RAW = frozenset({"value", "call", "arguments"})
"""Fields that hold somebody's JSON."""

IDENTITY = frozenset(
    {"event", "id", "name", "part", "role", "path", "kind", "target", "relation", "by", "agent"}
)
"""Fields that say which, not what: they stay."""

_encode = msgspec.json.Encoder(order="deterministic").encode


def forgotten(rows: Iterable[tuple[Seq, str, bytes]], pages: Collection[Seq]) -> list[Skeleton]:
    """`rows` are number, kind and body of each event of one journal, as they are read now."""
    read = [(seq, kind, msgspec.json.decode(body)) for seq, kind, body in rows]
    named = frozenset(pages)
    needles = Needles.of(text for seq, _, event in read if seq in named for text in _words(event))
    memory = {event["id"] for _, kind, event in read if kind == "called" and _of_memory(event)}
    left: list[Skeleton] = []
    for seq, kind, event in read:
        if seq in named and kind != "forgot":
            after = _blank(kind, event)
        elif kind == "forgot":
            after = {key: value for key, value in event.items() if key != "left"}
            left = [*_carried(event, named, needles), *left]
        else:
            derived = kind in ("pagedin", "compacted", "asked") or event.get("id") in memory
            after = _redacted(_unpaged(kind, event, named), needles, derived=derived)
        if after != event:
            left.append(Skeleton(page=seq, body=msgspec.Raw(_encode(after))))
    return sorted({one.page: one for one in left}.values(), key=lambda one: one.page)


@dataclass(frozen=True, slots=True)
class Needles:
    """What is looked for: whole texts, longest first; short ones, which must stand alone; and marks
    of stretches of them."""

    whole: tuple[str, ...]
    short: frozenset[str]
    marks: frozenset[str]
    all: str

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Needles":
        given = {text.strip() for text in texts} - {"", GONE}
        short = frozenset(text for text in given if len(text) < LEAST)
        kept = sorted(given - short, key=len)
        escaped = {json.dumps(t, ensure_ascii=a)[1:-1] for t in kept for a in (True, False)}
        marks = {
            t[at : at + STRETCH] for t in kept for at in range(0, len(t) - STRETCH + 1, STRETCH)
        }
        whole = sorted({*kept, *escaped}, key=len, reverse=True)
        return cls(tuple(whole), short, frozenset(marks), "\n".join(kept))

    def within(self, text: str) -> str:
        """Without the whole texts."""
        if text.strip() in self.short:
            return GONE
        for one in self.whole:
            if one in text:
                text = text.replace(one, GONE)
        return text

    def lines(self, text: str) -> str:
        """Without the lines that share a stretch with them."""
        return "\n".join(GONE if self._touches(line) else line for line in text.split("\n"))

    def _touches(self, line: str) -> bool:
        if any(line[at : at + STRETCH] in self.marks for at in range(len(line) - STRETCH + 1)):
            return True
        bare = _LEAD.sub("", line).strip()
        return bare in self.short or (len(bare) >= LEAST and bare in self.all)


_LEAD = re.compile(r"^(?:\d+\t|/\S+:\d+: |[-*] |\[[^\]]*\] )")
"""What listings and searches put before a line."""


def _words(event: Any) -> Iterator[str]:
    """The words of a named event."""
    for key, value in _fields(event):
        if isinstance(value, str) and key in WORDS | {"message"}:
            yield value
        elif key in RAW:
            yield from _strings(_opened(value))
        elif isinstance(value, dict | list):
            yield from _words(value)


def _blank(kind: str, event: Any) -> Any:
    if kind == "remembered":
        kept = {k: v for k, v in event.items() if k in ("event", "path", "kind", "by", "mail")}
        times = {k: v for k, v in event.items() if k in ("valid_from", "valid_to", "time")}
        return kept | times | {"ends": True}
    return _emptied(event)


def _emptied(event: Any) -> Any:
    if isinstance(event, list):
        return [_emptied(one) for one in event if not _opaque(one)]
    if not isinstance(event, dict):
        return event
    after: dict[str, Any] = {}
    for key, value in event.items():
        if isinstance(value, str) and (key in WORDS or key == "message"):
            after[key] = GONE
        elif key == "arguments":
            after[key] = "{}" if isinstance(value, str) else {}
        elif key == "value":
            after[key] = GONE
        elif key == "call" and isinstance(value, dict):
            after[key] = _mapped(value, lambda name, text: text if name == "call" else GONE)
        else:
            after[key] = value if key == "agent" else _emptied(value)
    return after


def _opaque(part: Any) -> bool:
    """What a provider gave us to hand back: nobody can say what it holds."""
    return isinstance(part, dict) and part.get("part") == "opaque"


def _unpaged(kind: str, event: Any, named: frozenset[Seq]) -> Any:
    """Pieces that were brought back lose their words by their number, and so do the lines of a
    digest that a model wrote in words of its own."""
    if kind == "compacted" and event.get("digest"):
        return event | {"digest": untold(event["digest"], named)}
    if kind != "pagedin":
        return event
    shown = [
        one | {"text": GONE} if one["page"] in named and not one.get("pid") else one
        for one in event.get("pages", ())
    ]
    return event | {"pages": shown} if shown else event


def _redacted(event: Any, needles: Needles, *, derived: bool) -> Any:
    def clean(name: str, text: str) -> str:
        if name in IDENTITY:
            return text
        if name == "arguments":
            return _cleaned_json(text, needles)
        text = needles.within(text)
        return needles.lines(text) if derived else text

    return _mapped(event, clean)


def _cleaned_json(text: str, needles: Needles) -> str:
    """Arguments stay an object, whatever is taken out of them."""
    opened = _opened(text)
    if opened is text:
        return needles.within(text)
    after = _mapped(opened, lambda _, one: needles.within(one))
    return text if after == opened else json.dumps(after)


def _carried(event: Any, named: frozenset[Seq], needles: Needles) -> list[Skeleton]:
    """What an earlier forgetting left stays left, without what goes now."""
    left = []
    for one in event.get("left", ()):
        body = _redacted(one["body"], needles, derived=False)
        left.append(Skeleton(page=Seq(one["page"]), body=msgspec.Raw(_encode(body))))
    return [one for one in left if one.page not in named]


def _of_memory(called: Mapping[str, Any]) -> bool:
    """A call whose answer repeats what memory holds."""
    name = called["name"]
    path = str(called.get("call", {}).get("path", ""))
    return name.startswith(("memory.", "kv.")) or path.startswith(("/mem", "/kv", "/proc"))


def _opened(value: Any) -> Any:
    """JSON inside a string, if that is what it is."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _mapped(value: Any, change: Callable[[str, str], str], name: str = "") -> Any:
    """The same with each string changed; `name` is the field it is in.  An agent is left as it is."""
    if isinstance(value, str):
        return change(name, value)
    if isinstance(value, list):
        return [_mapped(one, change, name) for one in value]
    if isinstance(value, dict):
        return {k: one if k == "agent" else _mapped(one, change, k) for k, one in value.items()}
    return value


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for _, one in _fields(value):
            yield from _strings(one)


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((key, one) for key, one in value.items() if key != "agent")
    elif isinstance(value, list):
        yield from (("", one) for one in value)
