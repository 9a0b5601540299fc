"""Conversations -> a table of weights.

    prepare(conversations)      measure every question once; fits share it
    fit(prepared, note=...)     scorer, gate, threshold, temperature and memorability

The gate is fitted on scores of a scorer that has not seen the conversation, as it will meet them.
"""

from dataclasses import dataclass

import numpy as np

from lib_memory import gating, ranking
from lib_memory.data import Conversation, Question
from logos.kernel.memory import gate
from logos.kernel.memory.features import NAMES, Measured, measure
from logos.kernel.memory.page import Kind
from logos.kernel.memory.policy import TRAITS_KEPT, memorable_inputs
from logos.kernel.memory.query import read
from logos.kernel.memory.scorer import Scorer, Weights
from logos.kernel.memory.space import Space, rebuild

_NEAR, _FAR = 160, 120
_FOLDS = 4
KEEP = 0.95
"""The share of answerable questions the gate must let through."""


@dataclass(frozen=True, slots=True)
class Asked:
    question: Question
    measured: Measured
    kind: str
    example: ranking.Example | None


@dataclass(frozen=True, slots=True)
class Prepared:
    conversation: Conversation
    space: Space
    asked: list[Asked]


def prepare(conversations: list[Conversation]) -> list[Prepared]:
    return [_prepare(each, index) for index, each in enumerate(conversations)]


def _prepare(conversation: Conversation, seed: int) -> Prepared:
    space = rebuild(conversation.pages)
    random = np.random.default_rng(seed)
    asked = []
    for question in conversation.questions:
        query = read(question.text, space.table.subjects, years=space.years)
        measured = measure(space, query)
        kind = conversation.pages[0].kind
        example = _example(conversation, question, measured, kind, random)
        asked.append(Asked(question, measured, kind, example))
    return Prepared(conversation, space, asked)


def _example(
    conversation: Conversation,
    question: Question,
    measured: Measured,
    kind: str,
    random: np.random.Generator,
) -> ranking.Example | None:
    turns = [conversation.turn_of[conversation.pages[row].id] for row in measured.rows]
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
        kind=kind,
        golds=tuple(np.searchsorted(keep, gold) for gold in golds),
        log_weight=np.log(weight[keep]),
        start=6.0 * (measured.own[keep] / max(float(measured.own.max()), 1e-6)),
    )


def fit(prepared: list[Prepared], *, note: str = "") -> Weights:
    weights = _table(_rank(prepared), note)
    rows, answers = [], []
    for fold in range(min(_FOLDS, len(prepared))):
        rest = [each for i, each in enumerate(prepared) if i % _FOLDS != fold]
        scorer = Scorer(_table(_rank(rest or prepared), note))
        for each in (each for i, each in enumerate(prepared) if i % _FOLDS == fold):
            for asked in each.asked:
                if asked.kind == Kind.PEOPLE:
                    rows.append(evidence(scorer, asked.measured, each.space))
                    answers.append(bool(asked.question.evidence))
    return _remember(_gate(weights, np.array(rows), np.array(answers)), prepared)


def evidence(scorer: Scorer, measured: Measured, space: Space) -> np.ndarray:
    kinds = space.table.columns().kind[measured.rows]
    scores = scorer.score(measured.values, kinds)
    blind = scorer.score(gate.blinded(measured.values), kinds)
    return gate.evidence(measured, scores, blind)


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
        deviation={kind: _numbers(values) for kind, values in linear.deviation.items()},
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
    )


def _remember(weights: Weights, prepared: list[Prepared]) -> Weights:
    inputs, answers = [], []
    for each in prepared:
        gold = {turn for asked in each.asked for turn in asked.question.evidence}
        inputs.append(memorable_inputs(each.space.table.columns()))
        answers += [each.conversation.turn_of[page.id] in gold for page in each.conversation.pages]
    logistic = gating.fit(np.concatenate(inputs).astype(float), np.array(answers, dtype=float), ridge=5.0)
    assert len(logistic.weights) == len(TRAITS_KEPT)
    return replace(
        weights, memorable=_numbers(logistic.weights), memorable_bias=round(logistic.bias, 4)
    )


def replace(weights: Weights, **changes: object) -> Weights:
    return Weights(**{**{name: getattr(weights, name) for name in weights.__struct_fields__}, **changes})  # type: ignore[arg-type]


def _numbers(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)
