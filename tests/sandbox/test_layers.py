"""What `logos doctor` says of confinement is what was tried, on machines that offer more and less."""

import json
import os
import subprocess
import sys

import pytest
from tests.conftest import PATIENCE_S

from logos.abi.driver import Layer, Mode
from logos.drivers.sandbox.cgroup import Groups
from logos.drivers.sandbox.layers import layers, modes
from logos.drivers.sandbox.machine import Machine

SCRIPT = """
import json, pathlib
from logos.abi.driver import Mode
from logos.drivers.sandbox import open_sandbox
box = open_sandbox(Mode.FULL, state=pathlib.Path("/tmp/none"))
found = {one.name: (one.available, one.detail, one.hint) for one in (*box.layers(), *box.modes())}
print(json.dumps(found))
"""


def within(script: str) -> dict[str, tuple[bool, str, str]]:
    """The doctor's words in a user namespace whose limits are its own."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to make namespaces with limits of their own")
    said = subprocess.run(
        [
            "unshare",
            "--user",
            "--map-root-user",
            "sh",
            "-c",
            f'{script}; exec "$@"',
            "sh",
            sys.executable,
            "-c",
            SCRIPT,
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    found: dict[str, tuple[bool, str, str]] = json.loads(said.stdout)
    return found


def named(found: tuple[Layer, ...]) -> dict[str, Layer]:
    return {layer.name: layer for layer in found}


def test_a_machine_without_network_namespaces_has_no_full_mode() -> None:
    found = within("echo 0 >/proc/sys/user/max_net_namespaces")
    assert not found["net namespaces"][0]
    assert "way out" in found["net namespaces"][2]
    assert found["pid namespaces"][0]
    assert not found["mode full"][0]


def test_a_machine_without_user_namespaces_says_what_to_set() -> None:
    found = within("echo 0 >/proc/sys/user/max_user_namespaces")
    for name in ("user", "net", "mount", "pid"):
        assert not found[f"{name} namespaces"][0]
    assert "userns" in found["user namespaces"][2]
    assert found["seccomp"][0]
    assert not found["mode full"][0]
    assert found["mode none"][0]


def machine(**given: object) -> Machine:
    values = {
        "architecture": "riscv64",
        "root": False,
        "bubblewrap": None,
        "python": sys.executable,
        "prefix": None,
        "same_python": True,
        "landlock": 0,
        "groups": Groups(),
        "uids": None,
    }
    return Machine(**(values | given))  # type: ignore[arg-type]


def test_whatever_is_missing_comes_with_a_hint() -> None:
    for layer in (*layers(machine()), *modes(machine(), Mode.NONE)):
        if not layer.available:
            assert layer.hint, layer
    found = named(layers(machine()))
    absent = ("bubblewrap", "landlock", "seccomp", "throw-away uid", "cgroup cpu", "cgroup memory")
    assert not any(found[name].available for name in absent)
    assert "many together" in found["cgroup memory"].detail
    chosen = [m.name for m in modes(machine(), Mode.NONE) if m.detail.endswith("; chosen")]
    assert chosen == ["mode none"]


def test_an_older_landlock_says_what_it_does_not_limit() -> None:
    landlock = named(layers(machine(landlock=3)))["landlock"]
    assert landlock.detail == "ABI 3: files, moves between folders, truncation"
    assert "TCP ports" in landlock.hint
