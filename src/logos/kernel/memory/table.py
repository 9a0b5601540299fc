"""The page table of one address space: what is known of each page before anybody asks.

    Table.add(page, novelty)  one more row
    Table.drop(id)            forget it
    Table.row, Table.page     between page ids and rows
    Table.columns()           everything as arrays, one entry per row

A row is a page's number in this space, in the order of arrival.

Invariant: a row says the same whether its page came alone or with others.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logos.kernel.memory.layout import line_cost
from logos.kernel.memory.page import Kind, Page
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
_TRAIT = len(TRAITS)
_INT = 13


@dataclass(frozen=True, slots=True)
class Columns:
    """Views of the table: `traits` is (rows, TRAITS); `before` and `after` are the neighbouring
    turns, -1 where there is none; `time`, `since` and `until` are -1 where unknown; pages of equal text have the
    same `copy`; `cost` is what the page takes in the window; `stream` the number of its stream in STREAMS."""

    alive: NDArray[np.bool_]
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
    traits: Floats
    before: Ints
    after: Ints
    turns: int
    groups: int


@dataclass(frozen=True, slots=True)
class Novelty:
    """What a page brought when it came: `length` terms of a total rarity of `weight`, of which `fresh`
    is in terms never seen before, and `kinds` of things."""

    length: int
    fresh: float
    weight: float
    kinds: int


class Table:
    def __init__(self) -> None:
        self._pages: list[Page | None] = []
        self._row: dict[int, int] = {}
        self._ints = np.zeros((_INT, 64), dtype=np.int64)
        self._traits = np.zeros((64, _TRAIT), dtype=np.float32)
        self._alive = np.zeros(64, dtype=np.bool_)
        self._near = np.full((64, 2), -1, dtype=np.int64)
        self.subjects: dict[str, int] = {}
        self._groups: dict[tuple[str, str], int] = {}
        self._turns: dict[tuple[int, int], int] = {}
        self._last: dict[int, int] = {}
        self._copies: dict[bytes, int] = {}
        self.labels: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._row)

    def __contains__(self, id_: int) -> bool:
        return id_ in self._row

    @property
    def row(self) -> Mapping[int, int]:
        return self._row

    def page(self, row: int) -> Page:
        page = self._pages[row]
        assert page is not None, f"row {row} was forgotten"
        return page

    def add(self, page: Page, novelty: Novelty) -> int:
        """The row of `page`."""
        row = len(self._pages)
        if row == len(self._alive):
            self._grow()
        group = self._groups.setdefault((page.kind, page.group), len(self._groups))
        turn = self._turn(page, group)
        self._pages.append(page)
        self._row[page.id] = row
        self._alive[row] = True
        role = ROLES.index(page.role) if page.role in ROLES else 0
        subject = self.subjects.setdefault(page.subject, len(self.subjects)) if page.subject else -1
        time = -1 if page.time is None else page.time
        since = -1 if page.valid_from is None else page.valid_from
        copy = self._copies.setdefault(page.hash, len(self._copies))
        label = self.labels.setdefault(page.label, len(self.labels))
        kind = KINDS.index(page.kind)
        self._ints[:, row] = (
            kind, role, subject, group, turn, page.tokens, time, _until(page),
            copy, label, line_cost(page), kind * len(ROLES) + role, since,
        )  # fmt: skip
        self._traits[row] = _row_of(traits(page.text), novelty)
        return row

    def drop(self, id_: int) -> int:
        row = self._row.pop(id_)
        self._pages[row] = None
        self._alive[row] = False
        return row

    def replace(self, page: Page) -> None:
        """The same page, with its validity changed."""
        row = self._row[page.id]
        self._pages[row] = page
        self._ints[7, row] = _until(page)
        self._ints[10, row] = line_cost(page)

    def group(self, row: int) -> int:
        return int(self._ints[3, row])

    def columns(self) -> Columns:
        size, turns = len(self._pages), len(self._turns)
        ints = self._ints[:, :size]
        kind, role, subject, group, turn, tokens, time, until, copy, label, cost, stream, since = (
            ints
        )
        return Columns(
            alive=self._alive[:size],
            kind=kind,
            role=role,
            subject=subject,
            group=group,
            turn=turn,
            tokens=tokens,
            time=time,
            since=since,
            until=until,
            copy=copy,
            label=label,
            cost=cost,
            stream=stream,
            traits=self._traits[:size],
            before=self._near[:turns, 0],
            after=self._near[:turns, 1],
            turns=turns,
            groups=len(self._groups),
        )

    def _turn(self, page: Page, group: int) -> int:
        """The number of the page's turn; a new one follows the group's last."""
        number = self._turns.get((group, page.turn or -page.id))
        if number is not None:
            return number
        number = self._turns[group, page.turn or -page.id] = len(self._turns)
        if number == len(self._near):
            self._near = np.concatenate([self._near, np.full_like(self._near, -1)])
        last = self._last.get(group, -1)
        self._near[number] = last, -1
        if last >= 0:
            self._near[last, 1] = number
        self._last[group] = number
        return number

    def _grow(self) -> None:
        self._ints = np.concatenate([self._ints, np.zeros_like(self._ints)], axis=1)
        self._traits = np.concatenate([self._traits, np.zeros_like(self._traits)])
        self._alive = np.concatenate([self._alive, np.zeros_like(self._alive)])


def _until(page: Page) -> int:
    return -1 if page.valid_to is None else page.valid_to


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
