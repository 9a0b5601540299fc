"""A control group for each run: how many tasks, how much memory, and how many processors, and one word that kills all.

Both layouts are known: v2, where one folder has every controller, and v1, where `pids` and
`memory` have a tree each and v2 may stand beside them for `cgroup.kill` alone.

Interface: `find()` looks once at the machine; `Groups.make()` gives a Group.
Invariant: a Group's folders are removed when it is closed, or else by a later `make`.
"""

import itertools
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_WANTED = frozenset({"pids", "memory"})
_PERIOD_US, _LEAST_US = 100_000, 1_000  # as the kernel has them
_numbers = itertools.count()  # of the process, however many sandboxes it opens


@dataclass(frozen=True, slots=True)
class Group:
    """One run's folders; `kill` is a file that takes "1", where the kernel has it."""

    pids: Path | None
    memory: Path | None
    unified: Path | None
    made: "Groups"
    cpu: Path | None = None

    @property
    def folders(self) -> tuple[Path, ...]:
        trees = (self.pids, self.memory, self.unified, self.cpu)
        return tuple(dict.fromkeys(p for p in trees if p))

    def doors(self) -> tuple[int, ...]:
        """Descriptors through which a process puts itself in, by writing 0.

        The kernel asks who opened them, so a process without any rights can use them.
        """
        return tuple(os.open(f / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for f in self.folders)

    def killer(self) -> int | None:
        if self.unified is None or not (self.unified / "cgroup.kill").exists():
            return None
        return os.open(self.unified / "cgroup.kill", os.O_WRONLY | os.O_CLOEXEC)

    def limit(self, *, memory: int, tasks: int) -> None:
        if self.pids:
            _write(self.pids / "pids.max", tasks)
        if self.memory and self.memory == self.unified:
            _write(self.memory / "memory.max", memory)
            with suppress(FileNotFoundError):  # no swap in this kernel
                _write(self.memory / "memory.swap.max", 0)
        elif self.memory:
            _write(self.memory / "memory.limit_in_bytes", memory)
            with suppress(FileNotFoundError):
                _write(self.memory / "memory.memsw.limit_in_bytes", memory)

    def share(self, cpus: float) -> None:
        """So many processors at most."""
        if self.cpu is None:
            return
        quota = max(int(cpus * _PERIOD_US), _LEAST_US)
        if self.cpu == self.unified:
            _write(self.cpu / "cpu.max", f"{quota} {_PERIOD_US}")
        else:
            _write(self.cpu / "cpu.cfs_period_us", _PERIOD_US)
            _write(self.cpu / "cpu.cfs_quota_us", quota)

    def kill(self) -> None:
        fd = self.killer()
        if fd is not None:
            try:
                os.write(fd, b"1")
            finally:
                os.close(fd)

    def close(self) -> None:
        for folder in self.folders:
            if not _removed(folder):
                self.made.left.append(folder)


@dataclass(frozen=True, slots=True)
class Groups:
    """Where new groups go.  A missing tree is None."""

    pids: Path | None = None
    memory: Path | None = None
    unified: Path | None = None
    home: Path | None = None  # the group this process is in itself
    left: list[Path] = field(default_factory=list)
    cpu: Path | None = None

    @property
    def kills(self) -> bool:
        """Since Linux 5.14 every group but the root has `cgroup.kill`."""
        if self.unified is None:
            return False
        return _tried(self.unified, lambda folder: (folder / "cgroup.kill").exists())

    def make(self, cpus: float = 0.0) -> Group:
        """With no limit of processors unless one is asked for: each tree takes its time."""
        self.left[:] = [folder for folder in self.left if not _removed(folder)]
        name = f"{_mark()}-{os.getpid()}-{next(_numbers)}"
        trees = (self.pids, self.memory, self.unified, self.cpu if cpus else None)
        pids, memory, unified, cpu = (tree and tree / name for tree in trees)
        group = Group(pids, memory, unified, self, cpu)
        try:
            for folder in group.folders:
                folder.mkdir()
            group.share(cpus)
        except OSError:
            group.close()
            raise
        return group

    def prime(self, pid: int) -> None:
        """Move a process to where it is.  The first move in a while waits for every processor
        (18 ms measured), those right after it do not: pay that while the sandbox starts."""
        if self.home is not None:
            with suppress(OSError):  # it has ended, or the kernel will not: then nothing is won
                _write(self.home / "cgroup.procs", pid)

    def sweep(self) -> None:
        """Remove what a driver that was killed left behind."""
        mark = f"{_mark()}-"
        trees = (self.pids, self.memory, self.unified, self.cpu)
        for tree in {tree for tree in trees if tree}:
            for folder in tree.glob(f"{mark}*-*"):
                owner = folder.name.removeprefix(mark).partition("-")[0]
                if not Path("/proc", owner).exists():
                    _removed(folder)


def _mark() -> str:
    """Pids mean something in one pid namespace only, and containers may share a tree."""
    return f"logosbox-{Path('/proc/self/ns/pid').stat().st_ino:x}"


def find(proc: Path = Path("/proc/self")) -> Groups:
    """The trees in which this process may make groups: below its own, so its limits hold."""
    mine = _mine((proc / "cgroup").read_text())
    trees: dict[str, Path | None] = {}
    cpu: Path | None = None
    v2: Path | None = None
    for root, mount, kind, options in _mounts((proc / "mountinfo").read_text()):
        if kind == "cgroup":
            for name in _WANTED & options & mine.keys():
                trees[name] = _usable(_below(mount, root, mine[name]))
            if "cpu" in options and "cpu" in mine:
                cpu = _usable(_below(mount, root, mine["cpu"]))
        elif kind == "cgroup2" and "" in mine:
            v2 = _below(mount, root, mine[""])
    if v2 is None:
        return Groups(trees.get("pids"), trees.get("memory"), home=trees.get("pids"), cpu=cpu)
    for place in dict.fromkeys(
        (v2, v2.parent if v2.parent.joinpath("cgroup.procs").exists() else v2)
    ):
        if not trees and _tried(place, _controlled):
            shares = _tried(place, lambda folder: (folder / "cpu.max").exists())
            return Groups(place, place, place, home=v2, cpu=place if shares else None)
    return Groups(trees.get("pids"), trees.get("memory"), _usable(v2), home=v2, cpu=cpu)


def _mine(text: str) -> dict[str, str]:
    """Controller -> my group's path; the empty name is v2's."""
    found = {}
    for line in text.splitlines():
        _, names, path = line.split(":", 2)
        found.update(dict.fromkeys(names.split(","), path))
    return found


def _mounts(text: str) -> list[tuple[str, Path, str, frozenset[str]]]:
    found = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        words, tail = before.split(), after.split()
        found.append((words[3], Path(words[4]), tail[0], frozenset(tail[2].split(","))))
    return found


def _below(mount: Path, root: str, mine: str) -> Path:
    """My own group as seen through this mount, which may show only a part of the tree."""
    inside = mine.removeprefix(root.rstrip("/")) if root != "/" else mine
    return mount / inside.strip("/")


def _usable(place: Path) -> Path | None:
    return place if _tried(place, Path.exists) else None


def _controlled(folder: Path) -> bool:
    return set((folder / "cgroup.controllers").read_text().split()) >= _WANTED


def _tried(place: Path, test: Callable[[Path], bool]) -> bool:
    """Make a group there and look: nothing else tells whether one can."""
    folder = place / f"{_mark()}-{os.getpid()}-{next(_numbers)}"
    try:
        folder.mkdir()
    except OSError:
        return False
    try:
        return test(folder)
    finally:
        _removed(folder)


def _write(path: Path, number: int | str) -> None:
    with path.open("w") as file:
        file.write(str(number))


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
