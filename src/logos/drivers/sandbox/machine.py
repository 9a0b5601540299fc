"""What this machine can do to confine a program.

Interface: `look(state)` finds the facts once; `lacking(machine, mode)` says what a mode misses;
`layers(machine)` tries each mechanism, for `logos doctor`.
Invariant: a mechanism is called available only when it was tried just now.
"""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import MAGIC_NUMBER
from pathlib import Path

from logos.abi.driver import Layer, Mode
from logos.drivers.sandbox import cgroup, landlock
from logos.drivers.sandbox.cgroup import Groups
from logos.drivers.sandbox.syscalls import NUMBERS
from logos.drivers.sandbox.uids import Uids, mapped

_TRY_S = 10.0
_PYTHONS = ("/usr/bin/python3", "/usr/local/bin/python3")


@dataclass(frozen=True, slots=True)
class Machine:
    """`python` is an interpreter that programs inside namespaces can see: below /usr, or else
    ours, with `prefix` the folder that must then be shown to them; `same_python`: it
    runs code that we compiled.  `uids` is None unless the
    driver is root and may change its uid."""

    architecture: str
    root: bool
    bubblewrap: str | None
    python: str
    prefix: str | None
    same_python: bool
    landlock: int
    groups: Groups
    uids: Uids | None

    @property
    def seccomp(self) -> bool:
        return self.architecture in NUMBERS


def look(state: Path) -> Machine:
    """`state` is a folder for locks that every driver on the machine shares."""
    python, prefix = _python()
    root = os.geteuid() == 0
    numbers = mapped(Path("/proc/self/uid_map").read_text()) if root else None
    return Machine(
        architecture=platform.machine(),
        root=root,
        bubblewrap=shutil.which("bwrap"),
        python=python,
        prefix=prefix,
        same_python=_magic(python) == MAGIC_NUMBER.hex(),
        landlock=landlock.version(),
        groups=cgroup.find(),
        uids=Uids(state / "uids", numbers) if numbers else None,
    )


def _python() -> tuple[str, str | None]:
    mine = os.path.realpath(sys.executable)
    for found in (mine, *_PYTHONS):
        if found.startswith("/usr/") and os.access(found, os.X_OK):
            return found, None
    return mine, os.path.realpath(sys.base_prefix)


def _magic(python: str) -> str:
    """The version of an interpreter's compiled code; empty where it does not run."""
    if python == os.path.realpath(sys.executable):
        return MAGIC_NUMBER.hex()
    ask = "import _frozen_importlib_external as e; print(e.MAGIC_NUMBER.hex())"
    said = subprocess.run(  # noqa: S603 - a path we found ourselves
        [python, "-I", "-S", "-c", ask], capture_output=True, text=True, timeout=_TRY_S, check=False
    )
    return said.stdout.strip()


def lacking(machine: Machine, mode: Mode) -> str:
    """What the mode needs and the machine has not, with what to do; empty when nothing."""
    if mode is Mode.NONE:
        return ""
    needs = (
        (machine.seccomp, f"there is no seccomp table for {machine.architecture}"),
        (machine.landlock > 0, "the kernel has no Landlock: boot with it in `lsm=`"),
        (machine.uids or not machine.root, "no uids to throw away: map more into this container"),
        (machine.bubblewrap or mode is not Mode.FULL, "install bubblewrap"),
        (machine.root or mode is Mode.FULL, "only root has uids to throw away"),
    )
    lacks = [what for had, what in needs if not had]
    return "; ".join([*lacks, "or set another `sandbox.mode`"]) if lacks else ""


def layers(machine: Machine) -> tuple[Layer, ...]:
    groups = machine.groups
    return (
        _bubblewrap(machine),
        _user_namespaces(machine),
        Layer(
            name="landlock",
            available=machine.landlock > 0,
            detail=f"ABI {machine.landlock}" if machine.landlock else "not in this kernel",
        ),
        Layer(
            name="seccomp",
            available=machine.seccomp and _filters(),
            detail=machine.architecture,
        ),
        Layer(
            name="throw-away uid",
            available=machine.uids is not None,
            detail=_uid_detail(machine),
        ),
        _group("cgroup pids", groups.pids, groups, "RLIMIT_NPROC alone bounds the processes"),
        _group(
            "cgroup memory",
            groups.memory,
            groups,
            "many processes together may take more memory than `memory_bytes`",
        ),
        Layer(
            name="cgroup kill",
            available=groups.kills,
            detail="" if groups.kills else "processes are killed by namespace or uid",
        ),
    )


def _bubblewrap(machine: Machine) -> Layer:
    if machine.bubblewrap is None:
        return Layer(name="bubblewrap", available=False, detail="not installed")
    said = subprocess.run(  # noqa: S603 - a path we found ourselves
        [machine.bubblewrap, "--version"],
        capture_output=True,
        text=True,
        timeout=_TRY_S,
        check=False,
    )
    return Layer(name="bubblewrap", available=said.returncode == 0, detail=said.stdout.strip())


def _user_namespaces(machine: Machine) -> Layer:
    name = "user namespaces"
    if machine.bubblewrap is None:
        return Layer(name=name, available=False, detail="not tried: no bubblewrap")
    uid = machine.uids.numbers[-1] if machine.uids else None
    said = subprocess.run(  # noqa: S603
        [
            machine.bubblewrap,
            *("--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"),
        ],
        capture_output=True,
        text=True,
        timeout=_TRY_S,
        check=False,
        user=uid,
        group=uid,
        extra_groups=None if uid is None else [],
    )
    return Layer(name=name, available=said.returncode == 0, detail=said.stderr.strip())


def _filters() -> bool:
    return "Seccomp_filters" in Path("/proc/self/status").read_text()


def _uid_detail(machine: Machine) -> str:
    if machine.uids is not None:
        numbers = machine.uids.numbers
        return f"{numbers.start}-{numbers.stop - 1}"
    return "no uids mapped" if machine.root else "not root: programs run as your own uid"


def _group(name: str, tree: Path | None, groups: Groups, without: str) -> Layer:
    if tree is None:
        return Layer(name=name, available=False, detail=without)
    kind = "v2" if tree == groups.unified else "v1"
    return Layer(name=name, available=True, detail=f"{kind} {tree}")
