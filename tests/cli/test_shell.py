"""`logos sh` as a person has it: on a terminal."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import LOGOS, Place
from tests.conftest import PATIENCE_S

from logos.cli.typed import completions

pytestmark = pytest.mark.slow

OWN_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""So that Ctrl-C reaches it as it does for a person."""

CTRL_C, CTRL_D, TAB, UP = "\x03", "\x04", "\t", "\x1b[A"


class Terminal:
    """A shell on a pseudo-terminal, and what it has shown."""

    def __init__(self, command: list[str], folder: Path, environ: dict[str, str]) -> None:
        self._fd, inner = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWN_TERMINAL, *command],
            cwd=folder,
            env=environ | {"TERM": "xterm", "NO_COLOR": "1"},
            stdin=inner,
            stdout=inner,
            stderr=inner,
        )
        os.close(inner)
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def until(self, pattern: str) -> re.Match[str]:
        """What matches in what was shown since the last match."""
        give_up = time.monotonic() + PATIENCE_S
        while (found := re.search(pattern, self.shown, re.DOTALL)) is None:
            ready, _, _ = select.select([self._fd], [], [], give_up - time.monotonic())
            assert ready, f"not shown: {pattern!r} in {self.shown!r}"
            try:
                self.shown += os.read(self._fd, 65536).decode("utf-8", "replace")
            except OSError:
                raise AssertionError(f"it has ended; not shown: {pattern!r}") from None
        self.shown = self.shown[found.end() :]
        return found

    def interrupt(self) -> None:
        self.type(CTRL_C)
        self.until("logos> ")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._fd)


@pytest.fixture
def terminal(place: Place) -> Iterator[Terminal]:
    made = Terminal([str(LOGOS), "sh"], place.folder / "notes", place.environ)
    made.until("logos> ")
    yield made
    made.close()


def test_a_question_is_answered_from_the_folder(terminal: Terminal) -> None:
    terminal.type("Read launch.md. Who pays for the venue?\n")
    terminal.until(r"→ fs\.read\(path=\"launch\.md\"")
    terminal.until("Mira")
    terminal.until("logos> ")
    terminal.type("!ps\n")
    terminal.until("PID .*shell")
    terminal.until("logos> ")
    terminal.type(CTRL_D)
    assert terminal.process.wait(PATIENCE_S) == 0


def test_commands_history_and_completion(terminal: Terminal) -> None:
    terminal.type("!sta" + TAB + "\n")
    terminal.until("running")
    terminal.until("logos> ")
    terminal.type(UP + "\n")
    terminal.until("running")
    terminal.until("logos> ")
    terminal.type("half a line")
    terminal.until("half a line")
    terminal.interrupt()
    terminal.type('!show "\n')
    terminal.until("invalid: No closing quotation")
    terminal.until("logos> ")  # between prompts an end of file is nobody's
    terminal.type(CTRL_D)
    assert terminal.process.wait(PATIENCE_S) == 0


def test_ctrl_c_gives_up_what_it_is_at(terminal: Terminal, place: Place) -> None:
    terminal.type("!run lib 'Read launch.md.'" + "\n")
    terminal.until("logos> ")
    terminal.type("Read launch.md. Who pays for the venue?\n")
    terminal.until("venue.*\n")  # taken: with the line still in the terminal it would drop it
    terminal.interrupt()
    assert terminal.process.poll() is None
    terminal.type(CTRL_D)
    assert terminal.process.wait(PATIENCE_S) == 0
    assert not [
        one for one in place.data("ps") if one["agent"] == "shell" and one["status"] == "thinking"
    ]


ANSWERS = """
import json, os, signal, sys
EVENTS = 200
if sys.argv[1] == "attach":
    for seq in range(1, EVENTS + 1):
        kind = {1: "idled", 2: "received", EVENTS: "idled"}.get(seq, "warned")
        print(json.dumps({"type": kind, "pid": 7, "seq": seq}), flush=True)
        os.kill(os.getppid(), signal.SIGINT)
    signal.pause()
print(json.dumps({"data": {"pid": 7}}))
"""
"""Commands of which one shows many events, and whose person presses Ctrl-C after each."""


def test_no_event_is_lost_to_ctrl_c(tmp_path: Path) -> None:
    """Wherever it comes; and what it waited for before it was told is not the end of its answer."""
    (tmp_path / "answers.py").write_text(ANSWERS)
    begin = (
        "import sys; from logos.cli import shell;"
        "shell.CLIENT = (sys.executable, 'answers.py'); sys.exit(shell.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", begin, "--json"],
        cwd=tmp_path,
        env=os.environ | {"LOGOS_HOME": str(tmp_path / "home")},
        input="hello\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    seqs = [one["seq"] for one in shown if "seq" in one]
    assert seqs == [1, *range(3, 201)]


ASKS = """
import json, signal, sys
from pathlib import Path
answered, verb = Path("answered"), sys.argv[1]
said = {"pid": 7}
if verb == "attach":
    if answered.exists():
        print(json.dumps({"type": "idled", "pid": 7, "seq": 4}), flush=True)
    else:
        print(json.dumps({"type": "received", "pid": 7, "seq": 3}), flush=True)
    signal.pause()
if verb == "approvals":
    said = [{"id": f"{pid}.2", "pid": pid, "agent": "kid", "question": "May it?"} for pid in (8, 9)]
    said = [] if answered.exists() else said
if verb == "ps":
    said = [{"pid": 7, "parent": 1}, {"pid": 8, "parent": 7}, {"pid": 9, "parent": 1}]
if verb == "approve":
    answered.write_text(sys.argv[2])
print(json.dumps({"data": said}))
"""
"""Commands whose agent waits for another one, 8, that waits for a person; 9 is somebody else's."""


def test_who_is_asked_has_the_prompt_and_it_goes_on_with_the_answer(tmp_path: Path) -> None:
    (tmp_path / "asks.py").write_text(ASKS)
    begin = (
        "import sys; from logos.cli import shell; shell.QUIET_S = 0.1;"
        "shell.CLIENT = (sys.executable, 'asks.py'); sys.exit(shell.main())"
    )
    environ = os.environ | {"LOGOS_HOME": str(tmp_path / "home")}
    made = Terminal([sys.executable, "-c", begin], tmp_path, environ)
    try:
        made.until("help says more")
        made.until("logos> ")
        made.type("do it\n")
        asked = made.until(r"process 8\) asks: May it\?.*!approve 8\.2 or !deny 8\.2.*logos> ")
        assert "process 9" not in asked[0]
        made.type("well?\n")
        made.until(r"process 8\) still\s+waits: !approve 8\.2.*logos> ")
        made.type("!sh\n")
        made.until("a shell within a shell.*logos> ")
        made.type("!approve 8.2\n")
        made.until("logos> ")
        assert (tmp_path / "answered").read_text() == "8.2"
        made.type("exit\n")
        assert made.process.wait(PATIENCE_S) == 0
    finally:
        made.close()
    history = tmp_path / "home" / "shell_history"
    assert history.read_text().splitlines()[:3] == ["do it", "well?", "!sh"]
    assert history.stat().st_mode & 0o777 == 0o600


def test_its_agent_ends_with_its_terminal(terminal: Terminal, place: Place) -> None:
    terminal.type("Read launch.md. Who pays for the venue?\n")
    terminal.until("Mira")
    terminal.until("logos> ")
    terminal.process.send_signal(signal.SIGHUP)
    assert terminal.process.wait(PATIENCE_S) == 128 + signal.SIGHUP
    assert not [one for one in place.data("ps") if one["agent"] == "shell"]


@pytest.mark.parametrize(
    ("before", "text", "found"),
    [
        ("", "!mou", ["!mount ", "!mounts "]),
        ("!mem ", "sea", ["search "]),
        ("!mount ", "log", ["login "]),
        ("!mem search ", "--of", ["--of "]),
        ("!ps ", "--al", ["--all "]),
        ("look at ", "no", ["notes/"]),
        ("look at ", "notes/", ["notes/a.md "]),
        ("!install ", "notes/.h", ["notes/.hidden "]),
        ("look at ", "absent/", []),
        ("look at ", "", []),
    ],
)
def test_completions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, text: str, found: list[str]
) -> None:
    (tmp_path / "notes").mkdir()
    for name in ("a.md", ".hidden"):
        (tmp_path / "notes" / name).touch()
    monkeypatch.chdir(tmp_path)
    assert completions(before, text) == found


def test_lines_in_a_pipe(place: Place) -> None:
    done = subprocess.run(
        [LOGOS, "sh", "--plain"],
        cwd=place.folder / "notes",
        env=place.environ,
        input="Read launch.md. Who pays for the venue?\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0
    assert "Mira" in done.stdout
    assert "\x1b" not in done.stdout
