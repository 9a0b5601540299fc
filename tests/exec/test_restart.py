"""A program started again repeats itself, and is answered from its journal."""

import importlib.util
import json
import subprocess
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, ClassVar

import pytest
from tests.conftest import PATIENCE_S
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


LEAVES = """
import json, os, time, urllib.request
from threading import Thread
def ask():
    head = {"authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    body = {"model": "slow", "messages": [{"role": "user", "content": "who?"}]}
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    asked = urllib.request.Request(url, json.dumps(body).encode(), head)
    answer = json.load(urllib.request.urlopen(asked))
    print(answer["choices"][0]["message"]["content"], flush=True)
again = os.path.exists("began")
open("began", "w").close()
asking = Thread(target=ask)
asking.start()
if again:
    print("again", flush=True)
    asking.join()
else:
    while not os.path.exists("asked"):
        time.sleep(0.01)
    os.kill(os.getpid(), 9)
"""


class Slow(BaseHTTPRequestHandler):
    """A model that has begun to answer, and answers when it is told to."""

    protocol_version = "HTTP/1.1"
    folder = Path()
    asked: ClassVar[list[str]] = []
    go = Event()

    def do_POST(self) -> None:
        self.asked.append(self.path)
        self.rfile.read(int(self.headers["content-length"]))
        (self.folder / "asked").touch()
        self.go.wait(PATIENCE_S)
        message = {"role": "assistant", "content": f"answer {len(self.asked)}"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        head = {"id": "v", "object": "chat.completion", "created": 1, "model": "slow"}
        body = json.dumps(head | {"choices": [choice], "usage": usage}).encode()
        with suppress(OSError):  # it has hung up, which is what is looked for
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as its base has it
        """Quiet."""


def test_what_a_dead_program_asked_is_answered_to_the_next(place: Place, tmp_path: Path) -> None:
    """The thought goes on without it, and is paid for once."""
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()
    home.mkdir()
    (work / "leaves.py").write_text(LEAVES)
    Slow.folder = work
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        Thread(target=server.serve_forever).start()
        (home / "logos.toml").write_text(
            'model = "slow"\n[models.slow]\ndialect = "openai"\nmodel = "slow"\nwindow = 9000\n'
            f'url = "http://127.0.0.1:{server.server_address[1]}/v1"\n'
        )
        own = Place(work, place.environ | {"LOGOS_HOME": str(home)})
        words = ("exec", "--plain", "--restart", "on-failure", "--workspace", str(work))
        with own.begin(*words, "--", sys.executable, "leaves.py") as begun:
            assert begun.stdout is not None
            said = [begun.stdout.readline()]
            Slow.go.set()
            said += begun.stdout.readlines()
        own.logos("down")
        server.shutdown()
    assert said == ["again\n", "answer 1\n"]
    assert len(Slow.asked) == 1


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
