"""Virtual context memory of one address space: pages in, and for a question the pages it needs.

    Pager.add, forget, supersede    keep the space current
    Pager.fault(question, ...)      -> Fault: pages with reasons, or a statement that there are none
    Pager.rebuild(pages)            the same pager from its pages

A fault is a search (index, kinds), a score (features, weights) and a gate (who may come in, how much).
Nothing here reads a clock or a store; the same pages and the same question give the same fault.

Invariant: the rendered pages of a fault cost at most its budget.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logos.abi.errors import Code, SysError
from logos.kernel.memory import gate
from logos.kernel.memory.features import Floats, Measured, measure, siblings
from logos.kernel.memory.page import Page
from logos.kernel.memory.query import Query, read
from logos.kernel.memory.gate import Rules
from logos.kernel.memory.render import render
from logos.kernel.memory.scorer import Scorer, Weights, load
from logos.kernel.memory.space import Space
from logos.kernel.memory.table import Columns

DEFAULT_MASS = 0.9
CONTEXT_SHARE_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class Why:
    """Why a page came in: its score, the probability it was wanted, the features that moved it."""

    page: int
    score: float
    likely: float
    moved: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A page that would have come in but for a rule: resident, label, duplicate."""

    page: int
    rule: str
    likely: float


@dataclass(frozen=True, slots=True)
class Fault:
    """`confidence` is how likely memory holds an answer; `mass` the probability of what came in;
    `pages` are in the order they were said, `why` in the order they were chosen."""

    pages: tuple[Page, ...]
    tokens: int
    abstained: bool
    confidence: float
    mass: float
    why: tuple[Why, ...] = ()
    refused: tuple[Refused, ...] = ()
    subjects: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return render(self.pages)


@dataclass(frozen=True, slots=True)
class Ask:
    """How to answer a fault.  `mass` 1 spends the whole budget.  With `gate` nothing comes in when it
    is doubtful that memory holds an answer: for faults the kernel predicts; who searches on purpose
    wants to see what there is.  `subject` says whom the question is about."""

    budget: int = CONTEXT_SHARE_TOKENS
    mass: float = DEFAULT_MASS
    gate: bool = True
    subject: str | None = None
    rules: Rules = Rules()


class Pager:
    def __init__(self, weights: Weights | None = None) -> None:
        self._space = Space()
        self._scorer = Scorer(load() if weights is None else weights)

    def __len__(self) -> int:
        return len(self._space)

    @classmethod
    def rebuild(cls, pages: Iterable[Page], weights: Weights | None = None) -> "Pager":
        pager = cls(weights)
        pager.add(pages)
        return pager

    def add(self, pages: Iterable[Page]) -> None:
        self._space.add(pages)

    def forget(self, ids: Iterable[int]) -> None:
        self._space.forget(ids)

    def supersede(self, id_: int, at: int) -> None:
        self._space.supersede(id_, at)

    def pages(self) -> list[Page]:
        return self._space.pages()

    def fault(self, question: str, ask: Ask = Ask()) -> Fault:
        if ask.budget <= 0:
            raise SysError(Code.INVALID, f"a budget of {ask.budget} tokens holds nothing")
        query = read(
            question, self._space.table.subjects, subject=ask.subject, years=self._space.years
        )
        measured = measure(self._space, query, at=ask.rules.at)
        if not len(measured.rows):
            return Fault((), 0, abstained=True, confidence=0.0, mass=0.0, subjects=query.subjects)
        kinds = self._space.table.columns().kind[measured.rows]
        scores = self._scorer.score(measured.values, kinds)
        confidence = self._confidence(measured, scores, kinds)
        if ask.gate and confidence < self._scorer.weights.threshold:
            return Fault((), 0, True, confidence, 0.0, subjects=query.subjects)
        return self._choose(query, measured, scores, confidence, ask)

    def _confidence(self, measured: Measured, scores: Floats, kinds: NDArray[np.int64]) -> float:
        blind = self._scorer.score(gate.blinded(measured.values), kinds)
        return gate.judge(gate.evidence(measured, scores, blind), self._scorer.weights)

    def _choose(
        self, query: Query, measured: Measured, scores: Floats, confidence: float, ask: Ask
    ) -> Fault:
        table = self._space.table
        cols = table.columns()
        allowed = gate.allowed(cols, measured, ask.rules)
        likely = gate.probabilities(
            np.where(allowed, scores, -np.inf).astype(np.float32), self._scorer.weights.temperature
        )
        short = self._shortlist(cols, measured, np.where(allowed, scores, -np.inf), ask.budget)
        pages = [table.page(row) for row in measured.rows[short].tolist()]
        refused = gate.refuse(pages, likely[short], ask.rules)
        open_ = [i for i, rule in enumerate(refused) if not rule]
        keep = short[open_]
        units = gate.units(
            [pages[i] for i in open_], cols.turn[measured.rows[keep]], scores[keep], likely[keep],
            cap=gate.WHOLE * ask.budget,
        )  # fmt: skip
        chosen, used = gate.choose(units, budget=ask.budget, mass=ask.mass)
        picked = [int(keep[i]) for unit in chosen for i in unit.rows]
        moved = self._scorer.reasons(measured.values[picked], cols.kind[measured.rows[picked]])
        brought = [table.page(row) for row in measured.rows[picked].tolist()]
        return Fault(
            pages=tuple(sorted(brought, key=lambda page: table.row[page.id])),
            tokens=used,
            abstained=not brought,
            confidence=confidence,
            mass=float(likely[picked].sum()),
            why=tuple(
                Why(page.id, float(scores[i]), float(likely[i]), because)
                for page, i, because in zip(brought, picked, moved, strict=True)
            ),
            refused=tuple(
                Refused(page.id, rule, float(likely[i]))
                for page, rule, i in zip(pages, refused, short, strict=True)
                if rule
            ),
            subjects=query.subjects,
        )

    def _shortlist(
        self, cols: Columns, measured: Measured, scores: Floats, budget: int
    ) -> NDArray[np.int64]:
        """Candidates worth looking at one by one: the best, with the pieces of their turns."""
        most = 96 + budget // 12
        order = np.flatnonzero(scores > -np.inf)
        if len(order) > most:
            order = order[np.argpartition(-scores[order], most)[:most]]
        rows = siblings(measured.rows[scores > -np.inf], measured.rows[order], cols)
        return np.searchsorted(measured.rows, rows)
