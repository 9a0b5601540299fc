"""What takes a while to load: Ctrl-C ends it without a traceback, and it loads nothing from the current folder."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Place
from tests.conftest import PATIENCE_S

SLOW = "import sys; print(*sys.argv[1:], flush=True); sys.stdin.read()"


STRANGER = "open({path!r}, 'a').close()"


@pytest.mark.parametrize("entry", ["logos.cli.loading", "runpy"])
def test_ctrl_c_while_it_loads_ends_it_without_a_word(tmp_path: Path, entry: str) -> None:
    """The second row is Python without it: the test can fail."""
    (tmp_path / "slow.py").write_text(SLOW)
    with subprocess.Popen(
        [sys.executable, "-m", entry, "slow", "one", "--two"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "one --two\n"
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == -signal.SIGINT
    assert (complaint == "") is (entry == "logos.cli.loading")


@pytest.mark.slow
@pytest.mark.parametrize("words", [["--version"], ["doctor"], ["sh"]])
def test_modules_in_the_current_folder_are_not_ours(
    place: Place, tmp_path: Path, words: list[str]
) -> None:
    """An agent may have written them there."""
    mark = tmp_path / "was-run"
    for name in ("anyio", "msgspec", "json", "logos"):
        (tmp_path / f"{name}.py").write_text(STRANGER.format(path=str(mark)))
    done = Place(tmp_path, place.environ).at(tmp_path / "home").run(*words)
    assert done.returncode == 0
    assert not mark.exists()
