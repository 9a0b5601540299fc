"""Using up the machine, or staying when the run is over: bounded, and nothing is left."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logos.abi.driver import Command, Mode
from logos.drivers.sandbox import cgroup, open_sandbox

Arena = Callable[[str, Mode], dict[str, Any]]

MODES = pytest.mark.parametrize("mode", [Mode.FULL, Mode.NO_NAMESPACES])
ATTACKS = (
    *("fork bomb", "fork for ever", "memory bomb", "memory bombs", "cpu spin", "sleep"),
    *("one big file", "many files", "tmpfs fill", "endless output", "daemon"),
    *("daemon with pipe", "ignore sigterm", "stop itself", "descriptors", "deep folders"),
)
ENDLESS = ("fork for ever", "cpu spin", "sleep", "ignore sigterm", "stop itself")

pytestmark = pytest.mark.slow


def number(text: str) -> int:
    found = re.search(r"\d+", text)
    assert found, text
    return int(found[0])


@MODES
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_is_left_running_and_not_even_a_zombie(
    arena: Arena, attack: str, mode: Mode
) -> None:
    assert arena("attacks", mode)[attack]["left"] == []


@MODES
@pytest.mark.parametrize("attack", ENDLESS)
def test_what_does_not_end_is_ended(arena: Arena, attack: str, mode: Mode) -> None:
    done = arena("attacks", mode)[attack]
    assert done["timed_out"]
    assert done["status"] == 137
    assert done["seconds"] < 5


@MODES
def test_processes_are_counted(arena: Arena, mode: Mode) -> None:
    assert number(arena("attacks", mode)["fork bomb"]["stdout"]) < 32


@MODES
def test_memory_of_one_process(arena: Arena, mode: Mode) -> None:
    done = arena("attacks", mode)["memory bomb"]
    assert done["status"] == 137 or number(done["stdout"]) <= 256


@MODES
def test_memory_of_all_together(arena: Arena, mode: Mode) -> None:
    found = arena("attacks", mode)
    if not found["layers"]["cgroup memory"]:
        pytest.skip("no memory cgroup here: many processes together are not bounded")
    done = found["memory bombs"]
    assert done["status"] == 137 or number(done["stdout"]) >= 5


@MODES
def test_a_file_has_a_greatest_size(arena: Arena, mode: Mode) -> None:
    assert arena("attacks", mode)["one big file"]["stdout"] == f"stopped {16 << 20} 27\n"


@MODES
def test_a_full_disk_is_the_programs_trouble(arena: Arena, mode: Mode) -> None:
    done = arena("attacks", mode)["many files"]
    assert done["status"] == 0
    assert done["stdout"].endswith(" 28\n")


def test_scratch_space_is_bounded(arena: Arena) -> None:
    assert number(arena("attacks", Mode.FULL)["tmpfs fill"]["stdout"]) <= 128


def test_no_scratch_space_of_the_host(arena: Arena) -> None:
    assert number(arena("attacks", Mode.NO_NAMESPACES)["tmpfs fill"]["stdout"]) == 0


@MODES
def test_endless_output_is_cut_and_killed(arena: Arena, mode: Mode) -> None:
    done = arena("attacks", mode)["endless output"]
    assert done["truncated"]
    assert not done["timed_out"]
    assert done["kept"] == 64 << 10


@MODES
@pytest.mark.parametrize("attack", ["daemon", "daemon with pipe"])
def test_a_daemon_does_not_hold_the_run(arena: Arena, attack: str, mode: Mode) -> None:
    done = arena("attacks", mode)[attack]
    assert done["status"] == 0
    assert done["stdout"] == "parent done\n"
    assert done["seconds"] < 5


@MODES
def test_descriptors_are_counted(arena: Arena, mode: Mode) -> None:
    assert number(arena("attacks", mode)["descriptors"]["stdout"]) < 1024


@MODES
def test_a_deep_tree_can_be_made_and_removed(arena: Arena, mode: Mode) -> None:
    assert arena("attacks", mode)["deep folders"]["stdout"] == "depth 3000\n"


@MODES
def test_every_attack_is_tested(arena: Arena, mode: Mode) -> None:
    assert set(arena("attacks", mode)) == {*ATTACKS, "layers"}


@pytest.mark.anyio
async def test_a_share_of_the_processors_holds(workspace: Path, tmp_path: Path) -> None:
    """Two that spin get no more than they were given together."""
    if os.geteuid() != 0 or cgroup.find().cpu is None:
        pytest.skip("no control group of processors here")
    box = open_sandbox(Mode.NO_NAMESPACES, cpus=0.2, state=tmp_path)
    spin = "import os, time; child = os.fork(); t = time.time()\nwhile time.time() < t + 2: pass\n"
    told = "print(sum(os.times()[:2]), flush=True)\nchild and os.waitpid(child, 0)\n"
    code = f"{spin}{told}"
    done = await box.run(Command(argv=("/usr/bin/python3", "-c", code), workspace=workspace))
    used = [float(line) for line in done.stdout.split()]
    assert len(used) == 2
    assert sum(used) < 1.0
