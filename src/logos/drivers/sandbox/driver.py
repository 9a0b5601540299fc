"""The sandbox: one mode, chosen by the operator, and never a weaker one.

    open_sandbox(Mode.FULL)     -> LocalSandbox
    await sandbox.run(command)  -> Completed
    sandbox.open(command)       -> a program to talk to, while held
    sandbox.host(command)       -> a program to listen to, while held
    sandbox.layers(), modes()   for `logos doctor`
    await sandbox.aclose()      end the launchers that wait

Commands of one workspace run one after the other, each as that workspace's uid; commands of
different workspaces run at once, each as a uid of its own.

A waiting launcher (`pool`) is confined already: its namespaces, mounts, uid, Landlock and
seccomp are those of one workspace, and all it still learns is what to run and within which
limits, which can only be lowered.  So nothing has to be mounted or granted at hand-over, and a
launcher is never used twice or for another workspace.

Invariant: a program runs with every layer of the mode in force, or does not run.
"""

import asyncio
import logging
import os
import socket
import stat
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from logos.abi.driver import Attend, Command, Completed, Layer, Mode
from logos.abi.errors import Code, SysError
from logos.beneath import adopt
from logos.drivers.sandbox import machine as machines
from logos.drivers.sandbox import plan
from logos.drivers.sandbox.cage import Cage, Start
from logos.drivers.sandbox.cgroup import Group
from logos.drivers.sandbox.host import Host, hosting
from logos.drivers.sandbox.layers import layers, modes
from logos.drivers.sandbox.machine import Machine
from logos.drivers.sandbox.plan import View
from logos.drivers.sandbox.talk import Talk, endless, talking
from logos.drivers.sandbox.uids import Lease

STATE = Path("/run/logos")
_LEAST_MEMORY = 32 << 20
_LEAST_DEPTH = 3  # the root, a folder in it, and one in that
_SYSTEM = frozenset({"bin", "boot", "dev", "etc", "lib", "lib64", "proc", "sbin", "sys", "usr"})
_REMEMBERED = 4096
_log = logging.getLogger(__name__)


def open_sandbox(
    wanted: Mode, *, pool: int = 0, cpus: float = 0.0, state: Path = STATE
) -> "LocalSandbox":
    """A sandbox of this mode.  `pool` is how many confined launchers may wait for their next
    command, all workspaces together; `cpus` how many processors one run may use, 0: all; `state` a
    folder shared by all drivers of the machine."""
    machine = machines.look(state)
    machine.groups.sweep()
    return LocalSandbox(wanted, machine, pool, cpus)


@dataclass(slots=True)
class _Place:
    """What is kept for one workspace between its runs.  `turn` guards the rest."""

    turn: anyio.Lock = field(default_factory=anyio.Lock)
    users: int = 0
    lease: Lease | None = None
    waiting: Cage | None = None
    due: View | None = None  # what is to wait here, as soon as there is time to start it


_Orders = dict[str, Any]
_Key = tuple[int, int]  # device and inode of a workspace: a path may come to mean another folder


class LocalSandbox:
    def __init__(self, mode: Mode, machine: Machine, pool: int, cpus: float = 0.0) -> None:
        self._cpus = cpus
        self._mode = mode
        self._machine = machine
        self._pool = pool
        self._places: OrderedDict[_Key, _Place] = OrderedDict()
        self._adopted: OrderedDict[_Key, int] = OrderedDict()

    @property
    def mode(self) -> Mode:
        return self._mode

    def layers(self) -> tuple[Layer, ...]:
        return layers(self._machine)

    def modes(self) -> tuple[Layer, ...]:
        return modes(self._machine, self._mode)

    async def run(self, command: Command, attend: Attend | None = None) -> Completed:
        self._check()
        view = _view(command)
        async with self._at(view.workspace) as (place, folder), place.turn:
            await self._own(place, folder)
            cage = await self._take(place, view)
            try:
                await cage.ready()
                orders = plan.request(self._machine, self._mode, view, command)
                async with attend(cage.doors()) if attend else nullcontext():
                    done = await cage.carry(command, orders)
            except OSError as error:
                raise SysError(
                    Code.UNAVAILABLE, f"the sandbox failed: {error}", hint="see `logos doctor`"
                ) from error
            finally:
                with anyio.CancelScope(shield=True):  # nothing may outlive the run
                    await cage.end()
            if self._pool:
                place.due = view
                # Whoever waits for this command gets its answer first, then the loop has time.
                asyncio.get_running_loop().call_soon(self._refill, place)
            return done

    @asynccontextmanager
    async def open(self, command: Command) -> AsyncIterator[Talk]:
        """Only its start takes the workspace's turn: what is talked to may stay for hours."""
        async with self._begun(command) as (_, streams), talking(streams) as talk:
            yield talk

    @asynccontextmanager
    async def host(self, command: Command) -> AsyncIterator[Host]:
        async with self._begun(command) as (cage, streams), hosting(cage, streams, command) as host:
            yield host

    @asynccontextmanager
    async def _begun(self, command: Command) -> AsyncIterator[tuple[Cage, tuple[int, int, int]]]:
        self._check()
        view = _view(command)
        async with self._at(view.workspace) as (place, folder):
            async with place.turn:
                await self._own(place, folder)
                cage = await self._take(place, view)
            try:
                try:
                    await cage.ready()
                    orders = plan.request(self._machine, self._mode, view, endless(command))
                    streams = await cage.begin(command, orders)
                except OSError as error:
                    raise SysError(
                        Code.UNAVAILABLE, f"the sandbox failed: {error}", hint="see `logos doctor`"
                    ) from error
                yield cage, streams
            finally:
                with anyio.CancelScope(shield=True):  # nothing may outlive the holding
                    await cage.end()

    def _check(self) -> None:
        if missing := machines.lacking(self._machine, self._mode):
            raise SysError(Code.UNAVAILABLE, f"no sandbox of mode {self._mode} here", hint=missing)

    async def aclose(self) -> None:
        """Commands that still run go on, as cold ones."""
        self._pool = 0
        with anyio.CancelScope(shield=True):
            await self._trim()

    @asynccontextmanager
    async def _at(self, workspace: Path) -> AsyncIterator[tuple[_Place, int]]:
        """This workspace's place, kept while somebody is in it, and the workspace open."""
        with ExitStack() as opened:
            folder = _open(workspace)
            opened.callback(os.close, folder)
            found = os.fstat(folder)
            key = (found.st_dev, found.st_ino)
            place = self._places.setdefault(key, _Place())
            place.users += 1
            try:
                yield place, folder
            finally:
                place.users -= 1
                self._places.move_to_end(key)
                with anyio.CancelScope(shield=True):
                    await self._trim()

    async def _trim(self) -> None:
        """Let go of what the pool has no room for, longest unused first."""
        full = [key for key, place in self._places.items() if place.waiting or place.due]
        drop = set(full[: max(0, len(full) - self._pool)])
        for key, place in list(self._places.items()):
            if place.users == 0 and (key in drop or not (place.waiting or place.due)):
                del self._places[key]
                await self._dismiss(place)

    async def _dismiss(self, place: _Place) -> None:
        place.due = None
        if place.waiting is not None:
            cage, place.waiting = place.waiting, None
            await cage.end()
        if place.lease is not None:
            place.lease.close()
            place.lease = None

    async def _own(self, place: _Place, folder: int) -> None:
        """Make the workspace its uid's.  Whoever puts files there later gives them to the
        folder's owner, so the tree is walked once for each owner and driver."""
        uids = self._machine.uids
        if uids is None or self._mode is Mode.NONE:
            return
        if place.lease is None:
            place.lease = uids.lease(folder)
        uid = place.lease.uid
        found = os.fstat(folder)
        key = (found.st_dev, found.st_ino)
        if found.st_uid != uid or self._adopted.get(key) != uid:
            await anyio.to_thread.run_sync(adopt, folder, uid)
            self._adopted[key] = uid
            if len(self._adopted) > _REMEMBERED:
                self._adopted.popitem(last=False)

    async def _take(self, place: _Place, view: View) -> Cage:
        cage, place.waiting, place.due = place.waiting, None, None
        if cage is not None:
            if cage.view == view and cage.poll():
                return cage
            with anyio.CancelScope(shield=True):
                await cage.end()
        return self._start(place, view)

    def _refill(self, place: _Place) -> None:
        view, place.due = place.due, None
        if view is None:  # the next command was faster, or the place was let go
            return
        try:
            place.waiting = self._start(place, view)
        except SysError as error:  # nobody's command: the next start will be a cold one
            _log.warning("no sandbox could be made ready: %s", error)

    def _start(self, place: _Place, view: View) -> Cage:
        """Begin one; it gets ready by itself."""
        uid = place.lease.uid if place.lease else None
        try:
            group = self._machine.groups.make(self._cpus)
            cage = Cage(self._mode, view, group)
            try:
                self._begin(cage, group, uid)
            except OSError:
                cage.forget()
                raise
        except OSError as error:
            raise SysError(
                Code.UNAVAILABLE, f"cannot start a sandbox: {error}", hint="see `logos doctor`"
            ) from error
        return cage

    def _begin(self, cage: Cage, group: Group, uid: int | None) -> None:
        with ExitStack() as lent:
            orders = plan.setup(self._machine, self._mode, cage.view, uid)
            orders["cgroup"] = [_lend(lent, door) for door in group.doors()]
            if self._mode is Mode.FULL:
                cage.start(self._inside(cage.view, uid, orders, lent))
            else:
                killer = group.killer()
                orders["kill"] = None if killer is None else _lend(lent, killer)
                cage.start(_outside(orders))

    def _inside(self, view: View, uid: int | None, orders: _Orders, lent: ExitStack) -> Start:
        """Through bubblewrap, as the uid from its first instruction: root in a user namespace
        of root's own could write /proc/sys."""
        passwd = _lend(lent, _filled(plan.PASSWD))
        info, told = os.pipe()
        life, held = os.pipe()
        for fd in (told, life):
            _lend(lent, fd)
        orders["life"] = life
        door: socket.socket | None = None
        handed: tuple[int, ...] = ()
        if view.doors:
            door, across = socket.socketpair()
            handed = (_lend(lent, across.detach()),)
            orders["doors"] = (*handed, *view.doors)
        fds = (*orders["cgroup"], passwd, told, life, *handed)
        inner = plan.program(ours=self._machine.same_python) + plan.message(orders)
        sources = plan.sources(self._machine, view)
        if uid is None or all(map(_reachable, sources)):
            argv = plan.bubblewrap(self._machine, view, sources, info=told, passwd=passwd)
            return Start(argv, inner, fds, uid, (info, held), door)
        # Where the uid may not even look, root binds the folders in a mount namespace first.
        staged = [f"/tmp/{number}" for number in range(len(sources))]  # noqa: S108
        argv = plan.bubblewrap(self._machine, view, staged, info=told, passwd=passwd)
        stage = {"role": "stage", "parent": os.getpid(), "uid": uid, "binds": sources, "argv": argv}
        outer = plan.program(ours=True) + plan.message(stage)
        start = plan.launcher(sys.executable)
        return Start(start, outer + inner, fds, None, (info, held), door)


def _outside(orders: _Orders) -> Start:
    fds = tuple(orders["cgroup"]) + (() if orders["kill"] is None else (orders["kill"],))
    first = plan.program(ours=True) + plan.message(orders)
    return Start(plan.launcher(sys.executable), first, fds)


def _lend(lent: ExitStack, fd: int) -> int:
    """Ours only until the child has it."""
    lent.callback(os.close, fd)
    return fd


def _filled(content: bytes) -> int:
    fd = os.memfd_create("passwd", os.MFD_CLOEXEC)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _reachable(path: str) -> bool:
    """Whether any uid at all may walk there."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in Path(path).parents)


def _view(command: Command) -> View:
    """Refuse what makes no sense, before anything is started."""
    _makes_sense(command)
    workspace, *readable = _folders(command)
    # A workspace is given away to a uid, file by file: never a part of the system.
    if len(workspace.parts) < _LEAST_DEPTH or workspace.parts[1] in _SYSTEM:
        raise SysError(Code.INVALID, f"{workspace} cannot be a workspace")
    if any(len(folder.parts) == 1 for folder in readable):
        raise SysError(Code.INVALID, "the root cannot be a readable folder")
    if command.start is not None and not any(map(command.start.is_relative_to, command.readable)):
        raise SysError(Code.INVALID, f"it cannot start in {command.start}, which it cannot read")
    return View(workspace, tuple(readable), command.network, command.doors)


def _makes_sense(command: Command) -> None:
    """Its words and its limits."""
    if not command.argv or not command.argv[0]:
        raise SysError(Code.INVALID, "no program to run")
    words = (*command.argv, *command.env.keys(), *command.env.values())
    if any("\0" in word for word in words) or any("=" in name for name in command.env):
        raise SysError(Code.INVALID, "an argument or a variable has a character it cannot have")
    if command.memory_bytes < _LEAST_MEMORY:
        raise SysError(Code.INVALID, f"memory_bytes is below {_LEAST_MEMORY}")
    if min(command.timeout_s, command.processes, command.file_bytes + 1) <= 0:
        raise SysError(Code.INVALID, "a limit is not positive")


def _folders(command: Command) -> list[Path]:
    """The workspace and what it may read, without links."""
    folders = (command.workspace, *command.readable)
    if not all(folder.is_absolute() for folder in folders):
        raise SysError(Code.INVALID, "workspace and readable folders need absolute paths")
    try:
        return [folder.resolve(strict=True) for folder in folders]
    except OSError as error:
        raise SysError(Code.NOT_FOUND, f"no such folder: {error.filename}") from error


def _open(workspace: Path) -> int:
    try:
        return os.open(workspace, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise SysError(Code.NOT_FOUND, f"cannot open the workspace: {error}") from error
