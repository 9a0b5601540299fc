"""One address space in memory: its page table and its two inverted indexes.

    Space.add(pages)      in order of arrival; a page whose id is known already is ignored
    Space.forget(ids)     out of the table and out of every posting
    Space.pages()         what is held, in order of arrival
    Space.upto(seq)       as it was when nothing had come of later events
    Space.pack, unpack    as data, without the texts
    rebuild(pages)        the same space from its pages alone

One index holds words, the other kinds of things ("sport", "relative"), so that a question for a sport
finds kayaking.

Invariant: a space is a function of the sequence of pages added and not forgotten; asked as it was, it
answers as it would have answered then, without what is forgotten or superseded by now.
"""

from collections.abc import Iterable
from copy import copy
from typing import NamedTuple

import numpy as np

from logos.abi.ids import Seq
from logos.kernel.memory.index import Index, IndexImage, Row
from logos.kernel.memory.page import Kind, Page
from logos.kernel.memory.table import Novelty, Table, TableImage
from logos.kernel.memory.text import kinds, terms


class SpaceImage(NamedTuple):
    table: TableImage
    words: IndexImage
    kinds: IndexImage
    years: tuple[int, int]


class Space:
    def __init__(self, *, texts: bool = True) -> None:
        self.table = Table(texts=texts)
        self.words = Index()
        self.kinds = Index()
        self.years = range(0)

    def __len__(self) -> int:
        return len(self.table)

    def add(self, pages: Iterable[Page]) -> None:
        for page in pages:
            if self.table.find(page.id) is not None:
                continue
            found = terms(page.text)
            kinds_ = kinds(found)
            row = self.table.add(page, self._novelty(found, len(kinds_)))
            group = self.table.group(row)
            spread = page.kind is Kind.PEOPLE
            self.words.add([Row(found, group, spread)])
            self.kinds.add([Row(kinds_, group, spread)])
            if page.time is not None and page.time >= 0:
                self._stretch(_year(page.time))

    def _novelty(self, found: list[str], kinds_: int) -> Novelty:
        fresh, weight = self.words.novelty(sorted(set(found)))
        return Novelty(len(found), fresh, weight, kinds_)

    def forget(self, ids: Iterable[int]) -> None:
        rows = [self.table.drop(id_) for id_ in dict.fromkeys(ids) if id_ in self.table]
        if rows:
            self.words.drop(rows)
            self.kinds.drop(rows)

    def pages(self) -> list[Page]:
        return [self.table.page(row) for row in self.table.rows().tolist()]

    def supersede(self, id_: int, at: int) -> None:
        """From `at` (microseconds) on the page is no longer true."""
        self.table.supersede(id_, at)

    def upto(self, seq: Seq) -> "Space":
        """To be read at once.  Pages came in the order of their events."""
        cols = self.table.columns()
        size = int(cols.seq.searchsorted(seq, side="right"))
        if size == len(cols.seq):
            return self
        out = copy(self)
        out.table = self.table.before(size)
        out.words = self.words.before(size, len(out.table))
        out.kinds = self.kinds.before(size, len(out.table))
        time = cols.time[:size]
        out.years = range(0)
        if (last := int(time.max(initial=-1))) >= 0:
            first = int(time.view(np.uint64).min())  # where -1, unknown, is the largest
            out.years = range(_year(first), _year(last) + 1)
        return out

    @property
    def nbytes(self) -> int:
        """About what it takes in memory."""
        return self.table.nbytes + self.words.nbytes + self.kinds.nbytes

    def pack(self) -> SpaceImage:
        years = self.years.start, self.years.stop
        return SpaceImage(self.table.pack(), self.words.pack(), self.kinds.pack(), years)

    @classmethod
    def unpack(cls, image: SpaceImage) -> "Space":
        out = cls(texts=False)
        out.table = Table.unpack(image.table)
        out.words, out.kinds = Index.unpack(image.words), Index.unpack(image.kinds)
        out.years = range(*image.years)
        return out

    def _stretch(self, year: int) -> None:
        if not self.years:
            self.years = range(year, year + 1)
        elif year not in self.years:
            self.years = range(min(self.years.start, year), max(self.years.stop, year + 1))


def _year(time: int) -> int:
    return 1970 + time // 31_556_952_000_000


def rebuild(pages: Iterable[Page]) -> Space:
    space = Space()
    space.add(pages)
    return space
