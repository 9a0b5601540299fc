"""A program started again repeats itself, and is answered from its journal."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.exec.conftest import Place

pytestmark = pytest.mark.slow

BENCH = Path(__file__).parents[2] / "bench"
NEEDS = {
    "openai": ("openai", "mcp"),
    "agents": ("agents", "mcp"),
    "langgraph": ("langgraph", "langchain_openai", "mcp"),
}

TWICE = """
import json, os, sys, urllib.request
def ask(text):
    head = {"authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": text}]}
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    asked = urllib.request.Request(url, json.dumps(body).encode(), head)
    return json.load(urllib.request.urlopen(asked))["id"]
marks = os.path.join(os.environ["HOME"], "runs")
open(marks, "a").write("x")
run = len(open(marks).read())
print(run, ask("who?"), ask("who?"), ask("who?" if sys.argv[1] == "same" else f"run {run}?"))
if run < 3:
    os.kill(os.getpid(), 9)
"""


def run(place: Place, *words: str) -> tuple[int, list[list[str]], str]:
    place.write("twice.py", TWICE)
    options = ("--plain", "--restart", "on-failure")
    done = place.logos("exec", *options, *words[:-1], "--", sys.executable, "twice.py", words[-1])
    return done.returncode, [line.split() for line in done.stdout.splitlines()], done.stderr


def test_the_same_questions_get_the_same_answers_in_each_run(place: Place) -> None:
    status, lines, _ = run(place, "same")
    assert status == 0
    assert [line[0] for line in lines] == ["1", "2", "3"]
    answers = {tuple(line[1:]) for line in lines}
    assert len(answers) == 1
    assert len(set(*answers)) == 3, "asked three times, answered three times"


def test_another_question_is_noticed_and_said(place: Place) -> None:
    status, lines, errors = run(place, "other")
    assert status == 0
    assert len({tuple(line[1:3]) for line in lines}) == 1
    assert len({line[3] for line in lines}) == 3
    assert "it does not repeat itself" in errors


def test_strict_ends_it_there(place: Place) -> None:
    status, lines, errors = run(place, "--strict", "other")
    assert status == 6
    assert [line[0] for line in lines] == ["1"]
    assert "did not repeat itself" in errors


def test_restarts_come_to_an_end(place: Place) -> None:
    options = ("--plain", "--restart", "on-failure", "--restarts", "2")
    done = place.logos("exec", *options, "--", "sh", "-c", "echo again; exit 5")
    assert done.stdout == "again\n" * 3
    assert done.returncode == 5


@pytest.mark.parametrize("program", NEEDS)
def test_a_framework_s_program_survives_kills(program: str) -> None:
    """Of the node and of the program, at two points each."""
    absent = [module for module in NEEDS[program] if importlib.util.find_spec(module) is None]
    if absent:
        pytest.skip(f"1 program of {len(NEEDS)} is not run: {', '.join(absent)} not installed")
    command = [sys.executable, str(BENCH / "exec.py"), "--programs", program, "--points", "2"]
    done = subprocess.run(
        [*command, "--items", "2", "--json"], capture_output=True, text=True, check=False
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["finished"] == found["runs"] == 4, done.stderr
    assert (found["effects_twice"], found["tokens_twice"]) == (0, 0)
