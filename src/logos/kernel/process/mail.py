"""How arriving mail turns into events.  Pure.

    deliver(process, ...)    the events by which a process takes one piece of mail
    listening(process)       whether it takes messages now
    told(turn, mail)         the events of a client's turn, one for each of its messages
    handed_on(process, ...)  the letters to its children that these events cause
    taken(events)            which letters these events take

Mail is posted in the sender's transaction and taken in the receiver's, so it arrives once.
"""

from collections.abc import Sequence

import msgspec

from logos.abi.approval import Answer
from logos.abi.calls import Exit, Letter
from logos.abi.errors import Code
from logos.abi.events import (
    Agreed,
    AnyEvent,
    Compacted,
    Decided,
    Ended,
    Exited,
    Failed,
    Forgot,
    Linked,
    Pinned,
    Received,
    Remembered,
    Returned,
    Revoked,
    Signalled,
    Told,
)
from logos.abi.ids import MailId, Pid
from logos.abi.process import OpenCall, Process, Signal, Stage
from logos.kernel.process.bodies import (
    Agreement,
    Death,
    Deposit,
    Erase,
    Note,
    Order,
    Revocation,
    Squeeze,
    Turn,
    Verdict,
    decode,
    encode,
)
from logos.kernel.process.calls import EXEC
from logos.kernel.process.due import given_up

KILLED = 128 + 9

_BROUGHT = (
    Agreed | Revoked | Received | Told | Signalled | Ended | Decided | Remembered | Linked | Pinned
    | Forgot | Compacted
)  # fmt: skip
"""The events a letter may turn into, or at least the first of them."""


def deliver(process: Process, id_: MailId, sender: Pid | None, body: bytes) -> list[AnyEvent]:
    """The events that this letter causes in this process."""
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
    """Not between a thought and the end of what it proposed: its model has not seen the message,
    and may just have decided to wait for it."""
    if any(call.name == "message.receive" and call.blocked for call in process.open):
        return True
    proposed = process.proposed if process.options is None else ()  # those are the client's
    return not (process.reserved or proposed or process.open)


def told(turn: Turn, mail: MailId | None = None) -> list[AnyEvent]:
    """Each message is a page of its own.  Options are a separate event, so that repeated options
    are the same bytes, stored once."""
    said: list[AnyEvent] = [Told(messages=(m,), silent=turn.silent) for m in turn.messages]
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
            return [*given_up(process, "killed"), killed]
        case Signal.INT:
            calls = [_cancelled(c, "interrupted") for c in process.open if c.name != EXEC]
            return [*given_up(process, "interrupted"), *calls]
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
    """Yes: the call is made next.  No: it fails, and the model is told why."""
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


def _returned(call: OpenCall, value: object) -> Returned:
    return Returned(id=call.id, value=msgspec.Raw(encode(value)))


def _cancelled(call: OpenCall, why: str) -> Failed:
    unknown = "" if call.blocked or call.effect == "pure" else "; its outcome is unknown"
    return Failed(id=call.id, code=Code.CANCELLED, message=why + unknown)


def handed_on(process: Process, events: Sequence[AnyEvent]) -> list[tuple[Pid, bytes]]:
    """Letters to live children: what is revoked here is revoked for them, too."""
    return [
        (child.pid, encode(Revocation(event.caps, event.by)))
        for event in events
        if isinstance(event, Revoked)
        for child in process.children
    ]


def taken(events: Sequence[AnyEvent]) -> list[tuple[MailId, int]]:
    """Which letters these events take, and which event takes each (counted from 1)."""
    return [
        (event.mail, position)
        for position, event in enumerate(events, 1)
        if isinstance(event, _BROUGHT) and event.mail
    ]
