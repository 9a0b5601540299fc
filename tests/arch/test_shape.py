"""The shape of the code: rooms say what they are, the picture is the contracts, starting is quick."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import logos

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
FILES = sorted((SOURCE / "logos").rglob("*.py"))
ROOMS = [file for file in FILES if file.name == "__init__.py" and file.parent.name != "migrations"]

PASSING = re.compile(r"(^|_)(v\d+|legacy|old|deprecated)(_|$)|^new_", re.IGNORECASE)
"""Names of something that was meant to go away."""

MOST_MODULES = 12
MOST_CPU_S = 0.040
NO_DAEMON = 69


def where(file: Path) -> str:
    return str(file.relative_to(SOURCE))


@pytest.mark.parametrize("file", ROOMS, ids=where)
def test_a_room_says_what_it_is(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))


def test_every_file_opens_with_what_it_keeps() -> None:
    mute = [
        where(file)
        for file in FILES
        if (tree := ast.parse(file.read_text(encoding="utf-8"))).body
        and not ast.get_docstring(tree)
    ]
    assert mute == []


def test_version_n_dies_when_version_n_plus_1_works() -> None:
    named = [
        f"{where(file)}: {name}"
        for file in FILES
        for name in [file.stem, *_names(ast.parse(file.read_text(encoding="utf-8")))]
        if PASSING.search(name)
    ]
    assert named == []


def _names(module: ast.Module) -> list[str]:
    found = []
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign):
            found += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return found


def test_the_public_interface_is_sorted_and_there() -> None:
    assert logos.__all__ == sorted(logos.__all__)
    assert set(logos.__all__) == set(logos._WHERE)
    for name in logos.__all__:
        assert getattr(logos, name) is getattr(import_module(logos._WHERE[name]), name)


def test_boot_is_the_function_even_after_its_module_was_imported() -> None:
    import_module("logos.boot")
    assert callable(logos.boot)


# -- the picture -------------------------------------------------------------------------------


def contracts() -> dict[str, list[str]]:
    """The layers of both contracts that have some: names, top first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {
        contract["id"]: contract["layers"]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    }


def drawn() -> list[list[str]]:
    """The rows of the picture in docs/architecture.md that hold rooms: names in order."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    picture = re.search(r"```text\n(.*?)```", text, re.DOTALL)
    assert picture is not None
    return [re.findall(r"[\w/]+", row.rpartition("│")[0]) for row in picture[1].splitlines()]


@pytest.mark.parametrize(("contract", "indent"), [("layers", ""), ("kernel", "kernel/")])
def test_the_picture_is_the_contract(contract: str, indent: str) -> None:
    wanted = [
        {
            indent + name
            for name in re.findall(r"\w+", layer)
            if (SOURCE / "logos" / indent / name).exists()
            or (SOURCE / "logos" / indent / f"{name}.py").exists()
        }
        for layer in contracts()[contract]
    ]
    shown = [set(row) & set().union(*wanted) for row in drawn()]
    assert [row for row in shown if row] == [row for row in wanted if row]


def test_every_room_has_its_paragraph() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    folders = [file.parent.relative_to(SOURCE / "logos") for file in ROOMS]
    rooms = [
        str(f)
        for f in folders
        if len(f.parts) == 1 or (len(f.parts) == 2 and f.parts[0] in ("kernel", "drivers"))
    ]
    assert [room for room in rooms if f"**{room}**" not in text] == []


# -- the thin client ---------------------------------------------------------------------------


def test_the_client_imports_next_to_nothing() -> None:
    """It is started for every line somebody types."""
    code = "import sys; had = set(sys.modules); import logos.cli.client; print(*set(sys.modules) - had)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert "logos.cli.client" in loaded
    assert len(loaded) <= MOST_MODULES, sorted(loaded)
    assert {one for one in loaded if one.startswith("logos.")} == {
        "logos.cli",
        "logos.cli.client",
        "logos.cli.where",
        "logos.cli.wire",
    }


@pytest.mark.slow
def test_the_client_takes_little_time(tmp_path: Path) -> None:
    """The least of some runs: what it needs, not what the machine was doing meanwhile."""
    program = Path(sys.executable).parent / "logos"
    environ = {"LOGOS_HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    used = []
    for _ in range(5):
        with (tmp_path / "said").open("wb") as said:
            child = subprocess.Popen([program, "status"], env=environ, stderr=said)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == NO_DAEMON
        used.append(usage.ru_utime + usage.ru_stime)
    assert min(used) < MOST_CPU_S
