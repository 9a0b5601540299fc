"""What the sandbox's tests share: a workspace, and hostile programs run in an arena."""

# ruff: noqa: PTH208

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import PATIENCE_S

from logos.abi.driver import Mode
from logos.drivers.sandbox import LocalSandbox, open_sandbox

ARENA = Path(__file__).with_name("arena.py")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def workspace() -> Iterator[Path]:
    """Where any uid may walk: pytest's own folders are root's alone."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="logos-test-") as folder:
        Path(folder).chmod(0o755)
        made = Path(folder, "work")
        made.mkdir(mode=0o700)
        yield made


@pytest.fixture
def open_box(tmp_path: Path) -> Callable[..., LocalSandbox]:
    """A sandbox of a mode, where this machine can have it."""

    def opened(mode: Mode, pool: int = 0) -> LocalSandbox:
        need(mode)
        return open_sandbox(mode, pool=pool, state=tmp_path)

    return opened


@pytest.fixture(scope="session")
def of_uid() -> Callable[[int], set[int]]:
    """The living processes of a uid: of a killed driver's, the dead wait for init."""

    def found(uid: int) -> set[int]:
        living = set()
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                mine = Path("/proc", name).stat().st_uid == uid
                state = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()[0]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if mine and state != "Z":
                living.add(int(name))
        return living

    return found


def need(mode: Mode) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: uids to throw away, and namespaces of its own")
    if mode is Mode.FULL and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")


@cache
def in_arena(what: str, mode: Mode) -> dict[str, Any]:
    """Once for all tests of a mode: namespaces of its own, pids far from those of a sandbox."""
    need(mode)
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="logos-arena-") as folder:
        Path(folder).chmod(0o755)
        script = 'echo 7000 >/proc/sys/kernel/ns_last_pid; "$@"; exit $?'
        said = subprocess.run(
            [
                *("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"),
                *("--propagation", "private", "sh", "-c", script, "sh"),
                *(sys.executable, str(ARENA), what, mode.value, folder),
            ],
            env=os.environ | {"HOSTSECRET": "sk-of-the-host"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert said.returncode == 0, said.stderr
    found: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="session")
def arena() -> Callable[[str, Mode], dict[str, Any]]:
    return in_arena
