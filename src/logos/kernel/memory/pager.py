"""Virtual context memory of one address space: pages in, and for a question the pages it needs.

    Pager.add, forget, supersede    keep the space current
    Pager.fault(question, ...)      -> Fault: pages with reasons, or a statement that there are none
    Pager.shortlist(question, ...)  the best pages, before it is settled how many come in
    Pager.rebuild(pages)            the same pager from its pages

A fault is a search (index, kinds), a score (features, weights) and a gate (who may come in, how much).
Nothing here reads a clock or a store; the same pages and the same question give the same fault.

Invariant: the rendered pages of a fault cost at most its budget.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logos.abi.errors import Code, SysError
from logos.abi.ids import Seq
from logos.kernel.memory import gate
from logos.kernel.memory.course import first_things
from logos.kernel.memory.features import Measured, measure
from logos.kernel.memory.gate import Rules
from logos.kernel.memory.index import Floats
from logos.kernel.memory.layout import render
from logos.kernel.memory.near import Judged, Near, preference, standing_out
from logos.kernel.memory.page import Page, Source
from logos.kernel.memory.query import Query, read
from logos.kernel.memory.scorer import Scorer, Weights, load
from logos.kernel.memory.space import Space
from logos.kernel.memory.things import each_thing

DEFAULT_MASS = 0.98
"""What comes in by default; the temperature is fitted to it."""
SPENT = 1.0
"""Whatever fits comes in."""
DEFAULT_BUDGET = 2048
_REFUSED = 8
"""Refused pages a fault tells of."""


@dataclass(frozen=True, slots=True)
class Why:
    """Why a page came in: its score, the probability it was wanted, the features that moved it."""

    page: int
    score: float
    likely: float
    moved: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A page that a rule kept out: one of gate.REFUSALS.  Where it stands: `source`."""

    page: int
    rule: str
    score: float
    source: Source


@dataclass(frozen=True, slots=True)
class Fault:
    """`confidence` is how likely memory holds an answer; `mass` the probability of what came in;
    `pages` are in the order they were said, `why` in the order they were chosen.  `terms` are those of the
    question as memory spells them.  `meant`: one of them
    stands out by its vector; `vectors` says whether the question had one, `reranked` whether a reranker
    judged: used, late or off."""

    pages: tuple[Page, ...]
    tokens: int
    abstained: bool
    confidence: float
    mass: float
    why: tuple[Why, ...] = ()
    refused: tuple[Refused, ...] = ()
    subjects: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    meant: bool = False
    vectors: str = "off"
    reranked: str = "off"

    @property
    def text(self) -> str:
        return render(self.pages)


@dataclass(frozen=True, slots=True)
class Ask:
    """How to answer a fault.  `mass` 1 spends the whole budget.  With `gate` nothing comes in when it
    is doubtful that memory holds an answer: for faults the kernel predicts; who searches on purpose
    wants to see what there is, unless it is as good as certain that the one asked about never spoke of it.  `subject` says whom the question is about.
    `upto`: what came after that event is in the window, and nobody knows of it yet: the question
    itself would be the best match there is, and everything else poor beside it.  (What it had forgotten
    or closes stays forgotten and closed.)"""

    budget: int = DEFAULT_BUDGET
    mass: float = DEFAULT_MASS
    gate: bool = True
    subject: str | None = None
    rules: Rules = field(default_factory=Rules)
    upto: Seq | None = None


DEFAULT = Ask()


@dataclass(frozen=True, slots=True)
class Heard:
    """What models say, where there are any: `near` by vectors, `judged` by a reranker."""

    near: Near | None = None
    judged: Judged | None = None

    def upto(self, seq: Seq) -> "Heard":
        """Without the vectors of the pages of later events."""
        return replace(self, near=self.near and self.near.upto(seq))


WORDS_ONLY = Heard()


class _Scored(NamedTuple):
    """The candidates of a question.  `scores` are by words, vectors and judgement; `by_model` is what of
    them is not by words."""

    query: Query
    measured: Measured
    scores: Floats
    by_model: tuple[tuple[str, Floats], ...]
    confidence: float


class Pager:
    def __init__(self, weights: Weights | None = None, *, texts: bool = True) -> None:
        self.space = Space(texts=texts)
        self._weights = weights

    def __len__(self) -> int:
        return len(self.space)

    @cached_property
    def _scorer(self) -> Scorer:
        """Made when it is first needed: weights are fitted on spaces that have none yet."""
        return _shipped() if self._weights is None else Scorer(self._weights)

    @classmethod
    def rebuild(cls, pages: Iterable[Page], weights: Weights | None = None) -> "Pager":
        pager = cls(weights)
        pager.add(pages)
        return pager

    def add(self, pages: Iterable[Page]) -> None:
        self.space.add(pages)

    def forget(self, ids: Iterable[int]) -> None:
        self.space.forget(ids)

    def supersede(self, id_: int, at: int) -> None:
        self.space.supersede(id_, at)

    def pages(self) -> list[Page]:
        return self.space.pages()

    def fault(self, question: str, ask: Ask = DEFAULT, heard: Heard = WORDS_ONLY) -> Fault:
        if ask.budget <= 0:
            raise SysError(Code.INVALID, f"a budget of {ask.budget} tokens holds nothing")
        if ask.upto is not None:
            before = self._upto(ask.upto)
            return before.fault(question, replace(ask, upto=None), heard.upto(ask.upto))
        found = self._scored(question, ask, heard)
        if self._doubtful(found, ask):
            query = found.query
            return Fault(
                (), 0, True, found.confidence, 0.0, subjects=query.subjects, terms=query.terms
            )
        return self._choose(found, ask)

    def shortlist(self, question: str, ask: Ask, heard: Heard, most: int) -> list[Page]:
        """The best first; none where nothing is to come in."""
        if ask.upto is not None:
            before, unbound = self._upto(ask.upto), replace(ask, upto=None)
            return before.shortlist(question, unbound, heard.upto(ask.upto), most)
        found = self._scored(question, ask, heard)
        if self._doubtful(found, ask):
            return []
        refusals = gate.refusals(self.space.table, found.measured, ask.rules)
        open_ = np.flatnonzero(refusals == 0)
        best = open_[np.argsort(-found.scores[open_], kind="stable")[:most]]
        return [self.space.table.page(row) for row in found.measured.rows[best].tolist()]

    def _scored(self, question: str, ask: Ask, heard: Heard) -> _Scored:
        table, weights = self.space.table, self._scorer.weights
        words, years = self.space.words, self.space.years
        query = read(question, table.subjects, subject=ask.subject, years=years, meant=words.meant)
        within = gate.inside(table, ask.rules)
        measured = measure(self.space, query, at=ask.rules.at, within=within, near=heard.near)
        rows = measured.rows
        if not len(rows):
            return _Scored(query, measured, measured.own, (), 0.0)
        cols = table.columns()
        scores, blind = self._scorer.score(measured.values, cols.stream[rows], gate.BLIND)
        confidence = self._confidence(query, measured, scores, scores - blind)
        by_model = [("meaning", np.float32(weights.meaning) * measured.close)]
        if heard.judged is not None:
            liked = preference(heard.judged, cols.seq[rows], cols.start[rows])
            by_model.append(("rerank", np.float32(weights.rerank) * liked))
        for _, more in by_model:
            scores = scores + more
        return _Scored(query, measured, scores, tuple(by_model), confidence)

    def _doubtful(self, found: _Scored, ask: Ask) -> bool:
        """Is nothing to come in?"""
        if not len(found.measured.rows):
            return True
        named = bool((found.measured.subject > 0).any())
        return found.confidence < self._least(ask, named=named)

    def _upto(self, seq: Seq) -> "Pager":
        pager = Pager(self._weights)
        pager.space = self.space.upto(seq)
        pager._scorer = self._scorer
        return pager

    def _least(self, ask: Ask, *, named: bool) -> float:
        """The confidence below which nothing comes in."""
        weights = self._scorer.weights
        if ask.gate:
            return weights.threshold
        alone = named and ask.rules.subject and not _shared(ask)
        return weights.floor if alone else 0.0

    def _confidence(self, query: Query, measured: Measured, scores: Floats, blind: Floats) -> float:
        found = gate.evidence(self.space, query, measured, scores, blind)
        return gate.judge(found, self._scorer.weights, standing_out(measured.close))

    def _choose(self, scored: _Scored, ask: Ask) -> Fault:
        query, measured, scores, by_model, confidence = scored
        table = self.space.table
        cols = table.columns()
        refusals = gate.refusals(table, measured, ask.rules)
        others = refusals == gate.REFUSALS.index("subject")
        shared = _shared(ask) and bool(others.any())
        open_ = np.flatnonzero((refusals == 0) | (others & shared))
        rows = measured.rows[open_]
        likely = gate.probabilities(scores[open_], self._scorer.weights.temperature)
        ranks = scores[open_]
        if ask.mass >= 1:
            ranks = each_thing(self.space, query, rows, ranks, ~others[open_])
        if shared:
            ranks = gate.own_first(ranks, others[open_], cols.cost[rows], confidence)
        if query.course:
            ranks = first_things(ranks, rows, cols)
        found = gate.Candidates(ranks, likely, cols.cost[rows], cols.turn[rows], cols.group[rows])
        mass = 1.0 if query.course else ask.mass  # an order is in many pages, and none says which
        chosen, used = gate.choose(found, budget=ask.budget, mass=mass)
        brought = [table.page(row) for row in rows[chosen].tolist()]
        moved = self._scorer.reasons(measured.values[open_[chosen]], cols.stream[rows[chosen]])
        more = [(name, by[open_[chosen]].tolist()) for name, by in by_model]
        return Fault(
            pages=tuple(sorted(brought, key=lambda page: page.id)),
            tokens=used,
            abstained=not brought,
            confidence=confidence,
            mass=float(likely[chosen].sum()),
            why=tuple(
                Why(
                    page.id,
                    float(scores[open_[i]]),
                    float(likely[i]),
                    _reasons(because, [(name, by[n]) for name, by in more]),
                )
                for n, (page, i, because) in enumerate(zip(brought, chosen, moved, strict=True))
            ),
            refused=self._refused(measured, scores, np.where(others & shared, 0, refusals)),
            subjects=query.subjects,
            terms=query.terms,
            meant=standing_out(measured.close[open_[chosen]]) > 0
            and self._scorer.weights.meaning > 0,
        )

    def _refused(
        self, measured: Measured, scores: Floats, refusals: NDArray[np.int8]
    ) -> tuple[Refused, ...]:
        """The best of the pages that a rule kept out."""
        kept_out = np.flatnonzero(refusals > 0)
        best = kept_out[np.argsort(-scores[kept_out], kind="stable")[:_REFUSED]]
        pages = [self.space.table.page(int(measured.rows[i])) for i in best]
        return tuple(
            Refused(page.id, gate.REFUSALS[refusals[i]], float(scores[i]), page.source)
            for page, i in zip(pages, best, strict=True)
        )


def _reasons(
    moved: tuple[tuple[str, float], ...], more: Iterable[tuple[str, float]]
) -> tuple[tuple[str, float], ...]:
    """With what models did, where that did anything."""
    said = [(name, round(by, 2)) for name, by in more if by]
    ordered = sorted([*moved, *said], key=lambda one: -abs(one[1])) if said else moved
    return tuple(ordered[: len(moved)])


@lru_cache(maxsize=1)
def _shipped() -> Scorer:
    return Scorer(load())


def _shared(ask: Ask) -> bool:
    """Is there room for others behind the pages of whom the question is about?"""
    return ask.mass >= 1 and ask.budget > gate.OWN_FIRST
