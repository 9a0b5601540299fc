"""The decision function as a gate for a scenario.

manifests(folder)                   all manifest files of a folder;  written: as they stand in them
missing(suites, known)              tools without one; raise for one that does not fit its tool
FlowGate(suite, prompt, manifests)  a task of one principal, decided by the shipped rules
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from dojo import SUITES, Verdict, schemas

from logos.abi.errors import Code, SysError
from logos.kernel.flow import (
    Catalogue,
    Decision,
    Manifest,
    Table,
    Task,
    builtin,
    decide,
    nearest,
    parse,
)
from logos.kernel.flow.manifest import Form

FORMS: dict[str, Form] = {".toml": "toml", ".json": "json", ".yaml": "yaml", ".yml": "yaml"}


def written(folder: Path | None) -> dict[str, Any]:
    """As they stand in the files.  No folder: every tool is known by its schema alone.

    Raise SysError that names the file, for what is no manifest."""
    if folder is None:
        return {}
    if not folder.is_dir():
        raise SysError(Code.NOT_FOUND, f"{folder} is not a folder", hint="--manifests DIR")
    found: dict[str, Any] = {}
    of: dict[str, Path] = {}
    for path in sorted(p for p in folder.iterdir() if p.suffix in FORMS):
        try:
            parsed = parse(path.read_text(encoding="utf-8"), FORMS[path.suffix])
        except (SysError, UnicodeError) as wrong:
            raise SysError(
                Code.INVALID, f"{path}: {wrong}", hint="see docs/manifests.md"
            ) from wrong
        for name, manifest in parsed.items():
            if name in of:
                raise SysError(Code.CONFLICT, f"{path}: {of[name]} has a manifest of {name}, too")
            of[name], found[name] = path, msgspec.to_builtins(manifest)
    if not found:
        raise SysError(
            Code.NOT_FOUND, f"no manifests in {folder}", hint="NAME.toml, .json or .yaml"
        )
    return found


def manifests(folder: Path | None) -> dict[str, Manifest]:
    return msgspec.convert(written(folder), dict[str, Manifest])


def missing(suites: Sequence[str], known: Mapping[str, Any]) -> list[str]:
    """Tools of these suites that no manifest speaks of; the others must fit their schemas.

    Raise SysError for an unknown suite, or for a manifest that does not fit."""
    found: list[str] = []
    for suite in suites:
        if suite not in SUITES:
            there = nearest(suite, SUITES).hint or f"there are: {', '.join(SUITES)}"
            raise SysError(Code.NOT_FOUND, f"there is no suite {suite!r}", hint=there)
        tools = schemas(suite)
        catalogue(
            suite, msgspec.convert({n: known[n] for n in tools if n in known}, dict[str, Manifest])
        )
        found += (name for name in tools if name not in known)
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
