"""What is out of the window, in a few lines: an index, not a replacement.  Pure.

    Leaving     a turn on its way out
    digest      the digest so far and what leaves -> the digest, at most so many tokens long
    told_in     what a model wrote in a digest
    untold      a digest without what a model wrote of some pages
    rewritten   a digest with other lines of a model
    relined     the same, at most so many tokens long
    ranges      the runs of pages that its lines stand for
    accepted    of what a model wrote, the lines that name pages, as far as they fit
    HEAD        how a digest begins

A line stands for a run of pages and has the words that set it apart from the others.  Above the
bound, neighbouring lines become one, the older the sooner: so the past is known coarsely and the
near past finely, and the length stays.  Text of another kind, as a model writes it, is kept above
the lines for as long as it fits.

Invariant: every page that ever left lies in the range of some line.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from logos.abi.ids import Seq
from logos.kernel.memory.text import proper
from logos.kernel.memory.tokens import estimate
from logos.kernel.memory.words import STOP

HEAD = (
    "[digest of what has left this window, oldest first. It only names what is there: "
    "memory_search finds a page, memory_read(page=N) brings it back word for word.]"
)
RUN_PAGES = 12
RUN_TOKENS = 800
WORDS = 9
LONGEST = 48
"""Characters of a word: a path or an address is worth having whole."""
READ = 4000
"""Characters of a page that are looked at."""
TOLD_CHARS = 300
"""Of a line that a model wrote."""
NAMED = 2.0
"""What a name, or an argument of a call, counts beside a word."""

_LINE = re.compile(r"pages? (\d+)(?:-(\d+))? \((\d+)\): (.*)")
_TOLD = re.compile(r"(?:[-*\u2022] )?[Pp]ages? (\d+)(?: ?[-\u2013] ?(\d+))?: (\S.*)")
_WORD = re.compile(r"[^\W\d_][\w'\u2019-]{2,}|\d[\d.,:/-]*\d")
_ARGUMENT = re.compile(r'"((?:[^"\\\s]|\\.){3,})"')


@dataclass(frozen=True, slots=True)
class Leaving:
    """`pages` are in order; `named` are texts whose quoted words matter: arguments of calls."""

    pages: tuple[Seq, ...]
    tokens: int
    text: str
    named: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    first: int
    last: int
    pages: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        where = (
            f"page {self.first}" if self.first == self.last else f"pages {self.first}-{self.last}"
        )
        return f"{where} ({self.pages}): {'; '.join(self.words)}"


def digest(old: str, leaving: Iterable[Leaving], *, bound: int) -> str:
    """At most `bound` tokens, but one line at least."""
    lines, told = _read(old)
    lines = _ordered([*lines, *_lines(list(leaving))])
    if not lines and not told:
        return ""
    head = [HEAD]
    spent = estimate(HEAD)
    for text in told:
        if spent + (cost := estimate(text)) <= bound // 2:
            head.append(text)
            spent += cost
    return "\n".join([*head, *map(str, _bounded(lines, bound - spent))])


def told_in(text: str) -> list[str]:
    return _read(text)[1]


def rewritten(old: str, told: Sequence[str]) -> str:
    return "\n".join([*told, *map(str, _read(old)[0])])


def relined(old: str, told: Sequence[str], *, bound: int) -> str:
    return digest(rewritten(old, told), (), bound=bound)


def ranges(text: str) -> list[tuple[int, int]]:
    return [(line.first, line.last) for line in _read(text)[0]]


def untold(text: str, pages: frozenset[Seq]) -> str:
    """Without what a model wrote of these pages."""

    def names(line: str) -> bool:
        found = _TOLD.fullmatch(line)
        return found is not None and any(
            int(found[1]) <= page <= int(found[2] or found[1]) for page in pages
        )

    return "\n".join(line for line in text.splitlines() if not names(line))


def accepted(text: str, pages: Iterable[Seq], old: str, *, bound: int) -> list[str]:
    """Lines of the form `pages 3-9: ...` about `pages`, or about pages that the digest so far names.
    At most half the bound: the rest is for the lines by which every page is found."""
    known = set(pages)
    ranges = [(line.first, line.last) for line in _read(old)[0]]
    kept: list[str] = []
    spent = 0
    for line in text.splitlines():
        found = _TOLD.fullmatch(line.strip())
        if found is None:
            continue
        first, last = int(found[1]), int(found[2] or found[1])
        here = (first in known and last in known) or any(
            a <= first and last <= b for a, b in ranges
        )
        if first > last or not here:
            continue
        where = f"page {first}" if first == last else f"pages {first}-{last}"
        said = f"{where}: {' '.join(found[3].split())[:TOLD_CHARS]}"
        if (cost := estimate(said) + 1) + spent > bound // 2 - estimate(HEAD):
            break
        kept.append(said)
        spent += cost
    return kept


def _read(old: str) -> tuple[list[_Line], list[str]]:
    lines: list[_Line] = []
    told: list[str] = []
    for text in old.splitlines():
        if found := _LINE.fullmatch(text):
            first, last, pages, words = found.groups()
            split = tuple(word for word in words.split("; ") if word)
            lines.append(_Line(int(first), int(last or first), int(pages), split))
        elif text.strip() and text != HEAD:
            told.append(text)
    return lines, told


def _lines(leaving: Sequence[Leaving]) -> list[_Line]:
    """What leaves, in runs, each with its words."""
    runs: list[list[Leaving]] = []
    size = 0
    for one in sorted(leaving, key=lambda one: one.pages):
        size += one.tokens
        if not runs or size > RUN_TOKENS or len(runs[-1]) >= RUN_PAGES:
            runs.append([])
            size = one.tokens
        runs[-1].append(one)
    counted = [_counted(run) for run in runs]
    seen = Counter(word.lower() for counts in counted for word in counts)
    return [_line(run, counts, seen, len(runs)) for run, counts in zip(runs, counted, strict=True)]


def _counted(run: Iterable[Leaving]) -> Counter[str]:
    """How often a run says each word, in the form it says it first."""
    forms: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for one in run:
        text = one.text[:READ]
        for word, weight in (
            *((word, 1.0) for word in _WORD.findall(text)),
            *((word, NAMED) for word in proper(text)),
            *((word, NAMED * NAMED) for word in _ARGUMENT.findall(one.named)),
        ):
            low = word.lower()
            if low not in STOP and len(word) <= LONGEST and ";" not in word:
                counts[forms.setdefault(low, word)] += weight  # type: ignore[assignment]  # a weight
    return counts


def _line(run: Sequence[Leaving], counts: Counter[str], seen: Counter[str], runs: int) -> _Line:
    def worth(word: str) -> float:
        return math.log1p(counts[word]) * math.log((runs + 1) / (seen[word.lower()] + 0.5))

    best = sorted(counts, key=lambda word: (-worth(word), word))
    pages = [page for one in run for page in one.pages]
    return _Line(min(pages), max(pages), len(pages), tuple(_distinct(best, WORDS)))


def _distinct(words: Iterable[str], most: int) -> list[str]:
    """The first of them, without what is part of another."""
    out: list[str] = []
    for word in words:
        low = word.lower()
        if not any(low in other.lower() or other.lower() in low for other in out):
            out.append(word)
        if len(out) == most:
            break
    return out


def _ordered(lines: list[_Line]) -> list[_Line]:
    """By first page; what lies inside another line's range becomes part of it."""
    out: list[_Line] = []
    for line in sorted(lines, key=lambda line: (line.first, line.last)):
        if out and line.first <= out[-1].last:
            out[-1] = _joined(out[-1], line)
        else:
            out.append(line)
    return out


def _bounded(lines: list[_Line], bound: int) -> list[_Line]:
    lines = list(lines)
    cost = [estimate(str(line)) + 1 for line in lines]
    while sum(cost) > bound and len(lines) > 1:
        n = min(
            range(len(lines) - 1),
            key=lambda n: ((lines[n].pages + lines[n + 1].pages) / (len(lines) - n), n),
        )
        lines[n : n + 2] = [_joined(lines[n], lines[n + 1])]
        cost[n : n + 2] = [estimate(str(lines[n])) + 1]
    return lines


def _joined(a: _Line, b: _Line) -> _Line:
    """Both ranges in one line; of the words, as many of each as it has pages."""
    share = a.pages / (a.pages + b.pages)
    ranked = [((n + 1) / share, word) for n, word in enumerate(a.words)]
    ranked += [((n + 1) / (1 - share), word) for n, word in enumerate(b.words)]
    words = tuple(_distinct((word for _, word in sorted(ranked, key=lambda one: one[0])), WORDS))
    return _Line(min(a.first, b.first), max(a.last, b.last), a.pages + b.pages, words)
