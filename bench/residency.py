"""Evidence residency, wrong context, stale facts and compaction, on conversations with annotated
evidence, through the product's path.

    residency.py --split DIR [--json] [--rows FILE] [--shipped] [--folds N] [--embedder NAME [--settings FILE]]

Each conversation becomes the journal of a process in a database of its own server; each question is asked of
that process by Records.fault, which indexes the journal, scores, gates and packs; what comes back is
put into a window as the kernel does it, and the window is looked at.  No model, no embedding, unless
--embedder names one as `memory.embedder` does (--settings is the file that says where it is): then pages are
found by its vectors, too, and what these weigh is fitted with the rest.  The weights
that answer a conversation were fitted on the other folds, which are whole conversations; with
--shipped they are the ones in the package, whether or not they were fitted on this split.  Tokens
are the pager's own estimate, which errs high.

How memory is asked, by figure:

    search   a budget, spent, as who searches on purpose spends it (Ask(gate=False, mass=2)): pages of whom the
             question names come first; beyond 1,500 tokens what room they leave is anybody's, below that
             what the one named as good as certainly never spoke of is not searched for (`memory.search` then
             leaves out pages that share nothing with the question, which is not measured here):
             locomo_*, beam_*, trap_1024, stale_only, rows
    mass     as much as it takes for the default share of the probability: precision_mass, any_mass
    gate     search, and nothing where no answer is expected: kept, abstained

`beam_all_2048` is over the seven kinds of questions that pages can answer: all that have evidence but the
ordering of events and summaries, whose evidence alone is often more than the budget.  `_eight` is with
the ordering of events, `_nine` with summaries too, `beam_2048` each kind by itself.  (The eight kinds of the
prototype's .778 were these seven and abstention, which has no evidence to be resident.)

`both_marked`: where the old and the new statement of a `knowledge_update` are in the window (`both_shown`
times), all old ones are marked, as superseded or as earlier than another.  `marked_else` and `marked_people` are
the price: the share of all turns shown for other questions that are marked as earlier; `marked_new` is the share of
the new statements that are marked themselves.  `gate_auroc` and `gate_abstain_at_95`
judge the confidence of each fault on the conversations between people; `gate_auroc_beam` on the others.
"""

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import asyncpg
import numpy as np

from common import CONVERSATIONS, database, folder, note
from lib_memory import baseline, data, fitting, gating, journaled, meaning
from lib_memory.data import Conversation, Question
from lib_memory.meaning import Meant, Nears
from lib_memory.spread import spread
from lib_memory.surviving import survive
from logos.abi.ids import Seq
from logos.abi.paging import Shown
from logos.kernel.memory import (
    Ask,
    Fault,
    Rules,
    Source,
    Weights,
    Window,
    load,
    paged_in,
)
from logos.kernel.memory.layout import HEADER_COST, line_cost
from logos.kernel.memory.space import Space
from logos.kernel.node.records import Records

BUDGETS = (512, 1024, 2048, 4096)
KEYS = {
    "locomo_all_1024", "locomo_all_4096", "locomo_fraction_1024", "beam_all_2048", "beam_all_2048_eight", "trap_1024",
    "gate_auroc", "gate_abstain_at_95", "stale_only", "both_marked", "marked_else", "precision_mass", "any_mass",
}  # fmt: skip
"""Figures whose standard error over conversations is told beside them, in `se`."""
UNSERVED = {"event_ordering", "summarization"}
"""Kinds that need what no page says."""
LEAST = "summarization"
UPDATES = {"knowledge_update", "contradiction_resolution"}
OLD, NEW = "original_info", "updated_info"
MODES: dict[str, Callable[[int], Ask]] = {
    "rank": lambda budget: Ask(budget=budget, mass=2.0, gate=False, rules=Rules(subject=False)),
    "search": lambda budget: Ask(budget=budget, mass=2.0, gate=False),
    "gate": lambda budget: Ask(budget=budget, mass=2.0),
    "mass": lambda budget: Ask(budget=budget, gate=False),
}
SPENT = {"rank": (1024, 4096), "search": BUDGETS, "gate": (1024,), "mass": (4096,)}


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
    marked: set[str] = field(default_factory=set)

    @property
    def hit(self) -> float:
        return len(self.question.evidence & self.resident) / len(self.question.evidence)


def assembled(question: Question, found: Fault) -> list[Shown]:
    """What stands in a window that the kernel has put this into."""
    window = Window()
    if (event := paged_in(window, question.text, found)) is not None:
        window.apply(Seq(1), event)
    return [piece.shown for turn in window.body for piece in turn.pieces]


def row(conversation: Conversation, question: Question, how: tuple[str, int], found: Fault) -> Row:
    there = assembled(question, found)
    sources = [Source(seq=each.page, start=each.start, end=each.end) for each in there]
    return Row(
        conversation.name, conversation.source, question, *how,
        conversation.resident(sources), found.tokens, precision(conversation, question, found),
        found.confidence, conversation.touched(sources),
        {conversation.turn(each.page) for each in there if each.valid_to is not None or each.later is not None},
    )  # fmt: skip


def precision(conversation: Conversation, question: Question, found: Fault) -> float:
    """Tokens of evidence / tokens paged in.  The line above a group of pages counts for each of them in
    equal parts."""
    size: dict[str, int] = defaultdict(int)
    for page in found.pages:
        size[page.group] += 1
    total = good = 0.0
    for page in found.pages:
        cost = line_cost(page) + HEADER_COST / size[page.group]
        total += cost
        good += cost * (conversation.turn(page.source.seq) in question.evidence)
    return good / max(total, 1.0)


async def measure(records: Records, conversation: Conversation, pid: Any) -> list[Row]:
    rows = []
    for question in conversation.questions:
        for mode, budgets in SPENT.items():
            for budget in budgets:
                found = await records.fault(pid, question.text, MODES[mode](budget))
                rows.append(row(conversation, question, (mode, budget), found))
    return rows


def folds(conversations: list[Conversation], number: int) -> dict[str, int]:
    """Conversations of each source dealt out in turn."""
    seen: dict[str, int] = defaultdict(int)
    out = {}
    for each in conversations:
        out[each.name] = seen[each.source] % number
        seen[each.source] += 1
    return out


def fitted(
    prepared: list[fitting.Prepared], number: int, nears: Nears | None
) -> dict[str, Weights]:
    """For each conversation the weights fitted on the other folds."""
    conversations = [each.conversation for each in prepared]
    fold = folds(conversations, number)
    out = {}
    for index in sorted(set(fold.values())):
        rest = [each for each in prepared if fold[each.conversation.name] != index]
        meant = None if nears is None else Meant(nears)
        weights = fitting.fit(rest or prepared, note=f"without fold {index}", meant=meant)
        out |= {name: weights for name, value in fold.items() if value == index}
        note(f"fold {index} fitted")
    return out


def served(row: Row) -> bool:
    return bool(row.question.evidence) and row.question.category not in UNSERVED


def tables(rows: list[Row]) -> dict[str, dict[str, float]]:
    """all, any, fraction, tokens and precision by source, category, mode and budget."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for each in rows:
        if each.question.evidence:
            names = [each.source, f"{each.source}/{each.question.category}", each.conversation]
            for name in names + [f"{each.source}/served"] * served(each):
                groups[f"{name} {each.mode} {each.budget}"].append(each)
    return {
        key: {
            "n": len(group),
            "all": mean(each.hit == 1 for each in group),
            "any": mean(each.hit > 0 for each in group),
            "fraction": mean(each.hit for each in group),
            "tokens": round(statistics.fmean(each.tokens for each in group), 1),
            "precision": mean(each.precise for each in group),
        }
        for key, group in sorted(groups.items())
    }


def mean(values: Iterable[float]) -> float:
    found = [float(value) for value in values]
    return round(statistics.fmean(found), 4) if found else float("nan")


def gates(rows: list[Row]) -> dict[str, float]:
    """How well confidence tells the answerable from the rest, and what the shipped threshold does."""
    scores = np.array([each.confidence for each in rows])
    good = np.array([bool(each.question.evidence) for each in rows])
    if not rows or good.all() or not good.any():
        return {}
    cut = float(np.quantile(scores[good], 0.05))
    refused = np.array([each.tokens == 0 for each in rows])
    return {
        "auroc": round(gating.auroc(scores, good), 4),
        "abstain_at_95": round(float((scores[~good] < cut).mean()), 4),
        "kept": round(float(1 - refused[good].mean()), 4),
        "abstained": round(float(refused[~good].mean()), 4),
    }


def stale(rows: list[Row]) -> dict[str, float]:
    """Of knowledge updates: the old statement without the new one; and where both are there, whether
    the old one is marked."""
    alone, marked, newer = [], [], []
    for each in rows:
        old = set(each.question.sources.get(OLD, ()))
        new = set(each.question.sources.get(NEW, ())) - old
        if each.question.category == "knowledge_update" and old and new:
            alone.append(bool(old & each.touched) and not new & each.touched)
            if old & each.touched and new & each.touched:
                marked.append((old & each.touched) <= each.marked)
                newer.append(bool(new & each.marked))
    return {
        "stale_only": mean(alone),
        "both_marked": mean(marked),
        "both_shown": len(marked),
        "marked_new": mean(newer),
    }


def marked_else(rows: list[Row]) -> float:
    """Of the turns that are there for questions about anything but an update, those marked as earlier."""
    others = (each for each in rows if each.question.category not in UPDATES)
    return mean(turn in each.marked for each in others for turn in each.touched)


def summary(rows: list[Row]) -> dict[str, Any]:
    def of(mode: str, budget: int, source: str = "") -> list[Row]:
        return [
            each
            for each in rows
            if (each.mode, each.budget) == (mode, budget) and source in ("", each.source)
        ]

    def whole(found: list[Row]) -> float:
        return mean(each.hit == 1 for each in found if each.question.evidence)

    def wrong(found: list[Row]) -> float:
        return mean(bool(each.question.trap & each.touched) for each in found if each.question.trap)

    people, mass = of("search", 1024, "locomo"), of("mass", 4096, "locomo")
    found = gates(of("gate", 1024, "locomo"))
    beam = of("search", 2048, "beam")
    return {
        "locomo_all_1024": whole(people),
        "locomo_all_4096": whole(of("search", 4096, "locomo")),
        "locomo_fraction_1024": mean(each.hit for each in people if each.question.evidence),
        "beam_all_2048": whole([each for each in beam if served(each)]),
        "trap_1024": wrong(people),
        "gate_auroc": found.get("auroc", float("nan")),
        "gate_abstain_at_95": found.get("abstain_at_95", float("nan")),
        **stale(of("search", 1024, "beam")),
        "marked_else": marked_else(of("search", 1024, "beam")),
        "marked_people": marked_else(people),
        "precision_mass": mean(each.precise for each in mass if each.question.evidence),
        "any_mass": mean(each.hit > 0 for each in mass if each.question.evidence),
        "all_mass": whole(mass),
        "tokens_mass": mean(each.tokens for each in mass if each.question.evidence),
        "gate_kept": found.get("kept", float("nan")),
        "gate_abstained": found.get("abstained", float("nan")),
        "locomo_all_1024_gate": whole(of("gate", 1024, "locomo")),
        "trap_1024_gate": wrong(of("gate", 1024, "locomo")),
        "locomo_all_1024_rank": whole(of("rank", 1024, "locomo")),
        "locomo_all_4096_rank": whole(of("rank", 4096, "locomo")),
        "trap_4096": wrong(of("search", 4096, "locomo")),
        "trap_1024_rank": wrong(of("rank", 1024, "locomo")),
        "beam_all_2048_eight": whole([each for each in beam if each.question.category != LEAST]),
        "beam_all_2048_nine": whole(beam),
        "beam_2048": {
            kind: whole([each for each in beam if each.question.category == kind])
            for kind in sorted({each.question.category for each in beam if each.question.evidence})
        },
        "gate_auroc_beam": gates(of("gate", 1024, "beam")).get("auroc", float("nan")),
    }


def beside(asked: list[tuple[Conversation, Space, baseline.Orders, Question]]) -> dict[str, float]:
    """The same questions answered by others."""
    people = [each for each in asked if each[0].source == "locomo" and each[3].evidence]
    beam = [
        each
        for each in asked
        if each[0].source == "beam" and each[3].evidence and each[3].category not in UNSERVED
    ]
    out = {}
    for name in baseline.NAMES:
        for budget in (1024, 4096):
            out[f"locomo_all_{budget}_{name}"] = baseline.share(people, name, budget)
        out[f"beam_all_2048_{name}"] = baseline.share(beam, name, 2048)
    return out


async def run(args: argparse.Namespace) -> tuple[dict[str, Any], list[Row]]:
    conversations = data.load(args.split)
    prepared = fitting.prepare(conversations) if args.embedder or not args.shipped else []
    nears = await meaning.near_by(prepared, args.embedder, args.settings) if args.embedder else None
    if args.shipped:
        weights = dict.fromkeys((each.name for each in conversations), load())
    else:
        weights = fitted(prepared, args.folds, nears)
    rows: list[Row] = []
    asked, spaces = [], []
    with folder() as place:
        async with database(place) as url, journaled.opened(url) as journals:
            db = await asyncpg.connect(url)
            for each in conversations:
                pid = await journals.put(each.events)
                records = Records(journals.store, weights[each.name])
                if nears is not None:
                    records.spaces.near = meaning.nearness(each, nears)
                rows += await measure(records, each, pid)
                space = each.recall().space
                spaces.append((each, space))
                orders = await baseline.orders(each, space, db)
                asked += [(each, space, orders, question) for question in each.questions]
                note(f"{each.name}: {len(each.questions)} questions asked")
            await db.close()
    out: dict[str, Any] = summary(rows)
    out["survive_30"] = survive([s for s in spaces if s[0].source == "locomo"], weights, 0.3)
    out |= beside(asked)
    out["se"] = spread(rows, summary, sorted(KEYS))
    out["weights"] = "shipped" if args.shipped else f"{args.folds} folds"
    if args.embedder:
        out["embedder"] = args.embedder
        out["meaning"] = [round(one, 2) for one in sorted({w.meaning for w in weights.values()})]
    return out, rows


def write(path: Path, rows: list[Row]) -> None:
    """One line a question for score.py: searched with 1,024 tokens, between user and assistant 2,048."""
    with path.open("w", encoding="utf-8") as out:
        for each in rows:
            if (each.mode, each.budget) == ("search", 1024 if each.source == "locomo" else 2048):
                line = {
                    "id": each.question.id,
                    "resident": sorted(each.resident),
                    "tokens": each.tokens,
                    "score": each.confidence,
                }
                out.write(json.dumps(line) + "\n")


def show(figures: dict[str, Any], found: dict[str, dict[str, float]]) -> None:
    for key, value in figures.items():
        print(f"{key:28s} {value}")
    for name in sorted({key.rsplit(" ", 2)[0] for key in found}):
        cells = [found.get(f"{name} search {budget}", {}) for budget in BUDGETS]
        line = " ".join(f"{cell.get('all', float('nan')):.3f}" for cell in cells)
        print(f"{name:34s} n={cells[0].get('n', 0):<4} all {line}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--split", type=Path, default=CONVERSATIONS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--shipped", action="store_true")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--embedder", default="")
    parser.add_argument("--settings", type=Path)
    args = parser.parse_args()
    figures, rows = anyio.run(run, args)
    found = tables(rows)
    if args.rows:
        write(args.rows, rows)
    if args.json:
        print(json.dumps(figures | {"tables": found}, indent=1))
    else:
        show(figures, found)


if __name__ == "__main__":
    main()
