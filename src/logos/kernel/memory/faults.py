"""Between a search and the window.  Pure.

    ask_for(window, room)     what to ask memory before a thought; None: nothing.  With `results`, what
                              calls have returned may ask, too
    paged_in(window, ...)     what a fault says -> the event that says what enters the window
    news(window)              what has come since the last thought
    held(window, pieces)      which of these pieces are in the window already?

A page that fits and is in the window already is not brought in again, but counts as wanted: the
amount that is right for a question includes it.  That is why the search is not told what is resident,
but for the question itself, which would be the best answer to it.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from logos.abi.events import PagedIn
from logos.abi.ids import Seq
from logos.abi.messages import Message, Role
from logos.abi.paging import Place, Refused, Shown
from logos.kernel.memory.gate import Rules
from logos.kernel.memory.later import Statement, overtaken
from logos.kernel.memory.page import Page
from logos.kernel.memory.pager import Ask, Fault, Why
from logos.kernel.memory.returned import Asked, asked_by
from logos.kernel.memory.telling import LEAD
from logos.kernel.memory.tokens import estimate
from logos.kernel.memory.window import Turn, Window

ASKED_SHARE = 0.25
"""Of the room, for what is brought back for one thought."""

MOST = 16_000
"""Tokens, however large the room."""

TERSE = 64
"""Tokens of a question that needs all of that.  Who says more says himself what it is about, and has his
window turned over sooner: he is reminded of so much less as his words are more."""

RESULTS_SHARE = 0.25
"""Of that, for what results of calls ask."""

LEAST = 64
"""Tokens: below that nothing is worth a search."""


QUESTION_CHARS = 2000
"""Of the newest messages, as a question to memory."""

SLACK = 8
"""Characters of white space at the ends of a piece that an answer may have left out."""

FOREVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Question:
    """With `by`, it was asked by results of calls, and only what is about their names comes in."""

    text: str
    ask: Ask
    by: Asked | None = None

    def fitting(self, fault: Fault) -> Fault:
        if self.by is None:
            return fault
        pages = tuple(page for page in fault.pages if self.by.about(page.text))
        return fault if pages == fault.pages else dataclasses.replace(fault, pages=pages)


def ask_for(window: Window, room: int, *, results: bool = False) -> Question | None:
    if not window.fresh or not (window.out or window.stored):
        return None
    text, by = news(window), None
    asking = frozenset(page for turn in since_thought(window) for page in turn.pages)
    share = TERSE / max(estimate(text), TERSE)
    if not text.strip() and results:
        by = asked_by(last_thought(window))
        text, share = (by.text, RESULTS_SHARE) if by else ("", 0.0)
    budget = int(min(room * ASKED_SHARE, MOST) * share)
    if not text.strip() or budget < LEAST:
        return None
    upto = Seq(min(asking) - 1) if asking else None
    return Question(text, Ask(budget=budget, rules=Rules(events=asking), upto=upto), by)


def paged_in(window: Window, question: str, fault: Fault) -> PagedIn | None:
    """None: there is nothing to tell."""
    reasons = {why.page: why for why in fault.why}
    shown = marked([_shown(page, reasons.get(page.id)) for page in fault.pages], question)
    here = held(window, shown)
    fresh = tuple(one for one, known in zip(shown, here, strict=True) if not known)
    used = tuple(one.place for one, known in zip(shown, here, strict=True) if known)
    event = PagedIn(
        question=question,
        pages=fresh,
        confidence=round(fault.confidence, 4),
        used=used,
        refused=tuple(
            Refused(
                page=Seq(one.source.seq),
                start=one.source.start,
                pid=one.source.pid,
                rule=one.rule,
                score=round(one.score, 3),
            )
            for one in fault.refused
        ),
    )
    told = fresh or used or "?" in question
    return event if told else None


def marked(shown: list[Shown], question: str) -> list[Shown]:
    """With where the same speaker has said otherwise since, as far as the question goes.  Of a long answer nothing is said: its numbers are
    examples more often than not."""
    told = [(at, one) for at, one in enumerate(shown) if one.role != Role.ASSISTANT]
    later = overtaken([_statement(one) for _, one in told], question)
    out = list(shown)
    for old, new in later.items():
        at, piece = told[old]
        place = told[new][1].place
        out[at] = replace(piece, later=Place(page=place.page, pid=place.pid))
    return out


def _statement(piece: Shown) -> Statement:
    order = (piece.time or 0, piece.page)
    return Statement(order, (piece.pid, piece.subject or piece.role), piece.text, piece.group)


def _shown(page: Page, why: Why | None) -> Shown:
    where = page.source
    return Shown(
        page=where.seq,
        start=where.start,
        end=where.end,
        pid=where.pid,
        text=page.text,
        score=round(why.score, 3) if why else 0.0,
        likely=round(why.likely, 4) if why else 0.0,
        why=", ".join(f"{name} {moved:+.1f}" for name, moved in why.moved) if why else "",
        label=page.label,
        role=page.role,
        subject=page.subject,
        group=page.group,
        time=page.time,
        valid_to=page.valid_to,
    )


def since_thought(window: Window) -> Iterator[Turn]:
    """What has come since the last thought, the latest first."""
    for turn in reversed([*window.head, *window.body]):
        if turn.message.role is Role.ASSISTANT:
            return
        yield turn


def last_thought(window: Window) -> list[Message]:
    """It, and what has come since."""
    turns = window.body
    at = max((n for n, turn in enumerate(turns) if turn.message.role is Role.ASSISTANT), default=0)
    return [turn.message for turn in turns[at:]]


def news(window: Window) -> str:
    """What was said to the process since its last thought.  What calls have returned is none of it:
    it answers what the model asked, and whoever searches with it finds everything."""
    words = [
        LEAD.sub("", turn.message.text)
        for turn in since_thought(window)
        if turn.message.role is Role.USER and not turn.pieces and not turn.block
    ]
    return "\n".join(reversed(words))[-QUESTION_CHARS:]


def held(window: Window, shown: Iterable[Shown]) -> list[bool]:
    """Which of them are here already."""
    here = _ranges(window)
    return [
        any(
            start <= one.start and (one.end or one.start + len(one.text)) <= stop + SLACK
            for start, stop in here.get((one.pid, one.page), ())
        )
        for one in shown
    ]


def _ranges(window: Window) -> dict[tuple[int, Seq], list[tuple[int, int]]]:
    """Of each page the parts that are here."""
    out: dict[tuple[int, Seq], list[tuple[int, int]]] = {}
    for turn in (*window.head, *window.body):
        for piece in turn.pieces:
            shown = piece.shown
            out.setdefault((shown.pid, shown.page), []).append((shown.start, shown.end or FOREVER))
        if not turn.pieces:
            for page, part in turn.keys:
                if not part:
                    end = turn.heads.get(page, (FOREVER, 0))[0]
                    out.setdefault((0, page), []).append((0, end))
            for page, start, end in turn.ranges:
                out.setdefault((0, page), []).append((start, end))
    return out
