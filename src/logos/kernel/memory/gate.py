"""What may come into the window, and how much of it.

    judge      how sure memory is that it holds an answer at all
    evidence   the few numbers it judges by
    inside     the pages that were asked for
    refusals   the candidates that may not come in, whatever their score, and by which rule
    own_first  who the question is about comes before anybody else
    choose     the best of the rest, as many as are worth their tokens, or as the budget holds

Wrong context is worse than missing context: what somebody else said about the same thing looks
exactly like an answer.  So a question that names a known subject is answered from that subject's
pages (a budget that is to be spent whole leaves room for others behind them), and the gap between their best match and the best match of everybody else says whether there
is an answer.

Invariant: what is chosen never costs more than the budget.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logos.kernel.memory.features import NAMES, Measured
from logos.kernel.memory.index import Floats
from logos.kernel.memory.layout import HEADER_COST
from logos.kernel.memory.missing import missing
from logos.kernel.memory.query import Query
from logos.kernel.memory.scorer import Weights
from logos.kernel.memory.space import Space
from logos.kernel.memory.table import KINDS, ROLES, Columns, Table

GATE = (
    "own_gap", "window_gap", "hit_gap", "score_gap",
    "own_top", "window_top", "hit_top", "likely", "spread", "lead", "named",
    "heard", "said", "top", "terms", "unheard", "absent", "swapped",
)  # fmt: skip
"""What the gate looks at: three gaps of attribution in words and one in scores, how well the best
page matches, how the probability is spread, whether a subject was named, how much of the question
was ever spoken of, by anybody and by the subject, how long it is, and what of it is missing around the
best page (missing.py)."""

BLIND = tuple(
    NAMES.index(name) for name in ("subject", "subject_window", "subject_own", "mentioned")
)
"""The features that know who spoke."""
_MARGIN = 10
DENSITY = 0.5
"""How much a page's cost counts against it: probability / cost ** DENSITY."""
COVERED = 5.0
"""What it is worth that what was wanted is there, in shares of what comes in that are wanted."""
PRICE = 0.15 / 1000
"""Of a token, in the same.  Both: docs/design/0023-where-weights-come-from.md."""
OWN_FIRST = 1500
"""Tokens that a budget spends on the subject asked about before anybody else's pages come in."""
_AHEAD = 50.0
WHOLE = 0.8
"""A turn that costs up to this share of the budget comes in whole."""


def probabilities(scores: Floats, temperature: float) -> Floats:
    if not len(scores):
        return scores
    scaled = np.exp((scores - scores.max()) / np.float32(temperature))
    return np.asarray(scaled / scaled.sum(), dtype=np.float32)


def evidence(
    space: Space, query: Query, measured: Measured, scores: Floats, blind: Floats
) -> Floats:
    """The GATE features of a question.  `blind` are scores that ignore who spoke."""
    mine, others = measured.subject >= 0, measured.subject < 0
    named = bool(others.any()) and bool((measured.subject > 0).any())
    if named:
        mine = measured.subject > 0
    elif not mine.any():
        mine, others = others, mine
    likely = probabilities(np.where(mine, scores, -np.inf).astype(np.float32), 1.0)
    ranked = np.sort(scores[mine])[::-1]
    best = int(measured.rows[np.argmax(likely)])

    def gap(values: Floats) -> float:
        return _top(values[mine]) - _top(values[others]) if named else 0.0

    spread = -float((likely * np.log(likely + 1e-12)).sum()) / np.log(max(len(likely), 2))
    return np.array(
        [
            gap(measured.own), gap(measured.window), gap(measured.hit), gap(blind),
            _top(measured.own[mine]), _top(measured.window[mine]), _top(measured.hit[mine]),
            float(likely.max(initial=0.0)), spread,
            float(ranked[0] - ranked[min(_MARGIN, len(ranked) - 1)]), float(named),
            measured.heard, measured.said, float(ranked[0]), len(set(query.terms)),
            *missing(space, query, best),
        ],
        dtype=np.float32,
    )  # fmt: skip


def judge(found: Floats, weights: Weights, close: float = 0.0) -> float:
    """How likely an answer is in memory, between 0 and 1.  `close`: how far the nearest page stands
    out by its vector."""
    if not weights.gate:
        return 1.0
    known = found[[GATE.index(name) for name in weights.gate_names]]
    by_words = float(known @ np.array(weights.gate)) + weights.gate_bias
    return float(1 / (1 + np.exp(-(by_words + weights.meaning_gate * close))))


def _top(values: Floats) -> float:
    return float(values.max()) if len(values) else 0.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What keeps a page out.  `subject`: others than the subject asked about may not answer; `at`: the
    moment asked from, nothing later and what was valid then; `resident`: pages in the window already;
    `events`: events whose every page is, and `pieces` the same by event and first character;
    `flows`: where a label may go; `old`: superseded pages too; `kinds`, `roles` and `speakers`, `groups` (by what
    their names begin with), `only` (by event), `after` and `before`: nothing but these, where given."""

    subject: bool = True
    at: int | None = None
    resident: frozenset[int] = frozenset()
    events: frozenset[int] = frozenset()
    pieces: frozenset[tuple[int, int]] = frozenset()
    flows: Callable[[str], bool] | None = None
    old: bool = False
    kinds: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    speakers: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()
    only: frozenset[int] | None = None
    after: int | None = None
    before: int | None = None


_WIDE = 1 << 32
_TINY = 1e-9

REFUSALS = ("", "later", "resident", "label", "superseded", "duplicate", "subject")
"""Why a page may not come in; the first that applies."""


def refusals(table: Table, measured: Measured, rules: Rules) -> NDArray[np.int8]:
    """For each candidate the number of its refusal in REFUSALS; 0: it may come in."""
    cols, rows = table.columns(), measured.rows
    out = np.zeros(len(rows), dtype=np.int8)

    def refuse(where: NDArray[np.bool_], why: str) -> None:
        out[where & (out == 0)] = REFUSALS.index(why)

    if rules.at is not None:
        refuse((cols.time[rows] > rules.at) | (cols.since[rows] > rules.at), "later")
    if rules.resident or rules.events or rules.pieces:
        held = _resident(cols, rules)
        refuse(np.isin(cols.copy[rows], cols.copy[held]), "resident")
    if rules.flows is not None:
        kept = [i for i, label in enumerate(table.labels) if not rules.flows(label)]
        refuse(np.isin(cols.label[rows], kept), "label")
    if not rules.old:
        until = cols.until[rows]
        gone = until >= 0 if rules.at is None else (until >= 0) & (until <= rules.at)
        refuse(gone, "superseded")
    if rules.subject and (measured.subject > 0).any():
        refuse(measured.subject < 0, "subject")
    refuse(_older(cols.copy[rows], out == 0), "duplicate")
    return out


def _resident(cols: Columns, rules: Rules) -> NDArray[np.bool_]:
    """Which rows are in the window already."""
    held = np.isin(cols.id, list(rules.resident)) | np.isin(cols.seq, list(rules.events))
    if rules.pieces:
        seqs, starts = (np.array(each, dtype=np.int64) for each in zip(*rules.pieces, strict=True))
        held |= np.isin(cols.seq * _WIDE + cols.start, seqs * _WIDE + starts)
    return held & cols.alive


def inside(table: Table, rules: Rules) -> NDArray[np.bool_] | None:
    """The rows that were asked for; None: all."""
    cols = table.columns()
    masks = []
    if rules.kinds:
        masks.append(np.isin(cols.kind, [i for i, each in enumerate(KINDS) if each in rules.kinds]))
    if rules.roles:
        masks.append(np.isin(cols.role, [i for i, each in enumerate(ROLES) if each in rules.roles]))
    if rules.speakers:
        said = {name.lower() for name in rules.speakers}
        known = [i for i, name in enumerate(table.subjects) if name.lower() in said]
        masks.append(np.isin(cols.subject, known))
    if rules.groups:
        known = [i for i, (_, name) in enumerate(table.streams) if name.startswith(rules.groups)]
        masks.append(np.isin(cols.group, known))
    if rules.only is not None:
        masks.append(np.isin(cols.seq, sorted(rules.only)))
    if rules.after is not None:
        masks.append(cols.time >= rules.after)
    if rules.before is not None:
        masks.append(cols.time < rules.before)
    return np.logical_and.reduce(masks) if masks else None


def own_first(
    scores: Floats, others: NDArray[np.bool_], costs: NDArray[np.int64], confidence: float
) -> Floats:
    """Scores with which the subject's own pages come first; what room they leave is anybody's, the less so the
    more doubtful it is that there is an answer."""
    doubt = 1.0 - math.log(max(confidence, _TINY) / max(1.0 - confidence, _TINY))
    out = scores - np.float32(max(doubt, 0.0)) * others.astype(np.float32)
    own = np.flatnonzero(~others)
    order = own[np.argsort(DENSITY * np.log(costs[own] + 1) - scores[own], kind="stable")]
    out[order[np.cumsum(costs[order]) <= OWN_FIRST]] += np.float32(_AHEAD)
    return out


def _older(copies: NDArray[np.int64], open_: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """All but the last of those among `open_` that are copies of one another."""
    out = open_.copy()
    ordered = np.sort(copies[open_])
    if not (ordered[1:] == ordered[:-1]).any():
        out[:] = False
        return out
    here = np.flatnonzero(open_)[::-1]
    out[here[np.unique(copies[here], return_index=True)[1]]] = False
    return out


@dataclass(frozen=True, slots=True)
class Candidates:
    """The pages that may come in, one entry each: parallel arrays."""

    scores: Floats
    likely: Floats
    costs: NDArray[np.int64]
    turns: NDArray[np.int64]
    groups: NDArray[np.int64]


def choose(found: Candidates, *, budget: int, mass: float) -> tuple[list[int], int]:
    """Which come in, and the tokens they take: in order of likelihood as many as are worth it, no more than
    reach the `mass`; with a mass of 1 or more whatever fits, in order of likelihood for its cost.  A turn
    comes in whole unless it costs more than WHOLE of the budget; then its pieces stand for themselves."""
    unit = _units(found, budget * WHOLE)
    number = int(unit.max(initial=-1)) + 1
    cost = np.bincount(unit, weights=found.costs, minlength=number)
    likely = np.bincount(unit, weights=found.likely, minlength=number)
    score = np.full(number, -np.inf, dtype=np.float32)
    np.maximum.at(score, unit, found.scores)
    group = np.zeros(number, dtype=np.int64)
    group[unit] = found.groups
    dense = DENSITY if mass >= 1 else 0.0
    order = np.argsort(dense * np.log(cost + 1) - score, kind="stable")
    least = np.minimum.accumulate(cost[order][::-1])[::-1]
    listed = zip(
        order.tolist(), cost[order].tolist(), group[order].tolist(), likely[order].tolist(),
        least.tolist(), strict=True,
    )  # fmt: skip
    chosen, used = _fitting(listed, budget) if mass >= 1 else _worth_it(listed, budget, mass)
    rows = np.argsort(unit, kind="stable")
    starts = np.searchsorted(unit[rows], chosen).tolist()
    ends = np.searchsorted(unit[rows], chosen, side="right").tolist()
    return [int(row) for a, b in zip(starts, ends, strict=True) for row in rows[a:b]], used


_Listed = Iterable[tuple[int, float, int, float, float]]
"""In order: unit, cost, group, likelihood, and the least that this one or any behind it costs."""


def _fitting(listed: _Listed, budget: int) -> tuple[list[int], int]:
    chosen: list[int] = []
    seen: set[int] = set()
    used = 0
    for i, cost, group, _, least in listed:
        if used + least > budget:
            break  # nothing that is left fits
        total = int(cost) + (0 if group in seen else HEADER_COST)
        if used + total <= budget:
            chosen.append(i)
            seen.add(group)
            used += total
    return chosen, used


def _worth_it(listed: _Listed, budget: int, mass: float) -> tuple[list[int], int]:
    """It is worth what share of it is evidence, what is likely to be there, and what it costs less."""
    chosen: list[int] = []
    seen: set[int] = set()
    used, reached, good = 0, 0.0, 0.0
    best, kept = -math.inf, (0, 0)
    for i, cost, group, likely, least in listed:
        if used + least > budget or reached >= mass:
            break
        total = int(cost) + (0 if group in seen else HEADER_COST)
        if used + total > budget:
            continue
        chosen.append(i)
        seen.add(group)
        used += total
        reached += likely
        good += likely * cost
        share = good / used - PRICE * used
        if share + COVERED * reached > best:
            best, kept = share + COVERED * reached, (len(chosen), used)
        elif share + COVERED < best:
            break  # nothing that is left is worth its price
    number, used = kept
    return chosen[:number], used


def _units(found: Candidates, cap: float) -> NDArray[np.int64]:
    """The number of the unit each candidate comes in with."""
    _, turn = np.unique(found.turns, return_inverse=True)
    whole = np.bincount(turn, weights=found.costs) <= cap
    alone = ~whole[turn]
    units = np.cumsum(whole) - 1
    return np.where(alone, int(whole.sum()) - 1 + np.cumsum(alone), units[turn])
