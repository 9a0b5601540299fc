"""The process state machine.  Pure.

Everything that decides what may happen to a process is in this room, and ALLOWED says which event
may follow in which status.  If the table says no, no journal can make it happen.

    fold(events)            the state of a process
    apply(process, event)   the state after one more event

The status is not stored but follows from the other facts (`status_of`); ALLOWED is checked
against both the status before and the one after.
"""

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

from msgspec.structs import replace

from logos.abi import events as e
from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent
from logos.abi.ids import INIT, Seq
from logos.abi.limits import WRAP_UP_TURNS
from logos.abi.process import (
    Child,
    Process,
    Reservation,
    Signal,
    Status,
    Timer,
    Watch,
)
from logos.kernel.process import calls

NONE, READY, THINKING = Status.NONE, Status.READY, Status.THINKING
CALLING, WAITING, STOPPED, EXITED = (
    Status.CALLING,
    Status.WAITING,
    Status.STOPPED,
    Status.EXITED,
)

_SAME = {READY: {READY}, THINKING: {THINKING}, CALLING: {CALLING}, WAITING: {WAITING}}
_ANY = {READY, THINKING, CALLING, WAITING, STOPPED}


def _live(here: Status) -> dict[type[Any], set[Status]]:
    """The events that may reach a process from outside, whatever it is doing."""
    stays = {STOPPED} if here is STOPPED else _SAME[here]
    woken = {READY} if here is WAITING else set()
    return {
        e.Received: stays | woken,
        e.Signalled: _ANY if here is STOPPED else stays | woken | {STOPPED},
        e.Started: stays,
        e.Ended: stays,
        e.Scheduled: stays,
        e.Rang: stays | woken,
        e.Warned: stays | woken | {WAITING},
        e.Agreed: stays,
        e.Revoked: stays,
        e.Decided: stays | ({CALLING} if here is WAITING else set()),
        e.PagedIn: stays,
        e.Compacted: stays,
        e.Pinned: stays,
        e.Remembered: stays,
        e.Linked: stays,
        e.Forgot: stays,
        e.Proposed: stays | woken,
        e.Answered: stays,
        e.Diverged: stays,
        e.Reached: stays,
        e.Vectored: stays,
        e.Exited: {EXITED},
    }


#: Status -> event -> the statuses it may lead to.  What is not here cannot happen.
ALLOWED: dict[Status, dict[type[Any], set[Status]]] = {
    NONE: {e.Spawned: {READY}},
    READY: _live(READY)
    | {
        e.Asked: {THINKING},
        e.Called: {CALLING},
        e.Held: {WAITING},
        e.Failed: {READY},
        e.Idled: {WAITING},
        e.Told: {READY},
        e.Interrupted: {READY},  # before it was begun
        e.Paced: {WAITING},
    },
    THINKING: _live(THINKING) | {e.Thought: {READY}, e.Interrupted: {READY}},
    CALLING: _live(CALLING)
    | {
        e.Called: {CALLING},
        e.Held: {CALLING, WAITING},
        e.Blocked: {CALLING, WAITING},
        e.Deferred: {CALLING},
        e.Returned: {CALLING, WAITING, READY},
        e.Failed: {CALLING, WAITING, READY},
    },
    WAITING: _live(WAITING)
    | {
        e.Asked: {THINKING},
        e.Called: {CALLING},
        e.Held: {WAITING},
        e.Returned: {WAITING, READY},
        e.Failed: {WAITING, READY},
        e.Idled: {WAITING},
        e.Told: {WAITING, READY},
        e.Interrupted: {WAITING, READY},
        e.Paced: {WAITING},
    },
    STOPPED: _live(STOPPED)
    | {
        e.Thought: {STOPPED},
        e.Interrupted: {STOPPED},
        e.Blocked: {STOPPED},
        e.Deferred: {STOPPED},
        e.Returned: {STOPPED},
        e.Failed: {STOPPED},
        e.Told: {STOPPED},
    },
    EXITED: {e.Forgot: {EXITED}},
}


def status_of(process: Process) -> Status:
    """The status that follows from the other facts."""
    if process.exit_status is not None:
        return EXITED
    if process.stopped:
        return STOPPED
    if process.reserved is not None:
        return THINKING
    if process.open:
        return WAITING if all(call.blocked for call in process.open) else CALLING
    if process.idle or process.paused_until is not None:
        return WAITING
    return READY


def apply(process: Process, event: AnyEvent) -> Process:
    """The state after one more event.  Raise `state` if the table does not allow it."""
    kind = type(event)
    allowed = ALLOWED[process.status].get(kind)
    if allowed is None:
        raise SysError(Code.STATE, f"{kind.__name__} cannot follow {process.status}")
    after = _APPLY[kind](process, event)
    status = status_of(after)
    if status not in allowed:
        raise SysError(Code.STATE, f"{kind.__name__} cannot lead from {process.status} to {status}")
    return replace(after, status=status, seq=Seq(process.seq + 1))


def fold(events: Iterable[AnyEvent], start: Process = Process()) -> Process:  # noqa: B008 - frozen
    return reduce(apply, events, start)


def _spawned(p: Process, event: e.Spawned) -> Process:
    return replace(
        p,
        parent=event.parent,
        agent=event.agent,
        task=event.task,
        said=(event.task,) if event.parent in (None, INIT) else event.said,
        caps=event.caps,
        revoked=event.revoked,
        limits=event.limits,
        accounts=event.accounts,
        started=event.at,
        deadline=event.deadline,
        generation=event.generation,
        workspace=event.workspace,
        news=1 if event.task else 0,
    )


def _asked(p: Process, event: e.Asked) -> Process:
    held = Reservation(tokens=event.tokens, cost=event.cost)
    return replace(p, reserved=held, news=0, idle=False, paused_until=None)


def _thought(p: Process, event: e.Thought) -> Process:
    return replace(
        p,
        reserved=None,
        spent=p.spent + event.usage,
        own=p.own + event.usage,
        thoughts=p.thoughts + 1,
        proposed=event.message.calls,
        answer=event.message.text,
        failures=0,
        wrap_up=None if p.wrap_up is None else p.wrap_up - 1,
    )


def _interrupted(p: Process, event: e.Interrupted) -> Process:
    cancelled = event.code is Code.CANCELLED
    failed = not cancelled and not event.lost
    return replace(
        p,
        reserved=None,
        spent=p.spent + event.charged,
        own=p.own + event.charged,
        failures=p.failures + failed,
        news=p.news if cancelled else p.news + 1,
    )


def _agreed(p: Process, event: e.Agreed) -> Process:
    others = tuple(one for one in p.standing if one != event.standing)
    return replace(p, standing=others if event.ends else (*others, event.standing))


def _revoked(p: Process, event: e.Revoked) -> Process:
    return replace(p, revoked=p.revoked | frozenset(event.caps))


def _received(p: Process, event: e.Received) -> Process:
    if event.sender is None:
        p = replace(p, said=(*p.said, event.text))
    if event.answers is not None:
        return p
    return replace(p, news=p.news + 1, idle=False)


def _told(p: Process, event: e.Told) -> Process:
    """What was proposed has been answered, or given up, by the client that was to carry it out."""
    if event.metadata is not None:
        return p
    if event.silent:
        return replace(p, proposed=())
    options = p.options if event.options is None else event.options
    return replace(p, options=options, proposed=(), news=p.news + 1, idle=False, failures=0)


def _proposed(p: Process, event: e.Proposed) -> Process:
    return replace(p, proposed=(*p.proposed, *event.calls), idle=False)


def _signalled(p: Process, event: e.Signalled) -> Process:
    match event.signal:
        case Signal.TERM:
            return replace(p, wrap_up=WRAP_UP_TURNS, news=p.news + 1, idle=False, paused_until=None)
        case Signal.STOP:
            return replace(p, stopped=True)
        case Signal.CONT:
            return replace(p, stopped=False, paused_until=None, watch=Watch())
        case Signal.ALARM:
            return replace(p, news=p.news + 1, idle=False)
        case Signal.KILL | Signal.INT:
            return p


def _started(p: Process, event: e.Started) -> Process:
    return replace(p, children=(*p.children, Child(pid=event.pid, limits=event.limits)))


def _ended(p: Process, event: e.Ended) -> Process:
    return replace(
        p,
        children=tuple(c for c in p.children if c.pid != event.pid),
        spent=p.spent + event.used,
        calls=p.calls + event.calls,
    )


def _scheduled(p: Process, event: e.Scheduled) -> Process:
    others = tuple(t for t in p.timers if t.text != event.text)
    if not event.cron:
        return replace(p, timers=others)
    timer = Timer(cron=event.cron, text=event.text, next=event.next)
    return replace(p, timers=(*others, timer))


def _rang(p: Process, event: e.Rang) -> Process:
    timers = tuple(replace(t, next=event.next) if t.text == event.text else t for t in p.timers)
    return replace(p, timers=timers, news=p.news + 1, idle=False)


def _idled(p: Process, event: e.Idled) -> Process:
    del event
    return replace(p, idle=True)


def _warned(p: Process, event: e.Warned) -> Process:
    watch = Watch(warnings=p.watch.warnings + 1)
    return replace(p, watch=watch, news=p.news + 1, idle=False, paused_until=event.paused_until)


def _paced(p: Process, event: e.Paced) -> Process:
    return replace(p, paused_until=event.paused_until)


def _windowed(p: Process, event: AnyEvent) -> Process:
    """Its window or memory changed; what the process may do did not."""
    del event
    return p


def _charged(p: Process, event: e.Compacted | e.Vectored) -> Process:
    """Charge it for a digest that a model wrote, or for embeddings."""
    return replace(p, spent=p.spent + event.usage, own=p.own + event.usage)


def _exited(p: Process, event: e.Exited) -> Process:
    return replace(
        p,
        exit_status=event.status,
        answer=event.answer,
        reserved=None,
        proposed=(),
        open=(),
        timers=(),
        paused_until=None,
    )


_APPLY: dict[type[Any], Callable[[Process, Any], Process]] = {
    e.Spawned: _spawned,
    e.Asked: _asked,
    e.Thought: _thought,
    e.Interrupted: _interrupted,
    e.Vectored: _charged,
    e.Called: calls.called,
    e.Held: calls.held,
    e.Decided: calls.decided,
    e.Agreed: _agreed,
    e.Revoked: _revoked,
    e.Blocked: calls.blocked,
    e.Deferred: calls.deferred,
    e.Returned: calls.returned,
    e.Failed: calls.failed,
    e.Received: _received,
    e.Told: _told,
    e.Proposed: _proposed,
    e.Answered: _windowed,
    e.Diverged: _windowed,
    e.Reached: _windowed,
    e.Signalled: _signalled,
    e.Started: _started,
    e.Ended: _ended,
    e.Scheduled: _scheduled,
    e.Rang: _rang,
    e.Idled: _idled,
    e.Warned: _warned,
    e.Paced: _paced,
    e.PagedIn: _windowed,
    e.Compacted: _charged,
    e.Pinned: _windowed,
    e.Remembered: _windowed,
    e.Linked: _windowed,
    e.Forgot: _windowed,
    e.Exited: _exited,
}
