"""Which rows hold a term, and how often: the postings of one index.

    Postings.add(row, counts)   what the next row holds
    Postings.drop(keep)         without the rows that are not kept
    Postings.rows, counts, df   which rows hold a term, how often each, and how many they are
    Postings.slips              terms that are spelled nearly like one
    Postings.pack, unpack       as data

Two flat arrays in order of the terms, in the narrowest types that hold them, and a short tail of what
came since they were last sorted.

Invariant: what a term's postings are does not depend on when they were sorted.
"""

from array import array
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logos.kernel.memory.packed import Packed, Terms, narrow, pack, unpack, view

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

_TAIL_ROWS = 256
_TAIL_SHARE = 32
"""So many rows, and this part of all, may wait to be sorted in: in the tail a row takes five times the memory."""
_NO_ROWS: Ints = np.zeros(0, dtype=np.int32)
_NO_COUNTS: Floats = np.zeros(0, dtype=np.float32)


class PostingsImage(NamedTuple):
    terms: bytes
    df: Packed
    rows: Packed
    tf: Packed


class Postings:
    def __init__(self) -> None:
        self._terms = Terms()
        self._df = array("i")
        self._start = np.zeros(1, dtype=np.int64)
        self._rows: NDArray[Any] = np.zeros(0, dtype=np.int8)
        self._tf: NDArray[Any] = np.zeros(0, dtype=np.int8)
        self._tail: dict[int, array[int]] = {}  # by term: row, count, row, count …
        self._tail_rows = 0

    def df(self, term: str) -> int:
        number = self._terms.get(term)
        return 0 if number is None else self._df[number]

    def slips(self, term: str) -> list[str]:
        """Terms that are one slip away from it."""
        return self._terms.slips(term)

    def rows(self, term: str) -> NDArray[Any]:
        """The rows that hold it, in order."""
        number = self._terms.get(term)
        if number is None:
            return _NO_ROWS
        rows: NDArray[Any] = _NO_ROWS
        if number + 1 < len(self._start):
            rows = self._rows[self._start[number] : self._start[number + 1]]
        if tail := self._tail.get(number):
            rows = np.concatenate([rows, np.frombuffer(tail, dtype=np.int32)[::2]])
        return rows

    def counts(self, term: str) -> Floats:
        """How often each of its rows holds it."""
        number = self._terms.get(term)
        if number is None:
            return _NO_COUNTS
        tf = _NO_COUNTS
        if number + 1 < len(self._start):
            tf = self._tf[self._start[number] : self._start[number + 1]].astype(np.float32)
        if tail := self._tail.get(number):
            late = np.frombuffer(tail, dtype=np.int32)[1::2]
            tf = np.concatenate([tf, late.astype(np.float32)])
        return tf

    def add(self, row: int, counts: Mapping[str, int]) -> None:
        for term, count in counts.items():
            key = self._terms.number(term)
            if key == len(self._df):
                self._df.append(0)
            self._df[key] += 1
            tail = self._tail.get(key)
            if tail is None:
                tail = self._tail[key] = array("i")
            tail.append(row)
            tail.append(count)
        self._tail_rows += 1

    def settle(self, size: int) -> None:
        """Sort, if much came of all `size` rows."""
        if self._tail_rows > max(_TAIL_ROWS, size // _TAIL_SHARE):
            self._sort()

    def drop(self, keep: NDArray[np.bool_]) -> None:
        self._sort(keep)

    @property
    def nbytes(self) -> int:
        """About what they take in memory."""
        arrays = sum(each.nbytes for each in (self._start, self._rows, self._tf))
        return arrays + 4 * len(self._df) + self._terms.nbytes + 1_500 * self._tail_rows

    def pack(self) -> PostingsImage:
        self._sort()
        self._terms.rest()
        counts = pack(np.diff(self._start))
        return PostingsImage(self._terms.text(), counts, pack(self._rows), pack(self._tf))

    @classmethod
    def unpack(cls, image: PostingsImage) -> "Postings":
        """They stay where the image has them."""
        out = cls()
        out._terms = Terms(image.terms)
        counts = unpack(image.df, np.int32)
        out._df = array("i", counts.tobytes())
        out._start = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        out._rows, out._tf = view(image.rows), view(image.tf)
        return out

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

    def _late(self, moved: NDArray[np.int64]) -> tuple[Ints, NDArray[np.int64]]:
        """The tail, as (row, count), and the terms it is of, in order of these."""
        tails = self._tail.values()
        late = np.frombuffer(b"".join(tails), dtype=np.int32).reshape(-1, 2)
        keys = moved[np.fromiter(self._tail, np.int64, len(tails))]
        keys = np.repeat(keys, [len(tail) // 2 for tail in tails])
        order = np.argsort(keys, kind="stable")
        return late[order], keys[order]
