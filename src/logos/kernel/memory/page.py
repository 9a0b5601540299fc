"""What memory is made of: immutable pages, and how long text becomes several of them.

    Page      one piece of context: text, what it costs, who said it, when, and where it came from
    Kind      the kind of stream a page belongs to; policies differ by it
    Source    where the exact bytes came from
    page_of  a Page with its hash and its cost filled in
    split     text -> pieces on natural boundaries

Invariant: the pieces of a text, in order, concatenate to exactly that text.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from logos.abi.ids import Pid, Seq
from logos.kernel.memory.tokens import estimate

PIECE_TOKENS = 160
"""What a page costs at most, about."""


class Kind(StrEnum):
    PEOPLE = "people"  # several people talking: short turns, meaning spreads over neighbours
    CHAT = "chat"  # a person and an assistant: long answers, the person's words matter most
    TOOL = "tool"
    DOCUMENT = "document"
    FACT = "fact"
    SUMMARY = "summary"


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Characters `start:end` of what event `seq` of process `pid` said; `end` 0 means all."""

    pid: Pid = Pid(0)
    seq: Seq = Seq(0)
    start: int = 0
    end: int = 0


class Page(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`group` is the conversation, file or call a page stands in, `turn` the utterance: pages of
    one turn are pieces of it.  `time`, `valid_from` and `valid_to` are microseconds; a page with
    `valid_to` has been superseded since then.  `hash` is short, to tell copies; the exact bytes are
    checked where they stand.  `place` and `origin` are numbers of the path it was
    remembered at and of where it came from; `held` is when it began to hold.  `label` says where its contents may flow; memory only carries it."""

    id: int
    text: str
    hash: bytes
    tokens: int
    kind: Kind = Kind.CHAT
    subject: str = ""
    role: str = ""
    time: int | None = None
    source: Source = Source()
    label: str = ""
    valid_from: int | None = None
    valid_to: int | None = None
    group: str = ""
    turn: int = 0
    held: int = 0
    place: int = 0
    origin: int = 0


def page_of(id_: int, text: str, *, tokens: int | None = None, **fields: Any) -> Page:
    """A Page of `text`; without `tokens` its cost is estimated."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    cost = estimate(text) if tokens is None else tokens
    return Page(id=id_, text=text, hash=digest, tokens=cost, **fields)


@dataclass(frozen=True, slots=True)
class Piece:
    start: int
    end: int
    tokens: int


# From the coarsest boundary to the finest: a text that is too long is cut at the first of them
# that occurs in it, and what is still too long at the next.
_BOUNDARIES = tuple(
    re.compile(pattern)
    for pattern in (
        r"\n[ \t]*\n+",  # paragraph
        r"\n",  # line
        r"(?<=[.!?\u3002\uff01\uff1f])[\"')\]]*\s+",  # sentence
        r"(?<=[}\]]),\s*|(?<=[\"\d\w]),\s*(?=[\"{\[])",  # element of JSON
        r"(?<=[,;:])\s+",  # clause
        r"\s+",  # word
    )
)
_HARD = 320
"""Characters of a stretch without any boundary that stay together."""


def split(text: str, kind: Kind = Kind.CHAT, *, limit: int = PIECE_TOKENS) -> tuple[Piece, ...]:
    """Pieces of about `limit` tokens at most.  A fact is never cut."""
    cost = estimate(text)
    if cost <= limit or kind is Kind.FACT:
        return (Piece(0, len(text), cost),)
    pieces: list[Piece] = []
    for part in _parts(text, 0, len(text), 0, limit):
        last = pieces[-1] if pieces else None
        if last is not None and last.tokens + part.tokens <= limit:
            pieces[-1] = Piece(last.start, part.end, last.tokens + part.tokens)
        else:
            pieces.append(part)
    return tuple(pieces)


def _parts(text: str, start: int, end: int, level: int, limit: int) -> Iterator[Piece]:
    """Parts of text[start:end], which is too long, that each fit, cut no finer than it takes."""
    stops: list[int] = []
    while level < len(_BOUNDARIES) and not stops:
        stops = [match.end() for match in _BOUNDARIES[level].finditer(text, start, end)]
        level += 1
    if not stops:
        for at in range(start, end, _HARD):
            stop = min(at + _HARD, end)
            yield Piece(at, stop, estimate(text[at:stop]))
        return
    at = start
    for stop in (*stops, end):
        if stop <= at:
            continue
        cost = estimate(text[at:stop])
        if cost <= limit:
            yield Piece(at, stop, cost)
        else:
            yield from _parts(text, at, stop, level, limit)
        at = stop
