"""Die before every statement, BEGIN and COMMIT, and around every driver call, one after another.

A parent reads, writes, appends, charges somebody else's ledger, starts a child, talks with it
and waits for it.  The kernel dies at the first, second, third ... step until one run ends
without dying; each time another kernel opens on the same database and must finish the work.
What may never happen, wherever it died: something acknowledged is gone, something happens
twice, or something happened that the journal does not name.
"""

import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from logos import config
from logos.abi import events as e
from logos.abi.agent import Agent, InDoubt
from logos.abi.approval import Answer
from logos.abi.calls import Append, CallTool, List, Write
from logos.abi.driver import Job, Verdict
from logos.abi.ids import INIT, CallId, Pid
from logos.abi.messages import Request, Role, ToolCall, ToolResult
from logos.abi.rights import parse
from logos.drivers.function import Functions
from logos.drivers.model import Say, Scripted
from logos.drivers.workspace import Workspace
from logos.kernel import Kernel, open_kernel
from logos.kernel.journal import START, genesis, last_id, verify
from logos.store import open_store

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MOST_STEPS = 2000
LOOKING = {"feed", "horizon", "list", "last"}
"""Statements of the test itself."""

UNKNOWN = "outcome unknown"


class DiedError(BaseException):
    """The power went off.  Whoever catches this lives on after death, and the test fails."""


@dataclass
class Fate:
    """Dies at step `at`, and does nothing more afterwards."""

    at: int = 0
    only: str = ""
    steps: int = 0
    died: str = ""

    async def __call__(self, name: str) -> None:
        if not self.died and name.startswith(self.only) and name not in LOOKING:
            self.steps += 1
            if self.steps == self.at:
                self.died = name
        if self.died:
            raise DiedError(name)


class Files(Workspace):
    """The real thing, with a step before each effect and one after."""

    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self._fate = fate

    async def run(self, job: Job) -> str:
        await self._fate("driver: before a file")
        result = await super().run(job)
        await self._fate("driver: after a file")
        return result

    async def reconcile(self, job: Job, prepared: bytes) -> tuple[Verdict, Any]:
        await self._fate("driver: before reconciling")
        return await super().reconcile(job, prepared)


class Tools(Functions):
    def __init__(self, fate: Fate, ledger: Path) -> None:
        super().__init__()
        self._fate = fate

        async def charge(entry: str, call: CallId) -> str:
            """Charge somebody: no key, no way to ask afterwards."""
            with ledger.open("a") as file:
                file.write(f"{call} {entry}\n")
                file.flush()
                os.fsync(file.fileno())
            return "charged"

        own = {"impact": "reversible_write", "private": True}
        self.register(manifest=own)(charge)

    async def run(self, job: Job) -> Any:
        await self._fate("driver: before a charge")
        result = await super().run(job)
        await self._fate("driver: after a charge")
        return result


CHILD = Agent(
    name="child",
    model="child",
    tools=("message.receive", "message.send", "charge"),
    allow=(parse("send:/proc/*"), parse("call:/tools/*")),
)
PARENT = Agent(
    name="parent",
    model="parent",
    tools=(*CHILD.tools, "fs.list", "fs.write", "fs.append", "process.spawn", "process.wait"),
    allow=(
        *CHILD.allow,
        *map(parse, ("read:/home/**", "write:/home/**", "spawn:/agents/*", "wait:/proc/*")),
    ),
)


def calls(*named: tuple[str, dict[str, object]]) -> Say:
    return Say(
        calls=tuple(
            ToolCall(id=CallId(f"x{n}"), name=name, arguments=json.dumps(arguments))
            for n, (name, arguments) in enumerate(named)
        )
    )


def played(steps: list[Callable[[list[str]], Say]]) -> Scripted:
    """The step is told by what was said, so that a thought that was lost is had again.  A step
    sees all results so far."""

    def step(request: Request) -> Say:
        number = sum(m.role is Role.ASSISTANT for m in request.messages)
        results = [
            part.content
            for message in request.messages
            for part in message.content
            if isinstance(part, ToolResult)
        ]
        return steps[number](results)

    return Scripted(step)


def spawned(results: list[str]) -> int:
    return int(next(text for text in results if text.isdigit()))


def parent_model() -> Scripted:
    return played(
        [
            lambda _: calls(
                ("fs_write", {"path": "plan.txt", "text": "one\n"}),
                ("charge", {"entry": "a"}),
            ),
            lambda _: calls(
                ("fs_list", {}),
                ("fs_append", {"path": "diary.txt", "text": "dear diary\n"}),
                ("charge", {"entry": "b"}),
            ),
            lambda _: calls(("process_spawn", {"agent": "child", "task": "wait for a word"})),
            lambda r: calls(("message_send", {"to": spawned(r), "text": "ping"})),
            lambda _: calls(("message_receive", {})),
            lambda r: calls(("process_wait", {"pid": spawned(r)})),
            lambda _: Say("done"),
        ]
    )


def child_model() -> Scripted:
    return played(
        [
            lambda _: calls(("message_receive", {})),
            lambda r: calls(
                ("message_send", {"to": json.loads(r[-1])["sender"], "text": "pong"}),
                ("charge", {"entry": "c"}),
            ),
            lambda _: Say("child done"),
        ]
    )


@dataclass
class Stage:
    """One database, and what the kernels on it have in common."""

    url: str
    world: Any
    ledger: Path
    agent: Agent = PARENT
    child: Agent = CHILD
    acknowledged: set[Pid] = field(default_factory=set)
    unknown: int = 0

    @asynccontextmanager
    async def kernel(self, fate: Fate) -> AsyncIterator[Kernel]:
        tools = Tools(fate, self.ledger)
        files = Files(fate)
        self.world.models = {"parent": parent_model(), "child": child_model()}
        self.world.agents = {"child": self.child}
        self.world.drivers = {List: files, Write: files, Append: files, CallTool: tools}
        async with open_store(self.url, config.Store(pool=2), fate) as store:
            parts = self.world.parts(store)
            parts = parts._replace(
                functions=lambda: {s.name: s for s in tools.specs()}, manifests=tools.manifests
            )
            async with open_kernel(parts) as kernel:
                yield kernel

    async def work(self, fate: Fate, task: str, since: int) -> str:
        """Start the task if nobody has, see it through, check.  The name of the step it died at."""
        try:
            async with self.kernel(fate) as kernel:
                pid = await self._parent(kernel, task)
                await seen_through(kernel, pid, since)
                unknown = await check(self, kernel, task)
                self.unknown += unknown  # not in one: a death in between must not count
        except* DiedError:
            assert fate.died
        return fate.died

    async def _parent(self, kernel: Kernel, task: str) -> Pid:
        for line in await kernel.records.list(everyone=True):
            if line.task == task:
                return line.pid
        pid = await kernel.spawn(self.agent, task)
        self.acknowledged.add(pid)
        return pid


async def newest(url: str) -> int:
    async with open_store(url, config.Store()) as store:
        return await last_id(store)


async def seen_through(kernel: Kernel, pid: Pid, since: int) -> None:
    """Return when it has exited; who asks about a doubt is told that nobody knows."""
    async for row, event in kernel.records.feed(since):
        match event:
            case e.Exited() if row.pid == pid:
                return
            case e.Held(doubt=True):
                for asked in await kernel.approvals.pending():
                    await kernel.approvals.decide(asked.id, Answer.DENY)
            case _:
                pass


async def history(kernel: Kernel, pid: Pid) -> list[Any]:
    told = [t async for t in kernel.records.events(pid)]
    assert verify([t.row for t in told], genesis(pid), START) is None
    return [t.event for t in told]


async def check(stage: Stage, kernel: Kernel, task: str) -> int:
    """Every invariant, by journal and ledger alone.  How often an outcome stayed unknown."""
    table = await kernel.records.list(everyone=True)
    assert stage.acknowledged <= {line.pid for line in table}, "acknowledged and lost"
    (parent,) = [line for line in table if line.task == task]
    younger = [line for line in table if line.pid > parent.pid]
    children = [
        line for line in younger if (await kernel.records.process(line.pid)).parent == parent.pid
    ]
    above = await history(kernel, parent.pid)
    started = [event.pid for event in above if isinstance(event, e.Started)]
    assert started == [line.pid for line in children], "a child without a spawn, or twice"
    assert len(started) == 1
    below = await history(kernel, started[0])
    assert parent.exit_status == 0
    assert children[0].exit_status == 0
    assert [x.text for x in below if isinstance(x, e.Received)] == ["ping"]
    assert [x.text for x in above if isinstance(x, e.Received)] == ["pong"]
    assert sum(isinstance(x, e.Ended) for x in above) == 1
    home = stage.world.workspaces / str(parent.pid)
    assert (home / "diary.txt").read_text() == "dear diary\n"
    assert (home / "plan.txt").read_text() == "one\n"
    return _charged(stage, parent.pid, above) + _charged(stage, started[0], below)


def _charged(stage: Stage, pid: Pid, events: list[Any]) -> int:
    """The charges of one process against the ledger.  How many stayed unknown."""
    text = stage.ledger.read_text() if stage.ledger.exists() else ""
    lines = Counter(line.split()[0] for line in text.splitlines())
    written = {id_: n for id_, n in lines.items() if id_.startswith(f"{pid}-")}
    seen: Counter[str] = Counter()
    for event in events:
        match event:
            case e.Called(name="tool.call"):
                seen[f"{pid}-{event.id}"] = 0
            case e.Returned() if f"{pid}-{event.id}" in seen:
                assert written.pop(f"{pid}-{event.id}", 0) == 1, "it returned and never happened"
            case e.Failed():
                assert f"{pid}-{event.id}" in seen, f"only a charge may be in doubt: {event}"
                assert event.message.startswith(UNKNOWN)
                assert written.pop(f"{pid}-{event.id}", 1) == 1, "it happened twice"
                seen["unknown"] += 1
            case _:
                pass
    assert not written, "in the ledger, and the journal does not know it"
    return seen["unknown"]


@pytest.fixture
def stage(url: str, world: Any, tmp_path: Path) -> Stage:
    return Stage(url, world, tmp_path / "ledger")


async def every_step(
    stage: Stage, only: str = "", *, twice: bool = False, stride: int = 1
) -> Counter[str]:
    """Die at each step, then finish and check.  The names died at."""
    deaths: Counter[str] = Counter()
    for at in range(1, MOST_STEPS, stride):
        task, since = f"work {only}{at}", await newest(stage.url)
        died = await stage.work(Fate(at, only), task, since)
        if twice and died:
            await stage.work(Fate(at // 2 + 1, only), task, since)
        if not died:
            return deaths
        deaths[died] += 1
        assert not await stage.work(Fate(), task, since)
    raise AssertionError("it never came through")


async def test_nothing_is_lost_or_repeated_wherever_it_dies(stage: Stage) -> None:
    deaths = await every_step(stage)
    wanted = {"BEGIN", "COMMIT", "append_one", "append_one_born", "post", "claim", "pids"}
    assert wanted <= set(deaths)
    assert any(name.startswith("driver: ") for name in deaths)


async def test_an_effect_whose_answer_was_lost_is_unknown_and_not_repeated(stage: Stage) -> None:
    for name in ("driver: before a charge", "driver: after a charge"):
        stage.unknown = 0
        deaths = await every_step(stage, name)
        assert deaths == {name: 3}
        assert stage.unknown >= 3


async def test_nor_when_it_dies_again_while_it_recovers(stage: Stage) -> None:
    await every_step(stage, twice=True, stride=7)


async def test_a_doubt_waits_for_a_person_who_has_looked(stage: Stage) -> None:
    """`in_doubt: ask`: the journal names what is in doubt before anybody goes on."""
    stage.agent = msgspec.structs.replace(PARENT, in_doubt=InDoubt.ASK)
    stage.child = msgspec.structs.replace(CHILD, in_doubt=InDoubt.ASK)
    await every_step(stage, "driver: after a charge")
    assert stage.unknown >= 3
    async with stage.kernel(Fate()) as kernel:
        asked = 0
        for line in await kernel.records.list(everyone=True):
            doubts: set[str] = set()
            for event in await history(kernel, line.pid):
                match event:
                    case e.Held(doubt=True):
                        asked += 1
                        doubts.add(event.id)
                    case e.Failed():
                        assert event.id in doubts, "told before it asked"
                    case _:
                        pass
        assert asked >= stage.unknown


async def test_the_first_start_of_all(server: str, template: str, world: Any) -> None:
    """Init is born once, wherever the first kernel of a database dies."""
    admin = await asyncpg.connect(server)
    base, _, query = server.partition("?")
    for at in range(1, MOST_STEPS):
        name = f"logos_first_{os.getpid()}_{at}"
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY wal_log")
        stage = Stage(f"{base.rpartition('/')[0]}/{name}?{query}", world, Path("/dev/null"))
        died = await _open(stage, Fate(at))
        await _open(stage, Fate())
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        if not died:
            break
    await admin.close()
    assert at > len(["BEGIN", "succeed", "register", "COMMIT", "append"])


async def _open(stage: Stage, fate: Fate) -> str:
    try:
        async with stage.kernel(fate) as kernel:
            async for _, event in kernel.records.follow(INIT):
                if isinstance(event, e.Idled):
                    break
            events = await history(kernel, INIT)
            assert [type(x) for x in events] == [e.Spawned, e.Idled]
    except* DiedError:
        assert fate.died
    return fate.died
