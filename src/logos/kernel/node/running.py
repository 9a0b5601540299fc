"""Calls to the world in flight: run by a driver, and journaled when there is an outcome.

    Runner.start(resident, tool, job, ...)   run it, in a task of its own
    is_open(resident, id)                    whether it is still unanswered
    returned, failed, bug                    outcomes as events

A driver may have to ask a person (`Wanted`): the question is journaled, and a tool that kept
something open for it is told when no answer will come.  Or the call may continue elsewhere
(`Later`): its ticket is journaled, and the call is followed by it, also after a restart.

Invariant: an outcome is journaled once, and only for a call that is open.
"""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import anyio
import msgspec
from anyio.abc import TaskGroup

from logos.abi.driver import Effect, Job, Later, Tool, Waited, Wanted
from logos.abi.errors import Code, SysError
from logos.abi.events import Deferred, Failed, Returned
from logos.abi.ids import CallId
from logos.abi.process import Stage
from logos.kernel.journal import Batch, Fenced
from logos.kernel.node.ask import Asker
from logos.kernel.node.resident import Asking, Resident

log = logging.getLogger("logos.kernel")

STALE_PAUSE_S = 0.05
"""A node that was suspended must not act before it knows that nobody has taken its place."""

ELSEWHERE_S = 30 * 86400.0
"""For a call that continues elsewhere: its process, and whoever carries it out, have limits of
their own."""

FORSAKE_S = 5.0

Outcome = Returned | Failed | Wanted | Later


class Hold(NamedTuple):
    """The node's hold on what it drives: whether it is certain now, and whom to tell when it is
    lost."""

    sure: Callable[[], bool]
    lost: Callable[[Fenced], None]


class Runner:
    def __init__(self, asker: Asker, tasks: TaskGroup, hold: Hold) -> None:
        self._asker = asker
        self._tasks = tasks
        self._hold = hold

    def start(
        self,
        resident: Resident,
        tool: Tool,
        job: Job,
        intent: Batch | None,
        decision: dict[str, Any],
    ) -> None:
        id_ = _id(job)
        scope = resident.running[id_] = anyio.CancelScope()

        async def run() -> None:
            """Wait until the intent is durable, act, journal the outcome."""
            outcome: Outcome | None = None
            forsaken = False
            now = job
            try:
                with scope:
                    if intent is not None:
                        await intent.durable(resident.pid)
                    while not self._hold.sure():  # noqa: ASYNC110 - until the next heartbeat, or our end
                        await anyio.sleep(STALE_PAUSE_S)
                    outcome = await outcome_of(tool, now)
                    if isinstance(outcome, Later) and not now.ticket and is_open(resident, id_):
                        now = followed(now, outcome.ticket)
                        await self._deferred(resident, id_, now)
                        outcome = await outcome_of(tool, now)
                forsaken = not is_open(resident, id_)
                if outcome is not None and not forsaken:
                    self._said(resident, tool, now, outcome, decision)
            except Fenced as fenced:
                self._hold.lost(fenced)
            finally:
                resident.running.pop(id_, None)
                resident.changed.set()
            if forsaken:
                await forsake(tool, now)

        self._tasks.start_soon(run)

    async def _deferred(self, resident: Resident, id_: CallId, job: Job) -> None:
        """It is followed only by a tool that can follow it after a restart, too."""
        await resident.append(Deferred(id=id_, ticket=job.ticket)).durable(resident.pid)

    def _said(
        self,
        resident: Resident,
        tool: Tool,
        job: Job,
        outcome: Outcome,
        decision: dict[str, Any],
    ) -> None:
        id_ = _id(job)
        match outcome:
            case Wanted():
                held = self._asker.wanted(resident, id_, outcome, decision)
                if isinstance(tool, Waited):
                    asking = resident.asking[id_] = Asking()
                    self._tasks.start_soon(self._watch, resident, tool, job, asking)
                resident.append(held)
            case Later():
                resident.append(failed(id_, outcome))
            case _:
                resident.append(outcome)

    async def _watch(self, resident: Resident, tool: Tool, job: Job, asking: Asking) -> None:
        """What the tool keeps open for an answer is released when none comes."""
        await asking.settled.wait()
        id_ = _id(job)
        if not any(c.id == id_ and c.stage is Stage.MADE for c in resident.process.open):
            await forsake(tool, job, declined=asking.declined)


async def forsake(tool: Tool, job: Job, *, declined: bool = False) -> None:
    if not isinstance(tool, Waited):
        return
    with anyio.move_on_after(FORSAKE_S):
        try:
            await tool.forsake(job, declined=declined)
        except SysError as error:  # the other side is gone, which is just as good
            log.info("%s was not told that nobody waits: %s", job.id, error.message)


def followed(job: Job, ticket: str) -> Job:
    return msgspec.structs.replace(job, ticket=ticket, reply=None, deadline_s=ELSEWHERE_S)


def is_open(resident: Resident, id_: CallId) -> bool:
    """A signal may have answered it meanwhile."""
    return any(call.id == id_ for call in resident.process.open)


def _id(job: Job) -> CallId:
    return CallId(job.id.partition("-")[2])


async def outcome_of(tool: Tool, job: Job) -> Outcome:
    """This is where a driver's failure becomes data."""
    id_ = _id(job)
    try:
        with anyio.fail_after(job.deadline_s):
            return returned(id_, await tool.run(job))
    except (Wanted, Later) as said:
        return said
    except SysError as error:
        return failed(id_, error)
    except TimeoutError:
        unsure = "" if job.call.effect is Effect.PURE else "look whether it happened all the same"
        message = f"no answer within {job.deadline_s:.0f} s"
        return Failed(id=id_, code=Code.TIMEOUT, message=message, hint=unsure)
    except Exception as error:  # why: a bug in one driver must not take the node down
        log.exception("bug in the driver of %s", job.call.__struct_config__.tag)
        return bug(id_, error)


def returned(id_: CallId, value: Any) -> Returned:
    return Returned(id=id_, value=msgspec.Raw(msgspec.json.encode(value)))


def bug(id_: CallId, error: Exception) -> Failed:
    message = f"a bug of ours: {type(error).__name__}: {error}"
    return Failed(id=id_, code=Code.INTERNAL, message=message)


def failed(id_: CallId, error: SysError) -> Failed:
    return Failed(id=id_, code=error.code, message=error.message, hint=error.hint)
