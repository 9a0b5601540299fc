"""Answers in the words of what was read.  Pure.

    answer      Question, chunks -> Answer, or None: nothing read supports one
    best        Question, matches -> the matches most likely to lead to it

An answer is a line that stands in the evidence, quoted, with its place.  What a question names
must stand near it, and what it asks for (a version, a date, a number) must stand in it.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from logos.drivers.model.reader.lines import Chunk, Line
from logos.drivers.model.reader.memory import moment
from logos.drivers.model.reader.question import Kind, Question, last_part, terms, value
from logos.drivers.model.reader.steps import Match

NEAR_LINES = 15
"""How far from the line that answers its subject may be named."""
_SUPPORT = 0.6
_SUPPORT_NAMED = 0.34
_SUPPORT_SAID = 0.4
_QUOTED = 300


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class _Span:
    """Lines `first` to `last` of a chunk."""

    chunk: Chunk
    first: int
    last: int

    @property
    def text(self) -> str:
        return " ".join(line.text.strip() for line in self.chunk[self.first : self.last + 1])


def answer(question: Question, chunks: Sequence[Chunk]) -> Answer | None:
    weights = _weights(question, chunks)
    found = [
        (score, -number, span, value(question, span.text))
        for number, span in enumerate(_spans(question, chunks))
        if (score := _score(question, span, weights)) is not None
    ]
    if not found:
        return None
    score, _, span, core = max(found, key=lambda item: item[:2])
    return Answer(_composed(question, span, core), score)


def best(question: Question, matches: Sequence[Match], count: int) -> list[Match]:
    """Those that share most with the question, the name of their file included."""
    wanted = set(question.words)
    parts = {part for name in question.names for part in terms(name.replace("_", " "))}

    def score(match: Match) -> float:
        text, path = set(terms(match.text.replace("_", " "))), set(terms(match.path))
        near = sum(any(_akin(part, step) for step in path) for part in parts)
        named = sum(last_part(name) in match.text for name in question.names)
        return len(wanted & text) + len(wanted & path) + 2 * named + len(parts & text) + near

    ranked = sorted(enumerate(matches), key=lambda pair: (-score(pair[1]), pair[0]))
    return [match for _, match in ranked[:count] if score(match) > 0]


def _akin(one: str, other: str) -> bool:
    """zipimporter is at home in zipimport.py."""
    shorter = min(len(one), len(other))
    return shorter > 3 and one[:shorter] == other[:shorter]  # noqa: PLR2004


def _spans(question: Question, chunks: Iterable[Chunk]) -> Iterable[_Span]:
    longest = 1 if question.kind in {Kind.SINCE, Kind.REMOVAL} else 3
    for chunk in chunks:
        for first, line in enumerate(chunk):
            if not line.text.strip():
                continue
            most = 1 if line.said else longest
            for last in range(first, min(first + most, len(chunk))):
                if not chunk[last].text.strip():
                    break
                span = _Span(chunk, first, last)
                if _has_value(question, span) and not span.text.rstrip().endswith("?"):
                    yield span


def _has_value(question: Question, span: _Span) -> bool:
    """What was said on a known day answers when."""
    dated = question.kind is Kind.WHEN and bool(span.chunk[span.first].said)
    return dated or bool(value(question, span.text))


def _weights(question: Question, chunks: Sequence[Chunk]) -> dict[str, float]:
    """Rare words say more: inverse document frequency over the lines read."""
    frequency: Counter[str] = Counter()
    lines = 0
    for chunk in chunks:
        for line in chunk:
            lines += 1
            frequency.update(set(terms(line.text)) & set(question.words))
    return {word: math.log(2 + lines / (1 + frequency[word])) for word in question.words}


def _score(question: Question, span: _Span, weights: dict[str, float]) -> float | None:
    """None: it does not support an answer."""
    distance = _distance(question, span)
    if distance is None:
        return None
    inside = set(terms(span.text))
    around = _around(span)
    total = sum(weights.values())
    covered = sum(
        w if word in inside else 0.6 * w if word in around else 0 for word, w in weights.items()
    )
    share = covered / total if total else 1.0
    if share < _least(question, span):
        return None
    if not question.names and not inside & set(question.words):
        return None
    length = span.last - span.first
    return share + _also_named(question, span) - 0.03 * distance - 0.12 * length


def _least(question: Question, span: _Span) -> float:
    """How much of the question must stand there.  What memory brings was chosen for the question."""
    if question.names:
        return _SUPPORT_NAMED
    return _SUPPORT_SAID if span.chunk[span.first].said else _SUPPORT


def _distance(question: Question, span: _Span) -> int | None:
    """Lines between the span and the farthest of the names; None if one is not near."""
    farthest = 0
    for name in question.names:
        at = _named_at(name, span)
        if at is None:
            return None
        farthest = max(farthest, at)
    return farthest


def _named_at(name: str, span: _Span) -> int | None:
    part = last_part(name)
    if name in span.chunk[span.first].path:
        return 0
    pattern = re.compile(rf"(?<!\w){re.escape(part)}(?!\w)")
    near = [
        max(span.first - n, n - span.last, 0)
        for n in range(
            max(0, span.first - NEAR_LINES), min(len(span.chunk), span.last + NEAR_LINES)
        )
        if pattern.search(span.chunk[n].text)
    ]
    return min(near, default=None)


def _also_named(question: Question, span: _Span) -> float:
    """The outer parts of a dotted name may stand in the file's name or far above."""
    path = terms(span.chunk[span.first].path)
    parts = [part for name in question.names for part in re.split(r"[./]", name)[:-1]]
    akin = sum(any(_akin(term, step) for term in terms(part) for step in path) for part in parts)
    return 0.5 * akin


def _around(span: _Span) -> set[str]:
    first, last = max(0, span.first - 3), span.last + 4
    near: set[str] = set(terms(span.chunk[span.first].path.replace("_", " ")))
    for line in span.chunk[first:last]:
        near.update(terms(line.text))
    return near


def _composed(question: Question, span: _Span, core: str) -> str:
    quote = f"“{_cut(span.text)}” ({_cited(span)})"
    first = span.chunk[span.first]
    match question.kind:
        case Kind.SINCE:
            said = f"Since {core}: {quote}"
        case Kind.REMOVAL:
            said = f"In {core}: {quote}"
        case Kind.WHEN if first.said:
            said = f"{moment(span.text, first.said)}: {quote}".removeprefix(": ")
        case Kind.PLACE if first.path:
            said = f"{first.path}: {quote}"
        case _:
            said = quote
    if (where := _naming(question, span)) and where is not first:
        said += f"; {last_part(question.names[0])} is named at {where.source}"
    return said


def _cited(span: _Span) -> str:
    first, last = span.chunk[span.first], span.chunk[span.last]
    if first.path and last.number > first.number:
        return f"{first.source}-{last.number}"
    return first.source


def _naming(question: Question, span: _Span) -> Line | None:
    """The nearest line before, else after, that names what the question is about."""
    if not question.names:
        return None
    pattern = re.compile(rf"(?<!\w){re.escape(last_part(question.names[0]))}(?!\w)")
    order = sorted(range(len(span.chunk)), key=lambda n: (n > span.first, abs(n - span.first)))
    return next((span.chunk[n] for n in order if pattern.search(span.chunk[n].text)), None)


def _cut(text: str) -> str:
    return text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "…"
