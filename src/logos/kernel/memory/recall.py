"""Everything a process has said, read and been told, searchable: its address space.

    Recall.add(seq, at, event)     one more event of its journal; whether it changes what is found
    Recall.fault(question, ask)    -> Fault, its pages without their texts
    Recall.pack, Recall.unpack     as data, to be thrown away at any time
    found_text(question, pages)    what was found, for who searched on purpose
    Spoken.of(seq, at, event)      what was said, as another memory can keep it

Built from the journal alone.  A page is a piece of what one event put into the window; its source
says which, and its text is read from there.  What memory itself brought back is not taken in
again: it would be found instead of its source.

Invariant: the same events give the same space, however often it was packed in between.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec
import numpy as np

from logos.abi.events import (
    AnyEvent,
    Called,
    Forgot,
    Received,
    Remembered,
    Returned,
    Spawned,
    Thought,
    Told,
)
from logos.abi.ids import CallId, Seq
from logos.abi.messages import Role
from logos.abi.paging import Place
from logos.kernel.memory.later import Statement, overtaken
from logos.kernel.memory.layout import earlier
from logos.kernel.memory.page import Kind, Page, Source, page_of, split
from logos.kernel.memory.pager import WORDS_ONLY, Ask, Fault, Heard, Pager
from logos.kernel.memory.paths import ARCHIVE, FACTS
from logos.kernel.memory.scorer import Weights
from logos.kernel.memory.space import Space, SpaceImage
from logos.kernel.memory.text import terms
from logos.kernel.memory.window import page_text

SPACE_VERSION = 5
"""Raise it when what is packed changes, or how events become pages: older images are not read."""

NOTHING = "[nothing in memory fits the question]"

_KINDS = frozenset(Kind)

_DAY = 86_400_000_000

_ROLES: dict[type, Role] = {
    Spawned: Role.USER,
    Received: Role.USER,
    Thought: Role.ASSISTANT,
    Returned: Role.TOOL,
}


class RecallImage(NamedTuple):
    seq: int
    ids: int
    own: list[str]
    space: SpaceImage


class Recall:
    """`seq` is the last event taken in; `added` counts the pages taken in since it was last packed."""

    def __init__(self, weights: Weights | None = None) -> None:
        self._pager = Pager(weights, texts=False)
        self._own: set[CallId] = set()
        self._ids = 0
        self.seq = Seq(0)
        self.added = 0

    def __len__(self) -> int:
        return len(self._pager)

    @property
    def space(self) -> Space:
        return self._pager.space

    @property
    def nbytes(self) -> int:
        return self._pager.space.nbytes

    def add(self, seq: Seq, at: int, event: AnyEvent) -> bool:
        """Does anything that can be found differ for it?"""
        self.seq = seq
        if _by_memory(event, self._own):
            return False
        if isinstance(event, Forgot):
            self.forget(frozenset((*event.pages, *(left.page for left in event.left))))
            return True
        like = _described(seq, at, event)
        if like is not None and isinstance(event, Remembered):
            like = self._superseding(like, event, at)
        if like is not None and (text := page_text(event)):
            pages = self._pieces(like, text)
            self._pager.add(pages)
            self.added += len(pages)
        return like is not None

    def _superseding(self, like: Page, event: Remembered, at: int) -> Page:
        """The older at this path is marked as superseded, whichever of them came first (as a shelf has
        it).  Sources may contradict each other about a fact: then both stand."""
        cols = self._pager.space.table.columns()
        there = cols.alive & (cols.place == like.place)
        if not there.any():
            return like
        since = at if event.valid_from is None else event.valid_from
        later = there & (cols.held > since)
        older = there & ~later & ((cols.until < 0) | (cols.until > since))
        if event.path.startswith(f"{FACTS}/"):
            same = cols.origin == like.origin
            later &= same | (cols.origin == _NOBODY)
            older &= same | (not event.source)
        for id_ in cols.id[older].tolist():
            self._pager.supersede(id_, since)
        ends = [] if like.valid_to is None else [like.valid_to]
        if later.any():
            ends.append(int(cols.held[later].min()))
        return msgspec.structs.replace(like, valid_to=min(ends, default=None))

    def forget(self, events: frozenset[Seq]) -> None:
        cols = self._pager.space.table.columns()
        gone = cols.alive & np.isin(cols.seq, sorted(events))
        self._pager.forget(cols.id[gone].tolist())
        self.added += int(gone.sum())

    def fault(self, question: str, ask: Ask, heard: Heard = WORDS_ONLY) -> Fault:
        return self._pager.fault(question, ask, heard)

    def shortlist(self, question: str, ask: Ask, heard: Heard, most: int) -> list[Page]:
        """The best pages, best first, without their texts."""
        return self._pager.shortlist(question, ask, heard, most)

    def after(self, seq: Seq, start: int, most: int) -> list[Page]:
        """The pages that stand behind that place, in order."""
        cols = self._pager.space.table.columns()
        here = cols.alive & ((cols.seq > seq) | ((cols.seq == seq) & (cols.start > start)))
        return [self._pager.space.table.page(row) for row in np.flatnonzero(here)[:most].tolist()]

    def pack(self) -> bytes:
        self.added = 0
        own = sorted(self._own)
        image = RecallImage(self.seq, self._ids, list(own), self._pager.space.pack())
        return msgspec.msgpack.encode(image)

    @classmethod
    def unpack(cls, body: bytes, weights: Weights | None = None) -> "Recall":
        image = msgspec.msgpack.decode(body, type=RecallImage)
        out = cls(weights)
        out._pager.space = Space.unpack(image.space)
        out._own = {CallId(each) for each in image.own}
        out._ids, out.seq = image.ids, Seq(image.seq)
        return out

    def _pieces(self, like: Page, text: str) -> list[Page]:
        pages = []
        for piece in split(text, like.kind):
            self._ids += 1
            source = Source(seq=like.source.seq, start=piece.start, end=piece.end)
            part = page_of(self._ids, text[piece.start : piece.end], tokens=piece.tokens)
            pages.append(
                msgspec.structs.replace(
                    like,
                    id=part.id,
                    text=part.text,
                    hash=part.hash,
                    tokens=part.tokens,
                    source=source,
                )
            )
        return pages


class Spoken:
    """Of one journal, event by event."""

    def __init__(self) -> None:
        self._own: set[CallId] = set()

    def of(self, seq: Seq, at: int, event: AnyEvent) -> Remembered | None:
        """Its path is for the caller to choose.  None: nothing was said, or memory said it."""
        if _by_memory(event, self._own) or isinstance(event, Remembered):
            return None
        like = _described(seq, at, event)
        text = page_text(event)
        if like is None or not text:
            return None
        return Remembered(path="", text=text, kind=like.kind.value, role=like.role, time=at)


def _by_memory(event: AnyEvent, own: set[CallId]) -> bool:
    """Did memory itself bring this back?  `own` are its calls under way."""
    if isinstance(event, Called) and event.name.startswith("memory."):
        own.add(event.id)
    if isinstance(event, Returned) and event.id in own:
        own.discard(event.id)
        return True
    return False


def _described(seq: Seq, at: int, event: AnyEvent) -> Page | None:
    """What is known of the pages of an event; None: it has none."""
    if isinstance(event, Remembered):
        return _remembered(seq, at, event)
    role = _ROLES.get(type(event))
    if isinstance(event, Told) and event.messages:
        role = event.messages[0].role
    if role is None:
        return None
    return Page(
        id=0,
        text="",
        hash=b"",
        tokens=0,
        kind=Kind.TOOL if role is Role.TOOL else Kind.CHAT,
        role=role.value,
        time=at,
        source=Source(seq=seq),
        group=str(at // _DAY),
        turn=seq,
    )


def _remembered(seq: Seq, at: int, event: Remembered) -> Page | None:
    """What is looked up by its path, or stands in the window anyway, is not searched."""
    if not event.path.startswith((f"{ARCHIVE}/", f"{FACTS}/")):
        return None
    since = at if event.valid_from is None else event.valid_from
    return Page(
        id=0,
        text="",
        hash=b"",
        tokens=0,
        kind=Kind(event.kind) if event.kind in _KINDS else Kind.DOCUMENT,
        subject=event.subject,
        role=event.role,
        time=since if event.time is None else event.time,
        source=Source(seq=seq),
        group=event.group or event.source or event.path.rpartition("/")[0],
        turn=seq,
        valid_from=event.valid_from,
        valid_to=event.valid_to,
        held=since,
        place=_number(event.path),
        origin=_number(event.source),
    )


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=7).digest())


_NOBODY = _number("")
"""The origin of what names no source."""


def found_text(question: str, found: Fault) -> str:
    """In the order they were said.  Where nothing shares a word with the question, and none is meant,
    there is nothing to see."""
    pages, asked = found.pages, {*terms(question), *found.terms}
    if not found.meant and not any(asked.intersection(terms(page.text)) for page in pages):
        return NOTHING
    later = overtaken([_statement(page) for page in pages], question)
    return "\n\n".join(_shown(page, pages, later.get(at)) for at, page in enumerate(pages))


def _statement(page: Page) -> Statement:
    who = page.subject or page.role
    text = "" if who == Role.ASSISTANT else page.text
    return Statement((page.time or 0, page.source.seq), (who,), text, page.group)


def _shown(page: Page, pages: Sequence[Page], later: int | None) -> str:
    where = page.source
    said = "" if later is None else f", {earlier(Place(page=pages[later].source.seq))}"
    head = f"[page {where.seq}, from character {where.start}, {page.role}{said}]"
    return f"{head}\n{page.text.strip()}"
