"""A window on a real kernel and database: messages, calls, pins, memory, compactions and crashes in any
order.

Whatever is asked of the agent, no prompt has more than its room, each is one that both chat dialects
take, each is put together from the journal again byte for byte, and every page reads back exactly.
"""

import json
import os
import re
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import msgspec
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from tests.dialects import chat_faults, messages_faults

from logos import config
from logos.abi.agent import Agent
from logos.abi.calls import Read
from logos.abi.driver import Job, Profile
from logos.abi.events import Asked, Called, Compacted, PagedIn, Pinned, Remembered, Returned
from logos.abi.ids import CallId, Pid, Seq
from logos.abi.messages import Request, Role, ToolCall
from logos.abi.rights import EVERYTHING
from logos.drivers.model import Say, Scripted
from logos.kernel import Kernel, Parts, SystemClock, open_kernel
from logos.kernel import journal as journals
from logos.kernel.memory import estimate, number, page_text
from logos.programs import PROGRAMS
from logos.store import Store, open_store

TOOLS = ("fs.read", "memory.read", "memory.search")
AGENT = Agent(
    name="kid", model="m", tools=TOOLS, allow=tuple(EVERYTHING), resident=True, max_output=256
)
ORDER = re.compile(r"order \d+ (\w+) ([^.]*)\.")
SIZES = st.integers(1, 900)
PINS, PINNED_TOKENS = 2, 200
TRIES = 4000
NUMBERS = count(1)
FACTS = ("Mira paid for the boat house", "the cake is from Elm Street", "the band plays at nine")


def words(n: int, size: int) -> str:
    return " ".join(f"{FACTS[n % 3]} w{n}x{k};" for k in range(size // 8 + 1))


class Files:
    """fs.read: as many words as the path says."""

    async def run(self, job: Job) -> str:
        n, size = job.call.path.split("/")[-1].split("-")
        return words(int(n), int(size))


class Obedient(Scripted):
    """Does what the newest order says, and notes each prompt that is not what it must be."""

    def __init__(self) -> None:
        profile = Profile(name="small", window=6000, max_output=256, exact_count=True)
        super().__init__(self.obey, profile=profile)
        self.wrong: list[str] = []

    def count(self, request: Request) -> int:
        tools = sum(estimate(msgspec.json.encode(tool).decode()) for tool in request.tools)
        return tools + sum(map(number, request.messages))

    def obey(self, request: Request) -> Say:
        room = int(self.profile.window * self.profile.effective) - 256
        if (size := self.count(request)) > room:
            self.wrong.append(f"a prompt of {size} tokens in a room of {room}")
        self.wrong += chat_faults(request)
        self.wrong += messages_faults(request)
        for message in reversed(request.messages):
            if message.role is Role.TOOL:
                return Say("done")
            found = ORDER.search(message.text) if message.role is Role.USER else None
            if found:
                return self.do(found[1], found[2])
        return Say("nothing to do")

    def do(self, verb: str, rest: str) -> Say:
        if verb == "say":
            return Say(words(7, int(rest)))
        calls = tuple(
            ToolCall(id=CallId("x"), name=verb, arguments=json.dumps(arguments))
            for arguments in json.loads(rest)
        )
        return Say("so be it", calls)


def machine(  # noqa: C901 - a class in a function
    url: str, folder: Path, seen: dict[str, int]
) -> type[RuleBasedStateMachine]:
    def parts(store: Store, model: Obedient) -> Parts:
        async def models(name: str) -> Any:
            del name
            return model

        return Parts(
            store=store,
            settings=config.Node(),
            clock=SystemClock(),
            programs=PROGRAMS,
            models=models,
            drivers={Read: Files()},
            functions=dict,
            agents=lambda name: AGENT,
            workspaces=folder,
            place="machine",
            alone=True,
        )

    class WindowMachine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.model = Obedient()
            self.pins: list[Seq] = []
            self.stack = ExitStack()
            self.portal = self.stack.enter_context(start_blocking_portal("asyncio"))
            self.boot()
            self.pid: Pid = self.portal.call(self.kernel.spawn, AGENT, "Do what you are told.")
            self.settle()

        def boot(self) -> None:
            async def serve(*, task_status: anyio.abc.TaskStatus[tuple[Kernel, Store]]) -> None:
                async with (
                    open_store(url, config.Store()) as store,
                    open_kernel(parts(store, self.model)) as kernel,
                ):
                    task_status.started((kernel, store))
                    await anyio.sleep_forever()

            self.kernel: Kernel
            self.store: Store
            self.serving, (self.kernel, self.store) = self.portal.start_task(serve)

        @rule(size=SIZES, about=st.integers(0, 2))
        def hear(self, size: int, about: int) -> None:
            self.order(f"say 5. {FACTS[about]}? {words(about, size)}")

        @rule(size=SIZES)
        def answer(self, size: int) -> None:
            self.order(f"say {size}.")

        @rule(sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=3))
        def read(self, sizes: list[int]) -> None:
            paths = [{"path": f"/home/{next(NUMBERS)}-{size}"} for size in sizes]
            self.order(f"fs_read {json.dumps(paths)}.")

        @rule(n=st.integers(0, 60))
        def page(self, n: int) -> None:
            self.order(f'memory_read [{{"page": {n}}}].')

        @rule(about=st.integers(0, 2))
        def search(self, about: int) -> None:
            asked = json.dumps([{"question": FACTS[about], "tokens": 200}])
            self.order(f"memory_search {asked}.")

        @rule(n=st.integers(1, 60))
        def pin(self, n: int) -> None:
            window = self.portal.call(self.kernel.records.window, self.pid)
            small = [t for t in window.body if Seq(n) in t.pages and t.tokens < PINNED_TOKENS]
            if small and len(self.pins) < PINS:
                self.pins.append(Seq(n))
                self.portal.call(self.kernel.remember, self.pid, [Pinned(page=Seq(n))])

        @rule()
        def unpin(self) -> None:
            if self.pins:
                event = Pinned(page=self.pins.pop(), pinned=False)
                self.portal.call(self.kernel.remember, self.pid, [event])

        @rule(about=st.integers(0, 2), core=st.booleans())
        def remember(self, about: int, core: bool) -> None:  # noqa: FBT001 - hypothesis gives it
            path = "/mem/core/notes" if core else f"/mem/archive/{about}"
            event = Remembered(path=path, text=FACTS[about])
            self.portal.call(self.kernel.remember, self.pid, [event])

        @rule(turns=st.integers(0, 60), size=SIZES)
        def crash(self, turns: int, size: int) -> None:
            """In the middle of a turn; another node goes on."""

            async def wait() -> None:
                for _ in range(turns):
                    await anyio.lowlevel.checkpoint()

            self.say(f"fs_read {json.dumps([{'path': f'/home/{next(NUMBERS)}-{size}'}])}.")
            self.portal.call(wait)
            self.serving.cancel()
            while not self.serving.done():
                self.portal.call(anyio.sleep, 0)
            self.boot()
            self.settle()

        def order(self, what: str) -> None:
            self.say(what)
            self.settle()

        def say(self, what: str) -> None:
            self.portal.call(self.kernel.send, self.pid, f"order {next(NUMBERS)} {what}")

        def settle(self) -> None:
            for _ in range(TRIES):
                if self.portal.call(self.idle):
                    break
                self.portal.call(anyio.sleep, 0.005)
            else:
                raise AssertionError("it does not come to rest")
            self.portal.call(self.check)

        async def idle(self) -> bool:
            if await journals.pending(self.store, [self.pid]):
                return False
            process = await self.kernel.records.process(self.pid)
            assert process.exit_status is None, process.answer
            return process.idle and not process.open

        async def check(self) -> None:
            assert not self.model.wrong
            replayed = await self.kernel.records.replay(self.pid)
            assert replayed.equal, replayed.differ
            reads: dict[CallId, int] = {}
            async for row, event in self.kernel.records.events(self.pid):
                seen[row.kind] = seen.get(row.kind, 0) + 1
                if isinstance(event, PagedIn):
                    for piece in event.pages:
                        whole = await self.kernel.records.page(self.pid, piece.page)
                        assert piece.text == whole[piece.start : piece.end]
                if isinstance(event, Called) and event.name == "memory.read":
                    reads[event.id] = msgspec.json.decode(event.call)["page"]
                if isinstance(event, Returned) and event.id in reads:
                    page = Seq(reads[event.id])
                    async for told in self.kernel.records.events(self.pid, Seq(page - 1)):
                        assert msgspec.json.decode(event.value) == page_text(told.event)
                        break

        def teardown(self) -> None:
            self.serving.cancel()
            self.stack.close()

    return WindowMachine


@pytest.mark.slow
def test_a_window_keeps_its_promises(url: str, tmp_path: Path) -> None:
    seen: dict[str, int] = {}
    run_state_machine_as_test(
        machine(url, tmp_path, seen),
        settings=settings(
            max_examples=int(os.environ.get("LOGOS_EXAMPLES", "3")),
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    for kind in (Asked, Compacted, PagedIn):
        assert seen.get(kind.__name__.lower()), f"nothing was {kind.__name__}"
