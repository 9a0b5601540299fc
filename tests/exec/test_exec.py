"""`logos exec`: what a program sees, what it can reach, what of it is passed through."""

import json
import signal
import sys
from typing import Any

import pytest
from tests.conftest import PATIENCE_S
from tests.exec.conftest import Place

pytestmark = pytest.mark.slow

SHOW = """
import json, os, socket, sys
try:
    socket.create_connection(("127.0.0.1", 22), timeout=2)
    reached = "something"
except OSError as error:
    reached = type(error).__name__
try:
    open("made-here", "w")
    wrote = True
except OSError:
    wrote = False
open(os.path.join(os.environ["HOME"], "note"), "w").write("x")
seen = {"reached": reached, "wrote": wrote, "words": sys.argv[1:], "said": sys.stdin.read()}
print(json.dumps(seen | {"cwd": os.getcwd(), "env": sorted(os.environ)}))
print("a complaint", file=sys.stderr)
sys.exit(3)
"""

ASK = """
import json, os, sys, urllib.request
def post(url, body):
    head = {"authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    asked = urllib.request.Request(url, json.dumps(body).encode(), head)
    return json.load(urllib.request.urlopen(asked))
question = {"role": "user", "content": sys.argv[1]}
body = {"model": "gpt-5", "messages": [question]}
answer = post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", body)
print(answer["id"])
"""

STUBBORN = """
import signal, sys, time
def told(number, frame):
    print("told", number, flush=True)
    sys.exit(9)
signal.signal(signal.SIGTERM, told)
signal.signal(signal.SIGINT, told)
print("ready", flush=True)
time.sleep(60)
"""


def plain(place: Place, *words: str, text: str = "") -> Any:
    return place.logos("exec", "--plain", *words, text=text)


def test_output_errors_and_exit_status_pass_through(place: Place) -> None:
    place.write("show.py", SHOW)
    options = ("--stdin", "--env", "COLOUR=red")
    done = plain(place, *options, "--", sys.executable, "show.py", "--plain", "x", text="words")
    assert done.returncode == 3, done.stderr
    seen = json.loads(done.stdout)
    assert seen["words"] == ["--plain", "x"]
    assert seen["said"] == "words"
    assert seen["cwd"] == str(place.folder)
    assert not seen["wrote"]
    assert seen["reached"] == "ConnectionRefusedError"
    assert {"COLOUR", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "LOGOS_MCP_URL"} <= set(seen["env"])
    assert "LOGOS_HOME" not in seen["env"]
    assert "a complaint\n" in done.stderr


def test_a_workspace_of_its_own_choice_may_be_changed(place: Place) -> None:
    place.write("show.py", SHOW)
    seen = json.loads(plain(place, "-w", ".", "--", sys.executable, "show.py").stdout)
    assert seen["wrote"]
    assert (place.folder / "made-here").exists()


def test_what_it_asks_is_a_journaled_conversation(place: Place) -> None:
    place.write("ask.py", ASK)
    done = place.logos("exec", "--json", "--", sys.executable, "ask.py", "who?")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1]["type"] == "result"
    pid = lines[-1]["pid"]
    answered = next(line for line in lines if line["type"] == "answered")
    assert answered["path"] == "/v1/chat/completions"
    journal = place.logos("journal", str(answered["process"])).stdout
    kinds = [json.loads(line)["type"] for line in journal.splitlines()]
    assert [k for k in kinds if k in ("told", "asked", "thought")][-3:] == [
        "told",
        "asked",
        "thought",
    ]
    listed = json.loads(place.logos("ps", "--all").stdout)["data"]
    assert next(line for line in listed if line["pid"] == pid)["exit_status"] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_it(place: Place, number: signal.Signals) -> None:
    place.write("stubborn.py", STUBBORN)
    with place.begin("exec", "--plain", "--", sys.executable, "stubborn.py") as begun:
        assert begun.stdout is not None
        assert begun.stdout.readline() == "ready\n"
        begun.send_signal(number)
        out, _ = begun.communicate(timeout=PATIENCE_S)
    assert out == f"told {int(number)}\n"
    assert begun.returncode == 9


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("--", "no-such-program"), 3),
        (("--tool", "nothing", "--", "echo"), 3),
        (("--env", "COLOUR", "--", "echo"), 2),
        (("--agent", "nobody", "--", "echo"), 3),
        ((), 2),
    ],
)
def test_mistakes_are_said_before_anything_runs(
    place: Place, words: tuple[str, ...], status: int
) -> None:
    assert plain(place, *words).returncode == status


@pytest.mark.parametrize("folder", [".", "home", "home/store"])
def test_the_kernel_s_own_files_are_no_workspace(place: Place, folder: str) -> None:
    whole = place.folder.parent / folder
    done = plain(place, "-w", str(whole), "--", "echo", "x")
    assert done.returncode == 2
    assert "cannot be a workspace" in done.stderr
    assert "set LOGOS_HOME" in done.stderr
    assert place.logos("ps").returncode == 0
    assert plain(place, "-w", ".", "--", "echo", "x").stdout == "x\n"


def test_a_dry_run_does_nothing(place: Place) -> None:
    before = place.logos("ps", "--all").stdout
    done = place.logos("exec", "--dry-run", "--json", "--", "echo", "hello")
    plan = json.loads(done.stdout)["data"]
    assert plan["network"] == "none"
    assert plan["argv"][1:] == ["hello"]
    assert "hello\n" not in done.stdout
    assert place.logos("ps", "--all").stdout == before
