"""Which pages leave the window, when, and what a compaction keeps.

    Resident       what is known of a page in the window
    marks          when to evict and down to where, from what tokens cost
    victims        the pages to evict, in one batch
    memorability   how likely a page is ever asked for, before anybody asks
    worths         the same, per page and for what it costs
    keep           the pages a compaction keeps word for word
    survivors      which pages of a conversation a compaction to a share of it keeps

Evicting rewrites everything after the first page that leaves, so it is done rarely and much at a time.

Invariant: a pinned page and a page in demand are never victims.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logos.kernel.memory.page import Kind, Page
from logos.kernel.memory.scorer import Weights, load
from logos.kernel.memory.space import rebuild
from logos.kernel.memory.table import KINDS, ROLES, TRAITS, Columns

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """`uses` counts how often the page was wanted and `used` is when it last was, in requests; `worth`
    says how likely it will be, for what was never wanted yet; `pair` joins a call and its result,
    which leave together."""

    page: int
    tokens: int
    kind: Kind = Kind.CHAT
    uses: int = 1
    used: int = 0
    worth: float = 0.0
    pinned: bool = False
    pair: str = ""


@dataclass(frozen=True, slots=True)
class Marks:
    high: int
    low: int


_SHARES = tuple(percent / 100 for percent in range(25, 61))
_OVERHEAD = 0.1


def marks(budget: int, *, uncached: float, cached: float, growth: int) -> Marks:
    """At `high` evict down to `low`.  A token costs `uncached` when the prompt before it changed and
    `cached` when not; `growth` is what a request adds.

    Evicting a share x of the budget rewrites the rest, every x * budget / growth requests.  The
    more leaves at a time the fewer rewrites, and the more is missed afterwards: so as little leaves
    as keeps rewriting below OVERHEAD of what the window costs anyway; between a quarter and 60 %."""
    for share in _SHARES:
        rewriting = growth * (uncached - cached) * (1 - share) / share
        carrying = cached * budget * (1 - share / 2) + uncached * growth
        if rewriting <= _OVERHEAD * carrying:
            break
    return Marks(budget, budget - int(share * budget))


def victims(
    resident: Sequence[Resident], *, need: int, demanded: Collection[int] = ()
) -> tuple[int, ...]:
    """Pages to evict, the least wanted first, until `need` tokens are free; all that may leave when that is
    not enough.  Tool results go before words, then the least used, of these the least recently."""
    protected = {each.page for each in resident if each.pinned} | set(demanded)
    bundles = _bundles(resident)
    free = [bundle for bundle in bundles if not any(each.page in protected for each in bundle)]
    out: list[int] = []
    freed = 0
    for bundle in sorted(free, key=_worth):
        if freed >= need:
            break
        out += [each.page for each in bundle]
        freed += sum(each.tokens for each in bundle)
    return tuple(out)


def _bundles(resident: Sequence[Resident]) -> list[list[Resident]]:
    """What leaves together, in order of appearance."""
    out: dict[str, list[Resident]] = {}
    for each in resident:
        out.setdefault(each.pair or f"page {each.page}", []).append(each)
    return list(out.values())


def _worth(bundle: list[Resident]) -> tuple[bool, int, float, int, int]:
    return (
        not any(each.kind is Kind.TOOL for each in bundle),
        max(each.uses for each in bundle),
        max(each.worth for each in bundle),
        max(each.used for each in bundle),
        min(each.page for each in bundle),
    )


TRAITS_KEPT = (*TRAITS, "cost", "user", "assistant", "answers")
"""What memorability looks at: traits, cost, who spoke, and whether it follows a question."""
_QUESTIONS = TRAITS.index("questions")
DENSITY = 0.5


def memorable_inputs(cols: Columns) -> Floats:
    asks = np.zeros(cols.turns + 1, dtype=np.float32)
    asks[cols.turn[cols.traits[:, _QUESTIONS] > 0]] = 1
    asks[-1] = 0
    return np.concatenate(
        [
            cols.traits,
            np.log1p(cols.tokens)[:, None],
            (cols.role == ROLES.index("user"))[:, None],
            (cols.role == ROLES.index("assistant"))[:, None],
            asks[cols.before[cols.turn]][:, None],
        ],
        axis=1,
        dtype=np.float32,
    )


def memorability(cols: Columns, weights: Weights) -> Floats:
    """Per row, how likely the page is ever wanted."""
    out = np.ones(len(cols.tokens), dtype=np.float32)
    inputs = memorable_inputs(cols)
    for number, kind in enumerate(KINDS):
        here = cols.kind == number
        table = weights.memorable.get(kind) or weights.memorable.get("")
        if table and here.any():
            *slopes, bias = table
            sums = inputs[here] @ np.array(slopes, dtype=np.float32) + np.float32(bias)
            out[here] = 1 / (1 + np.exp(-sums))
    return out


def worths(pages: Sequence[Page], weights: Weights | None = None) -> dict[int, float]:
    """By page id: how likely it is ever wanted, for what it costs."""
    space = rebuild(pages)
    found = memorability(space.table.columns(), load() if weights is None else weights)
    return {page.id: density(float(found[space.table.row(page.id)]), page.tokens) for page in pages}


def density(likely: float, tokens: int) -> float:
    return float(likely / (tokens + 1) ** DENSITY)


def survivors(
    pages: Sequence[Page], share: float, weights: Weights | None = None
) -> frozenset[int]:
    """The ids of the pages that are left of a window that holds these, none of them ever wanted,
    when it is compacted to `share` of its tokens."""
    worth = worths(pages, weights)
    total = sum(page.tokens for page in pages)
    resident = [
        Resident(
            page=page.id,
            tokens=page.tokens,
            kind=page.kind,
            uses=0,
            worth=worth[page.id],
        )
        for page in pages
    ]
    gone = victims(resident, need=total - int(total * share))
    return frozenset(page.id for page in pages).difference(gone)


def keep(
    tokens: Mapping[int, int],
    worth: Mapping[int, float],
    *,
    budget: int,
    pinned: Iterable[int] = (),
) -> frozenset[int]:
    """Pages that stay word for word: the pinned ones, then by worth / cost ** DENSITY while they fit."""
    out = set(pinned)
    used = sum(tokens[page] for page in out)
    for page in sorted(tokens, key=lambda page: (-density(worth[page], tokens[page]), page)):
        if page not in out and used + tokens[page] <= budget:
            out.add(page)
            used += tokens[page]
    return frozenset(out)
