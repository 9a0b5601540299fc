"""What is declared once is carried out once, documented, and means something everywhere."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from logos.abi import calls, errors, events
from logos.abi.calls import CALLS, Call, name
from logos.abi.driver import Effect
from logos.abi.errors import DAEMON_ABSENT, MEANING, Code
from logos.abi.events import AnyEvent
from logos.cli.commands import COMMANDS
from logos.kernel.handlers import TABLE
from logos.kernel.process import state

ROOT = Path(__file__).parents[2]
MANUAL = ROOT / "docs" / "manual"


def driven() -> set[type[Call[Any]]]:
    """The calls that boot gives a driver to: the keys of what `_drivers` returns."""
    tree = ast.parse((ROOT / "src/logos/boot/machine.py").read_text(encoding="utf-8"))
    [function] = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "_drivers"
    ]
    [table] = [node.value for node in function.body if isinstance(node, ast.Return)]
    assert isinstance(table, ast.Dict)
    names = [key.id for key in table.keys if isinstance(key, ast.Name)]
    assert len(set(names)) == len(table.keys)
    return {getattr(calls, one) for one in names}


def headings(page: str) -> set[str]:
    lines = (MANUAL / page).read_text(encoding="utf-8").splitlines()
    return {line.lstrip("# ") for line in lines if line.startswith("#")}


def rows(page: str) -> dict[str, list[str]]:
    """The tables of a page: the first cell, and all of them."""
    lines = (MANUAL / page).read_text(encoding="utf-8").splitlines()
    cells = [[c.strip() for c in line.split("|")[1:-1]] for line in lines if line.startswith("| `")]
    return {row[0].strip("`"): row for row in cells}


@pytest.mark.parametrize("call", CALLS, ids=name)
def test_call(call: type[Call[Any]]) -> None:
    assert (call in TABLE.calls()) != (call in driven()), "one handler, or one driver"
    assert (call in TABLE.calls()) == (call.effect is Effect.KERNEL)
    assert call.__doc__, "a model reads it"
    assert name(call) in headings("calls.md")


def test_nothing_is_carried_out_that_is_not_declared() -> None:
    assert TABLE.calls() | driven() == set(CALLS)


@pytest.mark.parametrize("code", Code)
def test_code(code: Code) -> None:
    assert code in MEANING
    assert code in rows("errors.md")
    assert f"    {code} " in (errors.__doc__ or "")


def test_exit_statuses_tell_errors_apart() -> None:
    statuses = [meaning.exit_status for meaning in MEANING.values()]
    assert len({0, 1, DAEMON_ABSENT, *statuses}) == len(statuses) + 3


@pytest.mark.parametrize("event", get_args(AnyEvent), ids=lambda event: event.__name__)
def test_event(event: type) -> None:
    assert event in state._APPLY
    assert any(event in following for following in state.ALLOWED.values()), "it can never happen"
    assert event.__name__ in (events.__doc__ or "")
    assert event.__name__ in headings("events.md")


def test_no_event_is_forgotten_by_the_union() -> None:
    kinds = events.Event.__subclasses__()
    defined = {kind for kind in kinds if kind.__module__.startswith(f"{events.__name__}.")}
    assert defined == set(get_args(AnyEvent)) == set(state._APPLY)


def test_every_setting_says_what_it_is_for() -> None:
    said = rows("settings.md")
    assert said
    assert [name for name, row in said.items() if not row[-1]] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str) -> None:
    assert command in headings("commands.md")
    assert COMMANDS[command].summary
    assert all(argument.help for argument in COMMANDS[command].arguments)


@pytest.mark.slow
def test_the_manual_is_what_the_code_declares() -> None:
    program = [sys.executable, "-W", "ignore", str(ROOT / "scripts/manual.py"), "--check"]
    ran = subprocess.run(program, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
