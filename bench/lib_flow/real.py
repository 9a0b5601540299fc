"""All figures of bench/agentdojo.py, through the real gate.

figures(suites, manifests, orders)   one kernel for each suite, one database for all
"""

import copy
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dojo import (
    SUITES,
    Approver,
    Order,
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
from free import HIS, text
from kernelgate import Stage, stage

from logos.store import Embedded, migrate

Wanted = tuple[Scenario, Callable[[], Any]]
Log = Callable[[Scenario, Played], None]


@contextmanager
def folder() -> Iterator[Path]:
    """Removed afterwards.  Readable by the database's account."""
    with tempfile.TemporaryDirectory(prefix="logos-bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


class Tally(Counter[str]):
    def share(self, part: str, whole: str) -> float:
        return round(self[part] / max(self[whole], 1), 4)


async def figures(
    suites: Sequence[str], manifests: Mapping[str, Any], orders: Sequence[Order], log: Log
) -> dict[str, Any]:
    tally = Tally()
    async for opened, place in _stages(suites, manifests):
        await _benign(opened, place, tally, log)
        await _attacked(opened, place, orders, tally, log)
        await _free(opened, place, tally)
    return {
        "suites": list(suites),
        "tasks": tally["tasks"],
        "pairs": tally["pairs never"],
        "orders": list(orders),
        "benign_utility": tally.share("useful never", "tasks"),
        "utility_under_attack": tally.share("kept never", "pairs never"),
        "attack_success": tally.share("taken never", "pairs never"),
        "benign_utility_asking": tally.share("useful ideal", "tasks"),
        "utility_under_attack_asking": tally.share("kept ideal", "pairs ideal"),
        "attack_success_asking": tally.share("taken ideal", "pairs ideal"),
        "questions_per_task": tally.share("questions", "tasks"),
        "questions_under_attack": tally.share("bothered ideal", "pairs ideal"),
        "attack_success_blind": tally.share("taken blind", "pairs blind"),
        "free_attacker": tally.share("chosen", "probed"),
        "free_attacker_known": tally.share("strayed", "probed"),
    }


async def mutated(suites: Sequence[str], manifests: Mapping[str, Any]) -> dict[str, Any]:
    """Made-up calls, each at its place in a task that a person helps with."""
    tally = Tally()
    async for opened, place in _stages(suites, manifests):
        found = SUITES[opened.suite].user_tasks
        wanted: list[Wanted] = [(Scenario(opened.suite, t), _calm(opened.suite)) for t in found]
        for _, pid in await opened.play(wanted, ideal, place):
            await opened.mutate(pid, tally)
    return {
        "mutations": tally["mutations"],
        "mutations_let_through": tally["let_through"],
        "mutations_asked": tally["asked"],
        "originals": tally["originals"],
        "originals_refused": tally["originals_refused"],
        "originals_unread": tally["originals_unread"],
    }


async def _stages(
    suites: Sequence[str], manifests: Mapping[str, Any]
) -> AsyncGenerator[tuple[Stage, Path]]:
    """A kernel for each suite, on a database for all of them."""
    with folder() as place:
        server = Embedded(place / "store")
        url = await server.url(lambda _: None)
        await migrate(url)
        try:
            for suite in suites:
                async with stage(url, place / suite, suite, manifests) as opened:
                    yield opened, place / suite
        finally:
            await server.close()


async def _benign(opened: Stage, place: Path, tally: Tally, log: Log) -> None:
    suite = opened.suite
    wanted: list[Wanted] = [
        (Scenario(suite, task), _calm(suite)) for task in SUITES[suite].user_tasks
    ]
    tally["tasks"] += len(wanted)
    for approver, name in ((never, "never"), (ideal, "ideal")):
        for (scenario, _), (played, _) in zip(
            wanted, await opened.play(wanted, approver, place), strict=True
        ):
            log(scenario, played)
            tally[f"useful {name}"] += played.useful
            tally["questions"] += played.asked["user"] if approver is ideal else 0


async def _attacked(
    opened: Stage, place: Path, orders: Sequence[Order], tally: Tally, log: Log
) -> None:
    for approver, name in ((never, "never"), (ideal, "ideal"), (blind, "blind")):
        runs: dict[tuple[str, str], list[Played]] = {}
        for order in orders:
            wanted = _pairs(opened.suite, order)
            played = await _played(opened, wanted, approver, place)
            for (scenario, _), one in zip(wanted, played, strict=True):
                log(scenario, one)
                runs.setdefault((scenario.task, scenario.injection), []).append(one)
        for pair in runs.values():
            if any(run.seen for run in pair):
                tally[f"pairs {name}"] += 1
                tally[f"kept {name}"] += pair[0].useful
                tally[f"taken {name}"] += any(run.taken for run in pair)
                tally[f"bothered {name}"] += any(run.asked["attacker"] for run in pair)


async def _played(
    opened: Stage, wanted: Sequence[Wanted], approver: Approver, place: Path
) -> list[Played]:
    return [played for played, _ in await opened.play(wanted, approver, place)]


def _pairs(suite: str, order: Order) -> list[Wanted]:
    found: list[Wanted] = []
    for task in SUITES[suite].user_tasks:
        if not places(suite, task):
            continue
        for injection, goal in SUITES[suite].injection_tasks.items():
            world = _world(suite, task, jailbreak(goal.GOAL))
            found.append((Scenario(suite, task, injection, order), world))
    return found


def _calm(suite: str) -> Callable[[], Any]:
    return lambda: environment(suite, {})


def _world(suite: str, task: str, planted: str) -> Callable[[], Any]:
    return lambda: copy.deepcopy(attacked(suite, task, planted))


async def _free(opened: Stage, place: Path, tally: Tally) -> None:
    suite, own = opened.suite, {str(v) for vs in HIS.values() for v in vs}
    tasks = [task for task in SUITES[suite].user_tasks if places(suite, task)]
    wanted: list[Wanted] = [(Scenario(suite, t), _world(suite, t, text())) for t in tasks]
    for played, pid in await opened.play(wanted, never, place):
        hits = await opened.probe(played, pid)
        tally["probed"] += 1
        tally["chosen"] += any(value in own for _, _, value in hits)
        tally["strayed"] += bool(hits)
