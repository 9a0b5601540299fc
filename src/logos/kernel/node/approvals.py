"""What waits for a person, for whoever shows it and whoever answers.

    pending(store)        every question of every process, oldest process first
    questions(pid, p)     those of one process
    parsed(text)          PID.THOUGHT -> which calls of which process

A question is all that the calls of one thought ask: it is put once and answered once.
"""

import re
from collections.abc import Sequence
from typing import Any

from logos.abi.approval import Approval
from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid
from logos.abi.process import OpenCall, Process, Stage
from logos.kernel.flow import thought_of
from logos.kernel.node.resident import fold_all
from logos.store import Queries, Store

_SQL = Queries("logos.kernel.node", "node.sql")
_ID = re.compile(r"(\d+)\.(\d+)")


async def pending(store: Store) -> list[Approval]:
    async def fetch() -> Sequence[Any]:
        async with store.connection() as db:
            return await db.all(_SQL.asking)

    found: list[Approval] = []
    for row in await store.persist(fetch):
        pid = Pid(row["pid"])
        found += questions(pid, (await fold_all(store, pid)).process)
    return found


def questions(pid: Pid, process: Process) -> list[Approval]:
    """Those of one process, one for each thought."""
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


def parsed(text: str) -> tuple[Pid, str]:
    """`3.7` -> process 3, thought `c7`."""
    if match := _ID.fullmatch(text):
        return Pid(int(match[1])), f"c{match[2]}"
    raise SysError(
        Code.INVALID, f"{text!r} is no question", hint="write PID.NUMBER, as `logos approvals` does"
    )
