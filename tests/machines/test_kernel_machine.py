"""The whole kernel against a tree of processes, with crashes as a rule.

The agents do what they are told: each message `do N ...` becomes one call, once, whatever the
node does meanwhile.  A crash cancels the kernel without a farewell and opens another on the
same database, at a moment hypothesis picks.
"""

import json
import os
import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from logos import config
from logos.abi.agent import Agent
from logos.abi.errors import Code, SysError
from logos.abi.events import Ended, Received
from logos.abi.ids import CallId, Pid
from logos.abi.messages import Request, Role, ToolCall
from logos.abi.process import Signal
from logos.abi.rights import EVERYTHING
from logos.drivers.model import Say, Scripted
from logos.kernel import Kernel, Listed, Parts, SystemClock, open_kernel
from logos.kernel import journal as journals
from logos.kernel.process.bodies import is_note
from logos.programs import PROGRAMS
from logos.store import Store, open_store

TOOLS = ("process.spawn", "process.wait", "process.signal", "message.send")
AGENT = Agent(name="kid", model="m", tools=TOOLS, allow=tuple(EVERYTHING), resident=True)
NUMBERS = count(1)
ORDER = re.compile(r"do (\d+) (\w+) (.*)$")
PICK = st.integers(0, 7)
CRASH = st.none() | st.integers(0, 60)
"""After so many turns of the event loop, or not at all."""


def obey(request: Request) -> Say:
    """The first order nobody has followed yet."""
    done = {m.text for m in request.messages if m.role is Role.ASSISTANT}
    for message in request.messages:
        found = ORDER.search(message.text) if message.role is Role.USER else None
        if found and f"did {found[1]}" not in done:
            call = ToolCall(id=CallId("x"), name=found[2], arguments=found[3])
            return Say(f"did {found[1]}", (call,))
    return Say("nothing to do")


@dataclass
class Model:
    """What is known of one process."""

    parent: Pid | None
    inbox: list[tuple[Pid | None, str]] = field(default_factory=list)
    ended: list[tuple[Pid, int]] = field(default_factory=list)
    waits_for: Pid | None = None
    stopped: bool = False
    terminated: bool = False
    exit_status: int | None = None

    @property
    def status(self) -> str:
        if self.exit_status is not None:
            return "exited"
        return "stopped" if self.stopped else "waiting"

    @property
    def obeys(self) -> bool:
        return self.status == "waiting" and self.waits_for is None


def machine(url: str, folder: Path) -> type[RuleBasedStateMachine]:  # noqa: C901 - a class in a function
    def parts(store: Store) -> Parts:
        scripted = Scripted(obey)

        async def models(name: str) -> Any:
            del name
            return scripted

        def agents(name: str) -> Agent:
            if name != AGENT.name:
                raise SysError(Code.NOT_FOUND, name)
            return AGENT

        return Parts(
            store=store,
            settings=config.Node(resident=3),  # most of them leave the memory in between
            clock=SystemClock(),
            programs=PROGRAMS,
            models=models,
            drivers={},
            functions=dict,
            agents=agents,
            workspaces=folder,
            place="machine",
            alone=True,
        )

    class KernelMachine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.model: dict[Pid, Model] = {}
            self.before: set[Pid] = set()
            self.stack = ExitStack()
            self.portal = self.stack.enter_context(start_blocking_portal("asyncio"))
            self.boot()
            self.before = self.pids()  # of earlier runs on this database
            self.start()

        def boot(self) -> None:
            async def serve(*, task_status: anyio.abc.TaskStatus[tuple[Kernel, Store]]) -> None:
                async with (
                    open_store(url, config.Store()) as store,
                    open_kernel(parts(store)) as kernel,
                ):
                    task_status.started((kernel, store))
                    await anyio.sleep_forever()

            self.kernel: Kernel
            self.store: Store
            self.serving, (self.kernel, self.store) = self.portal.start_task(serve)

        def crash(self, turns: int | None) -> None:
            """Cancelled, it does not resign: its lease is still good."""
            if turns is None:
                return

            async def wait() -> None:
                for _ in range(turns):
                    await anyio.lowlevel.checkpoint()

            self.portal.call(wait)
            self.serving.cancel()
            while not self.serving.done():
                self.portal.call(anyio.sleep, 0)
            self.boot()

        def pick(self, n: int, suits: Callable[[Model], bool]) -> Pid | None:
            found = [pid for pid, model in self.model.items() if suits(model)]
            return found[n % len(found)] if found else None

        def order(self, who: Pid, call: str, **arguments: Any) -> None:
            text = f"do {next(NUMBERS)} {call} {json.dumps(arguments)}"
            self.portal.call(self.kernel.send, who, text)
            self.model[who].inbox.append((None, text))

        @rule()
        def start(self) -> None:
            if sum(m.status != "exited" for m in self.model.values()) < 6:
                pid = self.portal.call(self.kernel.spawn, AGENT, "")
                self.model[pid] = Model(None)
                self.settle()

        @rule(n=PICK, crash=CRASH)
        def spawn(self, n: int, crash: int | None) -> None:
            if (pid := self.pick(n, lambda m: m.obeys)) is None or len(self.model) > 12:
                return
            self.order(pid, "process_spawn", agent="kid", task="")
            self.crash(crash)
            with self.patience() as late:
                while not (born := self.pids() - set(self.model) - self.before):
                    late()
            assert len(born) == 1
            self.model[born.pop()] = Model(pid)
            self.settle()

        @rule(n=PICK, m=PICK, crash=CRASH)
        def send(self, n: int, m: int, crash: int | None) -> None:
            sender = self.pick(n, lambda x: x.obeys)
            to = self.pick(m, lambda x: x.status != "exited")
            if sender is None or to is None:
                return
            text = f"hello {next(NUMBERS)}"
            self.order(sender, "message_send", to=to, text=text)
            self.crash(crash)
            self.model[to].inbox.append((sender, text))
            self.settle()

        @rule(n=PICK, m=PICK, crash=CRASH)
        def wait(self, n: int, m: int, crash: int | None) -> None:
            parent = self.pick(n, lambda x: x.obeys)
            child = self.pick(m, lambda x: x.parent == parent)
            if parent is None or child is None:
                return
            self.order(parent, "process_wait", pid=child)
            self.crash(crash)
            if self.model[child].status != "exited":
                self.model[parent].waits_for = child
            self.settle()

        @rule(
            n=PICK,
            signal=st.sampled_from([Signal.KILL, Signal.TERM, Signal.STOP, Signal.CONT]),
            crash=CRASH,
        )
        def signal(self, n: int, signal: Signal, crash: int | None) -> None:
            if (pid := self.pick(n, lambda x: x.status != "exited")) is None:
                return
            self.portal.call(self.kernel.signal, pid, signal)
            self.crash(crash)
            self.suffers(pid, signal)
            self.settle()

        @rule(n=PICK, crash=CRASH)
        def a_parent_kills(self, n: int, crash: int | None) -> None:
            child = self.pick(
                n,
                lambda x: (
                    x.status != "exited" and x.parent is not None and self.model[x.parent].obeys
                ),
            )
            if child is None:
                return
            parent = self.model[child].parent
            assert parent is not None
            self.order(parent, "process_signal", pid=child, signal="kill")
            self.crash(crash)
            self.suffers(child, Signal.KILL)
            self.settle()

        def suffers(self, pid: Pid, signal: Signal) -> None:
            model = self.model[pid]
            match signal:
                case Signal.KILL:
                    self.ends(pid, 137)
                case Signal.STOP:
                    model.stopped = True
                case Signal.CONT:
                    model.stopped = False
                case _:
                    model.terminated, model.waits_for = True, None
            if model.terminated and model.status == "waiting":
                self.ends(pid, 143)

        def ends(self, pid: Pid, status: int) -> None:
            model = self.model[pid]
            model.exit_status, model.waits_for = status, None
            parent = None if model.parent is None else self.model[model.parent]
            if parent is not None and parent.exit_status is None:
                parent.ended.append((pid, status))
                if parent.waits_for == pid:
                    parent.waits_for = None

        @rule()
        def only_crash(self) -> None:
            self.crash(0)
            self.settle()

        # -- what must hold once everything has come to rest ---------------------------------

        def pids(self) -> set[Pid]:
            return {x.pid for x in self.portal.call(self.listed)}

        async def listed(self) -> list[Listed]:
            return await self.kernel.records.list(everyone=True)

        def patience(self) -> "Patience":
            return Patience(self)

        def settle(self) -> None:
            with self.patience() as late:
                while wrong := self.portal.call(self.unsettled):
                    late(wrong)
            self.portal.call(self.check)

        async def unsettled(self) -> str:
            for line in await self.listed():
                model = self.model.get(line.pid)
                if model is not None and line.status != model.status:
                    return f"{line.pid} is {line.status}, not {model.status}"
                if model is not None and line.exit_status != model.exit_status:
                    return f"{line.pid} has exited with {line.exit_status}"
            alive = [pid for pid, model in self.model.items() if model.exit_status is None]
            for letter in await journals.pending(self.store, alive):
                waits = self.model[letter.pid].waits_for is not None
                if not (waits and is_note(letter.body)):  # who waits reads its messages after
                    return f"there is mail for {letter.pid}"
            for pid in alive:
                process = await self.kernel.records.process(pid)
                model = self.model[pid]
                if bool(process.open) != (model.waits_for is not None):
                    return f"{pid} has {len(process.open)} open calls"
                if not model.stopped and not process.open and not process.idle:
                    return f"{pid} has something to do"
            return ""

        async def check(self) -> None:
            for pid, model in self.model.items():
                got = [told.event async for told in self.kernel.records.events(pid)]
                mail = [(x.sender, x.text) for x in got if isinstance(x, Received)]
                for sender in {sender for sender, _ in model.inbox}:  # each sender's in order
                    told = [t for s, t in mail if s == sender]
                    assert told == [t for s, t in model.inbox if s == sender][: len(told)]
                if model.exit_status is None and model.waits_for is None:
                    assert len(mail) == len(model.inbox)
                ended = [(x.pid, x.status) for x in got if isinstance(x, Ended)]
                assert sorted(ended) == sorted(model.ended)
                if model.exit_status is None:
                    process = await self.kernel.records.process(pid)
                    live = {c for c, m in self.model.items() if m.parent == pid}
                    live -= {c for c, _ in model.ended}
                    assert {child.pid for child in process.children} == live
            assert set(self.model) | self.before == {x.pid for x in await self.listed()}
            assert not (await self.kernel.records.audit()).broken

        def teardown(self) -> None:
            for pid, model in self.model.items():  # they share the database with the next run
                if model.exit_status is None:
                    self.portal.call(self.kernel.signal, pid, Signal.KILL)
                    self.portal.call(self.kernel.records.wait, pid)
            self.serving.cancel()
            self.stack.close()

    return KernelMachine


class Patience:
    """For as long as it may take to come to rest."""

    def __init__(self, machine: Any) -> None:
        self._machine = machine
        self._tries = 0

    def __enter__(self) -> Callable[..., None]:
        return self._late

    def __exit__(self, *_: object) -> None:
        """Nothing to undo."""

    def _late(self, wrong: str = "nothing was born") -> None:
        self._tries += 1
        if self._tries > 2000:
            raise AssertionError(wrong)
        self._machine.portal.call(anyio.sleep, 0.005)


@pytest.mark.slow
def test_the_kernel_is_a_tree_of_processes(url: str, tmp_path: Path) -> None:
    run_state_machine_as_test(
        machine(url, tmp_path),
        settings=settings(
            max_examples=int(os.environ.get("LOGOS_EXAMPLES", "5")),
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
