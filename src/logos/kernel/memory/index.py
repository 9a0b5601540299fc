"""The inverted index of one address space: which pages hold a term, and how well each answers.

    Index.add(rows)        append rows, each the terms of one page and its place in its stream
    Index.drop(rows)       take rows out for good: their postings go at once
    Index.score(terms)     BM25 of every row, alone and in the window of its neighbours
    Index.idf, Index.rows  how rare a term is, and where it stands
    Index.pack, unpack     as data

Postings are two flat arrays sorted by term, and a short tail of what came since they were last
sorted.  A window adds to a row what its neighbours say, the nearer the more; it is computed for
the terms of a query only, so it costs no memory.  Rows keep their numbers for ever.

Invariant: scores depend on which rows are there and in which order they were added, never on how
the adding was divided into calls.
"""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logos.kernel.memory.packed import Numbered, Packed, pack, unpack

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

KERNEL = np.array([0.2, 0.35, 0.6, 1.0, 0.6, 0.35, 0.2], dtype=np.float64)
"""What a row counts for its neighbours, three before to three after."""
REACH = len(KERNEL) // 2
_OWN = (0.9, 0.6)
_WINDOW = (1.2, 0.5)
_TAIL_ROWS = 512
_NONE = -(2**15)


@dataclass(frozen=True, slots=True)
class Row:
    """The terms of one page.  `group` is its stream and conversation; `spread`: its neighbours
    there share its meaning."""

    terms: Sequence[str]
    group: int
    spread: bool = False


@dataclass(frozen=True, slots=True)
class Scores:
    """`own` and `window` per row; `hit` the weight of distinct query terms a row holds and `rare`
    its rarest one; `mass` is the most a row could hold."""

    own: Floats
    window: Floats
    hit: Floats
    rare: Floats
    mass: float


class IndexImage(NamedTuple):
    """An index as data: its postings sorted."""

    terms: str
    order: Packed
    df: Packed
    rows: Packed
    tf: Packed
    length: Packed
    near: Packed
    latest: dict[int, list[int]]
    alive: int


class Index:
    def __init__(self) -> None:
        self._terms: Numbered[str] = Numbered()
        self._df: list[int] = []
        self._start = np.zeros(1, dtype=np.int64)
        self._rows = np.zeros(0, dtype=np.int32)
        self._tf = np.zeros(0, dtype=np.float32)
        self._tail: dict[int, array[int]] = {}  # by term: row, count, row, count …
        self._tail_rows = 0
        self._size = 0
        self._alive = 0
        self._total = 0.0
        self._length = np.zeros(64, dtype=np.float32)
        self._near = np.full((64, len(KERNEL)), -1, dtype=np.int32)
        self._latest: dict[int, list[int]] = {}
        self._norms: tuple[Floats, Floats] | None = None

    def __len__(self) -> int:
        return self._alive

    @property
    def size(self) -> int:
        """Rows ever added."""
        return self._size

    def idf(self, term: str) -> float:
        number = self._terms.get(term)
        return self._idf(self._df[number] if number is not None else 0)

    def holds(self, term: str) -> bool:
        number = self._terms.get(term)
        return number is not None and self._df[number] > 0

    def novelty(self, terms: Iterable[str]) -> tuple[float, float]:
        """The rarity of terms nobody has used, and of them all."""
        fresh = total = 0.0
        unknown = self._idf(0)
        for term in terms:
            number = self._terms.get(term)
            df = self._df[number] if number is not None else 0
            if df:
                total += self._idf(df)
            else:
                fresh += unknown
        return fresh, total + fresh

    def rows(self, term: str) -> Ints:
        """The rows that hold `term`."""
        number = self._terms.get(term)
        return self._postings(number)[0] if number is not None else self._rows[:0]

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._append(row)
        if self._tail_rows > max(_TAIL_ROWS, self._size // 8):
            self._sort(np.ones(self._size, dtype=bool))

    def drop(self, rows: Sequence[int]) -> None:
        keep = np.ones(self._size, dtype=bool)
        keep[np.asarray(rows, dtype=np.int64)] = False
        gone = self._length[: self._size][~keep]
        self._alive -= len(set(rows))
        self._total -= float(gone.sum())
        self._length[: self._size][~keep] = 0
        self._sort(keep)

    def score(self, terms: Iterable[str], *, window: bool = True) -> Scores:
        size = self._size
        own, near = np.zeros(size, dtype=np.float32), np.zeros(size, dtype=np.float32)
        hit, rare = np.zeros(size, dtype=np.float32), np.zeros(size, dtype=np.float32)
        norm, wide = self._prepared()
        mass = 0.0
        for term, count in sorted(Counter(terms).items()):
            number = self._terms.get(term)
            weight = self._idf(self._df[number] if number is not None else 0)
            mass += weight * count
            if number is None or not self._df[number]:
                continue
            rows, tf = self._postings(number)
            own[rows] += weight * count * tf * (_OWN[0] + 1) / (tf + norm[rows])
            hit[rows] += weight
            rare[rows] = np.maximum(rare[rows], weight)
            if window:
                spread = np.bincount(
                    self._near[rows].ravel() + 1,
                    weights=(tf[:, None] * KERNEL).ravel(),
                    minlength=size + 1,
                )[1:].astype(np.float32)
                near += (weight * count * (_WINDOW[0] + 1)) * (spread / (spread + wide))
        return Scores(own, near, hit, rare, mass)

    @property
    def nbytes(self) -> int:
        """About what it takes in memory."""
        arrays = self._rows.nbytes + self._tf.nbytes + self._near.nbytes + self._length.nbytes
        return arrays + 120 * len(self._terms) + 1_500 * self._tail_rows

    def pack(self) -> IndexImage:
        self._sort(np.ones(self._size, dtype=bool))
        near = self._near[: self._size]
        here = np.arange(self._size, dtype=np.int32)[:, None]
        return IndexImage(
            "\n".join(self._terms),
            pack(self._terms.order()),
            pack(np.diff(self._start)),
            pack(self._rows),
            pack(self._tf.astype(np.int64)),
            pack(self._length[: self._size].astype(np.int64)),
            pack(np.where(near < 0, _NONE, near - here)),
            self._latest,
            self._alive,
        )

    @classmethod
    def unpack(cls, image: IndexImage) -> "Index":
        out = cls()
        names = image.terms.split("\n") if image.terms else []
        out._terms = Numbered(names, unpack(image.order, np.int32))
        counts = unpack(image.df, np.int64)
        out._df = counts.tolist()
        out._start = np.concatenate([[0], np.cumsum(counts)])
        out._rows, out._tf = unpack(image.rows, np.int32), unpack(image.tf, np.float32)
        length = unpack(image.length, np.float32)
        out._size, out._alive = len(length), image.alive
        out._total = float(length.sum())
        near = unpack(image.near, np.int32)
        here = np.arange(out._size, dtype=np.int32)[:, None]
        out._near, out._length = np.where(near == _NONE, -1, near + here), length
        out._latest = image.latest
        return out

    def _idf(self, df: int) -> float:
        return math.log(1 + (self._alive - df + 0.5) / (df + 0.5))

    def _append(self, row: Row) -> None:
        number = self._size
        if number == len(self._length):
            more = max(64, number // 2)
            self._length = np.pad(self._length, (0, more))
            self._near = np.pad(self._near, ((0, more), (0, 0)), constant_values=-1)
        for term, count in Counter(row.terms).items():
            key = self._terms.number(term)
            if key == len(self._df):
                self._df.append(0)
            self._df[key] += 1
            tail = self._tail.get(key)
            if tail is None:
                tail = self._tail[key] = array("i")
            tail.append(number)
            tail.append(count)
        self._length[number] = len(row.terms)
        self._total += len(row.terms)
        self._join(number, row)
        self._size += 1
        self._alive += 1
        self._tail_rows += 1
        self._norms = None

    def _join(self, number: int, row: Row) -> None:
        """Tell the row and its predecessors in the group that they are neighbours."""
        self._near[number, REACH] = number
        if not row.spread:
            return
        before = self._latest.setdefault(row.group, [])
        for distance, other in enumerate(reversed(before), 1):
            self._near[number, REACH - distance] = other
            self._near[other, REACH + distance] = number
        before.append(number)
        del before[:-REACH]

    def _postings(self, number: int) -> tuple[Ints, Floats]:
        rows, tf = self._rows[:0], self._tf[:0]
        if number + 1 < len(self._start):
            here = slice(self._start[number], self._start[number + 1])
            rows, tf = self._rows[here], self._tf[here]
        if tail := self._tail.get(number):
            late = np.frombuffer(tail, dtype=np.int32).reshape(-1, 2)
            rows = np.concatenate([rows, late[:, 0]])
            tf = np.concatenate([tf, late[:, 1].astype(np.float32)])
        return rows, tf

    def _prepared(self) -> tuple[Floats, Floats]:
        """What the length of each row, and of each window, takes off."""
        if self._norms is None:
            length = self._length[: self._size]
            near = self._near[: self._size]
            padded = np.append(length, np.float32(0))
            wide = (padded[near] * KERNEL).sum(axis=1)
            alive = max(self._alive, 1)
            mean, mean_wide = max(self._total / alive, 1e-9), max(float(wide.sum()) / alive, 1e-9)
            (k1, b), (wk1, wb) = _OWN, _WINDOW
            own = (k1 * (1 - b + b * length / mean)).astype(np.float32)
            self._norms = own, (wk1 * (1 - wb + wb * wide / mean_wide)).astype(np.float32)
        return self._norms

    def _sort(self, keep: NDArray[np.bool_]) -> None:
        """Merge the tail into the sorted postings, without the rows that are not kept."""
        tails = self._tail.values()
        late = np.frombuffer(b"".join(tails), dtype=np.int32).reshape(-1, 2)
        counts = np.diff(self._start)
        keys = np.concatenate(
            [
                np.repeat(np.arange(len(counts), dtype=np.int32), counts),
                np.repeat(np.fromiter(self._tail, np.int32), [len(tail) // 2 for tail in tails]),
            ]
        )
        rows = np.concatenate([self._rows, late[:, 0]])
        tf = np.concatenate([self._tf, late[:, 1].astype(np.float32)])
        held = keep[rows]
        keys, rows, tf = keys[held], rows[held], tf[held]
        order = np.argsort(keys, kind="stable")
        counts = np.bincount(keys, minlength=len(self._terms))
        self._start = np.concatenate([[0], np.cumsum(counts)])
        self._rows, self._tf = rows[order], tf[order]
        self._df = [int(count) for count in counts]
        self._tail, self._tail_rows = {}, 0
        self._norms = None
