"""What may come into the window, and how much of it.

    judge      how sure memory is that it holds an answer at all
    evidence   the few numbers it judges by
    allowed    the candidates whose subject and validity let them in
    refuse     pages that may not come in, whatever their score, and by which rule
    units      what comes in together
    choose     the best of these, until the probability mass or the budget is reached

Wrong context is worse than missing context: what somebody else said about the same thing looks
exactly like an answer.  So a question that names a known subject is answered from that subject's
pages, and the gap between their best match and the best match of everybody else says whether there
is an answer.

Invariant: what is chosen never costs more than the budget.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logos.kernel.memory.features import NAMES, Floats, Measured
from logos.kernel.memory.page import Page
from logos.kernel.memory.render import HEADER_COST, line_cost
from logos.kernel.memory.scorer import Weights
from logos.kernel.memory.table import Columns

GATE = (
    "own_gap", "window_gap", "hit_gap", "score_gap",
    "own_top", "window_top", "hit_top", "likely", "spread", "lead", "named",
)  # fmt: skip
"""What the gate looks at: three gaps of attribution in words and one in scores, how well the best
page matches, how the probability is spread, and whether a subject was named."""

_BLIND = [
    NAMES.index(name) for name in ("subject", "subject_window", "subject_own", "mentioned")
]
_MARGIN = 10
DENSITY = 0.5
"""How much a page's cost counts against it: probability / cost ** DENSITY."""
WHOLE = 0.6
"""A turn that costs up to this share of the budget comes in whole."""


def probabilities(scores: Floats, temperature: float) -> Floats:
    if not len(scores):
        return scores
    scaled = np.exp((scores - scores.max()) / np.float32(temperature))
    return scaled / scaled.sum()


def evidence(measured: Measured, scores: Floats, blind: Floats) -> Floats:
    """The GATE features of a question.  `blind` are scores that ignore who spoke."""
    mine, others = measured.subject >= 0, measured.subject < 0
    named = bool(others.any()) and bool((measured.subject > 0).any())
    if named:
        mine = measured.subject > 0
    likely = probabilities(np.where(mine, scores, -np.inf).astype(np.float32), 1.0)
    ranked = np.sort(scores[mine])[::-1] if mine.any() else np.zeros(1, dtype=np.float32)

    def gap(values: Floats) -> float:
        return _top(values[mine]) - _top(values[others]) if named else 0.0

    spread = -float((likely * np.log(likely + 1e-12)).sum()) / np.log(max(len(likely), 2))
    return np.array(
        [
            gap(measured.own), gap(measured.window), gap(measured.hit), gap(blind),
            _top(measured.own[mine]), _top(measured.window[mine]), _top(measured.hit[mine]),
            float(likely.max(initial=0.0)), spread,
            float(ranked[0] - ranked[min(_MARGIN, len(ranked) - 1)]), float(named),
        ],
        dtype=np.float32,
    )  # fmt: skip


def blinded(values: Floats) -> Floats:
    """The same features, as if everything had been said by the subject asked about."""
    out = values.copy()
    out[:, _BLIND] = 0
    return out


def judge(found: Floats, weights: Weights) -> float:
    """How likely an answer is in memory, between 0 and 1."""
    if not weights.gate:
        return 1.0
    return float(1 / (1 + np.exp(-(float(found @ np.array(weights.gate)) + weights.gate_bias))))


def _top(values: Floats) -> float:
    return float(values.max()) if len(values) else 0.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What keeps a page out.  `subject`: others than the subject asked about may not answer; `at`: the
    moment asked from, nothing later and what was valid then; `resident`: in the window already;
    `flows`: where a label may go; `old`: superseded pages too."""

    subject: bool = True
    at: int | None = None
    resident: frozenset[int] = frozenset()
    flows: Callable[[str], bool] | None = None
    old: bool = False


def allowed(cols: Columns, measured: Measured, rules: Rules) -> NDArray[np.bool_]:
    """The candidates whose subject and validity let them in."""
    out = np.ones(len(measured.rows), dtype=np.bool_)
    if rules.subject and (measured.subject > 0).any():
        out &= measured.subject >= 0
    if not rules.old:
        until = cols.until[measured.rows]
        out &= until < 0 if rules.at is None else (until < 0) | (until > rules.at)
    return out


def refuse(pages: Sequence[Page], likely: Floats, rules: Rules) -> list[str]:
    """For each page the rule that keeps it out, or "".  Of duplicates the newest may come in."""
    newest = {page.hash: i for i, page in enumerate(pages)}
    held = {page.hash for page in pages if page.id in rules.resident}

    def rule(i: int, page: Page) -> str:
        if page.id in rules.resident:
            return "resident"
        if rules.flows is not None and not rules.flows(page.label):
            return "label"
        return "duplicate" if newest[page.hash] != i or page.hash in held else ""

    return [rule(i, page) for i, page in enumerate(pages)]


@dataclass(frozen=True, slots=True)
class Unit:
    """What comes in together: a turn, or a piece of one that is too long."""

    rows: list[int]
    score: float
    likely: float
    cost: int
    group: tuple[str, str]


def units(
    pages: Sequence[Page],
    turns: NDArray[np.int64],
    scores: Floats,
    likely: Floats,
    *,
    cap: float,
) -> list[Unit]:
    """Pages by turn; a turn that costs more than `cap` falls apart into its pieces."""
    together: dict[int, list[int]] = {}
    for i, turn in enumerate(turns.tolist()):
        together.setdefault(turn, []).append(i)
    costs = [line_cost(page) for page in pages]
    out: list[Unit] = []
    for rows in together.values():
        whole = sum(costs[i] for i in rows) <= cap
        for part in [rows] if whole else [[i] for i in rows]:
            first = pages[part[0]]
            out.append(
                Unit(
                    rows=part,
                    score=max(float(scores[i]) for i in part),
                    likely=sum(float(likely[i]) for i in part),
                    cost=sum(costs[i] for i in part),
                    group=(first.kind, first.group),
                )
            )
    return out


def choose(found: Sequence[Unit], *, budget: int, mass: float) -> tuple[list[Unit], int]:
    """Units in order of likelihood for their cost, and the tokens they take."""
    ranked = sorted(found, key=lambda unit: DENSITY * math.log(unit.cost + 1) - unit.score)
    chosen: list[Unit] = []
    groups: set[tuple[str, str]] = set()
    used, reached = 0, 0.0
    for unit in ranked:
        cost = unit.cost + (0 if unit.group in groups else HEADER_COST)
        if used + cost > budget:
            continue
        chosen.append(unit)
        groups.add(unit.group)
        used += cost
        reached += unit.likely
        if reached >= mass:
            break
    return chosen, used
