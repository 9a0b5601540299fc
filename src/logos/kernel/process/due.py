"""What happens to a process merely because time passes.  Pure.

    expire(process, now)     the events that have come due
    next_ring(cron, now)     when a timer rings next
    given_up(process, why)   the end of a thought that was abandoned
    lost_thought(process)    the end of a thought whose node died

A thought whose end nobody saw is charged its whole reservation.
"""

from datetime import UTC, datetime

import msgspec
from cronsim import CronSim, CronSimError

from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent, Failed, Interrupted, Rang, Returned
from logos.abi.messages import Usage
from logos.abi.process import OpenCall, Process, Stage
from logos.kernel.process.policy import SECOND, exit_for


def expire(process: Process, now: int) -> list[AnyEvent]:
    """Whatever has come due: the end of its time, of a wait, of a pause; a timer."""
    if process.exit_status is not None:
        return []
    if process.deadline is not None and now >= process.deadline:
        error = SysError(Code.BUDGET, "its time is up", hint="start it with a longer wall time")
        return [*given_up(process, "its time is up"), exit_for(error)]
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


def given_up(process: Process, why: str) -> list[AnyEvent]:
    """The thought in flight is charged, since its answer may be on its way."""
    if process.reserved is None:
        return []
    return [Interrupted(code=Code.CANCELLED, message=why, charged=_held(process))]


def _held(process: Process) -> Usage:
    """What a thought with an unknown end is assumed to have cost."""
    held = process.reserved
    return Usage() if held is None else Usage(input=held.tokens, cost=held.cost)


def lost_thought(process: Process) -> Interrupted:
    """The node died while this process was thinking."""
    return Interrupted(
        code=Code.UNAVAILABLE, message="the node went away", charged=_held(process), lost=True
    )
