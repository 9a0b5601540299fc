"""What is asked for and cannot be had is refused: nothing runs weaker, nothing senseless runs."""

# ruff: noqa: PTH208

import dataclasses
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from logos.abi.driver import Command, Mode
from logos.abi.errors import Code, SysError
from logos.drivers.sandbox import LocalSandbox, open_sandbox
from logos.drivers.sandbox import machine as machines

MODES = pytest.mark.parametrize("mode", [Mode.FULL, Mode.NO_NAMESPACES])
Open = Callable[..., LocalSandbox]

pytestmark = pytest.mark.anyio


def shell(script: str, workspace: Path, **more: object) -> Command:
    return Command(argv=("sh", "-c", script), workspace=workspace, **more)  # type: ignore[arg-type]


LACKING = {
    "bubblewrap": (Mode.FULL, {"bubblewrap": None}),
    "Landlock": (Mode.FULL, {"landlock": 0}),
    "seccomp": (Mode.NO_NAMESPACES, {"architecture": "pdp11"}),
    "uids": (Mode.NO_NAMESPACES, {"uids": None}),
    "root": (Mode.NO_NAMESPACES, {"root": False, "uids": None}),
}


@pytest.mark.parametrize("lacks", LACKING)
async def test_never_weaker_than_asked(lacks: str, workspace: Path, tmp_path: Path) -> None:
    mode, without = LACKING[lacks]
    machine = dataclasses.replace(machines.look(tmp_path), **without)  # type: ignore[arg-type]
    box = LocalSandbox(mode, machine, 0)
    with pytest.raises(SysError) as caught:
        await box.run(shell("touch ran", workspace))
    assert caught.value.code is Code.UNAVAILABLE
    assert lacks in caught.value.hint
    assert "sandbox.mode" in caught.value.hint
    assert os.listdir(workspace) == []


@MODES
async def test_a_layer_that_fails_stops_the_run(
    open_box: Open, mode: Mode, workspace: Path, tmp_path: Path
) -> None:
    """Bubblewrap that cannot, or a folder that the uid cannot enter: the program is not run."""
    open_box(mode)
    machine = dataclasses.replace(machines.look(tmp_path), bubblewrap=shutil.which("false"))
    if mode is Mode.NO_NAMESPACES:
        workspace.parent.chmod(0o700)
    with pytest.raises(SysError) as caught:
        await LocalSandbox(mode, machine, 0).run(shell("touch ran", workspace))
    assert caught.value.code is Code.UNAVAILABLE
    assert os.listdir(workspace) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"argv": ()},
        {"argv": ("a\0b",)},
        {"env": {"A=B": "c"}},
        {"memory_bytes": 1},
        {"timeout_s": 0.0},
        {"processes": 0},
        {"workspace": Path("relative")},
        {"workspace": Path("/no/such/folder")},
        {"readable": (Path("/no/such/folder"),)},
        {"workspace": Path("/")},
        {"workspace": Path("/var")},
        {"workspace": Path("/usr/share/doc")},
        {"readable": (Path("/"),)},
    ],
    ids=str,
)
async def test_nonsense_is_refused(
    wrong: dict[str, object], workspace: Path, tmp_path: Path
) -> None:
    command = {"argv": ("true",), "workspace": workspace} | wrong
    with pytest.raises(SysError) as caught:
        await open_sandbox(Mode.NONE, state=tmp_path).run(Command(**command))  # type: ignore[arg-type]
    assert caught.value.code in (Code.INVALID, Code.NOT_FOUND)


@pytest.fixture
def ordinary(workspace: Path, open_box: Open) -> int:
    """A uid that is nobody's: an ordinary user with a workspace."""
    open_box(Mode.FULL)
    for folder in (workspace.parent, workspace):
        os.chown(folder, 54321, 54321)
    return 54321


@pytest.mark.slow
def test_an_ordinary_user_has_full(ordinary: int, workspace: Path) -> None:
    """Through a user namespace, as himself; the layers say so."""
    code = textwrap.dedent(f"""
        import anyio, os, sys
        sys.path[:0] = {[path for path in sys.path if path]!r}
        os.chdir("/")
        anyio.run(anyio.sleep, 0)  # what is imported late may lie where only root can read
        from pathlib import Path
        from logos.abi.driver import Command, Mode
        from logos.drivers.sandbox import open_sandbox
        os.setgroups([]); os.setresgid({ordinary}, {ordinary}, {ordinary})
        os.setresuid({ordinary}, {ordinary}, {ordinary})
        box = open_sandbox(Mode.FULL, state=Path("/nowhere"))
        work = Path({str(workspace)!r})
        done = anyio.run(box.run, Command(argv=("sh", "-c", "id -u; echo 1 > f"), workspace=work))
        assert (done.status, done.stdout) == (0, b"1000\\n"), done
        assert (work / "f").stat().st_uid == {ordinary}
        (uid,) = (layer for layer in box.layers() if layer.name == "throw-away uid")
        assert not uid.available and "your own uid" in uid.detail
        try:
            weaker = open_sandbox(Mode.NO_NAMESPACES, state=Path("/nowhere"))
            anyio.run(weaker.run, Command(argv=("true",), workspace=work))
        except Exception as error:
            assert "only root" in error.hint
        else:
            raise SystemExit("ran weaker")
    """)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


async def test_layers_are_named(open_box: Open) -> None:
    box = open_box(Mode.FULL)
    found = {layer.name: layer for layer in box.layers()}
    assert set(found) == {
        *("bubblewrap", "landlock", "seccomp", "throw-away uid"),
        *(f"{kind} namespaces" for kind in ("user", "mount", "pid", "net", "ipc", "uts", "cgroup")),
        *("cgroup pids", "cgroup memory", "cgroup cpu", "cgroup kill"),
    }
    assert found["landlock"].detail.startswith("ABI")
