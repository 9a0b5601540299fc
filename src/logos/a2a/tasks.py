"""A2A tasks are processes: the number of one is the id of the other.

    Tasks(machine, agents)
    .card(agent, url)            what is published of an agent
    .begin(agent, message, by)   start a task, or go on with one; a message sent twice is one
    .get(id, by)                 a task as it is now
    .follow(id, by)              its updates until it ends
    .news(pid, after)            the same for who comes back, from an event on
    .cancel(id, by)              end it
    .all(agent, by, wanted)      those of one caller, the newest first, page by page
    .history(id, by, most)       what was said in one

A task outlives the node that began it: everything about it is in the journal.

Invariant: a task that somebody else began does not exist for who asks.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from logos.a2a.faults import ENDED as ENDED_ALREADY
from logos.a2a.faults import NO_CONTENT, Wrong
from logos.abi.agent import Account, Limits
from logos.abi.errors import Code, SysError
from logos.abi.events import Exited, Held, Received, Spawned, Thought
from logos.abi.ids import INIT, Pid, Seq
from logos.abi.process import Process, Signal, Stage, Status
from logos.boot import Machine
from logos.kernel import Listed, Payer

VERSION = "1.0"
MICRO = 1_000_000
USUAL, MOST = 50, 100
"""Tasks on a page."""

NEWEST = Pid((1 << 63) - 1)
KNOWN = 10_000
"""Tasks whose callers are remembered."""

Json = dict[str, Any]

WORKING, COMPLETED, FAILED, CANCELED, ASKS = (
    "TASK_STATE_WORKING",
    "TASK_STATE_COMPLETED",
    "TASK_STATE_FAILED",
    "TASK_STATE_CANCELED",
    "TASK_STATE_INPUT_REQUIRED",
)
ASKED = "it waits for a person's answer"
ENDED = frozenset({COMPLETED, FAILED, CANCELED})


class By(NamedTuple):
    """Who begins a task, the limits of it, and the sums it counts toward."""

    name: str
    limits: Limits
    accounts: tuple[Account, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tasks to list: `size` of them, older than `before`.  Empty: any."""

    context: str = ""
    state: str = ""
    size: int = USUAL
    before: Pid = NEWEST


class Page(NamedTuple):
    """`total` is how many there are on all pages, `last` the oldest of this one if more follow."""

    tasks: list[Json]
    total: int
    last: Pid | None


class Tasks:
    def __init__(self, machine: Machine, agents: Sequence[str]) -> None:
        self._machine = machine
        self._kernel = machine.kernel
        self._agents = frozenset(agents)
        self._callers: dict[Pid, str] = {}

    def card(self, agent: str, url: str) -> Json:
        self._check(agent)
        found = self._machine.agents(agent, None)
        about = found.description or agent
        skill = {"id": agent, "name": agent, "description": about, "tags": ["agent"]}
        here = [
            {"url": url, "protocolBinding": binding, "protocolVersion": VERSION}
            for binding in ("HTTP+JSON", "JSONRPC")
        ]
        push = bool(self._machine.loaded.config.a2a.push)
        return {
            "name": agent,
            "description": about,
            "version": "1",
            "supportedInterfaces": here,
            "capabilities": {"streaming": True, "pushNotifications": push},
            "defaultInputModes": ["text/plain"],
            "defaultOutputModes": ["text/plain"],
            "skills": [skill],
        }

    async def begin(self, agent: str, message: Json, by: By) -> Pid:
        self._check(agent)
        text, once = _text(message), str(message.get("messageId") or "")
        if named := message.get("taskId"):
            pid, _ = await self._mine(str(named), by.name)
            await self._kernel.send(pid, text, once)
            return pid
        found = self._machine.agents(agent, None)
        payer = Payer(by.name, by.accounts, once)
        return await self._kernel.spawn(found, text, limits=by.limits, by=payer)

    async def get(self, id_: str, by: str) -> Json:
        pid, begun = await self._mine(id_, by)
        return await self._now(pid, begun)

    async def all(self, agent: str, by: str, wanted: Wanted) -> Page:
        rows = await self._kernel.records.list(everyone=True)
        mine = [
            row
            for row in reversed(rows)
            if row.agent == agent
            and wanted.context in ("", str(row.pid))
            and await self._caller(row.pid) == by
            and wanted.state in ("", await self._state(row))
        ]
        older = [row.pid for row in mine if row.pid < wanted.before]
        page = older[: wanted.size]
        tasks = [await self._now(pid, await self._begun(pid)) for pid in page]
        return Page(tasks, len(mine), page[-1] if len(older) > len(page) else None)

    async def _caller(self, pid: Pid) -> str:
        if pid not in self._callers:
            if len(self._callers) >= KNOWN:
                self._callers.clear()
            self._callers[pid] = (await self._begun(pid)).by
        return self._callers[pid]

    async def _state(self, row: Listed) -> str:
        if row.exit_status is None:
            return _state(await self._kernel.records.process(row.pid))
        return _ended(row.exit_status)

    async def history(self, id_: str, by: str, most: int | None) -> list[Json]:
        """The last `most` messages of the client and of the agent."""
        pid, begun = await self._mine(id_, by)
        said = [_asked(pid, begun)]
        async for told in self._kernel.records.events(pid):
            id_ = f"{pid}-{told.row.seq}"
            if isinstance(told.event, Received) and told.event.sender is None:
                said.append(_message(told.event.text, "ROLE_USER", id_))
            elif isinstance(told.event, Thought) and told.event.message.text:
                said.append(_message(told.event.message.text, "ROLE_AGENT", id_))
        return said if most is None else said[len(said) - min(most, len(said)) :]

    async def cancel(self, id_: str, by: str) -> Json:
        """Raise `state` for one that has ended."""
        pid, begun = await self._mine(id_, by)
        try:
            await self._kernel.signal(pid, Signal.KILL, f"by {by}")
        except SysError as error:
            raise Wrong(error.code, error.message, ENDED_ALREADY, hint=error.hint) from None
        await self._kernel.records.wait(pid)
        return await self._now(pid, begun)

    async def follow(self, id_: str, by: str) -> AsyncGenerator[Json]:
        """The task, then what changes from then on, then its answer and its end."""
        pid, begun = await self._mine(id_, by)
        process = await self._kernel.records.process(pid)
        task = await self._shown(process, pid, begun)
        yield {"task": task}
        if task["status"]["state"] in ENDED:
            return
        async for _, news in self.news(pid, process.seq):
            yield news

    async def news(self, pid: Pid, after: Seq) -> AsyncIterator[tuple[Seq, Json]]:
        """What has changed since that event, until the end."""
        who = {"taskId": str(pid), "contextId": str(pid)}
        async for told in self._kernel.records.follow(pid, after):
            seq, at = told.row.seq, told.row.at
            if isinstance(told.event, Held):
                status = _status(ASKS, at, ASKED)
                yield seq, {"statusUpdate": who | {"status": status}}
            elif isinstance(told.event, Thought) and told.event.message.text:
                status = _status(WORKING, at, told.event.message.text)
                yield seq, {"statusUpdate": who | {"status": status}}
            elif isinstance(told.event, Exited):
                task = await self._now(pid, await self._begun(pid))
                for artifact in task.get("artifacts", ()):
                    update = who | {"artifact": artifact, "lastChunk": True}
                    yield Seq(seq - 1), {"artifactUpdate": update}
                yield seq, {"statusUpdate": who | {"status": task["status"]}}
                return

    def _check(self, agent: str) -> None:
        if agent not in self._agents:
            raise SysError(Code.NOT_FOUND, f"no agent {agent!r} is published here")

    async def _mine(self, id_: str, by: str) -> tuple[Pid, Spawned]:
        pid = Pid(int(id_)) if _ID.fullmatch(id_) else INIT
        if pid != INIT and await self._kernel.records.known(pid) is not None:
            begun = await self._begun(pid)
            if begun.by == by and begun.agent.name in self._agents:
                return pid, begun
        raise SysError(Code.NOT_FOUND, f"there is no task {id_!r}")

    async def _begun(self, pid: Pid) -> Spawned:
        async for told in self._kernel.records.events(pid):
            assert isinstance(told.event, Spawned)
            return told.event
        raise SysError(Code.NOT_FOUND, f"there is no task {pid}")

    async def _now(self, pid: Pid, begun: Spawned) -> Json:
        return await self._shown(await self._kernel.records.process(pid), pid, begun)

    async def _shown(self, process: Process, pid: Pid, begun: Spawned) -> Json:
        task: Json = {"id": str(pid), "contextId": str(pid), "history": [_asked(pid, begun)]}
        at = await self._since(pid, process.seq)
        if process.status is not Status.EXITED:
            state = _state(process)
            said = ASKED if state == ASKS else process.answer
            return task | {"status": _status(state, at, said)}
        ended = await self._kernel.records.wait(pid)
        state = _ended(ended.status)
        if ended.answer:
            part = {"text": ended.answer, "mediaType": "text/plain"}
            task["artifacts"] = [{"artifactId": "answer", "name": "answer", "parts": [part]}]
        return task | {"status": _status(state, at, ended.answer)}

    async def _since(self, pid: Pid, seq: Seq) -> int:
        """When its last event was."""
        async for told in self._kernel.records.events(pid, Seq(seq - 1)):
            return told.row.at
        return self._kernel.now()


_ID = re.compile(r"[0-9]{1,18}")

_KILLED = 128
"""Exit statuses from here on are signals."""


def _ended(status: int) -> str:
    if status >= _KILLED:
        return CANCELED
    return COMPLETED if status == 0 else FAILED


def _state(process: Process) -> str:
    asks = any(call.stage is Stage.ASKED for call in process.open)
    return ASKS if asks else WORKING


def _status(state: str, at: int, said: str = "") -> Json:
    when = datetime.fromtimestamp(at / MICRO, UTC).isoformat().replace("+00:00", "Z")
    status: Json = {"state": state, "timestamp": when}
    if said:
        status["message"] = _message(said, "ROLE_AGENT", f"at-{at}")
    return status


def _asked(pid: Pid, begun: Spawned) -> Json:
    return _message(begun.task, "ROLE_USER", f"{pid}-task")


def _message(text: str, role: str, id_: str) -> Json:
    return {"messageId": id_, "role": role, "parts": [{"text": text}]}


def _text(message: Json) -> str:
    """Raise `invalid` for what is no text and no data."""
    parts = message.get("parts")
    found = [_words(part) for part in parts] if isinstance(parts, list) else []
    text = "\n".join(found).strip()
    if not text:
        raise SysError(Code.INVALID, "the message has no text", hint="send parts with text")
    return text


def _words(part: Any) -> str:
    if isinstance(part, dict):
        if "text" in part:
            return str(part["text"])
        if "data" in part:
            return msgspec.json.encode(part["data"]).decode()
    raise Wrong(Code.INVALID, "a part is neither text nor data", NO_CONTENT)
