"""A2A tasks are processes: the number of one is the id of the other.

    Tasks(machine, agents)
    .card(agent, url)            what is published of an agent
    .begin(agent, message, by)   start a task, or go on with one; a message sent twice is one
    .get(id, by)                 a task as it is now
    .follow(id, by)              its updates until it ends
    .news(pid, after)            the same for who comes back, from an event on
    .cancel(id, by)              end it
    .all(agent, by)              those of one caller

A task outlives the node that began it: everything about it is in the journal.

Invariant: a task that somebody else began does not exist for who asks.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from logos.abi.agent import Account, Limits
from logos.abi.errors import Code, SysError
from logos.abi.events import Exited, Held, Spawned, Thought
from logos.abi.ids import Pid, Seq
from logos.abi.process import Process, Signal, Stage, Status
from logos.boot import Machine
from logos.kernel import Payer

VERSION = "1.0"
MICRO = 1_000_000
MOST = 100

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


class Tasks:
    def __init__(self, machine: Machine, agents: Sequence[str]) -> None:
        self._machine = machine
        self._kernel = machine.kernel
        self._agents = frozenset(agents)

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

    async def all(self, agent: str, by: str) -> list[Json]:
        rows = await self._kernel.records.list(everyone=True)
        found: list[Json] = []
        for row in sorted(rows, key=lambda row: -row.pid):
            if row.agent == agent and len(found) < MOST:
                begun = await self._begun(row.pid)
                if begun.by == by:
                    found.append(await self._now(row.pid, begun))
        return found

    async def cancel(self, id_: str, by: str) -> Json:
        pid, begun = await self._mine(id_, by)
        await self._kernel.signal(pid, Signal.KILL, f"by {by}")
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
        if id_.isdecimal() and await self._kernel.records.known(Pid(int(id_))) is not None:
            begun = await self._begun(Pid(int(id_)))
            if begun.by == by and begun.agent.name in self._agents:
                return Pid(int(id_)), begun
        raise SysError(Code.NOT_FOUND, f"there is no task {id_!r}")

    async def _begun(self, pid: Pid) -> Spawned:
        async for told in self._kernel.records.events(pid):
            assert isinstance(told.event, Spawned)
            return told.event
        raise SysError(Code.NOT_FOUND, f"there is no task {pid}")

    async def _now(self, pid: Pid, begun: Spawned) -> Json:
        return await self._shown(await self._kernel.records.process(pid), pid, begun)

    async def _shown(self, process: Process, pid: Pid, begun: Spawned) -> Json:
        asked = _message(begun.task, "ROLE_USER", f"{pid}-task")
        task: Json = {"id": str(pid), "contextId": str(pid), "history": [asked]}
        if process.status is not Status.EXITED:
            state, at = _state(process), self._kernel.now()
            said = ASKED if state == ASKS else process.answer
            return task | {"status": _status(state, at, said)}
        ended = await self._kernel.records.wait(pid)
        state = COMPLETED if ended.status == 0 else FAILED
        if ended.status >= _KILLED:
            state = CANCELED
        if ended.answer:
            part = {"text": ended.answer, "mediaType": "text/plain"}
            task["artifacts"] = [{"artifactId": "answer", "name": "answer", "parts": [part]}]
        return task | {"status": _status(state, self._kernel.now(), ended.answer)}


_KILLED = 128
"""Exit statuses from here on are signals."""


def _state(process: Process) -> str:
    asks = any(call.stage is Stage.ASKED for call in process.open)
    return ASKS if asks else WORKING


def _status(state: str, at: int, said: str = "") -> Json:
    when = datetime.fromtimestamp(at / MICRO, UTC).isoformat().replace("+00:00", "Z")
    status: Json = {"state": state, "timestamp": when}
    if said:
        status["message"] = _message(said, "ROLE_AGENT", f"at-{at}")
    return status


def _message(text: str, role: str, id_: str) -> Json:
    return {"messageId": id_, "role": role, "parts": [{"text": text}]}


def _text(message: Json) -> str:
    parts = message.get("parts")
    found = (
        [str(p["text"]) for p in parts if isinstance(p, dict) and "text" in p]
        if isinstance(parts, list)
        else []
    )
    text = "\n".join(found).strip()
    if not text:
        raise SysError(Code.INVALID, "the message has no text", hint="send parts with text")
    return text
