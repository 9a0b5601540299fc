"""One sandbox, from start to end: used for one program, then gone with everything in it.

    Cage.start(...)   begin; returns at once
    await ready()     it is confined and waits
    await carry(cmd)  hand the program over, collect what it writes, until it ends or must
    await begin(cmd)  hand the program over and leave its streams to the caller
    feed, signal, ended    of a program that was begun
    doors()           where it knocks, once it is ready
    await end()       kill what is left and wait until nothing is

Invariant: after `end` no process of the sandbox exists, not even as a zombie.
"""

import json
import os
import signal
import socket
import subprocess
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread

from logos.abi.driver import Command, Completed, Mode
from logos.abi.errors import Code, SysError
from logos.drivers.sandbox import plan
from logos.drivers.sandbox.cgroup import Group
from logos.drivers.sandbox.plan import View

_READY = b"\x06"
_START_S = 20.0
_END_S = 20.0
_LAST_WORDS_S = 0.5
_CHUNK = 1 << 16
_FLOOD = 16  # times the bytes kept, and a MiB: nobody reads further


@dataclass(frozen=True, slots=True)
class Start:
    """How to start: the command line, the descriptors it inherits, whom it becomes, and what
    it is told first.  `inside`: where bubblewrap says who its first process is, and what that
    process holds to be our life; both are ours to close.  `door`: where it hands out the sockets
    it listens at."""

    argv: list[str]
    orders: bytes
    pass_fds: tuple[int, ...] = ()
    uid: int | None = None
    inside: tuple[int, int] | None = None
    door: socket.socket | None = None


@dataclass(slots=True)
class _Output:
    keep: int
    kept: bytearray = field(default_factory=bytearray)
    seen: int = 0

    def add(self, data: bytes) -> None:
        self.seen += len(data)
        self.kept += data[: self.keep - len(self.kept)]

    @property
    def flooded(self) -> bool:
        return self.seen > _FLOOD * self.keep + (1 << 20)


class Cage:
    def __init__(self, mode: Mode, view: View, group: Group) -> None:
        self.view = view
        self._mode = mode
        self._group = group
        self._process: subprocess.Popen[bytes] | None = None
        self._pidfd = -1
        self._first: int | None = None  # pidfd of the namespace's first process
        self._root = 0  # the process outside the program's own that is its parent
        self._door: socket.socket | None = None
        self._info: int | None = None
        self._fds = ExitStack()
        self._life = ExitStack()
        self._streams: tuple[int, int, int] = (-1, -1, -1)
        self._used = False

    def start(self, how: Start) -> None:
        """In the thread of the event loop: the kernel kills the child when *this thread* ends."""
        if how.inside is not None:
            self._info, life = how.inside
            self._fds.callback(os.close, self._info)
            self._life.callback(os.close, life)
        if how.door is not None:
            self._door = self._fds.enter_context(how.door)
        process = subprocess.Popen(  # noqa: S603 - the command line is built in plan.py
            how.argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env={},
            pass_fds=how.pass_fds,
            user=how.uid,
            group=how.uid,
            extra_groups=None if how.uid is None else [],
            start_new_session=True,
        )
        self._process = process
        self._root = process.pid
        self._pidfd = os.pidfd_open(process.pid)
        self._fds.callback(os.close, self._pidfd)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for stream in (process.stdin, process.stdout, process.stderr):
            self._fds.callback(stream.close)
            os.set_blocking(stream.fileno(), False)
        self._streams = (process.stdin.fileno(), process.stdout.fileno(), process.stderr.fileno())
        with suppress(BrokenPipeError):  # dead already: `ready` will read why
            os.write(self._streams[0], how.orders)

    async def ready(self) -> None:
        heard = b""
        with anyio.move_on_after(_START_S):
            heard = await self._hear()
        if heard != _READY:
            said = b""
            with anyio.move_on_after(_LAST_WORDS_S):
                said = await read(self._streams[2], _CHUNK)
            raise SysError(
                Code.UNAVAILABLE,
                f"could not confine a program: {said.decode(errors='replace').strip()}",
                hint="see `logos doctor`; install bubblewrap, or set another `sandbox.mode`",
            )
        if self._info is not None and self._first is None:
            pid = self._root = json.loads(os.read(self._info, _CHUNK))["child-pid"]
            with suppress(ProcessLookupError):
                self._first = os.pidfd_open(pid)
                self._fds.callback(os.close, self._first)

    async def _hear(self) -> bytes:
        assert self._process is not None
        out = self._streams[1]
        heard = b""
        try:
            heard = os.read(out, 1)  # it was waiting for us
        except BlockingIOError:
            prime, pid = self._group.made.prime, self._process.pid
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anyio.to_thread.run_sync, prime, pid)
                heard = await read(out, 1)
        return heard

    def poll(self) -> bool:
        """Whether it still runs, or waits."""
        return self._process is not None and self._process.poll() is None

    async def carry(self, command: Command, orders: dict[str, Any]) -> Completed:
        self._used = True
        self._group.limit(memory=command.memory_bytes, tasks=command.processes)
        outputs = (_Output(command.output_bytes), _Output(command.output_bytes))
        begun = anyio.current_time()
        with anyio.move_on_after(command.timeout_s) as deadline:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._feed, plan.message(orders) + command.stdin)
                for fd, output in zip(self._streams[1:], outputs, strict=True):
                    tasks.start_soon(self._drain, fd, output)
                await anyio.wait_readable(self._pidfd)
                tasks.cancel_scope.cancel()
        seconds = anyio.current_time() - begun
        await self._finish()
        for fd, output in zip(self._streams[1:], outputs, strict=True):
            await self._drain(fd, output)
        flooded = any(output.flooded for output in outputs)
        timed_out = deadline.cancelled_caught and not flooded
        return Completed(
            status=self._status(),
            stdout=bytes(outputs[0].kept),
            stderr=bytes(outputs[1].kept),
            seconds=seconds,
            timed_out=timed_out,
            truncated=any(output.seen > output.keep for output in outputs),
            mode=self._mode,
        )

    async def begin(self, command: Command, orders: dict[str, Any]) -> tuple[int, int, int]:
        """Its standard input, output and error: ours to use until `end`, not to close."""
        self._used = True
        self._group.limit(memory=command.memory_bytes, tasks=command.processes)
        await write(self._streams[0], plan.message(orders))
        return self._streams

    def doors(self) -> tuple[int, ...]:
        """Once it is ready: the sockets at which the program will knock, open until the end."""
        found: list[int] = []
        if self._door is None:
            return ()
        for _ in self.view.doors:
            _, [fd], *_ = socket.recv_fds(self._door, 1, 1)
            self._fds.callback(os.close, fd)
            found.append(fd)
        return tuple(found)

    async def feed(self, data: bytes) -> None:
        """All of its standard input."""
        await self._feed(data)

    async def ended(self) -> int:
        """How the program ended, once nothing of it is left."""
        await anyio.wait_readable(self._pidfd)
        await self._finish()
        return self._status()

    def signal(self, number: int) -> None:
        main = _children(self._root)[:1]
        for pid in _descendants(main) if number == signal.SIGINT else main:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _status(self) -> int:
        assert self._process is not None
        code = self._process.returncode
        return code if code >= 0 else 128 - code

    async def _drain(self, fd: int, output: _Output) -> None:
        while data := await read(fd, _CHUNK):
            output.add(data)
            if output.flooded:
                self.kill()
                return

    async def _feed(self, data: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            await write(self._streams[0], data)
            self._process.stdin.close()

    def kill(self) -> None:
        """Everything at once, as surely as this machine can."""
        self._group.kill()
        if self._first is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first, signal.SIGKILL)
        # Bubblewrap reaps the namespace's first process, which the kernel lets die last, and
        # ends with it; a watcher kills and reaps all of it, then ends.
        self._life.close()
        if self._process is not None and self._mode is not Mode.FULL:
            self._process.send_signal(signal.SIGTERM)

    async def end(self) -> None:
        try:
            if self._process is not None:
                if not self._used:
                    await self._dismiss()
                await self._finish()
        finally:
            self.forget()

    async def _dismiss(self) -> None:
        """At the end of its orders a launcher goes by itself, and everything in good order."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        with anyio.move_on_after(_END_S):
            await anyio.wait_readable(self._pidfd)

    def forget(self) -> None:
        """Give back what it held, once it has ended or if it never began."""
        self._life.close()
        self._fds.close()
        self._group.close()

    async def _finish(self) -> None:
        """Kill, and wait until the last of them is gone."""
        process = self._process
        assert process is not None
        self.kill()
        with anyio.move_on_after(_END_S) as late:
            await anyio.wait_readable(self._pidfd)
        if late.cancelled_caught:
            process.kill()
            raise SysError(Code.INTERNAL, "a sandboxed program does not die")
        process.wait()


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _descendants(found: list[int]) -> list[int]:
    every = list(found)
    for pid in every:
        every += _children(pid)
    return every


async def write(fd: int, data: bytes) -> None:
    """All of it."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            await anyio.wait_writable(fd)


async def read(fd: int, size: int) -> bytes:
    """Up to `size` bytes; none at the end."""
    await anyio.lowlevel.checkpoint()  # endless output must not keep the loop to itself
    while True:
        try:
            return os.read(fd, size)
        except BlockingIOError:
            await anyio.wait_readable(fd)
