"""What to start for one sandbox: the command line, the launcher's orders, the limits.

Pure but for looking whether a folder exists.

    setup(...)      how the launcher confines itself, before any program is known
    request(...)    what it then becomes
    bubblewrap(...) the command line that makes the namespaces

Invariant: everything the confined program can see or reach is named in this file.
"""

import marshal
import math
import os
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

from logos.abi.driver import Command, Mode, Network
from logos.drivers.sandbox import landlock, seccomp
from logos.drivers.sandbox.machine import Machine

_SOURCE = Path(__file__).with_name("launcher.py")
#: Reads one message and runs it: source or code.  Compiling takes longer than all the rest.
BOOT = """import marshal, os
def exactly(n):
    b = b""
    while len(b) < n:
        m = os.read(0, n - len(b))
        if not m: os._exit(125)
        b += m
    return b
exec(marshal.loads(exactly(int.from_bytes(exactly(8), "little"))))
"""
WORKSPACE = "/workspace"
INSIDE_UID = 1000
PASSWD = f"agent:x:{INSIDE_UID}:{INSIDE_UID}::{WORKSPACE}:/bin/sh\n".encode()

_PATH = "/usr/local/bin:/usr/bin:/bin"
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/localtime",
)
_ETC_NETWORK = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/services",
    "/etc/gai.conf",
)
_ETC_TRUST = ("/etc/ssl", "/etc/pki", "/etc/ca-certificates")
_SCRATCH = 64 << 20  # of /tmp and of /dev/shm
_OPEN_FILES = 1024
_AF_INET, _AF_INET6 = 2, 10
_OWN_PROCESSES = 2  # bubblewrap, and the first process of its namespace


@dataclass(frozen=True, slots=True)
class View:
    """What a sandbox shows: two commands with equal views can use the same waiting launcher."""

    workspace: Path
    readable: tuple[Path, ...]
    network: Network
    doors: tuple[int, ...] = ()


def message(content: dict[str, Any] | str | CodeType) -> bytes:
    body = marshal.dumps(content)
    return len(body).to_bytes(8, "little") + body


@cache
def program(*, ours: bool) -> bytes:
    """The launcher as a message, for an interpreter of our version or of another."""
    source = _SOURCE.read_text()
    return message(compile(source, "launcher", "exec") if ours else source)


def setup(machine: Machine, mode: Mode, view: View, uid: int | None) -> dict[str, Any]:
    inside = mode is Mode.FULL
    folder = WORKSPACE if inside else str(view.workspace)
    plan: dict[str, Any] = {
        "role": "first" if inside else "watch",
        "parent": os.getpid(),
        "uid": uid,
        "folder": folder,
        "cgroup": [],
        "kill": None,
        "life": None,
        "doors": None,
        "landlock": None,
        "seccomp": None,
    }
    if mode is Mode.NONE:
        return plan
    readable = [*_SYSTEM, *_etc(view), *map(str, view.readable)]
    writable = [folder]
    if inside:
        readable += ["/proc", "/dev", "/etc", *([machine.prefix] if machine.prefix else [])]
        writable += ["/tmp", "/dev/shm"]  # noqa: S108 - its own
    # In a network namespace of its own the program may talk to itself.
    network = inside or view.network is Network.HOST
    # Everything below the root of a mount namespace was put there for the program to see.
    listable = ["/"] if inside else []
    plan["landlock"] = landlock.rules(machine.landlock, readable, writable, listable, tcp=network)
    families = (_AF_INET, _AF_INET6) if network else ()
    plan["seccomp"] = seccomp.program(machine.architecture, families)
    return plan


def request(machine: Machine, mode: Mode, view: View, command: Command) -> dict[str, Any]:
    inside = mode is Mode.FULL
    home = WORKSPACE if inside else str(view.workspace)
    scratch = "/tmp" if inside or mode is Mode.NONE else f"{home}/.tmp"  # noqa: S108
    env = {"PATH": _PATH, "HOME": home, "LANG": "C.UTF-8", "TMPDIR": scratch}
    return {
        "argv": list(command.argv),
        "env": env | dict(command.env),
        "folders": [scratch] if mode is Mode.NO_NAMESPACES else [],
        "limits": _limits(machine, mode, command),
        "start": None if command.start is None else str(command.start),
    }


def _limits(machine: Machine, mode: Mode, command: Command) -> list[tuple[int, int]]:
    limits = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, math.ceil(command.timeout_s) + 1),
        (resource.RLIMIT_FSIZE, command.file_bytes),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_DATA, command.memory_bytes),
    ]
    if machine.groups.memory is None:
        limits.append((resource.RLIMIT_AS, command.memory_bytes))
    if mode is not Mode.NONE:
        extra = _OWN_PROCESSES if mode is Mode.FULL else 0
        limits.append((resource.RLIMIT_NPROC, command.processes + extra))
        limits.append((resource.RLIMIT_MSGQUEUE, 0))
    return limits


def launcher(python: str) -> list[str]:
    return [python, "-I", "-S", "-c", BOOT]


def bubblewrap(
    machine: Machine, view: View, sources: Sequence[str], *, info: int, passwd: int
) -> list[str]:
    """`sources` are where workspace and readable folders (and our interpreter) lie outside;
    `info` and `passwd` are descriptors that it inherits."""
    assert machine.bubblewrap is not None
    line = [
        machine.bubblewrap,
        *("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts"),
        *(
            "--unshare-cgroup-try",
            "--hostname",
            "logos",
            "--die-with-parent",
            "--new-session",
            "--as-pid-1",
        ),
        *("--uid", str(INSIDE_UID), "--gid", str(INSIDE_UID), "--cap-drop", "ALL", "--clearenv"),
        *("--info-fd", str(info), "--ro-bind", "/usr", "/usr"),
    ]
    if view.network is Network.NONE:
        line.append("--unshare-net")
    for path in _SYSTEM[1:]:
        line += _system(Path(path))
    line += ["--proc", "/proc", "--dev", "/dev", "--dir", "/etc"]
    for scratch in ("/tmp", "/dev/shm"):  # noqa: S108
        line += ["--size", str(_SCRATCH), "--tmpfs", scratch]
    line += ["--ro-bind-data", str(passwd), "/etc/passwd"]
    for path in _etc(view):
        line += ["--ro-bind-try", path, path]
    for source, target in zip(sources, targets(machine, view), strict=True):
        line += ["--bind" if target == WORKSPACE else "--ro-bind", source, target]
    return [*line, "--remount-ro", "/", "--chdir", WORKSPACE, "--", *launcher(machine.python)]


def targets(machine: Machine, view: View) -> list[str]:
    """Where the bound folders appear inside, in the order of `sources`."""
    prefix = [machine.prefix] if machine.prefix else []
    return [*prefix, *map(str, view.readable), WORKSPACE]


def sources(machine: Machine, view: View) -> list[str]:
    return [*targets(machine, view)[:-1], str(view.workspace)]


def _etc(view: View) -> tuple[str, ...]:
    """Whom TLS believes is for all that reach anybody; names are looked up only on the machine's
    own network: behind a door whoever answers does it."""
    shared = view.network is Network.HOST
    return _ETC + (_ETC_NETWORK if shared else ()) + (_ETC_TRUST if shared or view.doors else ())


def _system(path: Path) -> list[str]:
    if path.is_symlink():
        return ["--symlink", str(path.readlink()), str(path)]
    return ["--ro-bind", str(path), str(path)] if path.is_dir() else []
