"""Calls that the information flow decides on: allowed, refused, or put to a person.

    Asker.decided(resident, call)            the decision; None: it could only be allowed
    Asker.confided(resident)                 whether it has read confidential data
    Asker.instead(resident, called, d)       what to journal in place of a call that may not be
                                             made, or not yet
    encoded(decision)                        as it is journaled
    Asker.carries(resident, text)            the provenance of a text that goes to another process
    Asker.wanted(resident, id, wanted, ...)  what to journal when a tool asks a person something
    Asker.trial(pid, upto)                   a process at one of its events, to ask about calls
                                             that are not made: `Trial.weigh(proposal)`

A refusal tells the model what it may do instead, and tells people nothing: questions are scarce,
and planted text must not be able to raise one.

Invariant: a call is made only if its decision allows it, or a person has approved it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import anyio
import msgspec

from logos import config
from logos.abi.agent import Approvals
from logos.abi.approval import Answer, Scope
from logos.abi.calls import BY_NAME, Call
from logos.abi.driver import Reply, Wanted
from logos.abi.errors import Code
from logos.abi.events import Called, Decided, Failed, Held
from logos.abi.ids import INIT, CallId, MailId, Pid, Seq
from logos.abi.messages import ToolCall
from logos.abi.process import OpenCall, Process, Stage, Status
from logos.abi.tools import visible
from logos.kernel.flow import Decision, Task, Verdict, decide, thought_of, unread
from logos.kernel.journal import FOREVER, pending
from logos.kernel.node.approvals import questions, standing_of
from logos.kernel.node.resident import Resident, fold_all
from logos.kernel.node.trail import follow
from logos.kernel.process import SECOND
from logos.kernel.process.bodies import Agreement, decode
from logos.kernel.syscall import Gate, Tools, tool_of
from logos.store import Queries, Store

_SQL = Queries("logos.kernel.node", "node.sql")

TIMES = 4
"""How many questions one tool call may ask."""

LONGEST = 2000
"""Characters of a tool's question."""


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
            await resident.durable()  # it is folded from what is on disk
        return await resident.trail.task(self._store, resident.pid, self.tools)

    async def carries(self, resident: Resident, text: str) -> dict[str, Any]:
        """What is known of a text that the process is about to pass to another."""
        if not resident.trail.read:
            given = unread(*resident.process.said)
        else:
            given = (await self._task(resident)).hands(text, str(resident.pid))
        found: dict[str, Any] = msgspec.to_builtins(given)
        return found

    async def confided(self, resident: Resident) -> bool:
        """Has it read anything confidential?"""
        if not resident.trail.made:
            await resident.durable()
        task = await resident.trail.task(self._store, resident.pid, self.tools)
        return bool(task.history.secrets)

    async def trial(self, pid: Pid, upto: Seq = FOREVER) -> "Trial":
        process = (await fold_all(self._store, pid, upto)).process
        following = await follow(self._store, pid, self.tools, upto)
        return Trial(self.gate, self.tools, process, following.task)

    async def instead(
        self, resident: Resident, called: Called, decision: Decision
    ) -> list[Failed | Held | Decided]:
        """Empty: make the call."""
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

    def wanted(
        self, resident: Resident, id_: CallId, wanted: Wanted, before: dict[str, Any]
    ) -> Held | Failed:
        """A tool asks a person: the call waits, and is made again with the answer.  `before` is its
        decision. If nobody may be asked, it fails."""
        process = resident.process
        (call,) = [one for one in process.open if one.id == id_]
        times = before.get("asks", {}).get("times", 0)
        silent = process.agent.approvals is not Approvals.ASK or process.status is Status.STOPPED
        if silent or times >= TIMES:
            return Failed(id=id_, code=wanted.code, message=wanted.message, hint=wanted.hint)
        known = {k: v for k, v in before.items() if k != "asks"}
        asks = {"state": wanted.state, "times": times + 1, "before": known}
        shown = {
            "tool": _named(call),
            "rule": "asked-by-the-tool",
            "question": asked_by(call, wanted),
        }
        return Held(
            id=id_,
            name=call.name,
            call=call.call,
            effect=call.effect,
            decision={**known, **shown, "asks": asks},
            until=resident.clock.now() + int(self._trust.answer_s * SECOND),
        )

    async def _may_ask(self, resident: Resident, id_: CallId, decision: Decision) -> bool:
        asks = resident.process.agent.approvals is Approvals.ASK
        if asks and await self._room(resident, id_):
            return True
        return await self._stands(resident, decision)

    async def _room(self, resident: Resident, id_: CallId) -> bool:
        """May one more question of this process tree wait?  All calls of a thought count as one."""
        mine = (resident.pid, thought_of(id_))
        async with self._lock:  # else two processes of a tree might take the last place together
            waiting = await self._waiting(resident.pid)
            if mine not in waiting and len(waiting) >= self._trust.questions:
                return False
            self._asking[mine] = resident
            return True

    async def _waiting(self, pid: Pid) -> set[tuple[Pid, str]]:
        """The open questions of a tree, and those about to be asked here."""

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
        """Is there a standing answer that covers this decision, including one init has not read
        yet?"""
        letters = await pending(self._store, [INIT])
        asked = standing_of(resident.process.agent.name, encoded(decision))
        stands = asked in (await fold_all(self._store, INIT)).process.standing
        for mail in (decode(letter.body) for letter in letters):
            if isinstance(mail, Agreement) and mail.standing == asked:
                stands = not mail.ends
        return stands


def reply_to(process: Process, id_: CallId) -> Reply | None:
    """A person's answer to a tool's question."""
    for call in process.open:
        if call.id == id_ and call.stage is Stage.AGREED and "asks" in call.decision:
            return Reply(word=call.word, state=call.decision["asks"]["state"])
    return None


def asked_by(call: OpenCall, wanted: Wanted) -> str:
    """Phrased so that nobody takes the tool's words for ours."""
    form = msgspec.json.decode(wanted.form)
    fields = form.get("properties", {}) if isinstance(form, dict) else {}
    said = visible(wanted.question)[:LONGEST]
    lines = [
        f"{_named(call)} asks, in its own words:",
        *(f"  | {row}" for row in said.splitlines()),
    ]
    if fields:
        spelt = visible(msgspec.json.encode(fields).decode())[:LONGEST]
        lines.append(f"- allow, with --word and a JSON object of: {spelt}")
    return "\n".join([*lines, "- deny: the call is given up"])


def _named(call: OpenCall) -> str:
    kind: Call[Any] = msgspec.json.decode(call.call, type=BY_NAME[call.name])
    return tool_of(kind)


class Trial(NamedTuple):
    """A process as it was at some event, and the gate as it is now."""

    gate: Gate
    tools: Tools
    process: Process
    task: Task

    def weigh(self, proposal: ToolCall) -> Decision:
        """Check schema, capabilities, and provenance.  Raise what the gate raises."""
        return self.tools.weigh(self.task, self.gate.admit(self.process, proposal))

    def decide(self, tool: str, arguments: dict[str, Any]) -> Decision:
        """The decision of the information flow alone."""
        return decide(self.task, tool, arguments)


def _open(resident: Resident, thought: str) -> bool:
    """Is any call of this thought proposed or waiting for an answer?"""
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
