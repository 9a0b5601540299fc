"""Between a search and the window.  Pure.

    ask_for(window, room)     what to ask memory before a thought; None: nothing
    paged_in(window, ...)     what a fault says -> the event that says what enters the window

A page that fits and is in the window already is not brought in again, but counts as wanted: the
amount that is right for a question includes it.  That is why the search is not told what is resident.
"""

from dataclasses import dataclass

from logos.abi.events import PagedIn
from logos.abi.ids import Seq
from logos.abi.paging import Refused, Shown
from logos.kernel.memory.page import Page
from logos.kernel.memory.pager import Ask, Fault, Why
from logos.kernel.memory.window import Window

ASKED_SHARE = 0.25
"""Of the room, for what is brought back when somebody said something."""

RESULTS_SHARE = 0.08
"""Of the room, when only calls have returned."""

MOST = 16_000
"""Tokens brought back for one thought, however large the room."""

LEAST = 64
"""Tokens: below that nothing is worth a search."""


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    ask: Ask


def ask_for(window: Window, room: int) -> Question | None:
    if not window.fresh or not (window.out or window.stored):
        return None
    text, said = window.news()
    budget = min(int(room * (ASKED_SHARE if said else RESULTS_SHARE)), MOST)
    if not text.strip() or budget < LEAST:
        return None
    return Question(text, Ask(budget=budget))


def paged_in(window: Window, question: str, fault: Fault) -> PagedIn | None:
    """None: there is nothing to tell."""
    reasons = {why.page: why for why in fault.why}
    shown = [_shown(page, reasons.get(page.id)) for page in fault.pages]
    fresh = tuple(one for one in shown if not window.holds(one))
    used = tuple(one.place for one in shown if window.holds(one))
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
