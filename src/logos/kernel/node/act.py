"""The system calls of one process: admitted, carried out, answered.

    Actor.act(resident)      decide on everything the last thought proposed
    Actor.resume(resident)   handle what a crash left open, by the class of each call

The verdict of the information flow on a call that could do harm is journaled with it.  A call that
a person must approve waits (`Held`), and everything else continues.

A call to the kernel is journaled with its effects and its answer at once.  A call to the
world is journaled before (`Called`) and after (`Returned` or `Failed`); between the two it
is in doubt, and only a call that may run twice is ever run twice.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from logos.abi.agent import InDoubt
from logos.abi.calls import BY_NAME, Call, Send, Spawn
from logos.abi.driver import Effect, Graded, Job, Reconciler, Tool, Verdict
from logos.abi.errors import Code, SysError
from logos.abi.events import Blocked, Called, Failed, Held, Returned
from logos.abi.ids import CallId
from logos.abi.messages import ToolCall
from logos.abi.process import OpenCall, Process, Stage, Status
from logos.kernel import caps
from logos.kernel.node.ask import Asker, encoded, reply_to
from logos.kernel.node.resident import Resident
from logos.kernel.node.running import Runner, bug, failed, followed, is_open, returned
from logos.kernel.process import overdrawn
from logos.kernel.syscall import Context, Effects, Services, Table

log = logging.getLogger("logos.kernel")

DEADLINE_S = 120.0
"""For a call that has no time limit of its own."""


class Actor:
    def __init__(
        self,
        *,
        asker: Asker,
        table: Table,
        driver: Callable[[Call[Any]], Tool | None],
        services: Services,
        runner: Runner,
    ) -> None:
        self._asker = asker
        self._table = table
        self._find = driver
        self._services = services
        self._runner = runner

    async def act(self, resident: Resident) -> None:
        """What must wait for another of these calls stays proposed until its turn comes."""
        for proposal in resident.process.proposed:
            try:
                await self._begin(resident, proposal)
            except SysError as error:
                failure = failed(proposal.id, error)
            except Exception as error:  # why: a call that hits a bug must not stop the node
                log.exception("bug in %s", proposal.name)
                failure = bug(proposal.id, error)
            else:
                continue
            if _may_act(resident):
                resident.append(failure)

    async def _begin(self, resident: Resident, proposal: ToolCall) -> None:
        if not _may_act(resident):
            return
        process = resident.process
        if (spent := overdrawn(process, resident.clock.now())) is not None:
            raise spent
        call = self._asker.gate.admit(process, proposal)
        decision = await self._asker.decided(resident, call)
        if not _may_act(resident):
            return
        called = self._called(proposal.id, call, {})
        if decision is not None:
            instead = await self._asker.instead(resident, called, decision)
            if not _may_act(resident):
                return
            if instead:
                resident.append(*instead)
                return
            called = msgspec.structs.replace(called, decision=encoded(decision))
        await self._make(resident, called, call)

    def _called(self, id_: CallId, call: Call[Any], decision: dict[str, Any]) -> Called:
        raw = msgspec.Raw(msgspec.json.encode(call))
        name, effect = str(call.__struct_config__.tag), call.effect
        if effect is not Effect.KERNEL and isinstance(tool := self._driver(call), Graded):
            effect = tool.effect(call)
        return Called(id=id_, name=name, call=raw, effect=effect, decision=decision)

    async def _make(self, resident: Resident, called: Called, call: Call[Any]) -> None:
        """Carry out a call that was admitted and, if necessary, approved."""
        if any(cap.counted for cap in resident.process.caps):
            now = resident.clock.now()
            if (cap := caps.check(resident.process, call, now)) is not None:
                called = msgspec.structs.replace(called, cap=cap, at=now)
        if called.effect is Effect.KERNEL:
            await self._kernel_call(resident, called, call)
            return
        tool, job = self._driver(call), _job(resident, called.id, call)
        if isinstance(tool, Reconciler) and called.effect is Effect.EFFECT:
            if any(_in_the_way(other, called) for other in resident.process.open):
                return  # `prepare` must not look at something another call is about to change
            called = msgspec.structs.replace(called, prepared=await tool.prepare(job))
            if not _may_act(resident):
                return
        before = _decision(resident, called)
        batch = resident.append(called)
        intent = None if called.effect is Effect.PURE else batch
        self._runner.start(resident, tool, job, intent, before)

    async def _kernel_call(self, resident: Resident, called: Called, call: Call[Any]) -> None:
        said = call.task if isinstance(call, Spawn) else call.text if isinstance(call, Send) else ""
        carries = await self._asker.carries(resident, said) if said else {}
        effects = await self._effects(resident, call, carries)
        if not _may_act(resident):
            return
        if effects.blocks:
            answer: Blocked | Returned = Blocked(id=called.id, until=effects.until)
        else:
            value = msgspec.Raw(msgspec.json.encode(effects.value))
            answer = Returned(id=called.id, value=value)
        resident.append(
            called, *effects.events, answer, children=effects.children, letters=effects.letters
        )

    async def _effects(
        self, resident: Resident, call: Call[Any], carries: dict[str, Any]
    ) -> Effects:
        """Asked again if a child ended meanwhile, since otherwise it might wait for that child for
        ever."""
        while True:
            process = resident.process
            ctx = Context(resident.pid, process, resident.clock.now(), self._services, carries)
            effects = await self._table[type(call)](ctx, call)
            if not effects.blocks or resident.process.children == process.children:
                return effects

    def _may_still(self, resident: Resident, call: Call[Any]) -> None:
        if (spent := overdrawn(resident.process, resident.clock.now())) is not None:
            raise spent
        self._asker.gate.check(resident.process, call)

    async def carries(self, resident: Resident, text: str) -> dict[str, Any]:
        """What is known of the provenance of its last words."""
        return await self._asker.carries(resident, text)

    async def resume(self, resident: Resident) -> bool:
        """Handle an open call that nobody is running.  False: there was none."""
        found = False
        for open_call in resident.process.open:
            if open_call.blocked or open_call.id in resident.running:
                continue
            if open_call.stage is Stage.AGREED:
                found = await self._agreed(resident, open_call) or found
            else:
                found = await self._resume(resident, open_call) or found
        return found

    async def _agreed(self, resident: Resident, asked: OpenCall) -> bool:
        """A person said yes.  The call is the one that person saw; the right to it may have been
        withdrawn since."""
        before = resident.head
        try:
            call = _decoded(asked)
            self._may_still(resident, call)
            first = asked.decision.get("asks", {}).get("before", asked.decision)
            await self._make(resident, self._called(asked.id, call, first), call)
        except SysError as error:
            failure = failed(asked.id, error)
        except Exception as error:  # why: a call that hits a bug must not stop the node
            log.exception("bug in %s", asked.name)
            failure = bug(asked.id, error)
        else:
            return resident.head != before
        if _may_act(resident) and is_open(resident, asked.id):
            resident.append(failure)
        return True

    async def _resume(self, resident: Resident, open_call: OpenCall) -> bool:
        try:
            outcome: Returned | Failed | None
            verdict, outcome = await self._look_into(resident, open_call)
        except SysError as error:
            verdict, outcome = Verdict.DONE, failed(open_call.id, error)
        except Exception as error:  # why: else it would stop every node that takes the process
            log.exception("bug in the driver of %s", open_call.name)
            verdict, outcome = Verdict.DONE, bug(open_call.id, error)
        if not _may_act(resident) or not is_open(resident, open_call.id):
            return False
        if outcome is not None:
            resident.append(outcome)
        elif verdict is Verdict.NOT_DONE:
            call = _decoded(open_call)
            job = _job(resident, open_call.id, call)
            if open_call.ticket:
                job = followed(job, open_call.ticket)
            self._runner.start(resident, self._driver(call), job, None, open_call.decision)
        else:
            _in_doubt(resident, open_call)
        return True

    async def _look_into(
        self, resident: Resident, open_call: OpenCall
    ) -> tuple[Verdict, Returned | None]:
        """Did it happen?  A call that may run twice is assumed not to have."""
        call = _decoded(open_call)
        tool, job = self._driver(call), _job(resident, open_call.id, call)
        if open_call.ticket or open_call.effect is not Effect.EFFECT:
            return Verdict.NOT_DONE, None
        if not isinstance(tool, Reconciler) or not open_call.prepared:
            return Verdict.UNKNOWN, None
        verdict, value = await tool.reconcile(job, open_call.prepared)
        return verdict, returned(open_call.id, value) if verdict is Verdict.DONE else None

    def _driver(self, call: Call[Any]) -> Tool:
        tool = self._find(call)
        if tool is None:
            raise SysError(
                Code.UNAVAILABLE, "this node has no driver for it", hint="see `logos doctor`"
            )
        return tool


def _decision(resident: Resident, called: Called) -> dict[str, Any]:
    """What was decided, and whether the call has asked a question before."""
    for call in resident.process.open:
        if call.id == called.id and "asks" in call.decision:
            return {**called.decision, "asks": call.decision["asks"]}
    return called.decision


def _decoded(open_call: OpenCall) -> Call[Any]:
    call: Call[Any] = msgspec.json.decode(open_call.call, type=BY_NAME[open_call.name])
    return call


def _may_act(resident: Resident) -> bool:
    """False if a signal stopped or ended it while we waited."""
    return resident.process.status not in (Status.STOPPED, Status.EXITED)


def _in_the_way(other: OpenCall, called: Called) -> bool:
    return other.name == called.name and other.id != called.id and other.stage is Stage.MADE


def only_asked(process: Process) -> bool:
    """Is nothing open but calls that wait for a person?"""
    return all(call.stage in (Stage.ASKED, Stage.DOUBT) for call in process.open)


def _job(resident: Resident, id_: CallId, call: Call[Any]) -> Job:
    process = resident.process
    asked = getattr(call, "timeout_s", None)
    Path(process.workspace).mkdir(parents=True, exist_ok=True)
    return Job(
        id=CallId(f"{resident.pid}-{id_}"),
        pid=resident.pid,
        call=call,
        workspace=Path(process.workspace),
        caps=frozenset(process.caps),
        reply=reply_to(process, id_),
        hosts=frozenset(
            c.path.split("/")[2]
            for c in process.caps
            if c.verb == "fetch" and c.path.startswith("/net/")
        ),
        deadline_s=DEADLINE_S if asked is None else asked + 10.0,
    )


def _in_doubt(resident: Resident, open_call: OpenCall) -> None:
    """The outcome is unknown.  Tell the process so, or ask a person."""
    if resident.process.agent.in_doubt is InDoubt.TELL:
        resident.append(unknown(open_call.id))
    else:
        held = Held(
            id=open_call.id,
            name=open_call.name,
            call=open_call.call,
            effect=open_call.effect,
            decision=open_call.decision,
            doubt=True,
        )
        resident.append(held)


def settle_doubts(resident: Resident) -> None:
    """A person has looked and lets it continue: what is still in doubt stays unknown."""
    for call in resident.process.open:
        if call.stage is Stage.AGREED or call.blocked or call.id in resident.running:
            continue
        if call.effect is Effect.EFFECT:
            resident.append(unknown(call.id))


def unknown(id_: CallId) -> Failed:
    return Failed(
        id=id_,
        code=Code.UNAVAILABLE,
        message="outcome unknown: the node went away while it ran",
        hint="look whether it happened before you try again",
    )
