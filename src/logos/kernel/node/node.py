"""One node: it holds leases on processes and drives them.

    Node.run(started)     serve until cancelled or Dead
    Node.wake(pid)        something has arrived for this process
    Node.hold(resident)   drive a process that was just started here

A process is in memory only while it has something to do (and a few longer, for a quick
wake-up); an idle one is a row.  Each resident process has one task that asks its program,
performs the answer, and journals what happened.  Mail is taken by another task, so that a signal
reaches a process in the middle of a thought.
"""

import logging
from collections.abc import Mapping, Sequence

import anyio
from anyio.abc import TaskGroup
from msgspec.structs import replace

from logos import config
from logos.abi.driver import Clock
from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent, Exited, Idled, Proposed
from logos.abi.ids import INIT, Pid
from logos.abi.process import Act, Finish, Idle, Process, Program, Propose, Status, Think
from logos.kernel import journal
from logos.kernel.journal import Entry, Fenced, Writer
from logos.kernel.node.act import Actor, only_asked
from logos.kernel.node.alarms import Alarms
from logos.kernel.node.delivery import cancel, take
from logos.kernel.node.forgetting import obey
from logos.kernel.node.lease import Lease
from logos.kernel.node.resident import Folded, Resident, load
from logos.kernel.node.think import Thinker
from logos.kernel.node.trail import Trail
from logos.kernel.process import (
    EXEC,
    exit_for,
    expire,
    listening,
    lost_thought,
    overdrawn,
    wake_at,
    watch,
)
from logos.store import Store

log = logging.getLogger("logos.kernel")

CLAIM = 1000
"""Processes claimed at once."""

LOAD = 200
"""Processes folded from one read."""

BEATS = 3
"""Heartbeats per lease time."""


class Node:
    def __init__(
        self,
        *,
        store: Store,
        settings: config.Node,
        clock: Clock,
        lease: Lease,
        writer: Writer,
        programs: Mapping[str, Program],
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._lease = lease
        self._writer = writer
        self._programs = programs
        self._thinker: Thinker
        self._actor: Actor
        self._tasks: TaskGroup
        self._residents: dict[Pid, Resident] = {}
        self._loading: dict[Pid, None] = {}
        self._wanted = anyio.Event()
        self._alarms = Alarms(clock, self._due)
        self.peers = 1

    async def run(self, thinker: Thinker, actor: Actor, tasks: TaskGroup) -> None:
        """Raise Dead when the lease expired, SysError when the database stays away."""
        self._thinker, self._actor, self._tasks = thinker, actor, tasks
        tasks.start_soon(self._writer.run)
        tasks.start_soon(self._load_wanted)
        tasks.start_soon(self._alarms.run)
        await self._claim()
        for pid in await self._lease.with_mail():
            self.wake(pid)
        tasks.start_soon(self._beat)
        tasks.start_soon(self._store.listen("logos").run, self._hear)

    def resident(self, pid: Pid) -> Resident | None:
        """The process, if it is in memory here."""
        return self._residents.get(pid)

    def drives(self, pid: Pid) -> bool:
        return pid in self._residents

    def tell(self, pid: Pid, events: Sequence[AnyEvent]) -> bool:
        """Tell it directly, if the process is here, listens, and has no older mail.  False: it was
        not told."""
        resident = self._residents.get(pid)
        if resident is None or resident.posting or resident.unread or pid in self._loading:
            return False
        if resident.process.status is Status.EXITED or not listening(resident.process):
            return False
        resident.append(*events)
        return True

    async def note(self, pid: Pid, events: Sequence[AnyEvent]) -> None:
        """Append what a program here does, and return when it is on disk."""
        resident = self._residents.get(pid)
        if resident is None:
            raise SysError(Code.UNAVAILABLE, f"process {pid} is not driven here")
        await resident.append(*events).durable(pid)

    def hold(self, resident: Resident) -> None:
        self._residents[resident.pid] = resident
        self._tasks.start_soon(self._drive, resident)

    def wake(self, pid: Pid) -> None:
        """There is mail for it, or a timer is due.  If another node drives it, that node is
        woken."""
        resident = self._residents.get(pid)
        if resident is None:
            self._loading[pid] = None
            self._wanted.set()
        elif resident.posting:
            resident.more_mail = True
        else:
            resident.posting = True
            self._tasks.start_soon(self._post, resident)

    def lost(self, fenced: Fenced) -> None:
        """Another node drives it now: drop it, whatever it was doing here."""
        resident = self._residents.pop(fenced.pid, None)
        if resident is not None:
            log.warning("%s", fenced)
            for scope in (*resident.running.values(), resident.thought):
                if scope is not None:
                    scope.cancel()
            resident.settled(lost=True)
            resident.changed.set()

    # -- processes come in -----------------------------------------------------------------

    async def _claim(self) -> None:
        while claimed := await self._lease.claim(CLAIM):
            for pid, status, due in claimed:
                if due is not None:
                    self._alarms.set(due, pid)
                if status != Status.WAITING:
                    self.wake(pid)

    async def _load_wanted(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted = anyio.Event()
            while self._loading:
                pids = list(self._loading)[:LOAD]
                for pid in pids:
                    del self._loading[pid]
                here = [p for p in pids if p in self._residents]
                await self._load([p for p in pids if p not in self._residents])
                for pid in here:  # woken again while it was being loaded
                    self.wake(pid)

    async def _load(self, pids: Sequence[Pid]) -> None:
        if not pids:
            return
        folded = await load(self._store, self._lease.node, pids)
        letters: dict[Pid, list[journal.Pending]] = {}
        for letter in await journal.pending(self._store, [f.head.pid for f in folded]):
            letters.setdefault(letter.pid, []).append(letter)
        for one in folded:
            if one.head.pid in self._residents:
                continue  # it was started while we read
            resident = self._resident(one)
            take(resident, letters.get(resident.pid, ()))
            self.hold(resident)
        if len(folded) < len(pids) and self.peers > 1:
            await self._lease.notify()

    def _resident(self, folded: Folded) -> Resident:
        head, process, window, unsaved = folded
        trail = Trail(head.seq)
        resident = Resident(
            head, process, window, self._writer, self._clock, trail, unsaved=unsaved
        )
        if process.reserved is not None:
            resident.append(lost_thought(process))
        return resident

    # -- what one process does -------------------------------------------------------------

    async def _drive(self, resident: Resident) -> None:
        try:
            while self._residents.get(resident.pid) is resident:
                resident.changed = anyio.Event()
                if await self._step(resident):
                    continue
                await resident.durable()  # else nobody would notice that it is fenced
                if not resident.changed.is_set() and self._may_leave(resident):
                    break
                await resident.changed.wait()
        except Fenced as fenced:
            self.lost(fenced)
        finally:
            if self._residents.get(resident.pid) is resident:
                del self._residents[resident.pid]

    async def _step(self, resident: Resident) -> bool:
        """Do one thing.  False: there is nothing to do until something arrives."""
        if resident.stale:
            await resident.refold(self._store)
        process, now = resident.process, self._clock.now()
        if self._expire(resident, now):
            return True
        if process.stopped or process.status is Status.EXITED:
            return False
        if resident.unread and listening(process):
            resident.unread = False
            self.wake(resident.pid)  # and wait for it
            return False
        if process.open and await self._actor.resume(resident):
            return True
        if process.open and not (process.proposed and only_asked(process)):
            return await self._hosting(resident)
        return await self._next(resident, resident.process)

    async def _hosting(self, resident: Resident) -> bool:
        """A program that runs here proposes calls meanwhile."""
        process = resident.process
        if not process.proposed or not any(call.name == EXEC for call in process.open):
            return False
        await self._actor.act(resident)
        return resident.process.seq != process.seq

    async def _next(self, resident: Resident, process: Process) -> bool:
        now = self._clock.now()
        if process.paused_until is not None and now < process.paused_until:
            return False
        if (warning := watch(process, now)) is not None:
            resident.append(warning)
            return True
        return await self._ask(resident, process)

    def _expire(self, resident: Resident, now: int) -> bool:
        """Append what has come due, and set an alarm for what comes next."""
        due = expire(resident.process, now)
        if due:
            resident.append(*due)
            cancel(resident)
        if (at := wake_at(resident.process, now)) is not None and at != resident.timer:
            resident.timer = at
            self._alarms.set(at, resident.pid)
        return bool(due)

    async def _ask(self, resident: Resident, process: Process) -> bool:
        program = self._programs.get(process.agent.program)
        if program is None:
            error = SysError(Code.NOT_FOUND, f"there is no program {process.agent.program!r}")
            resident.append(exit_for(error))
            return True
        match program(process):
            case Think():
                if (spent := overdrawn(process, self._clock.now())) is not None:
                    await self._end(resident, exit_for(spent, process.answer))
                    return True
                await self._thinker.think(resident)
                await resident.save(self._store)
            case Act():
                await self._actor.act(resident)
            case Propose(call=call):
                resident.append(Proposed(calls=(call,)))
            case Finish(status=status, answer=answer):
                await self._end(resident, Exited(status=status, answer=answer))
            case Idle():
                if process.idle:
                    return False
                resident.append(Idled())
        return True

    async def _end(self, resident: Resident, last: Exited) -> None:
        """Its parent is told the provenance of its answer."""
        process = resident.process
        if process.parent not in (None, INIT):
            last = replace(last, carries=await self._actor.carries(resident, last.answer))
        if (
            resident.process is process
        ):  # else something arrived meanwhile, and its program decides again
            resident.append(last)

    def _may_leave(self, resident: Resident) -> bool:
        if resident.posting or resident.running or resident.asking:
            return False
        exited = resident.process.status is Status.EXITED
        return exited or len(self._residents) > self._settings.resident

    # -- mail ------------------------------------------------------------------------------

    async def _post(self, resident: Resident) -> None:
        try:
            while self._residents.get(resident.pid) is resident:
                resident.more_mail = False
                await resident.durable()  # or the letters it takes would be read as pending again
                letters = await journal.pending(self._store, [resident.pid])
                take(resident, letters)
                for letter in letters:
                    await obey(self._store, resident, letter)
                    await self._thinker.obey(resident, letter)
                await resident.save(self._store)  # an archive only ever gets mail
                if not resident.more_mail:
                    break
        except Fenced as fenced:
            self.lost(fenced)
        finally:
            resident.posting = False
            resident.changed.set()

    # -- time, peers -----------------------------------------------------------------------

    def _due(self, pid: Pid, now: int) -> None:
        if (resident := self._residents.get(pid)) is None:
            self.wake(pid)
            return
        if resident.thought is not None:
            self._expire(resident, now)  # its own task is waiting for the model
        resident.changed.set()

    async def _beat(self) -> None:
        """Renew the lease; take over what others left."""
        while True:
            await anyio.sleep(self._settings.lease_s / BEATS)
            self.peers = await self._lease.beat()
            await self._claim()
            for pid in await self._lease.with_mail():  # a notification may have been missed
                self.wake(pid)

    def _hear(self, payload: str) -> None:
        del payload
        self._tasks.start_soon(self._look)

    async def _look(self) -> None:
        for pid in await self._lease.with_mail():
            self.wake(pid)

    def committed(self, entries: Sequence[Entry]) -> None:
        """Called by the writer: wake the processes that these events concern."""
        for entry in entries:
            for letter in entry.letters:
                self.wake(letter.to)
