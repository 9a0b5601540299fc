"""Questions that wait for a person: listing and answering them.

    Approvals.pending()          every question of every process, oldest process first
    Approvals.decide(question)   answer one; the answer is journaled at the process
    Approvals.standing()         standing answers; `forget` withdraws one
    Approvals.revoke(pid, caps)  withdraw rights
    questions(pid, process)      the questions of one process

One question covers all calls of a thought that need approval: it is asked once and answered once.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from itertools import repeat
from typing import Any

from logos.abi.approval import Answer, Approval, Scope, Standing
from logos.abi.errors import Code, SysError
from logos.abi.ids import INIT, Pid
from logos.abi.process import OpenCall, Process, Stage
from logos.abi.rights import Cap
from logos.kernel.flow import thought_of
from logos.kernel.node.records import Records
from logos.kernel.process.bodies import Agreement, AnyMail, Revocation, Verdict
from logos.store import Queries, Store

_SQL = Queries("logos.kernel.node", "node.sql")
PLACES = frozenset({"address", "account", "url", "handle", "secret"})
_ID = re.compile(r"(\d+)\.(\d+)")


class Approvals:
    def __init__(
        self, store: Store, records: Records, post: Callable[[Pid, AnyMail], Awaitable[Any]]
    ) -> None:
        self._store = store
        self._records = records
        self._post = post

    async def pending(self) -> list[Approval]:
        async def fetch() -> Sequence[Any]:
            async with self._store.connection() as db:
                return await db.all(_SQL.asking)

        found: list[Approval] = []
        for row in await self._store.persist(fetch):
            pid = Pid(row["pid"])
            found += questions(pid, await self._records.process(pid))
        return found

    async def decide(
        self,
        question: str,
        answer: Answer,
        *,
        scope: Scope = Scope.ONCE,
        by: str = "",
        word: str = "",
    ) -> Approval:
        """Answer a question, named as PID.THOUGHT; return the question.  Raise `not_found` when it
        is not open (any more)."""
        pid, thought = _parsed(question)
        for one in questions(pid, await self._records.process(pid)):
            if thought == thought_of(one.calls[0]):
                if scope is Scope.ALWAYS and answer is Answer.ALLOW:
                    for standing in map(standing_of, repeat(one.agent), one.decisions):
                        await self._post(INIT, Agreement(standing, by))
                await self._post(pid, Verdict(one.calls, answer, scope, by, word))
                return one
        raise SysError(
            Code.NOT_FOUND, f"{question} does not wait for an answer", hint="see `logos approvals`"
        )

    async def standing(self) -> tuple[Standing, ...]:
        """The standing answers, oldest first."""
        return (await self._records.process(INIT)).standing

    async def forget(self, number: int, by: str = "") -> Standing:
        """Withdraw a standing answer.  The number is its place in `standing`, from 1."""
        known = await self.standing()
        if not 1 <= number <= len(known):
            raise SysError(Code.NOT_FOUND, f"no answer {number} stands", hint=f"{len(known)} do")
        await self._post(INIT, Agreement(known[number - 1], by, ends=True))
        return known[number - 1]

    async def revoke(self, pid: Pid, caps: Sequence[Cap], by: str = "") -> None:
        """Withdraw rights from a process and all its descendants, from the next call on."""
        await self._post(pid, Revocation(tuple(caps), by))


def standing_of(agent: str, decision: dict[str, Any]) -> Standing:
    """The pattern of this decision: the same tool and rule, the same destinations, and the same
    values of whatever was asked about."""
    values = tuple(
        sorted(
            (v["argument"], v.get("value", ""))
            for v in decision.get("values", ())
            if v["argument"] and (v["verdict"] != "allow" or v.get("kind") in PLACES)
        )
    )
    return Standing(agent=agent, tool=decision["tool"], rule=decision["rule"], values=values)


def questions(pid: Pid, process: Process) -> list[Approval]:
    """The questions of one process, one for each thought."""
    by_thought: dict[str, list[OpenCall]] = {}
    for call in process.open:
        if call.stage in (Stage.ASKED, Stage.DOUBT):
            by_thought.setdefault(thought_of(call.id), []).append(call)
    return [_approval(pid, process, calls) for calls in by_thought.values()]


def _approval(pid: Pid, process: Process, calls: Sequence[OpenCall]) -> Approval:
    asked = [call.decision.get("question") or _doubt(call) for call in calls]
    limits = [call.until for call in calls if call.until is not None]
    return Approval(
        id=f"{pid}.{thought_of(calls[0].id).removeprefix('c')}",
        pid=pid,
        agent=process.agent.name,
        task=process.task,
        calls=tuple(call.id for call in calls),
        names=tuple(call.decision.get("tool", call.name) for call in calls),
        arguments=tuple(call.call for call in calls),
        decisions=tuple(call.decision for call in calls),
        question="\n".join(asked),
        until=min(limits, default=None),
    )


def _doubt(call: OpenCall) -> str:
    return (
        f"{call.name} ({call.id}) was cut off, and may or may not have happened.\n"
        "- allow: make it again\n- deny: leave it, and tell the process that nobody knows"
    )


def _parsed(text: str) -> tuple[Pid, str]:
    """`3.7` -> process 3, thought `c7`."""
    if match := _ID.fullmatch(text):
        return Pid(int(match[1])), f"c{match[2]}"
    raise SysError(
        Code.INVALID,
        f"{text!r} is not a question",
        hint="write PID.NUMBER, as `logos approvals` does",
    )
