"""The decision function as a gate for a scenario.

manifests(folder)                   all manifest files of a folder;  written: as they stand in them
FlowGate(suite, prompt, manifests)  a task of one principal, decided by the shipped rules
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from dojo import SUITES, Verdict, schemas

from logos.kernel.flow import Catalogue, Decision, Manifest, Table, Task, builtin, decide, parse


def manifests(folder: Path | None) -> dict[str, Manifest]:
    """No folder: every tool is known by its schema alone."""
    found: dict[str, Manifest] = {}
    for path in sorted(folder.glob("*.toml")) if folder else ():
        found |= parse(path.read_text(encoding="utf-8"))
    return found


def written(folder: Path | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("*.toml")) if folder else ():
        found |= tomllib.loads(path.read_text(encoding="utf-8"))
    return found


@cache
def table() -> Table:
    return builtin()


def catalogue(suite: str, known: dict[str, Manifest]) -> Catalogue:
    tools = Catalogue()
    for name, (schema, description) in schemas(suite).items():
        tools.add(name, schema, known.get(name), description=description)
    return tools


class FlowGate:
    def __init__(self, suite: str, task: str, tools: Catalogue) -> None:
        self.task = Task(SUITES[suite].user_tasks[task].PROMPT, catalogue=tools, rules=table())
        self.calls = 0
        self._open: tuple[Decision, bool] | None = None

    def check(self, name: str, arguments: dict[str, Any]) -> tuple[Verdict, str]:
        decision = decide(self.task, name, arguments)
        asks = decision.verdict.value == "ask"
        if asks:
            self.task.asked += 1
        self._open = (decision, asks)
        why = "; ".join(
            f"{v.argument}={v.source}"
            for v in decision.values
            if v.verdict is not type(v.verdict).ALLOW
        )
        return decision.verdict.value, f"{decision.rule} {why or decision.message}"

    def done(self, name: str, arguments: dict[str, Any], result: object) -> None:
        del name
        assert self._open is not None
        decision, agreed = self._open
        self.calls += 1
        self.task.settle(arguments, decision, agreed=agreed)
        self.task.observe(arguments, decision, result, page=f"{decision.tool}#{self.calls}")
