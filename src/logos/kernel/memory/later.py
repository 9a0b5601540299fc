"""Which statements a later one about the same thing says differently.  Pure.

    Statement     what was said, by whom, in which place of the order
    overtaken     statements -> for each that was overtaken, the last that does it

Somebody says "45 sources in my library", and weeks later "52 sources": both fit a question for them, and
nothing but their order tells which holds.  Two statements of the same speaker clash where each
has a value (a count, a share, a day, an hour) that the other has not, and the words around the two
values agree; a word of change in the later one ("now", "moved to") counts as agreement.  It is a
hint, not a judgement: the older one is shown as earlier, and none is kept out.

Invariant: a statement is never overtaken by an earlier one, nor by another speaker's.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from logos.kernel.memory.text import terms

_WORD = re.compile(r"\d[\d,]*(?:\.\d+)?%?|[^\W\d_]+(?:['\u2019][a-z]+)?")
_REACH = 8
"""Words to both sides of a value that tell what it is a value of."""
_UNIT = 3
"""Words after it among which stands what is counted."""
_MOST = 12
"""Values of a statement that are looked at: more make it a table, not a statement."""
AGREE = 2.5
"""Chosen on thirteen annotated updates (docs/design/0023-where-weights-come-from.md)."""
_SHARED = 10.0
_COUNTS = {
    word: str(number)
    for number, word in enumerate(
        [
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ],
        2,
    )
}
_MONTHS = frozenset(
    [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ]
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_CHANGE = re.compile(
    r"\b(?:now|recent(?:ly)?|updat\w+|chang\w+|mov(?:ed|ing)|increas\w+|decreas\w+|improv\w+|reach\w+"
    r"|extend\w+|instead|no longer|new|added|reschedul\w+|postpon\w+|actually|total|since|gr[eo]w\w*"
    r"|further|rais\w+|reduc\w+|switch\w+)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    order: tuple[int, ...]
    speaker: tuple[int | str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class _Value:
    """`kind` and `what` are the value itself; `about` the words around it, `unit` those it counts."""

    kind: str
    what: str
    about: frozenset[str]
    unit: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Read:
    number: int
    order: tuple[int, ...]
    values: tuple[_Value, ...]
    change: bool

    @property
    def said(self) -> set[tuple[str, str]]:
        return {(value.kind, value.what) for value in self.values}


def overtaken(statements: Sequence[Statement]) -> dict[int, int]:
    """By their places in `statements`."""
    by_speaker: dict[tuple[int | str, ...], list[_Read]] = {}
    for number, one in enumerate(statements):
        if values := _values(one.text):
            read = _Read(number, one.order, values, bool(_CHANGE.search(one.text)))
            by_speaker.setdefault(one.speaker, []).append(read)
    out: dict[int, int] = {}
    for spoken in by_speaker.values():
        spoken.sort(key=lambda read: read.order)
        for at, old in enumerate(spoken):
            later = (new for new in reversed(spoken[at + 1 :]) if new.order > old.order)
            if (last := next((new for new in later if _clash(old, new)), None)) is not None:
                out[old.number] = last.number
    return out


def _clash(old: _Read, new: _Read) -> bool:
    said, says = old.said, new.said
    return any(
        a.kind == b.kind
        and (a.kind, a.what) not in says
        and (b.kind, b.what) not in said
        and _agree(a, b) + new.change >= AGREE
        for a, b in product(old.values, new.values)
    )


def _agree(a: _Value, b: _Value) -> float:
    """How much they are values of the same thing."""
    if a.about.isdisjoint(b.about):
        return 0.0
    shared = len(a.about & b.about) / len(a.about | b.about)
    return _SHARED * shared + bool(a.unit & b.unit)


def _values(text: str) -> tuple[_Value, ...]:
    words = [match.group().lower() for match in _WORD.finditer(text)]
    found = [(at, value) for at in range(len(words)) if (value := _value(words, at)) is not None]
    if len(found) > _MOST:
        return ()
    out = []
    for at, (kind, what) in found:
        around = [*words[max(at - _REACH, 0) : at], *words[at + 1 : at + 1 + _REACH]]
        after = words[at + 1 : at + 1 + _UNIT]
        unit = next((stems for word in after if (stems := _plain(word))), ())
        about = frozenset(stem for word in around for stem in _plain(word))
        out.append(_Value(kind, what, about, frozenset(unit)))
    return tuple(out)


@lru_cache(maxsize=1 << 14)
def _plain(word: str) -> tuple[str, ...]:
    return () if word[0].isdigit() else tuple(terms(word))


def _value(words: list[str], at: int) -> tuple[str, str] | None:
    word = words[at]
    if word in _COUNTS:
        return "count", _COUNTS[word]
    if not word[0].isdigit():
        return None
    after = words[at + 1] if at + 1 < len(words) else ""
    if at and words[at - 1] in _MONTHS:
        return "day", f"{words[at - 1]} {word}"
    if word.endswith("%") or after == "percent":
        return "share", word.rstrip("%")
    if after in ("am", "pm"):
        return "hour", word + after
    return None if _YEAR.fullmatch(word) else ("count", word.replace(",", ""))
