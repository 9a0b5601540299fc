"""Every mechanism of confinement, tried on this machine, and what follows for the modes.

    layers(machine)          one Layer for each mechanism, for `logos doctor`
    modes(machine, chosen)   one Layer for each mode: can it be had, and what would it miss?

What can only be tried by doing it is done in a process of its own, which then ends; as the uid that
programs would have.

Invariant: a mechanism is called available only when it was tried just now.
"""

import json
import os
import subprocess
from pathlib import Path

from logos.abi.driver import Layer, Mode
from logos.drivers.sandbox.cgroup import Groups
from logos.drivers.sandbox.machine import TRY_S, Machine, lacking

_NAMESPACES = {
    "user": "kernel.unprivileged_userns_clone=1 or kernel.apparmor_restrict_unprivileged_userns=0",
    "mount": "",
    "pid": "",
    "net": "without it no program gets a network of its own, nor a way out to granted hosts",
    "ipc": "",
    "uts": "",
    "cgroup": "",
}

_NEEDED = ("user", "mount", "pid", "net", "ipc", "uts")
"""By mode full."""

_RIGHTS = (
    "files",
    "moves between folders",
    "truncation",
    "TCP ports",
    "devices",
    "signals and abstract sockets",
)
"""Of Landlock, by the version of its interface that brought them."""

_TRIES = """
import ctypes, json, os, sys
libc = ctypes.CDLL(None, use_errno=True)
FLAGS = {"user": 0, "mount": 0x20000, "pid": 0x20000000, "net": 0x40000000, "ipc": 0x8000000,
         "uts": 0x4000000, "cgroup": 0x2000000}
def tried(what):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if what() == 0 else min(ctypes.get_errno(), 255) or 255)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
def seccomp():
    steps = ctypes.create_string_buffer(bytes.fromhex("060000000000ff7f"))
    class Filter(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))
    libc.prctl(38, 1, 0, 0, 0)
    return libc.prctl(22, 2, ctypes.byref(Filter(1, ctypes.addressof(steps))), 0, 0)
def landlock():
    libc.prctl(38, 1, 0, 0, 0)
    fd = libc.syscall(444, (ctypes.c_uint64 * 1)(1), ctypes.c_size_t(8), 0)
    return -1 if fd < 0 else libc.syscall(446, fd, 0)
found = {n: tried(lambda: libc.unshare(0x10000000 | f)) for n, f in FLAGS.items()}
found |= {"seccomp": tried(seccomp), "landlock": tried(landlock)}
json.dump(found, sys.stdout)
"""


def layers(machine: Machine) -> tuple[Layer, ...]:
    found = _tried(machine)
    return (
        _bubblewrap(machine),
        *(_namespace(name, found.get(name)) for name in _NAMESPACES),
        _landlock(machine, found.get("landlock")),
        _seccomp(machine, found.get("seccomp")),
        _uids(machine),
        *_groups(machine.groups),
    )


def modes(machine: Machine, chosen: Mode) -> tuple[Layer, ...]:
    said = {
        Mode.FULL: "a network of its own, and granted hosts through the way out",
        Mode.NO_NAMESPACES: "no network; calls that name hosts are refused",
        Mode.NONE: "not confined at all: agents run code with your own rights",
    }
    outcomes = _tried(machine)
    apart = [name for name in _NEEDED if outcomes and outcomes.get(name) != 0]
    found = []
    for mode in Mode:
        missing = lacking(machine, mode)
        if mode is Mode.FULL and apart and not missing:
            missing = f"no {', '.join(apart)} namespaces; or set another `sandbox.mode`"
        detail = said[mode] + ("; chosen" if mode is chosen else "")
        found.append(Layer(name=f"mode {mode}", available=not missing, detail=detail, hint=missing))
    return tuple(found)


def _tried(machine: Machine) -> dict[str, int]:
    """What each trial ended with: 0, or an errno.  Nothing where none can be made."""
    uid = machine.uids.numbers[-1] if machine.uids else None
    try:
        said = subprocess.run(  # noqa: S603 - our own words
            [machine.python, "-I", "-S", "-c", _TRIES],
            capture_output=True,
            text=True,
            timeout=TRY_S,
            check=False,
            cwd="/",
            env={},
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
        )
    except OSError:  # an interpreter that this user may not run
        return {}
    found: dict[str, int] = json.loads(said.stdout) if said.returncode == 0 else {}
    return found


def _namespace(name: str, outcome: int | None) -> Layer:
    return Layer(
        name=f"{name} namespaces",
        available=outcome == 0,
        detail=_why(outcome),
        hint="" if outcome == 0 else _NAMESPACES[name],
    )


def _why(outcome: int | None) -> str:
    if outcome is None:
        return "could not be tried"
    return os.strerror(outcome) if outcome else ""


def _bubblewrap(machine: Machine) -> Layer:
    name = "bubblewrap"
    if machine.bubblewrap is None:
        return Layer(name=name, available=False, detail="not there", hint="install bubblewrap")
    said = subprocess.run(  # noqa: S603 - a path we found ourselves
        [machine.bubblewrap, "--version"],
        capture_output=True,
        text=True,
        timeout=TRY_S,
        check=False,
    )
    return Layer(name=name, available=said.returncode == 0, detail=said.stdout.strip())


def _landlock(machine: Machine, outcome: int | None) -> Layer:
    known = ", ".join(_RIGHTS[: machine.landlock])
    missing = ", ".join(_RIGHTS[machine.landlock :])
    return Layer(
        name="landlock",
        available=machine.landlock > 0 and outcome == 0,
        detail=f"ABI {machine.landlock}: {known}" if machine.landlock else _why(outcome),
        hint=f"a newer kernel also limits {missing}"
        if machine.landlock and missing
        else ("" if machine.landlock else "a kernel >= 5.13 with landlock in `lsm=`"),
    )


def _seccomp(machine: Machine, outcome: int | None) -> Layer:
    there = machine.seccomp and outcome == 0
    hint = "" if machine.seccomp else "there are tables for x86_64 and aarch64"
    return Layer(
        name="seccomp",
        available=there,
        detail=machine.architecture if there else _why(outcome) or machine.architecture,
        hint=hint if machine.seccomp is False else "" if there else "CONFIG_SECCOMP_FILTER=y",
    )


def _uids(machine: Machine) -> Layer:
    name = "throw-away uid"
    if machine.uids is not None:
        numbers = machine.uids.numbers
        return Layer(name=name, available=True, detail=f"{numbers.start}-{numbers.stop - 1}")
    if machine.root:
        hint = "give this container at least the uids 64600-65111"
        return Layer(name=name, available=False, detail="no uids are mapped", hint=hint)
    detail = "not root: programs run as your own uid, within namespaces"
    return Layer(name=name, available=False, detail=detail, hint="run the daemon as root for it")


def _groups(groups: Groups) -> tuple[Layer, ...]:
    delegate = (
        "delegate a cgroup v2 tree with pids and memory to the daemon (systemd: Delegate=yes)"
    )
    without = {
        "pids": (groups.pids, "RLIMIT_NPROC alone bounds the processes", delegate),
        "memory": (
            groups.memory,
            "RLIMIT_AS bounds each process; many together may take more",
            delegate,
        ),
        "cpu": (
            groups.cpu,
            "RLIMIT_CPU and the deadline bound it; `sandbox.cpus` is not held",
            delegate.replace("pids and memory", "cpu"),
        ),
    }
    found = [_group(name, *what, groups) for name, what in without.items()]
    kills = groups.kills
    detail = "" if kills else "processes are killed by namespace or uid"
    hint = "" if kills else "a kernel >= 5.14 with cgroup v2 mounted"
    return (*found, Layer(name="cgroup kill", available=kills, detail=detail, hint=hint))


def _group(name: str, tree: Path | None, without: str, hint: str, groups: Groups) -> Layer:
    if tree is None:
        return Layer(name=f"cgroup {name}", available=False, detail=without, hint=hint)
    kind = "v2" if tree == groups.unified else "v1"
    return Layer(name=f"cgroup {name}", available=True, detail=f"{kind} {tree}")
