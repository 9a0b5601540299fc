"""Calls of one server's tools, through questions and tasks to the value.

    Calls.made(job, tool, arguments)   one call: begun, answered after a question, or followed
    Calls.forsake(job, declined)       nobody waits for it any more

A server without a connection that wants to ask answers with its question, and the call is made
again.  One of the first eras waits with the call open, and so do we while a person is asked: what
is open is lost when either of us ends, and then a person is asked whether to begin anew.

Invariant: a call is begun again only with an answer that asks for it.
"""

from typing import Any, NamedTuple, Protocol

import anyio
import anyio.abc
import msgspec

from logos.abi.driver import Job, Later
from logos.abi.errors import Code, SysError
from logos.drivers.mcp.answer import Result, value_of
from logos.drivers.mcp.asking import (
    YES,
    Kept,
    again,
    asking,
    content,
    first,
    kept_of,
    only,
    retried,
    wanted,
)
from logos.drivers.mcp.client import Asks, Client, Task
from logos.drivers.mcp.floor import CANCEL
from logos.drivers.mcp.talk import Talk
from logos.drivers.mcp.wire import Asked, Era

POLL_S = 0.5
"""Between two questions whether a task is done, where the server names no pause."""

GONE_S = 600.0
"""A server that cannot be reached may be starting anew."""

AGAIN_S = 2.0


class Line(Protocol):
    """The server, reached when there is something to say."""

    async def connected(self) -> Client: ...

    async def ask(self, do: Asks[Any]) -> Any: ...

    async def begin(
        self, tool: str, arguments: msgspec.Raw, also: Any, asked: Asked | None
    ) -> Result:
        """The call itself.  `also` goes with it; `asked` takes what the server asks."""
        ...


class Ticket(msgspec.Struct, frozen=True, omit_defaults=True):
    """A task, and what it asks that has been answered: sent to it (`given`), or to be sent when it asks
    (`said`, to the question of the digest `asked`)."""

    task: str
    given: tuple[str, ...] = ()
    asked: str = ""
    said: dict[str, Any] = {}

    def later(self) -> Later:
        return Later(msgspec.json.encode(self).decode())


class Known(NamedTuple):
    """An answer we have, to the question of that digest."""

    asked: str = ""
    said: Any = None


NOTHING = Known()


class Calls:
    def __init__(self, line: Line, tasks: anyio.abc.TaskGroup) -> None:
        self._line = line
        self._tasks = tasks
        self._talks: dict[str, Talk] = {}

    async def made(self, job: Job, tool: str, arguments: msgspec.Raw) -> msgspec.Raw:
        """Raise Wanted when the server asks a person, Later when the call has become a task."""
        if job.ticket:
            return await self._followed(job, tool)
        if job.reply is None:
            return await self._begun(job, tool, arguments, {})
        kept = kept_of(job.reply)
        match kept.how:
            case "retry":
                return await self._begun(job, tool, arguments, retried(job.reply, kept))
            case "again":
                known = Known(kept.asked, kept.said)
                return await self._begun(job, tool, arguments, {}, known)
            case "task":
                said = {kept.key: {**YES, "content": content(job.reply, kept)}}
                await self._line.ask(lambda client: client.update(kept.task, said))
                raise Ticket(kept.task, (kept.key,)).later()
            case "talk":
                return await self._answered(job, tool, kept)

    async def forsake(self, job: Job, *, declined: bool) -> None:
        talk = self._talks.pop(job.id, None)
        if talk is not None:
            over = talk.over
            await talk.stop()
            if talk.open is not None and not over:
                await talk.open.answer({"action": "decline"} if declined else CANCEL)
        if job.ticket:
            task = _ticket(job).task
            await self._line.ask(lambda client: client.cancel(task))

    async def _begun(
        self, job: Job, tool: str, arguments: msgspec.Raw, also: Any, known: Known = NOTHING
    ) -> msgspec.Raw:
        if (await self._line.connected()).era is Era.STATELESS:
            result = await self._line.begin(tool, arguments, also, None)
            return _valued(tool, result)
        return await self._heard(
            job,
            tool,
            self._talk(lambda asked: self._line.begin(tool, arguments, also, asked)),
            known,
        )

    def _talk(self, do: Any) -> Talk:
        talk = Talk()
        self._tasks.start_soon(talk.run, do)
        return talk

    async def _heard(self, job: Job, tool: str, talk: Talk, known: Known = NOTHING) -> msgspec.Raw:
        """Its questions as they come, and its answer.  Who is stopped meanwhile stops it."""
        waits = False
        try:
            while (question := await talk.next()) is not None:
                try:
                    one = asking(question.params)
                except SysError:  # its tool hears that, and says what it makes of it
                    await question.answer(CANCEL)
                    continue
                if one.asked == known.asked:
                    await question.answer({**YES, "content": known.said})
                    known = NOTHING
                    continue
                waits = True
                self._talks[job.id] = talk
                task = _ticket(job).task if job.ticket else ""
                raise wanted(one, Kept(how="talk", task=task))
        finally:
            if not waits:
                await talk.stop()
        return _valued(tool, talk.result())

    async def _answered(self, job: Job, tool: str, kept: Kept) -> msgspec.Raw:
        assert job.reply is not None
        said = content(job.reply, kept)
        talk = self._talks.pop(job.id, None)
        if talk is None or talk.lost:
            if kept.task:
                raise Ticket(kept.task, asked=kept.asked, said=said).later()
            raise again(tool, job.reply, kept)
        if talk.open is not None and not talk.over:
            await talk.open.answer({**YES, "content": said})
        if kept.task:
            self._talks[job.id] = talk
            raise Ticket(kept.task).later()
        return await self._heard(job, tool, talk)

    # -- tasks -----------------------------------------------------------------------------

    async def _followed(self, job: Job, tool: str) -> msgspec.Raw:
        """To its end, whoever of us ends before."""
        ticket = _ticket(job)
        if (talk := self._talks.pop(job.id, None)) is not None:
            return await self._heard(job, tool, talk)
        while True:
            task = await self._looked(ticket.task)
            if task.stateless or task.status == "cancelled":
                if (value := self._stands(tool, task, ticket)) is not None:
                    return value
            elif task.status != "working":
                talk = self._talk(
                    lambda asked: self._line.ask(lambda client: client.outcome(ticket.task, asked))
                )
                return await self._heard(job, tool, talk, Known(ticket.asked, ticket.said))
            await anyio.sleep(POLL_S if task.pause_s is None else task.pause_s)

    async def _looked(self, id_: str) -> Task:
        gone = anyio.current_time() + GONE_S
        while True:
            try:
                found: Task = await self._line.ask(lambda client: client.task(id_))
            except SysError as error:
                if error.code is not Code.UNAVAILABLE or anyio.current_time() > gone:
                    raise
                await anyio.sleep(error.retry_after_s or AGAIN_S)
            else:
                return found

    def _stands(self, tool: str, task: Task, ticket: Ticket) -> msgspec.Raw | None:
        """Its value, if it has one by now.  Raise Wanted."""
        match task.status:
            case "completed":
                return value_of(task.result, tool)
            case "failed" | "cancelled":
                raise SysError(Code.TOOL, f"{tool}: the task ended: {task.said or task.status}")
            case "input_required":
                one = first(task.requests, ticket.given)
                if one is not None:
                    raise wanted(one, Kept(how="task", task=ticket.task))
            case _:
                pass
        return None


def _valued(tool: str, result: Result) -> msgspec.Raw:
    if task := result.ticket:
        raise Ticket(task).later()
    if result.result_type == "input_required" and result.input_requests is not None:
        raise wanted(only(result.input_requests), Kept(state=result.request_state))
    if result.result_type != "complete":
        raise SysError(
            Code.UNAVAILABLE,
            f"{tool} answers with {result.result_type!r}, which nobody here understands",
        )
    return value_of(result, tool)


def _ticket(job: Job) -> Ticket:
    return msgspec.json.decode(job.ticket, type=Ticket)
