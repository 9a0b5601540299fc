"""Folding a journal again with its recorded answers: is every prompt what was sent?

    replay(store, pid, upto)    fold, and reconstruct every request
    Replayed.equal              whether each has the journaled hash

A replay contacts nobody and changes nothing.  Everything in a request is in the journal, or stored
beside it by hash, so a prompt that differs means that a fold has changed since, or that the record
was tampered with.
"""

import hashlib
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent, Asked, Forgot
from logos.abi.ids import Pid, Seq
from logos.abi.messages import Request, ToolSpec
from logos.abi.process import Process
from logos.kernel import journal
from logos.kernel.journal import Row
from logos.kernel.memory import Window
from logos.kernel.node.request import assemble, prompt_digest, tools_of
from logos.kernel.node.resident import project
from logos.kernel.process import apply
from logos.store import Queries, Store

_SQL = Queries("logos.kernel.node", "node.sql")


class Step(NamedTuple):
    """One event in its place.  `before` and `after` are the process around it; `request` is what an
    `Asked` sent, or None if that cannot be reconstructed, and then `why` says why."""

    row: Row
    event: AnyEvent
    before: Process
    after: Process
    request: Request | None = None
    why: str = ""


class Differs(NamedTuple):
    """A prompt that is not what was sent, or state that does not follow."""

    seq: Seq
    why: str


class Replayed(NamedTuple):
    """`unrecorded` thoughts date from before prompts were hashed; `forgotten` prompts contained
    text that was erased, so they cannot be reconstructed."""

    pid: Pid
    events: int
    prompts: int
    unrecorded: int
    differ: tuple[Differs, ...]
    forgotten: int = 0

    @property
    def equal(self) -> bool:
        return not self.differ


async def steps(store: Store, pid: Pid, upto: Seq = journal.FOREVER) -> AsyncIterator[Step]:
    """Each event, with the process before and after it, and the request of each thought."""
    process, window = Process(), Window()
    known: dict[bytes, tuple[ToolSpec, ...] | None] = {}
    async for row in journal.read(store, pid, upto=upto):
        event = journal.decode(row)
        before, process = process, apply(process, event)
        window.apply(row.seq, event)
        if not isinstance(event, Asked) or not event.prompt:
            yield Step(row, event, before, process)
            continue
        if event.tools not in known:
            known[event.tools] = await _tools(store, event.tools)
        tools = known[event.tools]
        if tools is None:
            why = "the tools it was shown are not what their hash says"
            yield Step(row, event, before, process, why=why)
        else:
            request = assemble(before, window, tools, event.output, event.tail)
            yield Step(row, event, before, process, request)


async def _tools(store: Store, digest: bytes) -> tuple[ToolSpec, ...] | None:
    data = await journal.blob(store, digest)
    if data is None or hashlib.sha256(data).digest() != digest:
        return None
    try:
        return tools_of(data)
    except msgspec.DecodeError:
        return None


async def replay(store: Store, pid: Pid, upto: Seq = journal.FOREVER) -> Replayed:
    """Raise `not_found` when there is no such process."""
    events = prompts = unrecorded = forgotten = 0
    differ: list[Differs] = []
    unlike: list[Differs] = []  # since the first event that lost words
    gone = False
    last: Step | None = None
    async for step in steps(store, pid, upto):
        events, last = events + 1, step
        gone = gone or step.row.forgotten
        if isinstance(step.event, Forgot):
            forgotten, unlike = forgotten + len(unlike), []
        if not isinstance(step.event, Asked):
            continue
        if not step.event.prompt:
            unrecorded += 1
            continue
        prompts += 1
        if step.request is None:
            differ.append(Differs(step.row.seq, step.why))
        elif prompt_digest(step.request) != step.event.prompt:
            found = Differs(step.row.seq, "its prompt has other bytes than were sent")
            (unlike if gone else differ).append(found)
    differ += unlike
    if last is None:
        raise SysError(Code.NOT_FOUND, f"there is no process {pid}", hint="see `logos ps -a`")
    if upto == journal.FOREVER and (why := await _unlike_table(store, last)):
        differ.append(Differs(last.row.seq, why))
    return Replayed(pid, events, prompts, unrecorded, tuple(differ), forgotten)


async def _unlike_table(store: Store, last: Step) -> str:
    """How the process table differs from this journal; "" if it does not."""

    async def fetch() -> Any:
        async with store.connection() as db:
            return await db.one(_SQL.projection, pid=last.row.pid)

    row = await store.persist(fetch)
    if row is None or row["head_seq"] != last.row.seq:
        return ""  # it continued while we read
    derived = project(last.after)._asdict()
    wrong = [name for name, value in derived.items() if row[name] != value]
    return f"the process table has another {', '.join(wrong)}" if wrong else ""
