"""How a process changes by its system calls.  Pure; a part of the fold in state.py.

    called, held, decided, blocked, deferred, returned, failed     (process, event) -> process

Invariant: an answer to a call that is not open is refused, so no call is answered twice.
"""

import zlib

import msgspec
from msgspec.structs import replace

from logos.abi import events as e
from logos.abi.approval import Answer
from logos.abi.calls import Exec, Ran, tool_name
from logos.abi.calls import name as name_of
from logos.abi.errors import MEANING, Code, SysError
from logos.abi.ids import CallId
from logos.abi.limits import CALL_CYCLE, CYCLE_REPEATS, LEAST_WAIT_S, WARNING_DECAYS
from logos.abi.process import Life, OpenCall, Process, Stage, Used, Watch
from logos.abi.rights import Cap

EXEC, EXEC_TOOL = name_of(Exec), tool_name(Exec)
"""The call that stays open while a program runs in the process."""


def called(p: Process, event: e.Called) -> Process:
    call = OpenCall(
        id=event.id,
        name=event.name,
        call=event.call,
        effect=event.effect,
        prepared=event.prepared,
    )
    return replace(
        p,
        proposed=tuple(c for c in p.proposed if c.id != event.id),
        open=(*(c for c in p.open if c.id != event.id), call),
        calls=p.calls + 1,
        used=p.used if event.cap is None else _use(p.used, event.cap, event.at),
        idle=False,
        paused_until=None,
    )


def _use(used: tuple[Used, ...], cap: Cap, at: int) -> tuple[Used, ...]:
    known = next((u for u in used if u.cap == str(cap)), Used(cap=str(cap)))
    recent = (*known.recent, at)[-cap.rate[0] :] if cap.rate[0] else ()
    now = Used(cap=known.cap, times=known.times + 1, recent=recent)
    return (*(u for u in used if u.cap != known.cap), now)


def held(p: Process, event: e.Held) -> Process:
    call = OpenCall(
        id=event.id,
        name=event.name,
        call=event.call,
        effect=event.effect,
        blocked=True,
        until=event.until,
        stage=Stage.DOUBT if event.doubt else Stage.ASKED,
        decision=event.decision,
    )
    return replace(
        p,
        proposed=tuple(c for c in p.proposed if c.id != event.id),
        open=(*(c for c in p.open if c.id != event.id), call),
        idle=False,
        paused_until=None,
    )


def decided(p: Process, event: e.Decided) -> Process:
    """An answer that comes too late changes nothing."""
    if event.answer is Answer.DENY:
        return p
    agreed = [c.id for c in p.open if c.id in event.ids and c.stage is not Stage.MADE]
    return replace(
        p,
        open=tuple(
            replace(c, stage=Stage.AGREED, blocked=False, until=None, word=event.word)
            if c.id in agreed
            else c
            for c in p.open
        ),
    )


def blocked(p: Process, event: e.Blocked) -> Process:
    _open_call(p, event.id)
    return replace(
        p,
        open=tuple(
            replace(c, blocked=True, until=event.until) if c.id == event.id else c for c in p.open
        ),
    )


def deferred(p: Process, event: e.Deferred) -> Process:
    _open_call(p, event.id)
    return replace(
        p,
        open=tuple(replace(c, ticket=event.ticket) if c.id == event.id else c for c in p.open),
    )


def returned(p: Process, event: e.Returned) -> Process:
    call = _open_call(p, event.id)
    if call.name == EXEC:
        return _ran(_answered(p, event.id, p.watch), call, event.value)
    if call.blocked and not _blinked(call):  # polling after a real wait is not going in circles
        return _answered(p, event.id, replace(p.watch, recent=(), failures=0))
    digest = zlib.crc32(event.value, zlib.crc32(call.call))
    return _answered(p, event.id, _remember(p.watch, digest, failed=0))


def failed(p: Process, event: e.Failed) -> Process:
    """The failure of an open call, or of one that was only proposed.  A wait that timed out is no
    failure: waiting again is what a waiting process does."""
    for proposal in p.proposed:
        if proposal.id == event.id:
            what, name = f"{proposal.name} {proposal.arguments}".encode(), proposal.name
            break
    else:
        call = _open_call(p, event.id)
        if call.blocked:
            return _answered(p, event.id, replace(p.watch, recent=(), failures=0))
        what, name = bytes(call.call), call.name
    if name in (EXEC, EXEC_TOOL):
        return _never_ran(_answered(p, event.id, p.watch), event)
    digest = zlib.crc32(event.code.encode(), zlib.crc32(what))
    return _answered(p, event.id, _remember(p.watch, digest, failed=digest))


def _blinked(call: OpenCall) -> bool:
    """Was it a sleep too short for anything to have changed?"""
    return call.name == "time.sleep" and msgspec.json.decode(call.call)["seconds"] < LEAST_WAIT_S


def _ran(p: Process, call: OpenCall, value: msgspec.Raw) -> Process:
    """Its program has ended: how, and how many runs that makes."""
    ran = msgspec.json.decode(value, type=Ran)
    lives = 1 if p.ran is None else p.ran.lives + 1
    return replace(p, ran=Life(call=call.call, status=ran.status, lives=lives), answer=ran.said)


def _never_ran(p: Process, event: e.Failed) -> Process:
    """Its program could not be started, and trying again will not help."""
    lives = 0 if p.ran is None else p.ran.lives
    status = MEANING[event.code].exit_status
    ended = Life(call=msgspec.Raw(b""), status=status, lives=lives)
    return replace(p, ran=ended, answer=f"{event.code}: {event.message}")


def _open_call(p: Process, id_: CallId) -> OpenCall:
    for call in p.open:
        if call.id == id_:
            return call
    raise SysError(Code.STATE, f"call {id_} is not open")


def _answered(p: Process, id_: CallId, watch: Watch) -> Process:
    return replace(
        p,
        proposed=tuple(c for c in p.proposed if c.id != id_),
        open=tuple(c for c in p.open if c.id != id_),
        news=p.news + 1,
        watch=watch,
    )


def _remember(watch: Watch, digest: int, failed: int) -> Watch:
    run = 0 if not failed else watch.failures + 1 if failed == watch.last_failure else 1
    recent = (*watch.recent, digest)[-CALL_CYCLE * CYCLE_REPEATS :]
    calm = 0 if digest in watch.recent else watch.calm + 1
    warnings = watch.warnings
    if calm >= WARNING_DECAYS:
        calm, warnings = 0, max(warnings - 1, 0)
    return replace(
        watch, recent=recent, failures=run, last_failure=failed, calm=calm, warnings=warnings
    )
