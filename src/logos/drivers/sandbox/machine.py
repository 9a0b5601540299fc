"""What this machine can do to confine a program.

Interface: `look(state)` finds the facts once; `lacking(machine, mode)` says what a mode misses.
Invariant: what it finds is never more than there is; layers.py tries it all.
"""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import MAGIC_NUMBER
from pathlib import Path

from logos.abi.driver import Mode
from logos.drivers.sandbox import cgroup, landlock
from logos.drivers.sandbox.cgroup import Groups
from logos.drivers.sandbox.syscalls import NUMBERS
from logos.drivers.sandbox.uids import Uids, mapped

TRY_S = 10.0
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
        [python, "-I", "-S", "-c", ask], capture_output=True, text=True, timeout=TRY_S, check=False
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
