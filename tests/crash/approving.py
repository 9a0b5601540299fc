"""An agent that asks a person three times, and a node that is killed while it does.

    python -m tests.crash.approving URL FOLDER AT TASK     one life; SIGKILL to itself at step AT (0: none)

The person is part of the life: he says yes for always, is not asked again about the like, and says no to another.
What he was told has arrived he does not say again: `acks` in the folder, like the ledger, outlives the node.
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import msgspec

from logos import config
from logos.abi.agent import Agent
from logos.abi.approval import Answer, Approval, Scope
from logos.abi.calls import CallTool
from logos.abi.driver import Effect, Job
from logos.abi.errors import Code, SysError
from logos.abi.events import Exited, Held
from logos.abi.ids import CallId, Pid
from logos.abi.messages import Request, Role, ToolCall
from logos.abi.rights import parse
from logos.drivers.function import Functions
from logos.drivers.model import Say, Scripted
from logos.kernel import Kernel, Parts, SystemClock, open_kernel
from logos.programs import PROGRAMS
from logos.store import open_store

TASK = "Read a.txt and b.txt, and send the word hello to whoever they name."
ANNA, BOB = "anna@firm.example", "bob@firm.example"
LIFE_S = 60.0

Fate = Callable[[str], Awaitable[None]]


class Tools(Functions):
    """Files that name people, and a post whose ledger cannot be asked afterwards."""

    def __init__(self, fate: Fate, folder: Path) -> None:
        super().__init__()
        self._fate = fate

        async def look(path: str) -> str:
            """Read a file."""
            return f"write to {ANNA if path == 'a.txt' else BOB}"

        async def send(to: str, body: str, call: CallId) -> str:
            """Send a message."""
            with (folder / "ledger").open("a") as file:
                file.write(f"{call} {to} {body}\n")
                file.flush()
                os.fsync(file.fileno())
            return "sent"

        reads = {
            "impact": "read",
            "arguments": {"path": "path"},
            "result": {"type": "file", "context": ["path"], "keys": ["path"]},
        }
        sends = {"impact": "egress_people", "arguments": {"to": "address", "body": "content"}}
        self.register(effect=Effect.PURE, manifest=reads)(look)
        self.register(manifest=sends)(send)

    async def run(self, job: Job) -> Any:
        await self._fate("driver: before a call")
        result = await super().run(job)
        await self._fate("driver: after a call")
        return result


def model() -> Scripted:
    """The step is told by what was said, so that a thought that was lost is had again."""
    steps = [
        [("look", {"path": "a.txt"}), ("look", {"path": "b.txt"})],
        [("send", {"to": ANNA, "body": "hello"})],
        [("send", {"to": BOB, "body": "hello"})],
    ]

    def step(request: Request) -> Say:
        number = sum(message.role is Role.ASSISTANT for message in request.messages)
        if number == len(steps):
            return Say("done")
        return Say(
            calls=tuple(
                ToolCall(id=CallId("x"), name=name, arguments=msgspec.json.encode(given).decode())
                for name, given in steps[number]
            )
        )

    return Scripted(step)


async def life(url: str, folder: Path, fate: Fate, task: str = TASK) -> list[Pid]:
    """Start the task if nobody has, answer what is asked, see it end; and then the same again, where the
    first answer stands."""
    tools, scripted = Tools(fate, folder), model()

    async def models(name: str) -> Scripted:
        del name
        return scripted

    def nobody(name: str) -> Agent:
        raise SysError(Code.NOT_FOUND, f"no agent {name!r}")

    async with open_store(url, config.Store(pool=2), fate) as store:
        parts = Parts(
            store=store,
            settings=config.Node(),
            clock=SystemClock(),
            programs=PROGRAMS,
            models=models,
            drivers={CallTool: tools},
            functions=lambda: {s.name: s for s in tools.specs()},
            agents=nobody,
            workspaces=folder / "workspaces",
            place="approving",
            alone=True,
            manifests=tools.manifests,
        )
        async with open_kernel(parts) as kernel:
            with anyio.fail_after(LIFE_S):
                return [await _seen_through(kernel, folder, f"{task} {n}") for n in (1, 2)]


async def _seen_through(kernel: Kernel, folder: Path, task: str) -> Pid:
    there = [line.pid for line in await kernel.records.list(everyone=True) if line.task == task]
    agent = Agent(name="a", model="m", tools=("look", "send"), allow=(parse("call:/tools/*"),))
    pid = there[0] if there else await kernel.spawn(agent, task)
    async for _, event in kernel.records.follow(pid):
        if isinstance(event, Held):
            for one in await kernel.approvals.pending():
                await _answer(kernel, folder / "acks", one)
        elif isinstance(event, Exited):
            break
    return pid


async def _answer(kernel: Kernel, acks: Path, one: Approval) -> None:
    if one.id in _lines(acks):
        return
    yes = ANNA in one.question
    answer, scope = (Answer.ALLOW, Scope.ALWAYS) if yes else (Answer.DENY, Scope.ONCE)
    try:
        await kernel.approvals.decide(one.id, answer, scope=scope, by="somebody")
    except SysError as gone:  # an answer of an earlier life came first
        if gone.code is not Code.NOT_FOUND:
            raise
    with acks.open("a") as file:
        file.write(f"{one.id}\n")
        file.flush()
        os.fsync(file.fileno())


def _lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


class Killed:
    """Real death, at step `at`."""

    def __init__(self, at: int) -> None:
        self._at, self._steps = at, 0

    async def __call__(self, name: str) -> None:
        self._steps += 1
        if self._steps == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    anyio.run(life, sys.argv[1], Path(sys.argv[2]), Killed(int(sys.argv[3])), sys.argv[4])
