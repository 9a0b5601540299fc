"""What a principal may do with the kernel.

    Desk(machine, principal)     .tools: by name, each a method with its declaration
    Principal                    the owner sees every process; anybody else those that he started,
                                 and what they started
    Tool                         a declaration: what it takes, and whether it only looks

Invariant: a process that is not the principal's is as absent as one that never was.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import anyio
import msgspec
from msgspec import Meta

from logos.abi.agent import Account, Limits
from logos.abi.approval import Answer
from logos.abi.calls import List, Read, Write
from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.events import Remembered, Spawned
from logos.abi.ids import INIT, CallId, Pid
from logos.abi.process import Signal
from logos.boot import Machine
from logos.kernel import Listed, Payer

LONGEST_S = 600.0
"""A client that waits longer asks again."""

MOST = 100
"""Processes in a listing."""


@dataclass(frozen=True, slots=True)
class Principal:
    """`name` is journaled with what he starts.  `owner`: everything on this machine is his; anybody
    else starts published agents only, within `limits` each, and all that counts toward `accounts`."""

    name: str
    owner: bool = False
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    accounts: tuple[Account, ...] = ()


OWNER = Principal("owner", owner=True)

_Pid = Annotated[int, Meta(description="number of a process", ge=1)]
_Path = Annotated[str, Meta(description="a path below /home of the process")]


class Spawn(msgspec.Struct, forbid_unknown_fields=True):
    """Start an agent on a task. Returns its pid; wait for its answer with wait."""

    agent: Annotated[str, Meta(description="name of an agent")]
    task: str


class Ps(msgspec.Struct, forbid_unknown_fields=True):
    """List processes, the newest first: live ones, or all."""

    all: bool = False


class Wait(msgspec.Struct, forbid_unknown_fields=True):
    """Wait until a process ends; returns its answer, or its status after `seconds`."""

    pid: _Pid
    seconds: Annotated[float, Meta(ge=0, le=LONGEST_S)] = 60.0


class Send(msgspec.Struct, forbid_unknown_fields=True):
    """Send a message to a process."""

    pid: _Pid
    text: str


class Kill(msgspec.Struct, forbid_unknown_fields=True):
    """Send a signal to a process: term lets it finish its answer, kill ends it, stop and cont."""

    pid: _Pid
    signal: Signal = Signal.TERM


class Recall(msgspec.Struct, forbid_unknown_fields=True):
    """Search the memory of a process: what was said, read and stored in it."""

    pid: _Pid
    question: str
    tokens: Annotated[int, Meta(ge=64, le=8000)] = 1024


class Remember(msgspec.Struct, forbid_unknown_fields=True):
    """Keep a text in the memory of a process, where it and recall find it. Returns its path."""

    pid: _Pid
    text: Annotated[str, Meta(min_length=1)]


class ReadFile(msgspec.Struct, forbid_unknown_fields=True):
    """Read a text file of a process's folder, or list the folder when the path ends with /."""

    pid: _Pid
    path: _Path


class WriteFile(msgspec.Struct, forbid_unknown_fields=True):
    """Write a text file in a process's folder, replacing what was there."""

    pid: _Pid
    path: _Path
    text: str


class Approvals(msgspec.Struct, forbid_unknown_fields=True):
    """List the questions that wait for a person."""


class Approve(msgspec.Struct, forbid_unknown_fields=True):
    """Answer a question, as the person whose agent asks. Only after that person has said so."""

    question: Annotated[str, Meta(description="its id, as approvals lists it")]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Tool:
    takes: type[msgspec.Struct]
    run: Callable[[Any], Awaitable[Any]]
    looks: bool


class Desk:
    def __init__(self, machine: Machine, principal: Principal) -> None:
        self._machine = machine
        self._kernel = machine.kernel
        self.principal = principal
        self.tools: Mapping[str, Tool] = {
            "spawn": Tool(Spawn, self.spawn, looks=False),
            "ps": Tool(Ps, self.ps, looks=True),
            "wait": Tool(Wait, self.wait, looks=True),
            "send": Tool(Send, self.send, looks=False),
            "kill": Tool(Kill, self.kill, looks=False),
            "recall": Tool(Recall, self.recall, looks=True),
            "remember": Tool(Remember, self.remember, looks=False),
            "read": Tool(ReadFile, self.read, looks=True),
            "write": Tool(WriteFile, self.write, looks=False),
            "approvals": Tool(Approvals, self.approvals, looks=True),
            "approve": Tool(Approve, self.approve, looks=False),
        }

    async def spawn(self, asked: Spawn) -> dict[str, Any]:
        published = self._machine.loaded.config.a2a.publish
        if not self.principal.owner and asked.agent not in published:
            there = ", ".join(sorted(published)) or "none"
            raise SysError(Code.NOT_FOUND, f"no agent {asked.agent!r}", hint=f"published: {there}")
        agent = self._machine.agents(asked.agent, None)
        limits = self.principal.limits
        by = Payer(self._by(), self.principal.accounts)
        pid = await self._kernel.spawn(agent, asked.task, limits=limits, by=by)
        return {"pid": pid}

    async def ps(self, asked: Ps) -> list[dict[str, Any]]:
        rows = await self._kernel.records.list(everyone=asked.all)
        mine = rows if self.principal.owner else await self._mine(rows)
        return [_shown(row) for row in sorted(mine, key=lambda row: -row.pid)[:MOST]]

    async def wait(self, asked: Wait) -> dict[str, Any]:
        await self.check(Pid(asked.pid))
        with anyio.move_on_after(asked.seconds):
            ended = await self._kernel.records.wait(Pid(asked.pid))
            return {
                "pid": asked.pid,
                "status": "exited",
                "exit": ended.status,
                "answer": ended.answer,
            }
        process = await self._kernel.records.process(Pid(asked.pid))
        return {"pid": asked.pid, "status": str(process.status)}

    async def send(self, asked: Send) -> dict[str, Any]:
        await self.check(Pid(asked.pid))
        await self._kernel.send(Pid(asked.pid), asked.text)
        return {"sent": True}

    async def kill(self, asked: Kill) -> dict[str, Any]:
        await self.check(Pid(asked.pid))
        await self._kernel.signal(Pid(asked.pid), asked.signal, f"by {self._by()}")
        return {"signal": asked.signal}

    async def recall(self, asked: Recall) -> str:
        await self.check(Pid(asked.pid))
        return await self._kernel.records.search(Pid(asked.pid), asked.question, asked.tokens)

    async def remember(self, asked: Remember) -> dict[str, Any]:
        await self.check(Pid(asked.pid))
        path = f"/mem/archive/notes/{self._kernel.now()}"
        event = Remembered(path=path, text=asked.text, source=self._by())
        await self._kernel.remember(Pid(asked.pid), [event])
        return {"path": path}

    async def read(self, asked: ReadFile) -> Any:
        call = List if asked.path.endswith("/") else Read
        return await self._on_files(Pid(asked.pid), call(path=asked.path))

    async def write(self, asked: WriteFile) -> Any:
        return await self._on_files(Pid(asked.pid), Write(path=asked.path, text=asked.text))

    async def approvals(self, asked: Approvals) -> list[dict[str, Any]]:
        del asked
        return [
            {"id": one.id, "pid": one.pid, "agent": one.agent, "question": one.question}
            for one in await self._kernel.approvals.pending()
            if await self._is_mine(one.pid)
        ]

    async def approve(self, asked: Approve) -> dict[str, Any]:
        number = asked.question.partition(".")[0]
        if number.isdigit():
            await self.check(Pid(int(number)))
        await self._kernel.approvals.decide(asked.question, asked.answer, by=self._by())
        return {"answered": asked.answer}

    async def questions(self, pid: Pid) -> list[tuple[str, str]]:
        """What this process of his asks: ids and words."""
        await self.check(pid)
        return [
            (one.id, one.question)
            for one in await self._kernel.approvals.pending()
            if one.pid == pid
        ]

    async def check(self, pid: Pid) -> None:
        if not await self._is_mine(pid):
            raise SysError(Code.NOT_FOUND, f"there is no process {pid}", hint="see ps")

    async def _on_files(self, pid: Pid, call: Any) -> Any:
        await self.check(pid)
        process = await self._kernel.records.process(pid)
        folder = anyio.Path(process.workspace)
        if not call.target().startswith("/home"):
            raise SysError(Code.DENIED, f"{call.path} is not below /home")
        await folder.mkdir(parents=True, exist_ok=True)
        job = Job(id=CallId(f"{self._by()}-{pid}"), pid=pid, call=call, workspace=folder._path)  # noqa: SLF001
        return await self._machine.files.run(job)

    def _by(self) -> str:
        return f"mcp {self.principal.name}"

    async def _mine(self, rows: list[Listed]) -> list[Listed]:
        return [row for row in rows if await self._is_mine(row.pid)]

    async def _is_mine(self, pid: Pid) -> bool:
        """Started by him, or by what he started: it is in the journal who began a line."""
        if self.principal.owner:
            return await self._kernel.records.known(pid) is not None
        while pid != INIT:
            async for told in self._kernel.records.events(pid):
                if not isinstance(told.event, Spawned):
                    return False
                if told.event.parent == INIT:
                    return told.event.by in (self._by(), f"a2a {self.principal.name}")
                pid = told.event.parent or INIT
                break
            else:
                return False
        return False


def _shown(row: Listed) -> dict[str, Any]:
    return {
        "pid": row.pid,
        "parent": row.parent,
        "status": row.status,
        "agent": row.agent,
        "task": row.task,
        "exit": row.exit_status,
    }
