"""How a process starts: its first event, and what is kept of it until that is on disk.

    Births.make(agent, ...)   a child: checked, with its share of rights and limits
    Births.birth(pid, event)  the entry that begins a journal, and the process it creates
    Births.begun(pid)         it may run: its birth is on disk, or is being written and it makes no calls

Invariant: no process acts before it is in the journal, and none has a right or limit its parent
lacks.
"""

from collections.abc import Callable, Sequence

from logos.abi.agent import Agent, Limits
from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent, Spawned
from logos.abi.ids import INIT, Pid
from logos.abi.process import Process
from logos.abi.rights import EVERYTHING, attenuates
from logos.kernel import journal
from logos.kernel.journal import Birth, Entry, Writer
from logos.kernel.node.parts import Parts, Terms
from logos.kernel.node.resident import Resident, born, project
from logos.kernel.node.trail import Trail
from logos.kernel.process import counted, grant

OUTSIDE = (INIT, Process(caps=EVERYTHING))
"""The parent of whatever a person or a surface starts."""

SUMMARY_CHARS = 200
"""Of the task, as shown in the process table."""


class Births:
    def __init__(self, writer: Writer, parts: Parts, hold: Callable[[Resident], None]) -> None:
        self._writer = writer
        self._clock = parts.clock
        self._vault = parts.vault
        self._workspaces = parts.workspaces
        self._hold = hold
        self._unborn: dict[Pid, Resident] = {}

    async def make(
        self, agent: Agent, task: str, terms: Terms, parent: tuple[Pid, Process]
    ) -> tuple[Entry, Limits]:
        parent_pid, owner = parent
        if agent.name.startswith("/") and agent.program != "archive":
            raise SysError(Code.INVALID, f"{agent.name!r} is not a name for an agent")
        if excess := attenuates(agent.allow, owner.caps):
            raise SysError(
                Code.DENIED,
                f"{agent.name} wants {', '.join(sorted(map(str, excess)))}, which you do not hold",
                hint="a child gets no more than its parent has",
            )
        now = self._clock.now()
        limits, deadline = grant(owner, terms.limits, now)
        pid = terms.pid or await self._writer.new_pid()
        folder = str(terms.workspace or owner.workspace or f"{self._workspaces}/{pid}")
        event = Spawned(
            agent=agent,
            task=task,
            at=now,
            parent=parent_pid,
            caps=frozenset(agent.allow),
            limits=limits,
            deadline=deadline,
            generation=owner.generation + 1,
            workspace=folder,
            by=terms.by,
            said=() if parent_pid == INIT else owner.said,
            carries=dict(terms.carries),
            revoked=owner.revoked,
            accounts=(*counted(parent_pid, owner), *terms.accounts),
        )
        entry, self._unborn[pid] = self.birth(pid, event, terms.more)
        return entry, limits

    def birth(
        self, pid: Pid, event: Spawned, more: Sequence[AnyEvent] = ()
    ) -> tuple[Entry, Resident]:
        events, bodies = journal.without_secrets(self._vault, [event, *more])
        event = events[0]  # type: ignore[assignment]  # still a Spawned
        agent = event.agent
        task = event.task[:SUMMARY_CHARS].replace("\0", "")  # a text column cannot hold a NUL
        birth = Birth(event.parent, agent.name, task, agent.model)
        head, rows, window, process = born(pid, events, event.at, bodies)
        entry = Entry(
            before=journal.START, head=head, rows=rows, projection=project(process), birth=birth
        )
        trail = Trail(journal.START)
        trail.add(rows[0].seq, event)
        return entry, Resident(head, process, window, self._writer, self._clock, trail)

    def begun(self, pid: Pid) -> None:
        """Start this process if it has not run yet."""
        if (resident := self._unborn.pop(pid, None)) is not None:
            self._hold(resident)
