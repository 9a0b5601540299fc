"""The inverted index of one address space: which pages hold a term, and how well each answers.

    Index.add(rows)        append rows, each the terms of one page and its place in its stream
    Index.drop(rows)       take rows out for good: their postings go at once
    Index.score(terms)     BM25 of every row, alone and in the window of its neighbours
    Index.idf, Index.rows  how rare a term is, and where it stands
    Index.pack, unpack     as data

Postings are two flat arrays in order of the terms, in the narrowest types that hold them, and a short
tail of what came since they were last sorted.  A window adds to a row what its neighbours say, the
nearer the more; it is computed for the terms of a query only, so it costs no memory.  Rows keep their
numbers for ever.

Invariant: scores depend on which rows are there and in which order they were added, never on how
the adding was divided into calls.
"""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logos.kernel.memory.packed import Packed, Terms, narrow, pack, unpack, view

Floats = NDArray[np.float32]
Floats64 = NDArray[np.float64]
Ints = NDArray[np.int32]

KERNEL = np.array([0.2, 0.35, 0.6, 1.0, 0.6, 0.35, 0.2], dtype=np.float64)
"""What a row counts for its neighbours, three before to three after."""
REACH = len(KERNEL) // 2
_OWN = (0.9, 0.6)
_WINDOW = (1.2, 0.5)
_TAIL_ROWS = 256
_TAIL_SHARE = 32
"""So many rows, and this part of all, may wait to be sorted in: in the tail a row takes five times the memory."""
_NONE = -(2**15)
_NO_ROWS: Ints = np.zeros(0, dtype=np.int32)
_NO_COUNTS: Floats = np.zeros(0, dtype=np.float32)


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

    terms: bytes
    df: Packed
    rows: Packed
    tf: Packed
    length: Packed
    near: Packed
    latest: dict[int, list[int]]
    alive: int


class Index:
    """`_near` says who is whose neighbour; None as long as nobody has any."""

    def __init__(self) -> None:
        self._terms = Terms()
        self._df = array("i")
        self._start = np.zeros(1, dtype=np.int64)
        self._rows: NDArray[Any] = np.zeros(0, dtype=np.int8)
        self._tf: NDArray[Any] = np.zeros(0, dtype=np.int8)
        self._tail: dict[int, array[int]] = {}  # by term: row, count, row, count …
        self._tail_rows = 0
        self._size = 0
        self._alive = 0
        self._total = 0.0
        self._length = np.zeros(64, dtype=np.float32)
        self._near: Ints | None = None
        self._latest: dict[int, list[int]] = {}
        self._wide: Floats64 | None = None
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
        """The rows that hold `term`, in order."""
        number = self._terms.get(term)
        if number is None:
            return _NO_ROWS
        rows = _NO_ROWS
        if number + 1 < len(self._start):
            rows = self._rows[self._start[number] : self._start[number + 1]]
        if tail := self._tail.get(number):
            rows = np.concatenate([rows, np.frombuffer(tail, dtype=np.int32)[::2]])
        return rows

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._append(row)
        if self._tail_rows > max(_TAIL_ROWS, self._size // _TAIL_SHARE):
            self._sort()

    def drop(self, rows: Sequence[int]) -> None:
        keep = np.ones(self._size, dtype=bool)
        keep[np.asarray(rows, dtype=np.int64)] = False
        gone = self._length[: self._size][~keep]
        self._alive -= len(set(rows))
        self._total -= float(gone.sum())
        self._length[: self._size][~keep] = 0
        self._wide = None
        self._sort(keep)

    def score(self, terms: Iterable[str], *, window: bool = True) -> Scores:
        size = self._size
        own, near, hit, rare = np.zeros((4, size), dtype=np.float32)
        norm, wide = self._prepared()
        mass = 0.0
        for term, count in sorted(Counter(terms).items()):
            number = self._terms.get(term)
            weight = self._idf(self._df[number] if number is not None else 0)
            mass += weight * count
            if number is None or not self._df[number]:
                continue
            rows, tf = self._postings(number)
            rows = rows.astype(np.intp)  # once, and not at every use
            own[rows] += weight * count * tf * (_OWN[0] + 1) / (tf + norm[rows])
            hit[rows] += weight
            rare[rows] = np.maximum(rare[rows], weight)
            if not window:
                continue
            most = weight * count * (_WINDOW[0] + 1)
            if self._near is None:
                near[rows] += most * (tf / (tf + wide[rows]))
            else:
                spread = self._spread(rows, tf)
                near += most * (spread / (spread + wide))
        return Scores(own, near, hit, rare, mass)

    def _spread(self, rows: Ints, tf: Floats) -> Floats:
        """How often the window of each row holds a term."""
        assert self._near is not None
        return np.bincount(
            self._near[rows].ravel() + 1,
            weights=(tf[:, None] * KERNEL).ravel(),
            minlength=self._size + 1,
        )[1:].astype(np.float32)

    @property
    def nbytes(self) -> int:
        """About what it takes in memory."""
        held = (self._start, self._rows, self._tf, self._length, self._near, self._wide)
        arrays = sum(each.nbytes for each in held if each is not None)
        return arrays + 4 * len(self._df) + self._terms.nbytes + 1_500 * self._tail_rows

    def pack(self) -> IndexImage:
        self._sort()
        self._terms.rest()
        near = np.zeros((0, len(KERNEL)), dtype=np.int32)
        if self._near is not None:
            near = self._near[: self._size]
            here = np.arange(self._size, dtype=np.int32)[:, None]
            near = np.where(near < 0, _NONE, near - here)
        return IndexImage(
            self._terms.text(),
            pack(np.diff(self._start)),
            pack(self._rows),
            pack(self._tf),
            pack(self._length[: self._size].astype(np.int64)),
            pack(near),
            self._latest,
            self._alive,
        )

    @classmethod
    def unpack(cls, image: IndexImage) -> "Index":
        """Its postings stay where the image has them."""
        out = cls()
        out._terms = Terms(image.terms)
        counts = unpack(image.df, np.int32)
        out._df = array("i", counts.tobytes())
        out._start = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        out._rows, out._tf = view(image.rows), view(image.tf)
        out._length = unpack(image.length, np.float32)
        out._size, out._alive = len(out._length), image.alive
        out._total = float(out._length.sum())
        if image.near.shape[0]:
            near = unpack(image.near, np.int32)
            here = np.arange(out._size, dtype=np.int32)[:, None]
            out._near = np.where(near == _NONE, -1, near + here)
        out._latest = image.latest
        return out

    def _idf(self, df: int) -> float:
        return math.log(1 + (self._alive - df + 0.5) / (df + 0.5))

    def _append(self, row: Row) -> None:
        number = self._size
        if number == len(self._length):
            self._grow()
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
        self._size += 1
        self._alive += 1
        self._tail_rows += 1
        self._norms = None
        touched = self._join(number, row)
        if self._wide is not None:
            self._wide[touched] = self._lengths(touched)

    def _grow(self) -> None:
        more = max(64, self._size // 8)
        self._length = np.pad(self._length, (0, more))
        if self._wide is not None:
            self._wide = np.pad(self._wide, (0, more))
        if self._near is not None:
            self._near = np.pad(self._near, ((0, more), (0, 0)), constant_values=-1)

    def _join(self, number: int, row: Row) -> list[int]:
        """Tell the row and its predecessors in the group that they are neighbours; who they are."""
        if row.spread and self._near is None:
            self._near = np.full((len(self._length), len(KERNEL)), -1, dtype=np.int32)
            self._near[:number, REACH] = np.arange(number)
        if self._near is not None:
            self._near[number, REACH] = number
        if not row.spread or self._near is None:
            return [number]
        before = self._latest.setdefault(row.group, [])
        for distance, other in enumerate(reversed(before), 1):
            self._near[number, REACH - distance] = other
            self._near[other, REACH + distance] = number
        before.append(number)
        touched = list(before)
        del before[:-REACH]
        return touched

    def _postings(self, number: int) -> tuple[Ints, Floats]:
        rows, tf = _NO_ROWS, _NO_COUNTS
        if number + 1 < len(self._start):
            here = slice(self._start[number], self._start[number + 1])
            rows, tf = self._rows[here], self._tf[here].astype(np.float32)
        if tail := self._tail.get(number):
            late = np.frombuffer(tail, dtype=np.int32).reshape(-1, 2)
            rows = np.concatenate([rows, late[:, 0]])
            tf = np.concatenate([tf, late[:, 1].astype(np.float32)])
        return rows, tf

    def _lengths(self, rows: Sequence[int] | slice) -> Floats64:
        """Those of the windows of `rows`."""
        if self._near is None:
            return self._length[rows].astype(np.float64)
        near = self._near[rows]
        wide: Floats64 = (np.where(near < 0, np.float32(0), self._length[near]) * KERNEL).sum(
            axis=1
        )
        return wide

    def _prepared(self) -> tuple[Floats, Floats]:
        """What the length of each row, and of each window, takes off."""
        if self._norms is None:
            size = self._size
            if self._wide is None:
                self._wide = np.zeros(len(self._length))
                self._wide[:size] = self._lengths(slice(size))
            length, wide = self._length[:size], self._wide[:size]
            alive = max(self._alive, 1)
            mean, mean_wide = max(self._total / alive, 1e-9), max(float(wide.sum()) / alive, 1e-9)
            (k1, b), (wk1, wb) = _OWN, _WINDOW
            own = (k1 * (1 - b + b * length / mean)).astype(np.float32)
            self._norms = own, (wk1 * (1 - wb + wb * wide / mean_wide)).astype(np.float32)
        return self._norms

    def _sort(self, keep: NDArray[np.bool_] | None = None) -> None:
        """Sort the terms, and merge the tail into the postings, without the rows that are not kept."""
        if keep is None and not self._tail:
            self._tail_rows = 0
            return
        moved = self._terms.settle()
        rows, tf, start = self._rows, self._tf, self._start
        late, keys = self._late(moved)
        if keep is not None:
            held = keep[rows]
            rows, tf = rows[held], tf[held]
            start = np.concatenate([[0], np.cumsum(held)])[start]
            held = keep[late[:, 0]]
            late, keys = late[held], keys[held]
        counts = np.zeros(len(moved), dtype=np.int64)
        counts[moved[: len(start) - 1]] = np.diff(start)
        ends = np.cumsum(counts)[keys]  # where in the old ones the new ones of a term go
        self._rows = narrow(np.insert(rows.astype(np.int32), ends, late[:, 0]))
        self._tf = narrow(np.insert(tf.astype(np.int32), ends, late[:, 1]))
        counts += np.bincount(keys, minlength=len(counts))
        self._start = np.concatenate([[0], np.cumsum(counts)])
        self._df = array("i", counts.astype(np.int32).tobytes())
        self._tail, self._tail_rows = {}, 0
        self._norms = None

    def _late(self, moved: NDArray[np.int64]) -> tuple[Ints, NDArray[np.int64]]:
        """The tail, as (row, count), and the terms it is of, in order of these."""
        tails = self._tail.values()
        late = np.frombuffer(b"".join(tails), dtype=np.int32).reshape(-1, 2)
        keys = moved[np.fromiter(self._tail, np.int64, len(tails))]
        keys = np.repeat(keys, [len(tail) // 2 for tail in tails])
        order = np.argsort(keys, kind="stable")
        return late[order], keys[order]
