"""Conversations -> a table of weights.

    prepare(conversations)      measure every question once; fits share it
    fit(prepared, note=...)     scorer, gate, threshold, temperature and memorability

The gate is fitted on scores of a scorer that has not seen the conversation, as it will meet them.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lib_memory import gating, ranking
from lib_memory.data import Conversation, Question
from lib_memory.meaning import Meant
from logos.kernel.memory import gate
from logos.kernel.memory.features import NAMES, Measured, measure
from logos.kernel.memory.page import Kind
from logos.kernel.memory.pager import DEFAULT_MASS
from logos.kernel.memory.policy import TRAITS_KEPT, memorable_inputs
from logos.kernel.memory.query import Query, read
from logos.kernel.memory.scorer import Scorer, Weights
from logos.kernel.memory.space import Space
from logos.kernel.memory.table import STREAMS

MOST = 4096
"""Tokens of a fault that the temperature is fitted to."""
_NEAR, _FAR = 120, 80
_FOLDS = 3
KEEP = 0.95
"""The share of answerable questions the gate must let through."""
FLOOR = 0.995
"""The share of them that a search on purpose must answer."""
FOUND = 0.95
"""The share of answerable questions for which a fault that brings what is worth it must bring some evidence."""


@dataclass(frozen=True, slots=True)
class Asked:
    question: Question
    query: Query
    measured: Measured
    turns: list[str]
    example: ranking.Example | None


@dataclass(frozen=True, slots=True)
class Prepared:
    conversation: Conversation
    space: Space
    asked: list[Asked]


def prepare(conversations: list[Conversation]) -> list[Prepared]:
    return [_prepare(each, index) for index, each in enumerate(conversations)]


def _prepare(conversation: Conversation, seed: int) -> Prepared:
    space = conversation.recall().space
    random = np.random.default_rng(seed)
    asked = []
    for question in conversation.questions:
        query = read(question.text, space.table.subjects, years=space.years)
        measured = measure(space, query)
        cols = space.table.columns()
        turns = [conversation.turn(seq) for seq in cols.seq[measured.rows].tolist()]
        example = _example(turns, question, measured, cols.stream[measured.rows], random)
        asked.append(Asked(question, query, measured, turns, example))
    return Prepared(conversation, space, asked)


def _example(
    turns: list[str],
    question: Question,
    measured: Measured,
    streams: np.ndarray,
    random: np.random.Generator,
) -> ranking.Example | None:
    golds = [
        np.array([i for i, turn in enumerate(turns) if turn == gold]) for gold in question.evidence
    ]
    golds = [gold for gold in golds if len(gold)]
    if not golds:
        return None
    start = measured.own + measured.window
    order = np.argsort(-start, kind="stable")
    near, far = order[:_NEAR], order[_NEAR:]
    sample = random.permutation(far)[:_FAR]
    keep = np.unique(np.concatenate([near, sample, *golds]))
    weight = np.full(len(measured.rows), len(far) / max(len(sample), 1))
    weight[near] = 1.0
    for gold in golds:
        weight[gold] = 1.0
    return ranking.Example(
        values=measured.values[keep],
        streams=streams[keep],
        golds=tuple(np.searchsorted(keep, gold) for gold in golds),
        log_weight=np.log(weight[keep]),
        start=6.0 * (measured.own[keep] / max(float(measured.own.max()), 1e-6)),
    )


def fit(prepared: list[Prepared], *, note: str = "", meant: Meant | None = None) -> Weights:
    """With `meant`, what vectors weigh, too."""
    weights = _table(_rank(prepared), note)
    rows, answers, ranked = [], [], []
    for fold in range(min(_FOLDS, len(prepared))):
        rest = [each for i, each in enumerate(prepared) if i % _FOLDS != fold]
        scorer = Scorer(_table(_rank(rest or prepared), note))
        for each in (each for i, each in enumerate(prepared) if i % _FOLDS == fold):
            for asked in each.asked:
                if meant is not None:
                    meant.hear(scorer, each.conversation, each.space, asked)
                if each.conversation.kind is Kind.PEOPLE:
                    rows.append(evidence(scorer, asked, each.space))
                    answers.append(bool(asked.question.evidence))
                    if meant is not None:
                        meant.judge(each.conversation, each.space, asked)
                    if asked.question.evidence:
                        ranked.append(_open(scorer, asked, each))
    weights = replace(weights, temperature=_temperature(ranked))
    weights = _gate(weights, np.array(rows), np.array(answers))
    if meant is not None:
        weights = replace(weights, **meant.fitted(weights, np.array(rows), np.array(answers)))
    return _remember(weights, prepared)


def _open(
    scorer: Scorer, asked: Asked, prepared: Prepared
) -> tuple[gate.Candidates, NDArray[np.bool_]]:
    """The pages that may come in, and which of them are evidence."""
    cols, measured = prepared.space.table.columns(), asked.measured
    scores, _ = scorer.score(measured.values, cols.stream[measured.rows])
    open_ = np.flatnonzero(gate.refusals(prepared.space.table, measured, gate.Rules()) == 0)
    rows = measured.rows[open_]
    found = gate.Candidates(
        scores[open_], scores[open_], cols.cost[rows], cols.turn[rows], cols.group[rows]
    )
    return found, np.array([asked.turns[at] in asked.question.evidence for at in open_])


def _temperature(asked: list[tuple[gate.Candidates, NDArray[np.bool_]]]) -> float:
    """The smallest with which what is worth it has a page of evidence for FOUND of the questions."""

    def found(temperature: float) -> float:
        hits = []
        for pages, wanted in asked:
            likely = gate.probabilities(pages.scores, temperature)
            chosen, _ = gate.choose(
                dataclasses.replace(pages, likely=likely), budget=MOST, mass=DEFAULT_MASS
            )
            hits.append(wanted[chosen].any())
        return float(np.mean(hits))

    low, high = 0.3, 2.0
    for _ in range(8):
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) >= FOUND else (middle, high)
    return round(high, 3) if asked else 1.0


def evidence(scorer: Scorer, asked: Asked, space: Space) -> np.ndarray:
    measured = asked.measured
    streams = space.table.columns().stream[measured.rows]
    scores, by_subject = scorer.score(measured.values, streams, gate.BLIND)
    return gate.evidence(space, asked.query, measured, scores, scores - by_subject)


def _rank(prepared: list[Prepared]) -> ranking.Linear:
    examples = [asked.example for each in prepared for asked in each.asked if asked.example]
    return ranking.fit(examples)


def _table(linear: ranking.Linear, note: str) -> Weights:
    return Weights(
        note=note,
        names=NAMES,
        mean=_numbers(linear.mean),
        scale=_numbers(linear.scale),
        shared=_numbers(linear.shared),
        deviation={STREAMS[i]: _numbers(values) for i, values in linear.deviation.items()},
    )


def _gate(weights: Weights, rows: np.ndarray, answers: np.ndarray) -> Weights:
    if not len(rows) or answers.all() or not answers.any():
        return weights
    logistic = gating.fit(rows.astype(np.float64), answers.astype(np.float64), ridge=3.0)
    likely = logistic.predict(rows.astype(np.float64))
    return replace(
        weights,
        gate_names=gate.GATE,
        gate=_numbers(logistic.weights),
        gate_bias=round(logistic.bias, 4),
        threshold=round(float(np.quantile(likely[answers], 1 - KEEP)), 4),
        floor=round(float(np.quantile(likely[answers], 1 - FLOOR)), 4),
    )


def _remember(weights: Weights, prepared: list[Prepared]) -> Weights:
    """Memorability by kind of stream, and of all kinds together for the rest."""
    out = {}
    for kind in ["", *sorted({each.conversation.kind for each in prepared})]:
        inputs, answers = [], []
        for each in (each for each in prepared if kind in ("", each.conversation.kind)):
            gold = {turn for asked in each.asked for turn in asked.question.evidence}
            inputs.append(memorable_inputs(each.space.table.columns()))
            seqs = each.space.table.columns().seq.tolist()
            answers += [each.conversation.turn(seq) in gold for seq in seqs]
        stacked, wanted = np.concatenate(inputs).astype(np.float64), np.array(answers, dtype=float)
        logistic = gating.fit(stacked, wanted, ridge=5.0)
        assert len(logistic.weights) == len(TRAITS_KEPT)
        out[str(kind)] = (*_numbers(logistic.weights), round(logistic.bias, 4))
    return replace(weights, memorable=out)


def replace(weights: Weights, **changes: object) -> Weights:
    return Weights(
        **{**{name: getattr(weights, name) for name in weights.__struct_fields__}, **changes}
    )  # type: ignore[arg-type]


def _numbers(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)
