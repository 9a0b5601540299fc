"""Which statements a later one says differently, as far as a question goes.  Pure.

    Statement     what was said, by whom, in which conversation, in which place of the order
    overtaken     statements, question -> for each that was overtaken, the last that does it

Somebody says "45 sources in my library", and weeks later "52 sources": both fit a question for them, and
nothing but their order tells which holds.  Two statements of the same speaker clash where each has a
value (a count, a share, a day, an hour) that the other has not, and the more so the more both bear
on the question, the values stand among the same words, and the later one speaks of a change ("now",
"moved to").  One question is for one thing: the clearest clash says which statement holds, and only what
it clashes with, and what was said right after that about the same, is overtaken.  It is a hint,
not a judgement: the older one is shown as earlier, and none is kept out.

Invariant: a statement is never overtaken by an earlier one, nor by another speaker's.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from logos.kernel.memory.packed import Numbered
from logos.kernel.memory.text import terms

Floats = NDArray[np.float64]

_WORD = re.compile(
    r"\d+(?:\.\d+){2,}|\d{1,2}:\d\d|\d+(?:,\d{3})*(?:\.\d+)?%?|[^\W\d_]+(?:['\u2019][a-z]+)?"
)
_REACH = 8
"""Words to both sides of a value that tell what it is a value of."""
_UNIT = 3
"""Words after it among which stands what is counted."""
_MOST = 12
"""Values of a statement that are looked at: more make it a table, not a statement."""
_SENTENCE = re.compile(r"(?<=[.!?\u3002\uff01\uff1f])\s+|\n+")
CLASH = 6.7
"""What follows was fitted to annotated updates of eight conversations, and this set on those
left out (docs/design/0023-where-weights-come-from.md)."""
_OLD, _NEW, _OLD_NEAR, _NEW_NEAR = 6.0, 1.5, 3.0, 1.0
"""For the share of the question that the older and the newer statement speak of, anywhere and near the value."""
_SHARED, _SAME_UNIT, _SAID_CHANGE = 1.5, 1.0, 1.5
_TIE = 0.6
"""So much less clear than the clearest, and it is as good."""
_NEXT = 4
"""Events behind a statement where its speaker goes on about it."""
_LATELY = 1024
"""Texts that need not be cut again."""
_SAME = 2
"""Words of the question that tell that he does."""
_COUNTS = {
    word: str(number)
    for number, word in enumerate(
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
        2,
    )
}  # fmt: skip
_MONTHS = frozenset([
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
])  # fmt: skip
_WEEKDAYS = frozenset(
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
)
_NAMED = _WEEKDAYS.union(_COUNTS)
_DIGIT = re.compile(r"\d")
_ORDINAL = frozenset(["st", "nd", "rd", "th"])
_YEAR = re.compile(r"(?:19|20)\d\d")
_LAST_DAY = 31
_CHANGE = re.compile(
    r"now|recent(?:ly)?|updat\w+|chang\w+|mov(?:ed|ing)|increas\w+|decreas\w+|improv\w+|reach\w+"
    r"|extend\w+|instead|longer|new|added|reschedul\w+|postpon\w+|actually|total|since|gr[eo]w\w*"
    r"|further|rais\w+|reduc\w+|switch\w+|expand\w+|boost\w+|upgrad\w+|adjust\w+|revis\w+|shorten\w+"
    r"|delay\w+|push(?:ed|ing)|dropp\w+|r[io]se\w*|lower\w+"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """`order` ends with the number of its event; `group` is the conversation."""

    order: tuple[int, ...]
    speaker: tuple[int | str, ...]
    text: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class _Value:
    """`kind` and `what` are the value itself; `about` the words around it, `unit` those it counts."""

    kind: str
    what: str
    about: frozenset[str]
    unit: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Text:
    """What a text says, whatever the question: its words, its values, and does it speak of a change?"""

    words: frozenset[str]
    values: tuple[_Value, ...]
    said: frozenset[tuple[str, str]]
    change: bool


@dataclass(frozen=True, slots=True)
class _Read:
    """`asked` are the words of the question that it speaks of, `share` how much of it they are;
    `near` how many stand around each of its values."""

    number: int
    of: Statement
    text: _Text
    asked: frozenset[str]
    share: float
    near: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Said:
    """A value of the statement number `of`."""

    of: int
    value: _Value
    near: int


@dataclass(frozen=True, slots=True)
class _Clash:
    clear: float
    old: _Read
    new: _Read


def overtaken(statements: Sequence[Statement], question: str) -> dict[int, int]:
    """By their places in `statements`."""
    asked = frozenset(terms(_asking(question)))
    clashes = _clashes(_read(statements, asked), len(asked)) if asked else []
    clear: dict[int, float] = {}
    for one in clashes:
        clear[one.new.number] = max(clear.get(one.new.number, 0.0), one.clear)
    enough = max(clear.values(), default=0.0) - _TIE
    out: dict[int, _Clash] = {}
    for one in clashes:
        last = out.get(one.old.number)
        later = last is None or last.new.of.order < one.new.of.order
        if later and clear[one.new.number] >= enough:
            out[one.old.number] = one
    went_on = {at: one.new.number for one in out.values() for at in _went_on(statements, one)}
    return went_on | {at: one.new.number for at, one in out.items()}


def _asking(text: str) -> str:
    """The sentences that ask, where there are any."""
    sentences = _SENTENCE.split(text)
    return " ".join(one for one in sentences if one.endswith(("?", "\uff1f"))) or text


def _read(statements: Sequence[Statement], asked: frozenset[str]) -> Iterator[_Read]:
    """Those with values, where their speaker has several."""
    texts = ((at, one, _text(one.text)) for at, one in enumerate(statements))
    valued = [(at, one, text) for at, one, text in texts if text is not None]
    speakers = Counter(one.speaker for _, one, _ in valued)
    for at, one, text in valued:
        if speakers[one.speaker] > 1:
            spoken = asked & text.words
            yield _Read(
                number=at,
                of=one,
                text=text,
                asked=spoken,
                share=len(spoken) / len(asked),
                near=tuple(len(value.about & asked) for value in text.values),
            )


@lru_cache(maxsize=_LATELY)
def _text(text: str) -> _Text | None:
    """None: there is no value in it.  A page is asked about again and again while it is in a window."""
    words = _words(text)
    values = _values(words)
    if not values:
        return None
    said = frozenset((value.kind, value.what) for value in values)
    return _Text(frozenset(terms(text)), values, said, any(map(_changes, words)))


def _clashes(read: Iterable[_Read], whole: int) -> list[_Clash]:
    """Every two statements of a speaker that clash."""
    by_speaker: dict[tuple[int | str, ...], list[_Read]] = {}
    for one in read:
        by_speaker.setdefault(one.of.speaker, []).append(one)
    found = []
    for spoken in by_speaker.values():
        spoken.sort(key=lambda one: one.of.order)
        clear = _clear(spoken, whole)
        pairs = zip(*(each.tolist() for each in np.nonzero(clear >= CLASH)), strict=True)
        found += [_Clash(float(clear[a, b]), spoken[a], spoken[b]) for a, b in pairs]
    return found


def _clear(spoken: Sequence[_Read], whole: int) -> Floats:
    """How clearly the best two values of each two of them clash, the older one first.  Most pairs are not looked
    at: it is known before how clearly they may clash at most."""
    orders = {order: n for n, order in enumerate(sorted({one.of.order for one in spoken}))}
    rank = np.array([orders[one.of.order] for one in spoken])
    share = np.array([one.share for one in spoken])
    near = np.array([max(one.near) for one in spoken]) / whole
    change = np.array([one.text.change for one in spoken])
    anyway = np.add.outer(_OLD * share, _NEW * share + _SAID_CHANGE * change)
    most = anyway + np.add.outer(_OLD_NEAR * near, _NEW_NEAR * near) + _SHARED + _SAME_UNIT
    open_ = np.less.outer(rank, rank) & (most >= CLASH)
    best = np.full(open_.shape, -np.inf)
    if open_.any():
        olds = _by_kind(spoken, open_.any(axis=1))
        news = _by_kind(spoken, open_.any(axis=0))
        for kind in olds.keys() & news.keys():
            old, new = olds[kind], news[kind]
            places = np.ix_([one.of for one in old], [one.of for one in new])
            np.maximum.at(best, places, _between(old, new, spoken, whole))
    return np.where(open_, best + anyway, 0.0)


def _by_kind(spoken: Sequence[_Read], wanted: NDArray[np.bool_]) -> dict[str, list[_Said]]:
    out: dict[str, list[_Said]] = {}
    for at in np.flatnonzero(wanted).tolist():
        for value, near in zip(spoken[at].text.values, spoken[at].near, strict=True):
            out.setdefault(value.kind, []).append(_Said(at, value, near))
    return out


def _between(
    olds: Sequence[_Said], news: Sequence[_Said], spoken: Sequence[_Read], whole: int
) -> Floats:
    """How clearly values of one kind clash; not at all where one statement says both."""
    about, unit, what = Numbered[str](), Numbered[str](), Numbered[str]()
    kind = olds[0].value.kind
    for one in (*olds, *news):
        what.number(one.value.what)
    said = [[w for k, w in spoken[one.of].text.said if k == kind] for one in (*olds, *news)]
    sets = [one.value.about for one in (*olds, *news)]
    units = [one.value.unit for one in (*olds, *news)]
    words, counted, known = _rows(sets, about), _rows(units, unit), _rows(said, what) > 0
    cut = len(olds)
    size = words.sum(axis=1)
    both = words[:cut] @ words[cut:].T
    shared = both / np.maximum(np.add.outer(size[:cut], size[cut:]) - both, 1)
    same_unit = counted[:cut] @ counted[cut:].T > 0
    near = np.array([one.near for one in (*olds, *news)]) / whole
    sure = np.add.outer(_OLD_NEAR * near[:cut], _NEW_NEAR * near[cut:])
    clear = sure + _SHARED * shared + _SAME_UNIT * same_unit
    number = [what.number(one.value.what) for one in (*olds, *news)]
    either = known[cut:][:, number[:cut]].T | known[:cut][:, number[cut:]]
    return np.where(either, -np.inf, clear)


def _rows(sets: Sequence[Collection[str]], names: Numbered[str]) -> Floats:
    """A row for each set, with 1 for what is in it."""
    numbers = [[names.number(name) for name in one] for one in sets]
    out = np.zeros((len(sets), len(names)))
    rows = np.repeat(np.arange(len(sets)), [len(one) for one in numbers])
    out[rows, [number for one in numbers for number in one]] = 1
    return out


def _went_on(statements: Sequence[Statement], clash: _Clash) -> Iterator[int]:
    """What was said right after what was overtaken, about the same, and before what overtakes it."""
    old, new = clash.old.of, clash.new.of
    for at, one in enumerate(statements):
        behind = 0 < one.order[-1] - old.order[-1] <= _NEXT and one.order < new.order
        if (
            behind
            and (one.speaker, one.group) == (old.speaker, old.group)
            and len(clash.old.asked.intersection(terms(one.text))) >= _SAME
        ):
            yield at


def _words(text: str) -> list[str]:
    """None where there is no value among them: most have none, and to cut takes longer than to look."""
    plain = text.lower()
    if not _DIGIT.search(plain) and not any(map(plain.__contains__, _NAMED)):
        return []
    return _WORD.findall(plain)


def _values(words: list[str]) -> tuple[_Value, ...]:
    found = [
        (at, value)
        for at, word in enumerate(words)
        if (word[0].isdigit() or word in _NAMED) and (value := _value(words, at)) is not None
    ]
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
def _changes(word: str) -> bool:
    return _CHANGE.fullmatch(word) is not None


@lru_cache(maxsize=1 << 14)
def _plain(word: str) -> tuple[str, ...]:
    return () if word[0].isdigit() else tuple(terms(word))


def _value(words: list[str], at: int) -> tuple[str, str] | None:
    word = words[at]
    if word in _COUNTS:
        return "count", _COUNTS[word]
    return ("weekday", word) if word in _WEEKDAYS else _number(words, at)


def _number(words: list[str], at: int) -> tuple[str, str] | None:
    """A year says when, a version which: neither is a value."""
    word = words[at]
    before, after = words[at - 1] if at else "", _after(words, at)
    if after in ("am", "pm") or ":" in word:
        return "hour", word.removesuffix(":00") + (after if after in ("am", "pm") else "")
    month = next((name for name in (before, after) if name in _MONTHS), None)
    if month and word.isdigit():
        return ("day", f"{month} {int(word)}") if int(word) <= _LAST_DAY else None
    if word.endswith("%") or after == "percent":
        return "share", word.rstrip("%")
    if word.count(".") > 1 or _YEAR.fullmatch(word):
        return None
    return "count", word.replace(",", "")


def _after(words: list[str], at: int) -> str:
    """The word behind a number, but for "th" and "of"."""
    behind = (word for word in words[at + 1 : at + 4] if word not in _ORDINAL and word != "of")
    return next(behind, "")
