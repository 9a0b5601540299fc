"""The tutorial is true: its commands are run, and what they print is what it says they print.

A `console` block holds commands after `$ ` (continued after `> `) and their output as a terminal
shows it; `…` stands for anything.  A `python` block is the file the next command runs.
"""

import errno
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.conftest import PATIENCE_S

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("logos.drivers.model.reader") is None, reason="it is told with builtin/reader"
    ),
]

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
PROGRAM = "area.py"


class Step(NamedTuple):
    line: int
    command: str
    expected: str


def steps(text: str) -> Iterator[Step]:
    for block in re.finditer(r"```(console|python)\n(.*?)```", text, re.DOTALL):
        line = text.count("\n", 0, block.start()) + 2
        if block[1] == "python":
            yield Step(line, f"cat > {PROGRAM} <<'END OF PROGRAM'\n{block[2]}END OF PROGRAM", "")
            continue
        for one in re.finditer(
            r"^\$ (.*\n(?:> .*\n|>\n)*)((?:(?!\$ ).*\n)*)", block[2], re.MULTILINE
        ):
            command = re.sub(r"^> ?", "", one[1], flags=re.MULTILINE)
            yield Step(line + block[2].count("\n", 0, one.start()), command, one[2])


def pattern(expected: str) -> re.Pattern[str]:
    """A line that is only `…` stands for any number of lines; runs of blanks are all alike."""
    lines = []
    for line in expected.splitlines():
        parts = [re.escape(" ".join(part.split(" "))) for part in line.split("…")]
        lines.append("(?:.*\n)*?" if line == "…" else ".*".join(parts) + r"[ ]*\n")
    return re.compile(re.sub(r"(\\ )+", r"[ ]+", "".join(lines)))


def on_terminal(command: str, environ: Mapping[str, str], cwd: Path) -> str:
    """What a terminal shows of it."""
    outer, inner = pty.openpty()
    shell = subprocess.Popen(
        ["bash", "-c", command], stdin=inner, stdout=inner, stderr=inner, cwd=cwd, env=environ
    )
    os.close(inner)
    shown = b""
    try:
        while piece := os.read(outer, 1 << 16):
            shown += piece
    except OSError as error:
        if error.errno != errno.EIO:  # how Linux says that the other end has been closed
            raise
    finally:
        os.close(outer)
    shell.wait(PATIENCE_S)
    return shown.decode().replace("\r\n", "\n").rstrip("\n") + ("\n" if shown else "")


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    given = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LOGOS_HOME": str(tmp_path / "home"),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "TERM": "xterm",
        "COLUMNS": "200",
        "PYTHONWARNINGS": "ignore",
    }
    yield given
    subprocess.run(["logos", "down"], env=given, capture_output=True, check=False)


def test_tutorial(environ: dict[str, str], tmp_path: Path) -> None:
    place = tmp_path / "work"
    place.mkdir()
    for step in steps(TUTORIAL.read_text(encoding="utf-8")):
        shown = on_terminal(step.command, environ, place)
        assert pattern(step.expected).fullmatch(shown), (
            f"docs/tutorial.md:{step.line}: {step.command}\nexpected:\n{step.expected}\nshown:\n{shown}"
        )
