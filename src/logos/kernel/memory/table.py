"""The page table of one address space: what is known of each page before anybody asks.

    Table.add(page, novelty)  one more row
    Table.drop(id)            forget it
    Table.find, Table.row     from a page's id to its row
    Table.page                from a row to its page
    Table.columns()           everything as arrays, one entry per row
    Table.before(size)        as it was before it had more rows
    Table.pack, Table.unpack  as data

A row is a page's number in this space, in the order of arrival; ids grow with it.  Texts are kept only
where asked for (`texts`): a page of a journal has its text there.

Invariant: a row says the same whether its page came alone or with others.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logos.abi.errors import Code, SysError
from logos.abi.ids import Seq
from logos.kernel.memory.layout import line_cost
from logos.kernel.memory.packed import Numbered, Packed, pack, unpack, view
from logos.kernel.memory.page import Kind, Page, Source
from logos.kernel.memory.text import Traits, traits

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

KINDS = tuple(Kind)
ROLES = ("", "user", "assistant", "system", "tool")
STREAMS = tuple(f"{kind}/{role}" if role else str(kind) for kind in KINDS for role in ROLES)
"""Kinds of streams by who speaks: what a deviation of the weights is for."""

TRAITS = (
    "temporal", "numbers", "proper", "questions", "self", "past", "social", "attached", "standing",
    "length", "fresh", "weight", "kinds",
)  # fmt: skip

_NAMES = (
    "id", "kind", "role", "subject", "group", "turn", "tokens", "time", "since", "until",
    "copy", "label", "cost", "stream", "seq", "start", "end", "spoken", "held",
    "place", "origin",
)  # fmt: skip
_AT = {name: i for i, name in enumerate(_NAMES)}
_UNTIL, _COST = _AT["until"], _AT["cost"]


class Columns(NamedTuple):
    """Views of the table: `traits` is (rows, TRAITS); `before` and `after` are the neighbouring
    turns, -1 where there is none; `time`, `since` and `until` are -1 where unknown; pages of equal text have
    the same `copy`; `cost` is what the page takes in the window; `stream` the number of its stream in STREAMS;
    `seq`, `start` and `end` say where its text stands; `spoken` is the turn it was said in, `held` when it began to hold,
    `place` and `origin` numbers of its path and source."""

    alive: NDArray[np.bool_]
    traits: Floats
    before: Ints
    after: Ints
    turns: int
    groups: int
    id: Ints
    kind: Ints
    role: Ints
    subject: Ints
    group: Ints
    turn: Ints
    tokens: Ints
    time: Ints
    since: Ints
    until: Ints
    copy: Ints
    label: Ints
    cost: Ints
    stream: Ints
    seq: Ints
    start: Ints
    end: Ints
    spoken: Ints
    held: Ints
    place: Ints
    origin: Ints


class TableImage(NamedTuple):
    """A table as data."""

    ints: list[Packed]
    traits: Packed
    alive: Packed
    near: Packed
    subjects: list[str]
    groups: list[tuple[str, str]]
    labels: list[str]
    last: list[tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class Novelty:
    """What a page brought when it came: `length` terms of a total rarity of `weight`, of which `fresh`
    is in terms never seen before, and `kinds` of things."""

    length: int
    fresh: float
    weight: float
    kinds: int


class Table:
    def __init__(self, *, texts: bool = True) -> None:
        self._texts: list[str] | None = [] if texts else None
        self._size = 0
        self._count = 0
        self._ints = np.zeros((len(_NAMES), 64), dtype=np.int64)
        self._traits = np.zeros((64, len(TRAITS)), dtype=np.float32)
        self._alive = np.zeros(64, dtype=np.bool_)
        self._turns = 0
        self._near = np.full((64, 2), -1, dtype=np.int64)
        self._last: dict[int, tuple[int, int]] = {}  # of each group: its last turn, and its number
        self.subjects: Numbered[str] = Numbered()
        self.labels: Numbered[str] = Numbered()
        self.streams: Numbered[tuple[str, str]] = Numbered()
        self._columns: Columns | None = None  # until the next page comes

    def __len__(self) -> int:
        return self._count

    def __contains__(self, id_: int) -> bool:
        row = self.find(id_)
        return row is not None and bool(self._alive[row])

    def find(self, id_: int) -> int | None:
        """The row of a page, of one that was forgotten too."""
        ids = self._ints[0, : self._size]
        row = int(np.searchsorted(ids, id_))
        return row if row < self._size and ids[row] == id_ else None

    def row(self, id_: int) -> int:
        row = self.find(id_)
        if row is None or not self._alive[row]:
            raise SysError(Code.NOT_FOUND, f"there is no page {id_}")
        return row

    def rows(self) -> Ints:
        """What is held, in order of arrival."""
        return np.flatnonzero(self._alive[: self._size])

    def page(self, row: int) -> Page:
        assert self._alive[row], f"row {row} was forgotten"
        at = dict(zip(_NAMES, self._ints[:, row].tolist(), strict=True))
        return Page(
            id=at["id"],
            text=self._texts[row] if self._texts is not None else "",
            hash=at["copy"].to_bytes(8, "big", signed=True),
            tokens=at["tokens"],
            kind=KINDS[at["kind"]],
            subject=self.subjects.name(at["subject"]) if at["subject"] >= 0 else "",
            role=ROLES[at["role"]],
            time=_known(at["time"]),
            source=Source(seq=Seq(at["seq"]), start=at["start"], end=at["end"]),
            label=self.labels.name(at["label"]),
            valid_from=_known(at["since"]),
            valid_to=_known(at["until"]),
            group=self.streams.name(at["group"])[1],
            turn=at["spoken"],
            held=at["held"],
            place=at["place"],
            origin=at["origin"],
        )

    def add(self, page: Page, novelty: Novelty) -> int:
        """The row of `page`."""
        row = self._size
        self._columns = None
        if row and page.id <= self._ints[0, row - 1]:
            raise SysError(Code.INVALID, f"page {page.id} comes too late: ids grow")
        if row == len(self._alive):
            self._grow()
        group = self.streams.number((str(page.kind), page.group))
        kind = KINDS.index(page.kind)
        role = ROLES.index(page.role) if page.role in ROLES else 0
        subject = self.subjects.number(page.subject) if page.subject else -1
        self._ints[:, row] = (
            page.id, kind, role, subject, group, self._turn(page, group), page.tokens,
            _stored(page.time), _stored(page.valid_from), _stored(page.valid_to),
            int.from_bytes(page.hash[:8], "big", signed=True),
            self.labels.number(page.label), line_cost(page),
            kind * len(ROLES) + role, page.source.seq, page.source.start, page.source.end, page.turn,
            page.held, page.place, page.origin,
        )  # fmt: skip
        self._traits[row] = _row_of(traits(page.text), novelty)
        self._alive[row] = True
        if self._texts is not None:
            self._texts.append(page.text)
        self._size += 1
        self._count += 1
        return row

    def drop(self, id_: int) -> int:
        row = self.row(id_)
        self._alive[row] = False
        self._traits[row] = 0
        self._count -= 1
        if self._texts is not None:
            self._texts[row] = ""
        return row

    def supersede(self, id_: int, at: int) -> None:
        """The same page, true until `at`."""
        row = self.row(id_)
        self._ints[_UNTIL, row] = at
        self._ints[_COST, row] = line_cost(self.page(row))

    def columns(self) -> Columns:
        if self._columns is None:
            size, turns = self._size, self._turns
            self._columns = Columns(
                self._alive[:size],
                self._traits[:size],
                self._near[:turns, 0],
                self._near[:turns, 1],
                turns,
                len(self.streams),
                *self._ints[:, :size],
            )
        return self._columns

    def before(self, size: int) -> "Table":
        """To be read at once: its first `size` rows, without the turns and subjects that came with later
        ones.  What was forgotten or superseded since is so here, too."""
        out = Table(texts=False)
        out._texts, out._ints = self._texts, self._ints
        out._traits, out._alive = self._traits, self._alive
        out.labels, out.streams = self.labels, self.streams
        out._size = size
        out._count = int(np.count_nonzero(self._alive[:size]))
        out._turns = _known_of(self._ints[_AT["turn"], :size])
        out._near = self._near[: out._turns]
        last = self._near[out._turns : self._turns, 0]
        last = last[(last >= 0) & (last < out._turns)]
        if len(last):
            out._near = out._near.copy()
            out._near[last, 1] = -1
        out.subjects = self.subjects.first(_known_of(self._ints[_AT["subject"], :size]))
        return out

    @property
    def nbytes(self) -> int:
        texts = sum(map(len, self._texts)) if self._texts is not None else 0
        return self._ints.nbytes + self._traits.nbytes + self._near.nbytes + texts

    def pack(self) -> TableImage:
        """Without the texts."""
        size = self._size
        return TableImage(
            [pack(row) for row in self._ints[:, :size]],
            pack(self._traits[:size]),
            pack(self._alive[:size]),
            pack(self._near[: self._turns]),
            list(self.subjects),
            list(self.streams),
            list(self.labels),
            [(group, *last) for group, last in self._last.items()],
        )

    @classmethod
    def unpack(cls, image: TableImage) -> "Table":
        out = cls(texts=False)
        out._alive = unpack(image.alive, np.bool_)
        out._size, out._count = len(out._alive), int(out._alive.sum())
        out._ints = np.empty((len(_NAMES), out._size), dtype=np.int64)
        for row, each in zip(out._ints, image.ints, strict=True):
            row[:] = view(each)
        out._traits = unpack(image.traits, np.float32)
        out._near = unpack(image.near, np.int64)
        out._turns = len(out._near)
        out.subjects = Numbered(image.subjects)
        out.streams = Numbered(image.groups)
        out.labels = Numbered(image.labels)
        out._last = {group: (turn, number) for group, turn, number in image.last}
        return out

    def group(self, row: int) -> int:
        return int(self._ints[_AT["group"], row])

    def _turn(self, page: Page, group: int) -> int:
        """The number of the page's turn; another one than the group's last follows it."""
        turn = page.turn or -page.id
        last, before = self._last.get(group, (0, -1))
        if before >= 0 and last == turn:
            return before
        number = self._turns
        if number == len(self._near):
            more = max(number // 8, 64)
            self._near = np.pad(self._near, ((0, more), (0, 0)), constant_values=-1)
        self._near[number] = before, -1
        if before >= 0:
            self._near[before, 1] = number
        self._last[group] = turn, number
        self._turns += 1
        return number

    def _grow(self) -> None:
        more = max(self._size // 8, 64)
        self._ints = np.pad(self._ints, ((0, 0), (0, more)))
        self._traits = np.pad(self._traits, ((0, more), (0, 0)))
        self._alive = np.pad(self._alive, (0, more))


def _known_of(numbers: Ints) -> int:
    """How many there are, where they are given in order of arrival; -1 is none."""
    return int(numbers.max(initial=-1)) + 1


def _stored(value: int | None) -> int:
    return -1 if value is None else value


def _known(value: int) -> int | None:
    return None if value < 0 else value


def _row_of(found: Traits, novelty: Novelty) -> tuple[float, ...]:
    return (
        min(found.temporal, 3),
        min(found.numbers, 3),
        min(found.proper, 4),
        min(found.questions, 2),
        min(found.self, 3),
        min(found.past, 4),
        min(found.social, 2),
        min(found.attached, 1),
        min(found.standing, 1),
        math.log1p(novelty.length),
        math.log1p(novelty.fresh),
        math.log1p(novelty.weight),
        novelty.kinds,
    )
