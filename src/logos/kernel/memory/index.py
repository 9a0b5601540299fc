"""The inverted index of one address space: which pages hold a term, and how well each answers.

    Index.add(rows)        append rows, each the terms of one page and its place in its stream
    Index.drop(rows)       take rows out for good: their postings go at once
    Index.score(terms)     BM25 of every row, alone and in the window of its neighbours
    Index.before(size)     as it was before it had more rows
    Index.idf, Index.rows  how rare a term is, and where it stands
    Index.meant            the term that is there, for one that is misspelled
    Index.pack, unpack     as data

A window adds to a row what its neighbours say, the nearer the more; it is computed for the terms of a
query only, so it costs no memory.  Rows keep their numbers for ever.

Invariant: scores depend on which rows are there and in which order they were added, never on how
the adding was divided into calls, nor on rows that came later than those asked.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logos.kernel.memory.packed import Packed, pack, unpack
from logos.kernel.memory.postings import Postings, PostingsImage
from logos.kernel.memory.slips import READABLE

Floats = NDArray[np.float32]
Floats64 = NDArray[np.float64]
Ints = NDArray[np.int32]

KERNEL = np.array([0.2, 0.35, 0.6, 1.0, 0.6, 0.35, 0.2], dtype=np.float64)
"""What a row counts for its neighbours, three before to three after."""
REACH = len(KERNEL) // 2
_OWN = (0.9, 0.6)
_WINDOW = (1.2, 0.5)
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

    terms: bytes
    df: Packed
    rows: Packed
    tf: Packed
    length: Packed
    near: Packed
    latest: dict[int, list[int]]
    alive: int


class Index:
    """`_near` says who is whose neighbour; None as long as nobody has any.  `_seen`: the rows of the terms
    looked for, where there are more behind those that are to be seen."""

    def __init__(self) -> None:
        self._postings = Postings()
        self._seen: dict[str, NDArray[Any]] | None = None
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

    def before(self, size: int, alive: int) -> "Index":
        """To be read at once: its first `size` rows, of which so many were not dropped."""
        assert self._seen is None, "only what is whole is cut"
        out = Index()
        out._postings, out._seen = self._postings, {}
        out._length, out._near = self._length, self._near
        out._size, out._alive = size, alive
        out._total = self._total - float(self._length[size : self._size].sum(dtype=np.float64))
        out._wide = self._windows()[:size]
        if self._near is not None:
            touched = np.unique(self._near[size : self._size])
            touched = touched[(touched >= 0) & (touched < size)]
            if len(touched):
                out._wide = out._wide.copy()
                out._wide[touched] = out._lengths(touched)
        return out

    def idf(self, term: str) -> float:
        return self._idf(self._df(term))

    def holds(self, term: str) -> bool:
        return self._df(term) > 0

    def meant(self, term: str) -> str:
        """`term`; where no row holds it, the commonest that is one slip away from it."""
        if len(term) < READABLE or not (term.isascii() and term.isalpha()) or self.holds(term):
            return term
        near = [(self._df(other), other) for other in self._postings.slips(term)]
        held, other = max(near, default=(0, term))
        return other if held else term

    def novelty(self, terms: Iterable[str]) -> tuple[float, float]:
        """The rarity of terms nobody has used, and of them all."""
        fresh = total = 0.0
        unknown = self._idf(0)
        for term in terms:
            df = self._df(term)
            if df:
                total += self._idf(df)
            else:
                fresh += unknown
        return fresh, total + fresh

    def rows(self, term: str) -> NDArray[Any]:
        """The rows that hold `term`, in order."""
        if self._seen is None:
            return self._postings.rows(term)
        rows = self._seen.get(term)
        if rows is None:
            rows = self._postings.rows(term)
            if len(rows) and rows[-1] >= self._size:
                rows = rows[: int(rows.searchsorted(self._size))]
            self._seen[term] = rows
        return rows

    def add(self, rows: Iterable[Row]) -> None:
        assert self._seen is None, "what was cut is only read"
        for row in rows:
            self._append(row)
        self._postings.settle(self._size)

    def drop(self, rows: Sequence[int]) -> None:
        keep = np.ones(self._size, dtype=bool)
        keep[np.asarray(rows, dtype=np.int64)] = False
        gone = self._length[: self._size][~keep]
        self._alive -= len(set(rows))
        self._total -= float(gone.sum())
        self._length[: self._size][~keep] = 0
        self._wide = self._norms = None
        self._postings.drop(keep)

    def score(self, terms: Iterable[str], *, window: bool = True) -> Scores:
        size = self._size
        own, near, hit, rare = np.zeros((4, size), dtype=np.float32)
        norm, wide = self._prepared()
        mass = 0.0
        for term, count in sorted(Counter(terms).items()):
            rows = self.rows(term).astype(np.intp)  # once, and not at every use
            weight = self._idf(len(rows))
            mass += weight * count
            if not len(rows):
                continue
            tf = self._postings.counts(term)[: len(rows)]
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

    def _df(self, term: str) -> int:
        return self._postings.df(term) if self._seen is None else len(self.rows(term))

    def _spread(self, rows: NDArray[np.intp], tf: Floats) -> Floats:
        """How often the window of each row holds a term."""
        assert self._near is not None
        return np.bincount(
            self._near[rows].ravel() + 1,
            weights=(tf[:, None] * KERNEL).ravel(),
            minlength=self._size + 1,
        )[1 : self._size + 1].astype(np.float32)

    @property
    def nbytes(self) -> int:
        """About what it takes in memory."""
        held = (self._length, self._near, self._wide)
        return self._postings.nbytes + sum(each.nbytes for each in held if each is not None)

    def pack(self) -> IndexImage:
        near = np.zeros((0, len(KERNEL)), dtype=np.int32)
        if self._near is not None:
            near = self._near[: self._size]
            here = np.arange(self._size, dtype=np.int32)[:, None]
            near = np.where(near < 0, _NONE, near - here)
        return IndexImage(
            *self._postings.pack(),
            pack(self._length[: self._size].astype(np.int64)),
            pack(near),
            self._latest,
            self._alive,
        )

    @classmethod
    def unpack(cls, image: IndexImage) -> "Index":
        """Its postings stay where the image has them."""
        out = cls()
        out._postings = Postings.unpack(PostingsImage(image.terms, image.df, image.rows, image.tf))
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
        self._postings.add(number, Counter(row.terms))
        self._length[number] = len(row.terms)
        self._total += len(row.terms)
        self._size += 1
        self._alive += 1
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

    def _lengths(self, rows: Sequence[int] | Ints | slice) -> Floats64:
        """Those of the windows of `rows`."""
        if self._near is None:
            return self._length[rows].astype(np.float64)
        near = self._near[rows]
        there = (near >= 0) & (near < self._size)
        wide: Floats64 = (np.where(there, self._length[near], np.float32(0)) * KERNEL).sum(axis=1)
        return wide

    def _windows(self) -> Floats64:
        """Their lengths, of every row."""
        if self._wide is None:
            self._wide = np.zeros(len(self._length))
            self._wide[: self._size] = self._lengths(slice(self._size))
        return self._wide

    def _prepared(self) -> tuple[Floats, Floats]:
        """What the length of each row, and of each window, takes off."""
        if self._norms is None:
            size = self._size
            length, wide = self._length[:size], self._windows()[:size]
            alive = max(self._alive, 1)
            mean, mean_wide = max(self._total / alive, 1e-9), max(float(wide.sum()) / alive, 1e-9)
            (k1, b), (wk1, wb) = _OWN, _WINDOW
            own = (k1 * (1 - b + b * length / mean)).astype(np.float32)
            self._norms = own, (wk1 * (1 - wb + wb * wide / mean_wide)).astype(np.float32)
        return self._norms
