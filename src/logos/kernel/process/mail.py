"""What travels between processes, and what becomes of it when it arrives.  Pure.

    Note, Turn, Order, Death the bodies of mail
    Verdict, Agreement       a person's answer; one that holds from now on
    Revocation               rights that are gone
    handed_on(process, ...)  what its children are told because of these events
    told(turn, mail)         the events of a client's turn, one for each of its messages
    Deposit, Erase           something for the space of the receiver; what it is to forget
    Squeeze                  its window is to be compacted, or its digest written anew
    deliver(process, ...)    the events by which a process takes one piece of mail
    listening(process)       whether it takes messages now
    expire(process, now)     the events of what has come due

Mail is posted in the sender's transaction and taken in the receiver's, so it arrives once.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from cronsim import CronSim, CronSimError

from logos.abi.approval import Answer, Scope, Standing
from logos.abi.calls import Exit, Letter
from logos.abi.errors import Code, SysError
from logos.abi.events import (
    Agreed,
    AnyEvent,
    Compacted,
    Decided,
    Ended,
    Exited,
    Failed,
    Forgot,
    Interrupted,
    Linked,
    Pinned,
    Rang,
    Received,
    Remembered,
    Returned,
    Revoked,
    Signalled,
    Told,
)
from logos.abi.ids import CallId, MailId, Pid, Seq
from logos.abi.messages import Message, Options, Usage
from logos.abi.process import OpenCall, Process, Signal, Stage
from logos.abi.rights import Cap
from logos.kernel.process.calls import EXEC
from logos.kernel.process.policy import SECOND, exit_for

KILLED = 128 + 9


class Note(msgspec.Struct, frozen=True, tag="note", omit_defaults=True):
    """A message, and what is known of it."""

    text: str
    carries: dict[str, Any] = {}


class Turn(msgspec.Struct, frozen=True, tag="turn", omit_defaults=True):
    """What a client of the gateway says.  `options` only when they differ from those before; what it
    files the conversation under when it says so."""

    messages: tuple[Message, ...] = ()
    options: Options | None = None
    metadata: dict[str, str] | None = None


class Order(msgspec.Struct, frozen=True, tag="order"):
    """A signal."""

    signal: Signal
    reason: str = ""


class Death(msgspec.Struct, frozen=True, tag="death"):
    """A child's exit, for its parent."""

    status: int
    answer: str = ""
    used: Usage = Usage()
    calls: int = 0
    carries: dict[str, Any] = {}


class Verdict(msgspec.Struct, frozen=True, tag="verdict"):
    """A person's answer about calls that wait for it."""

    ids: tuple[CallId, ...]
    answer: Answer
    scope: Scope = Scope.ONCE
    by: str = ""
    word: str = ""


class Deposit(msgspec.Struct, frozen=True, tag="deposit"):
    """What is to be remembered, linked or pinned."""

    items: Annotated[tuple[Remembered | Linked | Pinned, ...], msgspec.Meta(min_length=1)]


class Erase(msgspec.Struct, frozen=True, tag="erase"):
    """These pages, and every version of what is kept at or below `path`, are to be forgotten."""

    pages: tuple[Seq, ...] = ()
    path: str = ""
    reason: str = ""


class Squeeze(msgspec.Struct, frozen=True, tag="squeeze", omit_defaults=True):
    """Most of the window is to leave, but these pages and what it has about something.  With `told`
    nothing leaves: these lines of `model` go into the digest that the compaction `base` has left."""

    keep: tuple[Seq, ...] = ()
    about: str = ""
    told: tuple[str, ...] = ()
    model: str = ""
    base: Seq = Seq(0)


_BROUGHT = (
    Agreed | Revoked | Received | Told | Signalled | Ended | Decided | Remembered | Linked | Pinned
    | Forgot | Compacted
)  # fmt: skip
"""What a letter may become, at least its first event."""


class Agreement(msgspec.Struct, frozen=True, tag="agreement"):
    """For init: what nobody need be asked about any more; with `ends`, is asked about again."""

    standing: Standing
    by: str = ""
    ends: bool = False


class Revocation(msgspec.Struct, frozen=True, tag="revocation"):
    """Rights that are gone; who gets it hands it on to its children."""

    caps: tuple[Cap, ...]
    by: str = ""


AnyMail = Agreement | Revocation | Note | Turn | Order | Death | Verdict | Deposit | Erase | Squeeze
_DECODER: msgspec.json.Decoder[AnyMail] = msgspec.json.Decoder(AnyMail)

encode, decode = msgspec.json.encode, _DECODER.decode


def deliver(process: Process, id_: MailId, sender: Pid | None, body: bytes) -> list[AnyEvent]:
    """What happens to this process because of this mail."""
    match decode(body):
        case Note(text=text, carries=carries):
            return _note(process, Received(mail=id_, text=text, sender=sender, carries=carries))
        case Turn() as turn:
            return told(turn, id_)
        case Order(signal=signal, reason=reason):
            event = Signalled(mail=id_, signal=signal, sender=sender, reason=reason)
            return [event, *_order(process, signal)]
        case Death() as death:
            return _death(process, id_, Pid(sender or 0), death)
        case Verdict() | Agreement() | Revocation() as word:
            return _ruled(process, id_, word)
        case Erase() | Squeeze():
            raise AssertionError("what becomes of it follows from the journal, or the window")
        case Deposit(items=items):
            return [msgspec.structs.replace(items[0], mail=id_), *items[1:]]


def listening(process: Process) -> bool:
    """Not between a thought and the end of what it proposed: its model hasn't seen the message,
    and may just have decided to wait for it."""
    if any(call.name == "message.receive" and call.blocked for call in process.open):
        return True
    proposed = process.proposed if process.options is None else ()  # those are the client's
    return not (process.reserved or proposed or process.open)


def erasure(body: bytes) -> Erase | None:
    """What it asks to be forgotten, if it does: whoever takes it must look into the journal."""
    mail = decode(body)
    return mail if isinstance(mail, Erase) else None


def squeeze(body: bytes) -> Squeeze | None:
    """What it asks to leave the window, if it does."""
    mail = decode(body)
    return mail if isinstance(mail, Squeeze) else None


def is_note(body: bytes) -> bool:
    """Something said, which waits until it is listened to."""
    return isinstance(decode(body), Note | Turn)


def told(turn: Turn, mail: MailId | None = None) -> list[AnyEvent]:
    """Each message is a page of its own.  Options are an event of their own: the same ones again
    are the same bytes, kept once."""
    said: list[AnyEvent] = [Told(messages=(message,)) for message in turn.messages]
    if turn.metadata is not None:
        said.insert(0, Told(metadata=turn.metadata))
    if turn.options is not None or not said:
        said.insert(0, Told(options=turn.options))
    if mail is not None:
        said[-1] = msgspec.structs.replace(said[-1], mail=mail)
    return said


def _note(process: Process, note: Received) -> list[AnyEvent]:
    for call in process.open:
        if call.name == "message.receive" and call.blocked:
            letter = Letter(sender=note.sender, text=note.text)
            return [msgspec.structs.replace(note, answers=call.id), _returned(call, letter)]
    return [note]


def _order(process: Process, signal: Signal) -> list[AnyEvent]:
    match signal:
        case Signal.KILL:
            killed = Exited(status=KILLED, answer="killed", code=Code.CANCELLED)
            return [*_given_up(process, "killed"), killed]
        case Signal.INT:
            calls = [_cancelled(c, "interrupted") for c in process.open if c.name != EXEC]
            return [*_given_up(process, "interrupted"), *calls]
        case Signal.TERM:
            blocked = [call for call in process.open if call.blocked]
            return [_cancelled(call, "asked to end") for call in blocked]
        case Signal.STOP | Signal.CONT | Signal.ALARM:
            return []


def _death(process: Process, id_: MailId, child: Pid, death: Death) -> list[AnyEvent]:
    ended = Ended(
        mail=id_,
        pid=child,
        status=death.status,
        answer=death.answer,
        used=death.used,
        calls=death.calls,
        carries=death.carries,
    )
    result = Exit(pid=child, status=death.status, answer=death.answer)
    return [ended, *(_returned(call, result) for call in process.open if _awaits(call, child))]


def _ruled(process: Process, id_: MailId, word: Verdict | Agreement | Revocation) -> list[AnyEvent]:
    match word:
        case Agreement():
            return [Agreed(mail=id_, standing=word.standing, by=word.by, ends=word.ends)]
        case Revocation():
            return [Revoked(mail=id_, caps=word.caps, by=word.by)]
        case Verdict():
            return _verdict(process, id_, word)


def _verdict(process: Process, id_: MailId, verdict: Verdict) -> list[AnyEvent]:
    """Yes: the call is made next.  No: it fails, and the model hears the word."""
    decided = Decided(
        mail=id_,
        ids=verdict.ids,
        answer=verdict.answer,
        scope=verdict.scope,
        by=verdict.by,
        word=verdict.word,
    )
    if verdict.answer is Answer.ALLOW:
        return [decided]
    asked = [c for c in process.open if c.id in verdict.ids]
    return [decided, *(_refused(call, verdict) for call in asked if call.stage in _WAITS)]


_WAITS = frozenset({Stage.ASKED, Stage.DOUBT})


def _refused(call: OpenCall, verdict: Verdict) -> Failed:
    if call.stage is Stage.DOUBT:
        return Failed(
            id=call.id,
            code=Code.UNAVAILABLE,
            message="outcome unknown: the node went away while it ran",
            hint=verdict.word or "look whether it happened before you try again",
        )
    return Failed(
        id=call.id,
        code=Code.DENIED,
        message="a person was asked and said no",
        hint=verdict.word or "go on without it",
        decision=call.decision,
    )


def _awaits(call: OpenCall, child: Pid) -> bool:
    return call.name == "process.wait" and msgspec.json.decode(call.call)["pid"] == child


def _given_up(process: Process, why: str) -> list[AnyEvent]:
    """The thought in flight, charged: its answer may be on its way."""
    if process.reserved is None:
        return []
    return [Interrupted(code=Code.CANCELLED, message=why, charged=_held(process))]


def _held(process: Process) -> Usage:
    """What a thought nobody saw the end of is taken to have cost."""
    held = process.reserved
    return Usage() if held is None else Usage(input=held.tokens, cost=held.cost)


def lost_thought(process: Process) -> Interrupted:
    """The node died while this process was thinking."""
    return Interrupted(
        code=Code.UNAVAILABLE, message="the node went away", charged=_held(process), lost=True
    )


def expire(process: Process, now: int) -> list[AnyEvent]:
    """What has come due: the end of its time, of a wait, of a pause; a timer."""
    if process.exit_status is not None:
        return []
    if process.deadline is not None and now >= process.deadline:
        error = SysError(Code.BUDGET, "its time is up", hint="start it with a longer wall time")
        return [*_given_up(process, "its time is up"), exit_for(error)]
    events: list[AnyEvent] = [
        _due(call)
        for call in process.open
        if call.blocked and call.until is not None and now >= call.until
    ]
    events += (
        Rang(text=timer.text, next=next_ring(timer.cron, now))
        for timer in process.timers
        if now >= timer.next
    )
    return events


def _due(call: OpenCall) -> AnyEvent:
    if call.name == "time.sleep":
        return Returned(id=call.id, value=msgspec.Raw(b"null"))
    if call.stage is Stage.ASKED:
        return Failed(
            id=call.id,
            code=Code.UNCONFIRMED,
            message="a person was asked and did not answer in time",
            hint="go on without it",
            decision=call.decision,
        )
    return Failed(id=call.id, code=Code.TIMEOUT, message="nothing came in time")


def next_ring(cron: str, now: int) -> int:
    """The first time after `now` that the expression names, in microseconds, UTC.

    Raise `invalid` when it is no cron expression.
    """
    moment = datetime.fromtimestamp(now / SECOND, UTC)
    try:
        return int(next(CronSim(cron, moment)).timestamp() * SECOND)
    except CronSimError as error:
        raise SysError(
            Code.INVALID,
            f"{cron!r} is not a cron expression: {error}",
            hint="five fields: minute hour day month weekday, such as `*/15 9-17 * * 1-5`",
        ) from error
    except StopIteration:
        raise SysError(Code.INVALID, f"{cron!r} never comes", hint="check day and month") from None


def _returned(call: OpenCall, value: object) -> Returned:
    return Returned(id=call.id, value=msgspec.Raw(encode(value)))


def _cancelled(call: OpenCall, why: str) -> Failed:
    unknown = "" if call.blocked or call.effect == "pure" else "; its outcome is unknown"
    return Failed(id=call.id, code=Code.CANCELLED, message=why + unknown)


def handed_on(process: Process, events: Sequence[AnyEvent]) -> list[tuple[Pid, bytes]]:
    """Letters to live children: what is revoked is revoked for them, too."""
    return [
        (child.pid, encode(Revocation(event.caps, event.by)))
        for event in events
        if isinstance(event, Revoked)
        for child in process.children
    ]


def taken(events: Sequence[AnyEvent]) -> list[tuple[MailId, int]]:
    """Which letters these events take, and by which of them (from 1)."""
    return [
        (event.mail, position)
        for position, event in enumerate(events, 1)
        if isinstance(event, _BROUGHT) and event.mail
    ]
