"""Calls that information flow has a say in: decided, refused, or put to a person.

    Asker.decided(resident, call)            the decision; None: it could only be allowed
    Asker.instead(resident, called, d)       what is journaled in place of a call that may not be
                                             made, or not yet
    encoded(decision)                        as it stands in the journal
    Asker.carries(resident, text)            what is known of a text that goes to another process
    Asker.trial(pid, upto)                   a process at one of its events, to ask about calls
                                             that are not made: `Trial.weigh(proposal)`

A refusal says to the model what it may do instead and nothing to a person: questions are
scarce, and whoever plants text must not be able to put one.

Invariant: a call is made only if its decision allows it, or a person has agreed to it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import anyio
import msgspec

from logos import config
from logos.abi.agent import Approvals
from logos.abi.approval import Answer, Scope
from logos.abi.calls import Call
from logos.abi.errors import Code
from logos.abi.events import Called, Decided, Failed, Held
from logos.abi.ids import INIT, CallId, MailId, Pid, Seq
from logos.abi.messages import ToolCall
from logos.abi.process import Process
from logos.kernel.flow import Decision, Task, Verdict, decide, thought_of, unread
from logos.kernel.journal import FOREVER
from logos.kernel.node.approvals import questions, standing_of
from logos.kernel.node.resident import Resident, fold_all
from logos.kernel.node.trail import follow
from logos.kernel.process import SECOND
from logos.kernel.syscall import Gate, Tools
from logos.store import Queries, Store

_SQL = Queries("logos.kernel.node", "node.sql")


class Asker:
    def __init__(self, gate: Gate, tools: Tools, store: Store, trust: config.Trust) -> None:
        self.gate = gate
        self._store = store
        self.tools = tools
        self._trust = trust
        self._lock = anyio.Lock()
        self._asking: dict[tuple[Pid, str], Resident] = {}

    async def decided(self, resident: Resident, call: Call[Any]) -> Decision | None:
        if self.tools.plain(call):
            return None
        decision = self.tools.weigh(await self._task(resident), call)
        return msgspec.structs.replace(decision, after=resident.head.seq)

    async def _task(self, resident: Resident) -> Task:
        if not resident.trail.made:
            await resident.durable()  # what it is folded from is read from disk
        return await resident.trail.task(self._store, resident.pid, self.tools)

    async def carries(self, resident: Resident, text: str) -> dict[str, Any]:
        """What is known of a text that the process is about to hand to another."""
        if not resident.trail.read:
            given = unread(*resident.process.said)
        else:
            given = (await self._task(resident)).hands(text, str(resident.pid))
        found: dict[str, Any] = msgspec.to_builtins(given)
        return found

    async def trial(self, pid: Pid, upto: Seq = FOREVER) -> "Trial":
        process = (await fold_all(self._store, pid, upto)).process
        following = await follow(self._store, pid, self.tools, upto)
        return Trial(self.gate, self.tools, process, following.task)

    async def instead(
        self, resident: Resident, called: Called, decision: Decision
    ) -> list[Failed | Held | Decided]:
        """Nothing: make it."""
        if decision.verdict is Verdict.ALLOW:
            return []
        if decision.verdict is Verdict.DENY or not await self._may_ask(
            resident, called.id, decision
        ):
            return [_refusal(called.id, decision)]
        held = Held(
            id=called.id,
            name=called.name,
            call=called.call,
            effect=called.effect,
            decision=encoded(decision),
            until=resident.clock.now() + int(self._trust.answer_s * SECOND),
        )
        if not await self._stands(resident, decision):
            return [held]
        yes = Decided(
            mail=MailId(0),
            ids=(called.id,),
            answer=Answer.ALLOW,
            scope=Scope.ALWAYS,
            by="an answer that stands",
        )
        return [held, yes]

    async def _may_ask(self, resident: Resident, id_: CallId, decision: Decision) -> bool:
        asks = resident.process.agent.approvals is Approvals.ASK
        if asks and await self._room(resident, id_):
            return True
        return await self._stands(resident, decision)

    async def _room(self, resident: Resident, id_: CallId) -> bool:
        """May one more question of this tree wait?  All calls of a thought are one."""
        mine = (resident.pid, thought_of(id_))
        async with self._lock:  # or two of a tree would take the last place together
            waiting = await self._waiting(resident.pid)
            if mine not in waiting and len(waiting) >= self._trust.questions:
                return False
            self._asking[mine] = resident
            return True

    async def _waiting(self, pid: Pid) -> set[tuple[Pid, str]]:
        """Questions of a tree that nobody has answered yet, and those about to be put here."""

        async def fetch() -> Sequence[Any]:
            async with self._store.connection() as db:
                return await db.all(_SQL.asking_kin, pid=pid)

        self._asking = {one: who for one, who in self._asking.items() if _open(who, one[1])}
        kin = {Pid(row["pid"]): row["asked"] for row in await self._store.persist(fetch)}
        found = {one for one in self._asking if one[0] in kin}
        for other in (other for other, asked in kin.items() if asked):
            process = (await fold_all(self._store, other)).process
            found |= {(other, thought_of(q.calls[0])) for q in questions(other, process)}
        return found

    async def _stands(self, resident: Resident, decision: Decision) -> bool:
        """Has somebody said yes to the like of this for good?"""
        init = (await fold_all(self._store, INIT)).process
        return standing_of(resident.process.agent.name, encoded(decision)) in init.standing


class Trial(NamedTuple):
    """A process as it was at some event, and the gate as it is now."""

    gate: Gate
    tools: Tools
    process: Process
    task: Task

    def weigh(self, proposal: ToolCall) -> Decision:
        """Schema, capabilities, and where the values come from.  Raise what the gate raises."""
        return self.tools.weigh(self.task, self.gate.admit(self.process, proposal))

    def decide(self, tool: str, arguments: dict[str, Any]) -> Decision:
        """The information flow alone."""
        return decide(self.task, tool, arguments)


def _open(resident: Resident, thought: str) -> bool:
    """Is something of this thought proposed or asked about?"""
    process = resident.process
    ids = (*(c.id for c in process.proposed), *(c.id for c in process.open))
    return any(thought_of(id_) == thought for id_ in ids)


def _refusal(id_: CallId, decision: Decision) -> Failed:
    return Failed(
        id=id_,
        code=decision.code or Code.DENIED,
        message=decision.message,
        hint=decision.hint or "nobody is asked: go on without it",
        decision=encoded(decision),
    )


def encoded(decision: Decision) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(decision)
    return found
