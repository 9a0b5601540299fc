"""Evidence residency, abstention, stale facts and compaction on conversations with annotated evidence.

    residency.py --split DIR [--json] [--rows FILE] [--shipped] [--fts] [--folds N]

Every figure goes through Pager.fault.  The weights of a conversation are fitted on the other folds,
which are whole conversations (with `--shipped`: the weights in the package, whether or not they
were fitted on this split).  Tokens are the pager's own estimate, which errs high.
"""

import argparse
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lib_memory import baseline, data, fitting, gating
from lib_memory.data import Conversation, Question
from logos.kernel.memory import gate, policy
from logos.kernel.memory.layout import line_cost
from logos.kernel.memory.pager import Ask, Fault, Pager
from logos.kernel.memory.scorer import Weights, load

BUDGETS = (256, 512, 1024, 2048, 4096, 8192)
SEVEN = {
    "information_extraction", "knowledge_update", "contradiction_resolution", "temporal_reasoning",
    "multi_session_reasoning", "instruction_following", "preference_following",
}  # fmt: skip
"""The BEAM categories paging can serve; ordering and summarization are reported beside them."""
MODES: dict[str, Callable[[int], Ask]] = {
    "rank": lambda budget: Ask(
        budget=budget, mass=2.0, gate=False, rules=gate.Rules(subject=False)
    ),
    "filter": lambda budget: Ask(budget=budget, mass=2.0, gate=False),
    "gate": lambda budget: Ask(budget=budget, mass=2.0),
    "mass": lambda budget: Ask(budget=budget, gate=False),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One question under one mode and budget."""

    conversation: str
    source: str
    question: Question
    mode: str
    budget: int
    resident: set[str]
    tokens: int
    precise: float
    confidence: float
    touched: set[str] = field(default_factory=set)

    @property
    def hit(self) -> float:
        return len(self.question.evidence & self.resident) / len(self.question.evidence)


def row(
    conversation: Conversation, question: Question, mode: str, budget: int, fault: Fault
) -> Row:
    pages = {page.id for page in fault.pages}
    turns = {page.id: conversation.turn_of[page.id] for page in fault.pages}
    return Row(
        conversation.name, conversation.source, question, mode, budget,
        conversation.resident(pages), fault.tokens,
        precision(fault, {id_ for id_, turn in turns.items() if turn in question.evidence}),
        fault.confidence, set(turns.values()),
    )  # fmt: skip


def precision(fault: Fault, evidence: set[int]) -> float:
    """The share of the tokens of the pages (their lines, not the dates above them) that is evidence."""
    total = sum(line_cost(page) for page in fault.pages)
    return sum(line_cost(page) for page in fault.pages if page.id in evidence) / max(total, 1)


def measure(conversation: Conversation, weights: Weights) -> list[Row]:
    pager = Pager.rebuild(conversation.pages, weights)
    rows = []
    for question in conversation.questions:
        for mode, ask in MODES.items():
            for budget in BUDGETS if mode != "mass" else (4096,):
                fault = pager.fault(question.text, ask(budget))
                rows.append(row(conversation, question, mode, budget, fault))
    return rows


def folds(conversations: list[Conversation], number: int) -> dict[str, int]:
    """Conversations of each source dealt out in turn."""
    seen: dict[str, int] = defaultdict(int)
    out = {}
    for each in conversations:
        out[each.name] = seen[each.source] % number
        seen[each.source] += 1
    return out


def table(rows: list[Row]) -> dict[str, dict[str, float]]:
    """all, any, fraction, tokens and precision by source, category, mode and budget."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for each in rows:
        if each.question.evidence:
            keys = [each.source, f"{each.source}/{each.question.category}", each.conversation]
            if each.question.category in SEVEN:
                keys.append("beam7")
            for key in keys:
                groups[f"{key} {each.mode} {each.budget}"].append(each)
    return {
        key: {
            "n": len(group),
            "all": _mean(each.hit == 1 for each in group),
            "any": _mean(each.hit > 0 for each in group),
            "fraction": _mean(each.hit for each in group),
            "touched": _mean(each.question.evidence <= each.touched for each in group),
            "tokens": round(_mean(each.tokens for each in group), 1),
            "precision": _mean(each.precise for each in group),
        }
        for key, group in sorted(groups.items())
    }


def _mean(values: object) -> float:
    return round(statistics.fmean(float(value) for value in values), 4)  # type: ignore[attr-defined]


def gates(rows: list[Row], source: str) -> dict[str, float]:
    """How well confidence tells the answerable from the rest, thresholds aside and with them."""
    here = [
        each
        for each in rows
        if each.source == source and (each.mode, each.budget) == ("gate", 1024)
    ]
    scores = np.array([each.confidence for each in here])
    good = np.array([bool(each.question.evidence) for each in here])
    if not here or good.all() or not good.any():
        return {}
    cut = float(np.quantile(scores[good], 0.05))
    refused = np.array([each.tokens == 0 for each in here])
    return {
        "auroc": round(gating.auroc(scores, good), 4),
        "abstain_at_95": round(float((scores[~good] < cut).mean()), 4),
        "kept": round(float(1 - refused[good].mean()), 4),
        "abstained": round(float(refused[~good].mean()), 4),
    }


def trap(rows: list[Row], mode: str, budget: int) -> float:
    """The share of unanswerable questions with a turn in the window that only looks like the answer."""
    here = [
        each for each in rows if each.question.trap and (each.mode, each.budget) == (mode, budget)
    ]
    return _mean(bool(each.question.trap & each.touched) for each in here) if here else float("nan")


def stale(rows: list[Row], mode: str, budget: int) -> float:
    """Of knowledge updates, the share with the old statement in the window and not the new one."""
    here = [
        each for each in rows
        if each.question.category == "knowledge_update" and (each.mode, each.budget) == (mode, budget)
    ]  # fmt: skip
    wrong = []
    for each in here:
        old = set(each.question.sources.get("original_info", ()))
        new = set(each.question.sources.get("updated_info", ())) - old
        if old and new:
            wrong.append(bool(old & each.touched) and not new & each.touched)
    return _mean(wrong) if wrong else float("nan")


def survive(conversations: list[Conversation], weights: dict[str, Weights], share: float) -> float:
    """Questions whose evidence a compaction to `share` of the tokens keeps word for word."""
    kept = []
    for each in conversations:
        if each.source != "locomo":
            continue
        space = fitting.rebuild(each.pages)
        worth = policy.memorability(space.table.columns(), weights[each.name])
        tokens = {page.id: page.tokens for page in each.pages}
        values = {page.id: float(worth[space.table.row[page.id]]) for page in each.pages}
        left = policy.keep(tokens, values, budget=int(sum(tokens.values()) * share))
        there = each.resident(set(left))
        kept += [question.evidence <= there for question in each.questions if question.evidence]
    return _mean(kept) if kept else float("nan")


def summary(rows: list[Row], tables: dict[str, dict[str, float]]) -> dict[str, float]:
    def of(key: str, name: str) -> float:
        return tables.get(key, {}).get(name, float("nan"))

    found = gates(rows, "locomo")
    return {
        "locomo_all_1024": of("locomo rank 1024", "all"),
        "locomo_all_4096": of("locomo rank 4096", "all"),
        "locomo_fraction_1024": of("locomo rank 1024", "fraction"),
        "locomo_all_1024_filter": of("locomo filter 1024", "all"),
        "locomo_all_4096_filter": of("locomo filter 4096", "all"),
        "locomo_all_1024_gate": of("locomo gate 1024", "all"),
        "beam_all_2048": of("beam7 filter 2048", "all"),
        "beam_all_2048_nine": of("beam filter 2048", "all"),
        "beam_touched_2048": of("beam7 filter 2048", "touched"),
        "trap_1024_rank": trap(rows, "rank", 1024),
        "trap_1024": trap(rows, "filter", 1024),
        "trap_1024_gate": trap(rows, "gate", 1024),
        "gate_auroc": found.get("auroc", float("nan")),
        "gate_abstain_at_95": found.get("abstain_at_95", float("nan")),
        "gate_kept": found.get("kept", float("nan")),
        "gate_abstained": found.get("abstained", float("nan")),
        "gate_auroc_beam": gates(rows, "beam").get("auroc", float("nan")),
        "stale_only": stale(rows, "filter", 1024),
        "precision_mass": of("locomo mass 4096", "precision"),
        "any_mass": of("locomo mass 4096", "any"),
        "all_mass": of("locomo mass 4096", "all"),
        "tokens_mass": of("locomo mass 4096", "tokens"),
    }


def fitted(conversations: list[Conversation], number: int) -> dict[str, Weights]:
    """For each conversation the weights fitted on the other folds."""
    prepared = fitting.prepare(conversations)
    fold = folds(conversations, number)
    out = {}
    for index in range(number):
        rest = [each for each in prepared if fold[each.conversation.name] != index]
        if not any(value == index for value in fold.values()):
            continue
        weights = fitting.fit(rest, note=f"without fold {index}")
        out |= {name: weights for name, value in fold.items() if value == index}
        print(f"fold {index} fitted", file=sys.stderr, flush=True)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--shipped", action="store_true")
    parser.add_argument("--fts", action="store_true")
    parser.add_argument("--folds", type=int, default=5)
    args = parser.parse_args()
    conversations = data.load(args.split)
    if args.shipped:
        weights = dict.fromkeys((each.name for each in conversations), load())
    else:
        weights = fitted(conversations, args.folds)
    rows = [row for each in conversations for row in measure(each, weights[each.name])]
    tables = table(rows)
    figures = summary(rows, tables)
    figures["survive_30"] = survive(conversations, weights, 0.3)
    figures |= baseline.bm25(conversations, SEVEN)
    if args.fts:
        figures |= baseline.full_text(conversations)
    if args.rows:
        write(args.rows, rows)
    out = {
        "weights": "shipped" if args.shipped else f"{args.folds} folds",
        "figures": figures,
        "tables": tables,
    }
    if args.json:
        json.dump(out, sys.stdout, indent=1)
    else:
        show(figures, tables)


def write(path: Path, rows: list[Row]) -> None:
    """One line a question in the form score.py reads: ranked, 1,024 tokens (BEAM 2,048)."""
    with path.open("w", encoding="utf-8") as out:
        for each in rows:
            if (each.mode, each.budget) == ("filter", 1024 if each.source == "locomo" else 2048):
                line = {
                    "id": each.question.id, "resident": sorted(each.resident), "tokens": each.tokens,
                    "score": each.confidence,
                }  # fmt: skip
                out.write(json.dumps(line) + "\n")


def show(figures: dict[str, float], tables: dict[str, dict[str, float]]) -> None:
    for key, value in figures.items():
        print(f"{key:28s} {value}")
    for name in sorted({key.rsplit(" ", 2)[0] for key in tables}):
        for mode in ("rank", "filter"):
            cells = [tables.get(f"{name} {mode} {budget}", {}) for budget in BUDGETS]
            line = " ".join(f"{cell.get('all', float('nan')):.3f}" for cell in cells)
            print(f"{name:34s} {mode:7s} n={cells[0].get('n', 0):<4} all {line}")


if __name__ == "__main__":
    main()
