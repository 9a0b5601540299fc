"""Asking another model for the thoughts of a journal.

    reasked(records, pid, model, ...)    each thought, with this model's answer in its place
    Again.differ                         where the two diverge: the first place in the text, and in
                                         the calls

The model gets the very messages and tools that were sent then, so every thought is compared at the
same point: its answer to one request does not change the next.

Invariant: nothing is written and no call is made.
"""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from logos.abi.driver import Model
from logos.abi.errors import Code, SysError
from logos.abi.events import Asked, Interrupted, Thought
from logos.abi.ids import Pid, Seq
from logos.abi.messages import Message, Request, ToolCall, Usage, gather
from logos.kernel.journal import FOREVER
from logos.kernel.node.records import Records
from logos.kernel.node.request import prompt_digest
from logos.kernel.sched import Slots

SHOWN = 60
"""Characters of a text shown from the point of divergence."""

HOPELESS = frozenset({Code.UNAUTHENTICATED, Code.NOT_FOUND, Code.BUDGET})
"""Errors that every further thought would get as well."""


class Parting(msgspec.Struct, frozen=True, kw_only=True):
    """`what` is text or calls, `at` where in it."""

    what: str
    at: str
    was: str
    now: str


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """`seq` is the event of the thought.  `usage` is what asking again cost; `error` says why there
    is no answer to compare."""

    pid: Pid
    seq: Seq
    differ: tuple[Parting, ...] = ()
    usage: Usage = Usage()
    error: str = ""


async def reasked(
    records: Records, pid: Pid, model: Model, slots: Slots, upto: Seq = FOREVER
) -> AsyncIterator[Again]:
    """Interrupted thoughts are left out."""
    asked: tuple[Request | None, Asked] | None = None
    async for step in records.steps(pid, upto):
        event = step.event
        if isinstance(event, Asked):
            asked = (step.request, event)
        elif isinstance(event, Interrupted):
            asked = None
        elif isinstance(event, Thought) and asked is not None:
            request, sent = asked
            if request is None or prompt_digest(request) != sent.prompt:
                yield Again(
                    pid=pid, seq=step.row.seq, error="what it was sent is not known any more"
                )
            else:
                fit = fitted(request, sent.model, model)
                yield await _again(pid, step.row.seq, fit, event.message, model, slots)
            asked = None


def fitted(request: Request, asked: str, model: Model) -> Request:
    """The original request, adapted to this model.  Fields meant for one provider mean nothing to
    another."""
    profile = model.profile
    sent = msgspec.structs.replace(
        request, model=profile.name, max_output=min(request.max_output, profile.max_output)
    )
    return sent if profile.name == asked else msgspec.structs.replace(sent, extra={}, headers={})


async def _again(
    pid: Pid, seq: Seq, request: Request, was: Message, model: Model, slots: Slots
) -> Again:
    try:
        async with slots.slot(model):
            now, finished = gather([delta async for delta in model.think(request)])
    except SysError as error:
        if error.code in HOPELESS:
            raise
        return Again(pid=pid, seq=seq, error=f"{error.code}: {error.message}")
    if finished is None:
        return Again(pid=pid, seq=seq, error="the answer ended in the middle")
    return Again(pid=pid, seq=seq, differ=parted(was, now), usage=finished.usage)


def parted(was: Message, now: Message) -> tuple[Parting, ...]:
    """Where two answers diverge.  Call ids and the order of arguments do not count."""
    found = (_texts(was.text, now.text), _calls(was.calls, now.calls))
    return tuple(one for one in found if one is not None)


def _texts(was: str, now: str) -> Parting | None:
    if was == now:
        return None
    pairs = enumerate(zip(was, now, strict=False))
    at = next((n for n, (one, other) in pairs if one != other), min(len(was), len(now)))
    start = max(0, at - SHOWN // 3)
    shown = (text[start : start + SHOWN] for text in (was, now))
    before, after = shown
    return Parting(what="text", at=f"character {at + 1}", was=before, now=after)


def _calls(was: tuple[ToolCall, ...], now: tuple[ToolCall, ...]) -> Parting | None:
    for number, (one, other) in enumerate(zip(was, now, strict=False), 1):
        if (parting := _call(number, one, other)) is not None:
            return parting
    if len(was) == len(now):
        return None
    number = min(len(was), len(now)) + 1
    before, after = (calls[number - 1].name if number <= len(calls) else "" for calls in (was, now))
    return Parting(what="calls", at=f"call {number}", was=before, now=after)


def _call(number: int, was: ToolCall, now: ToolCall) -> Parting | None:
    if was.name != now.name:
        return Parting(what="calls", at=f"call {number}", was=was.name, now=now.name)
    before, after = _arguments(was), _arguments(now)
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name) or (name in before) != (name in after):
            at = f"call {number}, {was.name}: {name}" if name else f"call {number}, {was.name}"
            return Parting(
                what="calls", at=at, was=_written(before, name), now=_written(after, name)
            )
    return None


def _arguments(call: ToolCall) -> dict[str, Any]:
    """Arguments that are not an object appear under the empty name."""
    try:
        return msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {"": call.arguments}


def _written(arguments: dict[str, Any], name: str) -> str:
    return msgspec.json.encode(arguments[name]).decode() if name in arguments else ""
