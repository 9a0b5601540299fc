"""Every example runs, says what it promises, and is short."""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import PATIENCE_S

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
LONGEST = 60

Answer = str | tuple[str, dict[str, Any]]
Script = Callable[[list[str]], Answer]
Door = Callable[[Script], Mapping[str, str]]


def hello(texts: list[str]) -> Answer:
    return f"You asked: {texts[-1]}"


def tool(texts: list[str]) -> Answer:
    return ("area", {"width": 4, "height": 5.5}) if len(texts) == 2 else f"It has {texts[-1]} m2."


def two_agents(texts: list[str]) -> Answer:
    if "capitals" in texts[0]:  # the scribe
        letters = re.findall(r"from process (\d+)\] (\w+)$", "\n".join(texts), re.MULTILINE)
        for sender, word in letters[texts.count("null") :]:  # not answered yet
            return "message_send", {"to": int(sender), "text": word.upper()}
        return "No more letters."
    if answer := re.search(r"\b[A-Z]{7}\b", " ".join(texts[2:])):
        return f"It came back: {answer[0]}"
    if len(texts) > 2:
        return "message_receive", {"timeout_s": 1}
    listener = re.search(r"process (\d+)", texts[1])
    assert listener is not None
    return "message_send", {"to": int(listener[1]), "text": "journal"}


def survive(texts: list[str]) -> Answer:
    return ("measure", {}) if len(texts) == 2 else f"The measure is {texts[-1]}."


def mounts(texts: list[str]) -> Answer:
    if len(texts) == 2:
        return "fs_write", {"path": "numbers.txt", "text": "4\n30\n7\n"}
    if len(texts) == 4:
        given = {"numeric": True, "reverse": True, "file": "numbers.txt"}
        return "tool_call", {"tool": "text/sort", "arguments": given}
    return f"The largest is {texts[-1].split()[0]}."


def limits(_: list[str]) -> Answer:
    return "draw", {}


EXPECTED: dict[str, tuple[Script, str]] = {
    "hello": (hello, r"process 2 exited with 0: You asked: A process is .*\?\n"),
    "tool": (tool, r"It has 22\.0 m2\.\n"),
    "two_agents": (two_agents, r"It came back: JOURNAL\n"),
    "survive": (survive, r"The measure is 42, by the same call\.\n"),
    "mounts": (mounts, r"mounted: sort\nThe largest is 30\.\n"),
    "limits": (limits, r"drew 3 numbers, then exited with 8: .*\n"),
    "audit": (hello, r"  1 [0-9a-f]{12} spawned\n(?s:.*) exited\nintact\n"),
}


WITHOUT_A_KEY = {
    "hello": r"process 2 exited with 0: “A process is its journal, .*” \(your message\)\n",
    "tool": r"22\.0\n",
    "survive": r".*42.*\n",
    "mounts": r"mounted: sort\nwrote 7 bytes to /home/numbers.txt\n30\n7\n4\n",
    "limits": r"drew 3 numbers, then exited with 8: .*\n",
}
"""With the model that a newcomer has; two_agents says that it needs another."""


def check(name: str, environ: Mapping[str, str], url: str, expected: str) -> None:
    ran = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        env=dict(environ) | {"LOGOS_STORE_URL": url},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert re.fullmatch(expected, ran.stdout), ran.stdout + ran.stderr
    assert ran.returncode == 0


@pytest.mark.parametrize("name", EXPECTED)
def test_example(name: str, door: Door, url: str) -> None:
    script, expected = EXPECTED[name]
    check(name, door(script), url, expected)


@pytest.mark.parametrize("name", WITHOUT_A_KEY)
def test_example_with_the_model_that_needs_nothing(name: str, door: Door, url: str) -> None:
    environ = {key: value for key, value in door(hello).items() if key != "LOGOS_MODEL"}
    check(name, environ, url, WITHOUT_A_KEY[name])


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_is_short_and_is_run(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < LONGEST
    assert path.stem in EXPECTED
