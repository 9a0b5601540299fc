"""The address spaces of processes: indexed in memory while in use, and on disk otherwise.

    Spaces.fault(pid, question, ask)   -> Fault: the pages it needs, with their texts, or none
    Spaces.near                        set when pages are also found by embeddings
    Spaces.judge                       set when a reranker judges what was found
    Spaces.rebuild(pid)                rebuild its index from its journal alone
    Spaces.expect(pid)                 it will be searched soon
    Spaces.written(entries)            these events were committed
    weights_in(path)                   the weights in a file; None without one
    Spaces.run()                       keep indexes current and saved, until cancelled

A space is found in memory, or loaded (one row, a few milliseconds for ten thousand pages), or built
from its journal.  The index holds no texts: those of the chosen pages are read from the journal,
together with any newer events that this node was not told of; if those contain searchable text, the
question is asked once more.  Above `most` bytes the least recently searched spaces leave memory.

Invariant: an answer depends on the journal alone, not on what was in memory or on disk; with an
embedding model or a reranker, also on which pages have embeddings by now and on what it answered.
"""

import dataclasses
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import anyio
import anyio.to_thread
import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.events import Remembered
from logos.abi.ids import Pid, Seq
from logos.kernel import journal
from logos.kernel.journal import Entry, Row
from logos.kernel.meaning import OFF, Relevance
from logos.kernel.memory import (
    SPACE_VERSION,
    Ask,
    Fault,
    Heard,
    Near,
    Page,
    Recall,
    Weights,
    page_text,
    parse,
)
from logos.store import Queries, Store

_SQL = Queries("logos.kernel.node", "space.sql")

log = logging.getLogger("logos.kernel")

MOST_BYTES = 256 << 20
"""Of indexes in memory."""

SAVE_PAGES = 512
SAVE_SHARE = 8
"""An index is saved when it has gained this many pages, and one page in this many of what it has."""

BATCH = 1000
"""Events indexed at a time."""

BEHIND = 64
BEHIND_BYTES = 1 << 17
"""With this many unindexed events or bytes, the background task indexes them, so that no search has
to."""

SMALL_PAGES = 16_000
SMALL_BYTES = 8_000
"""Work smaller than this takes less time than a switch to a thread and back: searching so many
pages, indexing so much."""

_ARCHIVED = Remembered.__name__.lower()

_LOCKS = 64

T = TypeVar("T")

Nearness: TypeAlias = Callable[[Pid, str], Awaitable[tuple[Near | None, str]]]
"""How near the pages of a space are to a question by embeddings, and whether that worked."""


async def _words_only(pid: Pid, question: str) -> tuple[Near | None, str]:
    del pid, question
    return None, OFF


class Spaces:
    def __init__(
        self, store: Store, weights: Weights | None = None, *, most: int = MOST_BYTES
    ) -> None:
        self._store = store
        self._weights = weights
        self._most = most
        self._held: dict[Pid, Recall] = {}  # least recently searched first
        self._leaving: dict[Pid, Recall] = {}  # out of memory, and not yet saved
        self._locks = [anyio.Lock(fast_acquire=True) for _ in range(_LOCKS)]
        self._sizes: dict[Pid, int] = {}  # of the spaces held
        self._total = 0
        self._told: dict[Pid, list[Row]] = {}  # events that follow on what is indexed
        self._behind: dict[Pid, None] = {}
        self._work = anyio.Event()
        self.near: Nearness = _words_only
        self.judge: Relevance | None = None

    async def fault(self, pid: Pid, question: str, ask: Ask) -> Fault:
        """Raise SysError `invalid` for a budget too small to hold anything."""
        if self.near is not _words_only and pid not in self._held:
            self.expect(pid)  # while the question waits for its embedding
        near, vectors = await self.near(pid, question)
        heard, reranked = Heard(near), OFF
        if self.judge is not None:
            best = await self._shortlist(pid, question, ask, heard)
            judged, reranked = await self.judge.judged(pid, question, best)
            heard = Heard(near, judged)
        async with self._lock(pid):
            recall = await self._at_hand(pid)
            while True:
                found = await _aside(lambda: recall.fault(question, ask, heard), len(recall))
                seqs = sorted({page.source.seq for page in found.pages})
                rows, later = await journal.read_some_and_tail(
                    self._store, pid, seqs, recall.seq, BATCH
                )
                changed = await _taken(recall, later)
                if len(later) == BATCH:
                    await self._caught_up(pid, recall)
                elif not changed:
                    break
            self._keep(pid, recall)
        return _filled(dataclasses.replace(found, vectors=vectors, reranked=reranked), rows)

    async def _shortlist(self, pid: Pid, question: str, ask: Ask, heard: Heard) -> list[Page]:
        """The candidates, with their texts."""
        assert self.judge is not None
        most = self.judge.most
        async with self._lock(pid):
            recall = await self._current(pid)
            pages = await _aside(lambda: recall.shortlist(question, ask, heard, most), len(recall))
            self._keep(pid, recall)
        return await self._told_in(pid, pages)

    async def after(self, pid: Pid, place: tuple[Seq, int], most: int) -> list[Page]:
        """The pages after a position of its journal, in order, with their texts."""
        async with self._lock(pid):
            recall = await self._current(pid)
            pages = await _aside(lambda: recall.after(*place, most), len(recall))
            self._keep(pid, recall, asked=False)
        return await self._told_in(pid, pages)

    async def _told_in(self, pid: Pid, pages: Sequence[Page]) -> list[Page]:
        """The pages with their texts; a page whose event is gone has none."""
        seqs = sorted({page.source.seq for page in pages})
        texts = _texts(await journal.read_some(self._store, pid, seqs))
        return [_with(page, texts.get(page.source.seq, "")) for page in pages]

    async def pages(self, pid: Pid) -> int:
        """How many pages it has."""
        async with self._lock(pid):
            recall = await self._current(pid)
            self._keep(pid, recall)
            return len(recall)

    @property
    def nbytes(self) -> int:
        """The approximate size of the indexes in memory."""
        return sum(recall.nbytes for recall in (*self._held.values(), *self._leaving.values()))

    def written(self, entries: Iterable[Entry]) -> None:
        """Keep indexes in memory current; index an archive before anybody searches it."""
        for entry in entries:
            pid = entry.head.pid
            held = self._held.get(pid)
            late = held is not None and entry.rows and self._follows(pid, held, entry.rows)
            if late or any(row.kind == _ARCHIVED for row in entry.rows):
                self.expect(pid)

    def expect(self, pid: Pid) -> None:
        self._behind[pid] = None
        self._work.set()

    def _follows(self, pid: Pid, held: Recall, rows: Sequence[Row]) -> bool:
        """Keep the events that follow on the index, so that they need not be read; is that much by
        now?"""
        told = self._told.setdefault(pid, [])
        last = told[-1].seq if told else held.seq
        if rows[0].seq == last + 1:
            told += rows
        else:  # what is missing is read at the next search
            told.clear()
        much = len(told) >= BEHIND or _bytes(told) >= BEHIND_BYTES
        return much or rows[-1].seq - held.seq >= BEHIND

    async def run(self) -> None:
        while True:
            await self._work.wait()
            self._work = anyio.Event()
            try:
                await self._catch_up()
                await self.save()
            except SysError as error:
                log.warning("the index of memory is not kept for now: %s", error)
                await anyio.sleep(1)
            except Exception:  # why: an index can be rebuilt; the node must not die of it
                log.exception("bug in the index of memory")
                self._behind.clear()

    async def save(self, *, everything: bool = False) -> None:
        """Save indexes that have grown enough, and those that have left memory."""
        for pid, recall in list(self._leaving.items()):
            await self._save(pid, recall)
            if self._leaving.get(pid) is recall:
                del self._leaving[pid]
        for pid, recall in list(self._held.items()):
            if recall.added and (everything or _grown(recall)):
                await self._save(pid, recall)

    async def rebuild(self, pid: Pid) -> int:
        """Rebuild its index from its journal and save it; return how many pages it has."""
        async with self._lock(pid):
            recall = await self._caught_up(pid, Recall(self._weights))
            self._keep(pid, recall)
        await self._save(pid, recall)
        return len(recall)

    async def drop(self) -> None:
        """Drop all of them from memory: the next search loads them again."""
        await self.save(everything=True)
        for pid in list(self._held):
            self._let_go(pid)

    async def forget(self, pid: Pid) -> None:
        """After something was forgotten: its index is rebuilt from its journal."""

        async def write() -> None:
            async with self._store.connection() as db:
                await db.run(_SQL.drop, pid=pid)

        async with self._lock(pid):
            self._let_go(pid)
            self._leaving.pop(pid, None)
            await self._store.persist(write)

    def _lock(self, pid: Pid) -> anyio.Lock:
        return self._locks[pid % _LOCKS]

    async def _catch_up(self) -> None:
        while self._behind:
            pid = next(iter(self._behind))
            del self._behind[pid]
            async with self._lock(pid):
                recall = await self._current(pid)
                self._keep(pid, recall, asked=False)

    async def _current(self, pid: Pid) -> Recall:
        """Its index, with everything in its journal."""
        return await self._caught_up(pid, await self._at_hand(pid))

    async def _at_hand(self, pid: Pid) -> Recall:
        """Its index, with most of what is in its journal."""
        recall = self._held.get(pid) or self._leaving.pop(pid, None) or await self._load(pid)
        if not recall.seq:
            return await self._caught_up(pid, recall)
        told = [row for row in self._told.pop(pid, ()) if row.seq > recall.seq]
        if told and told[0].seq == recall.seq + 1:
            await _taken(recall, told)
        return recall

    async def _caught_up(self, pid: Pid, recall: Recall) -> Recall:
        while True:
            rows = await journal.tail(self._store, pid, recall.seq, BATCH)
            await _taken(recall, rows)
            if len(rows) < BATCH:
                return recall

    async def _load(self, pid: Pid) -> Recall:
        async def fetch() -> Any:
            async with self._store.connection() as db:
                return await db.one(_SQL.load, pid=pid, version=SPACE_VERSION)

        row = await self._store.persist(fetch)
        if row is None:
            return Recall(self._weights)
        return await _aside(lambda: Recall.unpack(row["body"], self._weights), row["pages"])

    def _keep(self, pid: Pid, recall: Recall, *, asked: bool = True) -> None:
        if asked:
            self._held.pop(pid, None)
        self._held[pid] = recall
        size = recall.nbytes
        self._total += size - self._sizes.get(pid, 0)
        self._sizes[pid] = size
        while self._total > self._most and len(self._held) > 1:
            oldest = next(iter(self._held))
            left = self._let_go(oldest)
            if left is not None and left.added:
                self._leaving[oldest] = left
                self._work.set()
        if _grown(recall):
            self._work.set()

    def _let_go(self, pid: Pid) -> Recall | None:
        self._total -= self._sizes.pop(pid, 0)
        self._told.pop(pid, None)
        return self._held.pop(pid, None)

    async def _save(self, pid: Pid, recall: Recall) -> None:
        async with self._lock(pid):
            seq, pages = recall.seq, len(recall)
            body = await anyio.to_thread.run_sync(recall.pack)

            async def write() -> None:
                async with self._store.connection() as db:
                    await db.run(
                        _SQL.save, pid=pid, seq=seq, version=SPACE_VERSION, pages=pages, body=body
                    )

            await self._store.persist(write)


def _filled(found: Fault, rows: Sequence[Row]) -> Fault:
    """With the texts of its pages; a page whose event is gone is left out."""
    texts = _texts(rows)
    pages = tuple(
        _with(page, texts[page.source.seq]) for page in found.pages if texts.get(page.source.seq)
    )
    return dataclasses.replace(found, pages=pages)


def _texts(rows: Sequence[Row]) -> dict[Seq, str]:
    return {row.seq: page_text(journal.decode(row)) for row in rows}


def _grown(recall: Recall) -> bool:
    return recall.added >= max(SAVE_PAGES, len(recall) // SAVE_SHARE)


def _bytes(rows: Sequence[Row]) -> int:
    return sum(len(row.body or b"") for row in rows)


async def _taken(recall: Recall, rows: Sequence[Row]) -> bool:
    """Index these rows; may a search find something new now?"""
    if not rows:
        return False
    small = _bytes(rows) <= SMALL_BYTES
    return await _aside(lambda: _take(recall, rows), 0 if small else SMALL_PAGES + 1)


def _take(recall: Recall, rows: Sequence[Row]) -> bool:
    changed = [recall.add(row.seq, row.at, journal.decode(row)) for row in rows]
    return any(changed)


def _with(page: Page, text: str) -> Page:
    return msgspec.structs.replace(page, text=text[page.source.start : page.source.end])


async def _aside(work: Callable[[], T], pages: int) -> T:
    """In a thread if it takes milliseconds: the node has others to serve."""
    return work() if pages <= SMALL_PAGES else await anyio.to_thread.run_sync(work)


def weights_in(path: str) -> Weights | None:
    """None: the default ones.  Raise SysError `not_found` or `invalid`."""
    if not path:
        return None
    try:
        return parse(Path(path).expanduser().read_bytes())
    except OSError as error:
        raise SysError(Code.NOT_FOUND, f"no weights for memory: {error}") from error
