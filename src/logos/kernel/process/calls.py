"""How a process changes by its system calls.  Pure; a part of the fold in state.py.

    called, held, decided, blocked, returned, failed     (process, event) -> process

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
from logos.abi.limits import CALL_CYCLE, CYCLE_REPEATS
from logos.abi.process import Life, OpenCall, Process, Stage, Watch

EXEC, EXEC_TOOL = name_of(Exec), tool_name(Exec)
"""The call that is open as long as a program runs in the process."""


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
        idle=False,
        paused_until=None,
    )


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
            replace(c, stage=Stage.AGREED, blocked=False, until=None) if c.id in agreed else c
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


def returned(p: Process, event: e.Returned) -> Process:
    call = _open_call(p, event.id)
    if call.name == EXEC:
        return _ran(_answered(p, event.id, p.watch), call, event.value)
    digest = zlib.crc32(event.value, zlib.crc32(call.call))
    return _answered(p, event.id, _remember(p.watch, digest, failed=0))


def failed(p: Process, event: e.Failed) -> Process:
    """Of an open call, or of one that was only proposed.  A wait that ran out is no failure:
    waiting again is what a process does that waits."""
    for proposal in p.proposed:
        if proposal.id == event.id:
            what, name = f"{proposal.name} {proposal.arguments}".encode(), proposal.name
            break
    else:
        call = _open_call(p, event.id)
        if call.blocked:
            return _answered(p, event.id, p.watch)
        what, name = bytes(call.call), call.name
    if name in (EXEC, EXEC_TOOL):
        return _never_ran(_answered(p, event.id, p.watch), event)
    digest = zlib.crc32(event.code.encode(), zlib.crc32(what))
    return _answered(p, event.id, _remember(p.watch, digest, failed=digest))


def _ran(p: Process, call: OpenCall, value: msgspec.Raw) -> Process:
    """Its program has ended: how, and how often that makes."""
    ran = msgspec.json.decode(value, type=Ran)
    lives = 1 if p.ran is None else p.ran.lives + 1
    return replace(p, ran=Life(call=call.call, status=ran.status, lives=lives), answer=ran.said)


def _never_ran(p: Process, event: e.Failed) -> Process:
    """Nor will it by trying again."""
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
    return replace(watch, recent=recent, failures=run, last_failure=failed)
