"""Launchers that wait: confined already, used once, and gone when nobody wants them."""

# ruff: noqa: ASYNC240, PTH208

import os
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from logos.abi.driver import Command, Mode
from logos.drivers.sandbox import LocalSandbox

MODES = pytest.mark.parametrize("mode", [Mode.FULL, Mode.NO_NAMESPACES])
Open = Callable[..., LocalSandbox]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


def shell(script: str, workspace: Path, **more: object) -> Command:
    return Command(argv=("sh", "-c", script), workspace=workspace, **more)  # type: ignore[arg-type]


async def settled(box: LocalSandbox) -> None:
    """Let the loop start what is due, and wait until it says that it is confined."""
    await anyio.lowlevel.checkpoint()
    await anyio.lowlevel.checkpoint()
    for place in box._places.values():
        assert place.waiting is not None
        await anyio.wait_readable(place.waiting._streams[1])


@MODES
async def test_the_next_command_uses_the_one_that_waits(
    mode: Mode, workspace: Path, open_box: Open, of_uid: Callable[[int], set[int]]
) -> None:
    box = open_box(mode, 1)
    try:
        await box.run(shell("echo 1 >> f", workspace))
        uid = workspace.stat().st_uid
        await settled(box)
        waiting = of_uid(uid)
        assert waiting
        inside = await box.run(shell("echo 2 >> f; cat f", workspace))
        assert inside.stdout == b"1\n2\n"
        await settled(box)
        assert of_uid(uid)
        assert not of_uid(uid) & waiting, "a launcher is used once"
    finally:
        await box.aclose()
    assert of_uid(uid) == set()


def ticks(pids: set[int]) -> int:
    """Processor time that they have used."""
    lines = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(line[11]) + int(line[12]) for line in lines)


@MODES
async def test_a_waiting_launcher_burns_no_cpu(
    mode: Mode, workspace: Path, open_box: Open, of_uid: Callable[[int], set[int]]
) -> None:
    box, busy = open_box(mode, 1), open_box(mode)
    other = workspace.parent / "other"
    other.mkdir()
    try:
        await box.run(shell("true", workspace))
        await settled(box)
        await busy.run(shell("true", other))
        waiting = of_uid(workspace.stat().st_uid)
        before = ticks(waiting)
        await busy.run(shell("sleep 0.2", other))
        assert waiting
        assert ticks(waiting) == before
    finally:
        await box.aclose()


async def test_a_command_that_sees_other_things_does_not_use_it(
    workspace: Path, open_box: Open
) -> None:
    box = open_box(Mode.FULL, 1)
    shown = workspace.parent / "shown"
    shown.mkdir()
    try:
        await box.run(shell("true", workspace))
        await settled(box)
        assert (await box.run(shell(f"ls -d {shown}", workspace))).status != 0
        await settled(box)
        done = await box.run(shell(f"ls -d {shown}", workspace, readable=(shown,)))
        assert done.status == 0
    finally:
        await box.aclose()


async def test_a_new_folder_at_the_same_path_is_another_workspace(
    workspace: Path, open_box: Open
) -> None:
    box = open_box(Mode.FULL, 1)
    try:
        await box.run(shell("touch old", workspace))
        await settled(box)
        workspace.rename(workspace.parent / "moved")
        workspace.mkdir()
        assert (await box.run(shell("ls", workspace))).stdout == b""
    finally:
        await box.aclose()


async def test_limits_are_those_of_the_command(workspace: Path, open_box: Open) -> None:
    box = open_box(Mode.FULL, 1)
    try:
        for size in (1 << 20, 1 << 16):
            command = shell("head -c 4M /dev/zero > f", workspace, file_bytes=size)
            await box.run(command)
            assert (workspace / "f").stat().st_size == size
            await settled(box)
    finally:
        await box.aclose()


async def test_the_pool_has_a_size(
    workspace: Path, tmp_path: Path, open_box: Open, of_uid: Callable[[int], set[int]]
) -> None:
    box = open_box(Mode.FULL, 2)
    folders = [workspace.parent / name for name in "abcd"]
    try:
        for folder in folders:
            folder.mkdir()
            await box.run(Command(argv=("true",), workspace=folder))
        await settled(box)
        waits = [bool(of_uid(folder.stat().st_uid)) for folder in folders]
        assert waits == [False, False, True, True]
    finally:
        await box.aclose()
    assert os.listdir(tmp_path / "uids") == []
