"""Repeating the decisions of a journal under another policy.

    redecided(asker, records, pid, policy, upto)     which of them change

Each call is decided on what was known at its original decision: the same words, the same pages, the
same answers of people.  What was decided then remains what happened, so one change does not cause
others: each difference is due to the policy and nothing else.

Invariant: nothing is written, and under the original policy nothing changes.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from anyio.lowlevel import checkpoint

from logos.abi.calls import BY_NAME, Call
from logos.abi.errors import Code, SysError
from logos.abi.events import Called, Failed, Held
from logos.abi.ids import CallId, Pid, Seq
from logos.abi.messages import ToolCall
from logos.abi.process import Process
from logos.kernel.flow import Decision, Following, Verdict, named, recorded
from logos.kernel.journal import FOREVER
from logos.kernel.node.ask import Asker, encoded
from logos.kernel.node.records import Records, Told
from logos.kernel.process import apply
from logos.kernel.syscall import Gate, Policy, Tools, tool_of

BREATH = 20
"""Events processed before yielding to other tasks."""


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """`was` is the journaled decision, `now` the policy's, both in journal form.  An empty `was` is
    a call that needed no decision."""

    pid: Pid
    seq: Seq
    call: CallId
    tool: str
    arguments: dict[str, Any]
    was: dict[str, Any]
    now: dict[str, Any]


class Redecided(msgspec.Struct, frozen=True, kw_only=True):
    """`calls` were decided again; `gone` names the tools of calls that could not be, because those
    tools no longer exist.  A call refused before it came to a decision is in neither."""

    pid: Pid
    calls: int
    changed: tuple[Changed, ...] = ()
    gone: tuple[str, ...] = ()


class _Case(msgspec.Struct, frozen=True):
    """A call, and its decision; None: it needed none."""

    seq: Seq
    id: CallId
    call: Call[Any]
    was: Decision | None

    @property
    def after(self) -> int:
        """The last event that was known then."""
        return (0 if self.was is None else self.was.after) or self.seq - 1


async def redecided(
    asker: Asker, records: Records, pid: Pid, policy: Policy, upto: Seq = FOREVER
) -> Redecided:
    """Raise `not_found` when there is no such process."""
    told = [one async for one in records.events(pid) if one.row.seq <= upto]
    if not told:
        raise SysError(Code.NOT_FOUND, f"there is no process {pid}", hint="see `logos ps -a`")
    tools = asker.tools.under(policy)
    cases, gone = _cases(told, asker.gate)
    following = Following(tools.catalogue(), tools.rules)
    calls, changed = 0, []
    for one in told:
        for case in cases.pop(one.row.seq - 1, ()):
            if not tools.knows(case.call):
                gone.add(tool_of(case.call))
                continue
            calls += 1
            if (now := _otherwise(tools, following, case)) is not None:
                changed.append(_changed(pid, case, now))
        following.apply(one.row.seq, one.event)
        if not one.row.seq % BREATH:
            await checkpoint()
    changed.sort(key=lambda one: one.seq)
    return Redecided(pid=pid, calls=calls, changed=tuple(changed), gone=tuple(sorted(gone)))


def _cases(told: Sequence[Told], gate: Gate) -> tuple[dict[int, list[_Case]], set[str]]:
    """The cases by the event after which they were decided, and the names of missing tools."""
    process, seen = Process(), set[CallId]()
    found: dict[int, list[_Case]] = {}
    gone: set[str] = set()
    for row, event in told:
        before, process = process, apply(process, event)
        if not isinstance(event, Called | Held | Failed) or event.id in seen:
            continue
        seen.add(event.id)
        if isinstance(event, Failed) and not event.decision:
            continue
        try:
            call = _call(gate, before, event)
        except (SysError, msgspec.ValidationError):
            gone.add(_proposed(before, event.id).name if isinstance(event, Failed) else event.name)
            continue
        case = _Case(row.seq, event.id, call, recorded(event.decision))
        found.setdefault(case.after, []).append(case)
    return found, gone


def _call(gate: Gate, before: Process, event: Called | Held | Failed) -> Call[Any]:
    """As it was admitted, or as it was proposed.  Raise what the gate raises."""
    if isinstance(event, Failed):
        return gate.read(before.agent, _proposed(before, event.id))
    call: Call[Any] = msgspec.json.decode(event.call, type=BY_NAME[event.name])
    return call


def _proposed(before: Process, id_: CallId) -> ToolCall:
    return next(proposal for proposal in before.proposed if proposal.id == id_)


def _otherwise(tools: Tools, following: Following, case: _Case) -> Decision | None:
    """The decision now, if it differs.  The same verdict for another reason is no difference."""
    if case.was is None and tools.plain(case.call):
        return None
    now = tools.weigh(following.task, case.call)
    was = Verdict.ALLOW if case.was is None else case.was.verdict
    return None if now.verdict is was else now


def _changed(pid: Pid, case: _Case, now: Decision) -> Changed:
    tool, arguments = named(_name(case.call), msgspec.Raw(msgspec.json.encode(case.call)))
    return Changed(
        pid=pid,
        seq=case.seq,
        call=case.id,
        tool=tool,
        arguments=arguments,
        was={} if case.was is None else encoded(case.was),
        now=encoded(now),
    )


def _name(call: Call[Any]) -> str:
    return str(call.__struct_config__.tag)
