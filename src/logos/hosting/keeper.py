"""Answers programs as long as they run, and remembers what they did when they run again.

open_hosting(machine)    serve every program of this node, until left
Hosting.serving(guest)   one run
"""

import os
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio.abc

from logos.abi.events import AnyEvent, Called, Exited, Failed, Returned, Signalled
from logos.abi.host import Guest
from logos.abi.ids import Pid, Seq
from logos.abi.process import Signal
from logos.boot import Machine
from logos.gateway import App, serving
from logos.hosting.door import Door
from logos.hosting.granted import Tools
from logos.hosting.mcp import Mcp
from logos.hosting.past import Past

PASSED_ON = {Signal.TERM: 15, Signal.INT: 2}
"""Signals of a process that its program hears of."""


@dataclass(slots=True)
class _Kept:
    """What is kept of one process from run to run."""

    past: Past = field(default_factory=Past)
    guest: Guest | None = None
    leave: Callable[[], None] = lambda: None


class Hosting:
    def __init__(self, machine: Machine, tasks: anyio.abc.TaskGroup) -> None:
        self._machine = machine
        self._tasks = tasks
        self._gateway = App(machine, machine.loaded.config.gateway.keepalive_s, tasks)
        self._kept: dict[Pid, _Kept] = {}
        self._since = machine.kernel.now()

    @asynccontextmanager
    async def serving(self, guest: Guest) -> AsyncGenerator[None]:
        kept = await self._past(guest.pid)
        kept.past.begin()
        kept.guest = guest
        agent = (await self._machine.kernel.records.process(guest.pid)).agent
        kernel, past = self._machine.kernel, kept.past
        door = Door(kernel, self._gateway, guest, past, self._tasks)
        tools = Tools(self._machine, agent, self._tasks)
        door.mcp = Mcp(kernel, guest, past, tools, door.fresh)
        try:
            with socket.socket(fileno=os.dup(guest.door)) as listener:
                async with serving(door, listener):
                    yield
        finally:
            kept.guest = None

    async def _past(self, pid: Pid) -> _Kept:
        if pid in self._kept:
            return self._kept[pid]
        kept = self._kept[pid] = _Kept()
        kernel = self._machine.kernel
        heard: list[tuple[Seq, AnyEvent]] = []
        early = kernel.attend(pid, lambda seq, event: heard.append((seq, event)))
        last = Seq(0)
        async for told in kernel.records.events(pid):
            kept.past.learn(told.event)
            kept.past.resumed = kept.past.resumed or (
                isinstance(told.event, Called) and told.row.at < self._since
            )
            last = told.row.seq
        early()
        kept.leave = kernel.attend(pid, lambda _, event: self._heard(pid, kept, event))
        for seq, event in heard:
            if seq > last:
                self._heard(pid, kept, event)
        return kept

    def _heard(self, pid: Pid, kept: _Kept, event: AnyEvent) -> None:
        match event:
            case Signalled(signal=signal) if signal in PASSED_ON and kept.guest is not None:
                kept.guest.signal(PASSED_ON[signal])
            case Exited():
                kept.leave()
                self._kept.pop(pid, None)
            case Returned() | Failed():
                kept.past.learn(event)
            case _:
                pass  # what it asks and is answered was learnt when it did


@asynccontextmanager
async def open_hosting(machine: Machine) -> AsyncGenerator[Hosting]:
    async with anyio.create_task_group() as tasks:
        hosting = Hosting(machine, tasks)
        machine.programs.keep(hosting)
        try:
            yield hosting
        finally:
            tasks.cancel_scope.cancel()
