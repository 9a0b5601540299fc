"""`logos sh` as a person has it: on a terminal."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import LOGOS, Place
from tests.conftest import PATIENCE_S

pytestmark = pytest.mark.slow

AGAIN_S = 5.0
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

    def __init__(self, place: Place) -> None:
        self._fd, inner = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWN_TERMINAL, LOGOS, "sh"],
            cwd=place.folder / "notes",
            env=place.environ | {"TERM": "xterm", "NO_COLOR": "1"},
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
        """Ctrl-C until there is a prompt: between prompt and wait Python's readline misses one."""
        give_up = time.monotonic() + PATIENCE_S
        while "logos> " not in self.shown:
            assert time.monotonic() < give_up, f"no prompt in {self.shown!r}"
            self.type(CTRL_C)
            again = time.monotonic() + AGAIN_S
            while "logos> " not in self.shown and time.monotonic() < again:
                if select.select([self._fd], [], [], again - time.monotonic())[0]:
                    self.shown += os.read(self._fd, 65536).decode("utf-8", "replace")
        self.until("logos> ")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._fd)


@pytest.fixture
def terminal(place: Place) -> Iterator[Terminal]:
    made = Terminal(place)
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
