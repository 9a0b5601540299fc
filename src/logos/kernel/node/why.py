"""Why a call was made, refused or asked about: everything the journal knows about it.

    explained(asker, records, pid, seq)     explain the call that an event belongs to

Invariant: the decision shown is the journaled one.  Only a call that could not have been refused
has none; its decision is recomputed from the same journal.
"""

from typing import Any

import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent, Called, Decided, Failed, Held, Returned, Thought
from logos.abi.ids import CallId, Pid, Seq
from logos.kernel.flow import Label, Task, named, thought_of
from logos.kernel.node.ask import Asker, encoded
from logos.kernel.node.records import Records, Told


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Where a value was seen: an event of the process, what it was, and its label."""

    seq: Seq
    what: str
    label: Label


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """`pages` are the events in which the decision's values were seen; `answers` are what people
    said, `outcome` is the result of the call."""

    pid: Pid
    seq: Seq
    id: CallId
    tool: str
    arguments: dict[str, Any]
    decision: dict[str, Any]
    pages: tuple[Page, ...] = ()
    answers: tuple[Decided, ...] = ()
    outcome: str = ""


async def explained(asker: Asker, records: Records, pid: Pid, seq: Seq) -> Why:
    """Raise `not_found` when the event belongs to no call."""
    told = [one async for one in records.events(pid)]
    at = next((one for one in told if one.row.seq == seq), None)
    id_ = None if at is None else _call_of(at.event)
    if id_ is None:
        raise SysError(
            Code.NOT_FOUND,
            f"event {seq} of process {pid} is about no call",
            hint=f"see `logos journal {pid}`: called, held, failed and returned are",
        )
    about = [one for one in told if _call_of(one.event) == id_]
    first = about[0].row.seq
    trial = await asker.trial(pid, Seq(first - 1))
    tool, arguments = _proposed(told, about, id_)
    decision: dict[str, Any] = next(
        (d for one in about if (d := getattr(one.event, "decision", None))), {}
    )
    if not decision and tool in trial.task.catalogue:
        decision = encoded(trial.decide(tool, arguments))
    seen = {Seq(int(p)) for v in decision.get("values", ()) for p in v.get("pages", ())}
    return Why(
        pid=pid,
        seq=first,
        id=id_,
        tool=tool,
        arguments=arguments,
        decision=decision,
        pages=tuple(_page(told, trial.task, one) for one in sorted(seen)),
        answers=tuple(
            one.event for one in told if isinstance(one.event, Decided) and id_ in one.event.ids
        ),
        outcome=_outcome(about),
    )


def _call_of(event: AnyEvent) -> CallId | None:
    return event.id if isinstance(event, Called | Held | Failed | Returned) else None


def _proposed(told: list[Told], about: list[Told], id_: CallId) -> tuple[str, dict[str, Any]]:
    for one in about:
        if isinstance(one.event, Called | Held):
            return named(one.event.name, one.event.call)
    for one in told:
        if isinstance(one.event, Thought):
            for call in one.event.message.calls:
                if call.id == id_:
                    return call.name, _read(call.arguments)
    return thought_of(id_), {}


def _read(arguments: str) -> dict[str, Any]:
    """What a model wrote may not be JSON at all."""
    try:
        return msgspec.json.decode(arguments or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {"(not JSON)": arguments}


def _page(told: list[Told], task: Task, seq: Seq) -> Page:
    row = told[seq - 1].row
    return Page(seq=seq, what=row.kind, label=task.label_of(str(seq)))


def _outcome(about: list[Told]) -> str:
    last = about[-1].event
    if isinstance(last, Failed):
        return f"{last.code}: {last.message}"
    return {Returned: "returned", Held: "waits for a person"}.get(type(last), "not known yet")
