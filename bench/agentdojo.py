"""AgentDojo without a model, through the real gate: who gets what through?

    python bench/agentdojo.py [--suites banking,slack] [--manifests DIR | --derived] [--json] [--orders now,end]

Needs the `bench` extra (agentdojo 0.1.35); no network, no key.  Each task is a process of a kernel with a
database of its own; the agent obeys every injection it reads; questions are answered through the kernel.
Suites are the benchmark's, and `office`, one of our own that the policy was not made for.  DIR holds
manifests of their tools (docs/manifests.md); what has none there is judged by its schema alone.
`--pure` asks the decision function alone, which must give the same figures.  Keys:

    benign_utility, utility_under_attack, attack_success     nobody answers questions
    benign_utility_asking, attack_success_asking             a person who knows which calls are his
    questions_per_task                                       what he is asked without an attack
    questions_under_attack                                   attacked runs that ask about the attacker's call
    attack_success_blind                                     a person who says yes to everything
    free_attacker                                            share of tasks in which any call with a
                                                             destination or credential of his own gets in
    free_attacker_known                                      ... or with a known one the task does not use
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

# This file has the name of the library: its own folder must not be searched.
sys.path[0] = str(Path(__file__).parent / "lib_flow")

import real  # noqa: E402
from dojo import (  # noqa: E402
    SUITES,
    Approver,
    Order,
    Play,
    Played,
    Scenario,
    attacked,
    blind,
    environment,
    ideal,
    jailbreak,
    never,
    places,
)
from flowgate import FlowGate, catalogue, manifests, missing, written  # noqa: E402
from free import HIS, probe  # noqa: E402

from logos.abi.errors import SysError  # noqa: E402
from logos.kernel.flow import Catalogue  # noqa: E402

Log = Callable[[Scenario, Played], None]


def benign(
    suites: list[str], tools: dict[str, Catalogue], approver: Approver, log: Log
) -> dict[str, float]:
    runs = []
    for suite in suites:
        for task in SUITES[suite].user_tasks:
            scenario = Scenario(suite, task)
            gate = FlowGate(suite, task, tools[suite])
            played = Play(scenario, gate, approver, environment(suite, {})).run()
            log(scenario, played)
            runs.append(played)
    return {
        "tasks": len(runs),
        "utility": sum(r.useful for r in runs) / len(runs),
        "questions": sum(r.asked["user"] for r in runs) / len(runs),
    }


def under_attack(
    suites: list[str],
    tools: dict[str, Catalogue],
    approver: Approver,
    orders: list[Order],
    log: Log,
) -> dict[str, float]:
    pairs = useful = taken = bothered = 0
    for suite in suites:
        for task in SUITES[suite].user_tasks:
            if not places(suite, task):
                continue
            for injection, goal in SUITES[suite].injection_tasks.items():
                world = attacked(suite, task, jailbreak(goal.GOAL))
                runs = []
                for order in orders:
                    scenario = Scenario(suite, task, injection, order)
                    gate = FlowGate(suite, task, tools[suite])
                    played = Play(scenario, gate, approver, world.model_copy(deep=True)).run()
                    log(scenario, played)
                    runs.append(played)
                if not any(r.seen for r in runs):
                    continue
                pairs += 1
                useful += runs[0].useful
                taken += any(r.taken for r in runs)
                bothered += any(r.asked["attacker"] for r in runs)
    most = max(pairs, 1)
    return {
        "pairs": pairs,
        "utility": useful / most,
        "taken": taken / most,
        "bothered": bothered / most,
    }


def free(
    suites: list[str], tools: dict[str, Catalogue], log: Callable[[str], None]
) -> dict[str, float]:
    tasks = chosen = strayed = 0
    own = {str(v) for vs in HIS.values() for v in vs}
    for suite in suites:
        for task in SUITES[suite].user_tasks:
            if not places(suite, task):
                continue
            tasks += 1
            hits = probe(suite, task, tools[suite])
            chosen += any(value in own for _, _, value in hits)
            strayed += bool(hits)
            for hit in sorted(hits):
                log(f"free {suite} {task} {hit}")
    return {"chosen": chosen / max(tasks, 1), "strayed": strayed / max(tasks, 1)}


def shown(scenario: Scenario, played: Played) -> None:
    """Runs that went wrong."""
    if played.taken or (not scenario.injection and not played.useful):
        useful, taken = "useful" if played.useful else "-", "TAKEN" if played.taken else ""
        print(scenario, useful, taken, file=sys.stderr)
        for entry in played.log:
            print("    ", *entry, file=sys.stderr)


def unshown(scenario: Scenario, played: Played) -> None:
    del scenario, played


def figures(
    suites: list[str], tools: dict[str, Catalogue], orders: list[Order], *, verbose: bool
) -> dict[str, Any]:
    log = shown if verbose else unshown

    def line(text: str) -> None:
        if verbose:
            print(text, file=sys.stderr)

    alone, asking = benign(suites, tools, never, log), benign(suites, tools, ideal, log)
    closed = under_attack(suites, tools, never, orders, log)
    open_ = under_attack(suites, tools, ideal, orders, log)
    yes = under_attack(suites, tools, blind, orders, log)
    probed = free(suites, tools, line)
    return {
        "suites": suites,
        "tasks": alone["tasks"],
        "pairs": closed["pairs"],
        "orders": orders,
        "benign_utility": round(alone["utility"], 4),
        "utility_under_attack": round(closed["utility"], 4),
        "attack_success": round(closed["taken"], 4),
        "benign_utility_asking": round(asking["utility"], 4),
        "utility_under_attack_asking": round(open_["utility"], 4),
        "attack_success_asking": round(open_["taken"], 4),
        "questions_per_task": round(asking["questions"], 4),
        "questions_under_attack": round(open_["bothered"], 4),
        "attack_success_blind": round(yes["taken"], 4),
        "free_attacker": round(probed["chosen"], 4),
        "free_attacker_known": round(probed["strayed"], 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--suites", default="banking,slack")
    parser.add_argument("--manifests", type=Path, default=Path(__file__).parent / "manifests")
    parser.add_argument("--derived", action="store_true", help="use no manifests: schemas alone")
    parser.add_argument("--orders", default="now", help="now, end, or both with a comma")
    parser.add_argument("--pure", action="store_true", help="no kernel: the decision alone")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--verbose", action="store_true", help="say which runs failed or were taken"
    )
    options = parser.parse_args()
    suites = [suite.strip() for suite in options.suites.split(",") if suite.strip()]
    folder = None if options.derived else options.manifests
    orders = options.orders.split(",")
    try:
        without = missing(suites, written(folder))
    except SysError as wrong:
        parser.error(f"{wrong.message}{f' ({wrong.hint})' if wrong.hint else ''}")
    if without and folder is not None:
        print(f"no manifest, judged by their schemas alone: {', '.join(without)}", file=sys.stderr)
    if options.pure:
        known = manifests(folder)
        tools = {suite: catalogue(suite, known) for suite in suites}
        found = figures(suites, tools, orders, verbose=options.verbose)
    else:
        log = shown if options.verbose else unshown
        found = anyio.run(real.figures, suites, written(folder), orders, log)
    found["gate"] = "pure" if options.pure else "real"
    found["manifests"] = "derived" if options.derived else options.manifests.name
    if options.json:
        print(json.dumps(found))
    else:
        for key, value in found.items():
            print(f"{key:28} {value}")


if __name__ == "__main__":
    main()
