"""A window and its memory in any order of words, calls, pins, faults, compactions and crashes, without a
database: what is journaled is all there is.

No prompt has more than its room, each is one that both chat dialects take, each is put together from
the journal again byte for byte, and every page reads back exactly.  tests/machines has the same
on a real kernel, for fewer examples.
"""

import dataclasses
import json
from collections.abc import Sequence
from itertools import count

import anyio
import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.dialects import chat_faults, messages_faults

from logos import config
from logos.abi import events as e
from logos.abi.agent import Agent
from logos.abi.driver import Effect, Model, Profile
from logos.abi.events import AnyEvent
from logos.abi.ids import CallId, MailId, NodeId, Pid, Seq
from logos.abi.messages import Finish, Message, Request, Role, Text, ToolCall, Usage
from logos.abi.process import Process
from logos.drivers.model import Say, Scripted
from logos.kernel import SystemClock, journal
from logos.kernel.journal import Batch, Row, Writer
from logos.kernel.memory import Ask, Fault, Recall, Window, number, page_text
from logos.kernel.node.accounts import Accounts
from logos.kernel.node.compact import Compactor
from logos.kernel.node.digester import Digester
from logos.kernel.node.fit import Fitter
from logos.kernel.node.request import assemble, prompt_digest
from logos.kernel.node.resident import Resident, Saved, born
from logos.kernel.process import apply
from logos.kernel.sched import Slots
from logos.store.pool import Store

EXAMPLES = 40
OUTPUT = 128
PROFILE = Profile(name="small", window=3000, max_output=OUTPUT, exact_count=True)
ROOM = int(PROFILE.window * PROFILE.effective) - OUTPUT
PINS, PINNED_TOKENS = 2, 120
FACTS = ("Mira paid for the boat house", "the cake is from Elm Street", "the band plays at nine")


class Exact(Scripted):
    """Counts what it is sent as it is."""

    def __init__(self) -> None:
        super().__init__([Say("")], profile=PROFILE)

    def count(self, request: Request) -> int:
        return sum(map(number, request.messages))


class World:
    """One process, its journal as rows, and what is made of them."""

    def __init__(self) -> None:
        agent = Agent(name="kid", instructions="Do what you are told.", model="small")
        store = Store("", config.Store(), None)
        writer = Writer(store, NodeId(1), lambda _: None)
        head, rows, window, process = born(
            Pid(7), [e.Spawned(agent=agent, task="Begin.", at=1)], at=1
        )
        self.resident = Resident(head, process, window, writer, SystemClock())
        self.model = Exact()
        digester = Digester(self.models, Slots(), Accounts(store), config.Memory())
        self.fitter = Fitter(self.fault, Compactor(self.fault, digester), lambda _: None)
        self.recall = Recall()
        self.pins: list[Seq] = []
        self.numbers = count(1)
        self._rows = list(rows)
        self._batches: list[Batch] = []

    @property
    def rows(self) -> list[Row]:
        last = self.resident.last
        if last is not None and last not in self._batches[-1:]:
            self._batches.append(last)
        entries = (entry for batch in self._batches for entry in batch.entries)
        return self._rows + [row for entry in entries for row in entry.rows]

    def add(self, *events: AnyEvent) -> None:
        self.resident.append(*events)
        assert self.rows[-1].seq == self.resident.head.seq

    async def models(self, name: str) -> Model:
        raise AssertionError(name)

    async def fault(self, pid: Pid, question: str, ask: Ask) -> Fault:
        assert pid == self.resident.pid
        rows = self.rows
        for row in rows[self.recall.seq :]:
            self.recall.add(row.seq, row.at, journal.decode(row))
        found = self.recall.fault(question, ask)
        pages = tuple(
            msgspec.structs.replace(page, text=text[page.source.start : page.source.end])
            for page in found.pages
            for text in [page_text(journal.decode(rows[page.source.seq - 1]))]
        )
        return dataclasses.replace(found, pages=pages)

    async def think(self, text: str, calls: Sequence[ToolCall] = ()) -> None:
        fitted = await self.fitter.fit(self.resident, self.model, (), OUTPUT)
        assert fitted is not None
        request = fitted.request
        assert fitted.room == ROOM
        assert self.model.count(request) <= ROOM
        assert not [*chat_faults(request), *messages_faults(request)]
        asked = e.Asked(
            model="small", tokens=fitted.prompt + OUTPUT, room=fitted.room, output=OUTPUT,
            estimated=fitted.estimated, tail=fitted.tail, prompt=prompt_digest(request),
        )  # fmt: skip
        message = Message(role=Role.ASSISTANT, content=(Text(text=text), *calls))
        usage = Usage(input=fitted.prompt, output=number(message))
        self.add(asked)
        self.add(e.Thought(message=message, usage=usage, finish=Finish.STOP))

    async def hear(self, size: int, about: int) -> None:
        text = f"{FACTS[about]}? {words(next(self.numbers), size)}"
        self.add(e.Received(mail=MailId(next(self.numbers)), text=text))
        await self.think("so it is")

    async def read(self, sizes: Sequence[int], late: Sequence[int]) -> None:
        """Answers come in any order, and news between them."""
        ids = [CallId(f"c{next(self.numbers)}") for _ in sizes]
        await self.think(
            "let me see", [ToolCall(id=i, name="fs_read", arguments='{"path": "x"}') for i in ids]
        )
        for id_ in ids:
            raw = msgspec.Raw(json.dumps({"path": "x"}).encode())
            self.add(e.Called(id=id_, name="fs.read", call=raw, effect=Effect.PURE))
        for n in sorted(range(len(ids)), key=lambda n: late[n]):
            value = msgspec.Raw(msgspec.json.encode(words(next(self.numbers), sizes[n])))
            if late[n] % 2:
                self.add(e.Received(mail=MailId(next(self.numbers)), text=words(n, 50)))
            self.add(e.Returned(id=ids[n], value=value))
        await self.think("done")

    def pin(self, n: int) -> None:
        body = self.resident.window.body
        small = [t for t in body if Seq(n) in t.pages and t.tokens < PINNED_TOKENS]
        if small and len(self.pins) < PINS:
            self.pins.append(Seq(n))
            self.add(e.Pinned(page=Seq(n)))
        elif self.pins:
            self.add(e.Pinned(page=self.pins.pop(), pinned=False))

    def remember(self, about: int) -> None:
        path = "/mem/core/notes" if about else "/mem/archive/n"
        self.add(e.Remembered(path=path, text=FACTS[about]))

    def crash(self, at: int) -> None:
        """Another node goes on: from a snapshot that is older than the journal."""
        rows = self.rows
        kept = Saved(*folded(rows[:at], Process(), Window()))
        saved = msgspec.json.decode(msgspec.json.encode(kept), type=Saved)
        process, window = folded(rows[at:], saved.process, saved.window)
        here = self.resident
        assert msgspec.json.encode(Saved(process, window)) == msgspec.json.encode(
            Saved(here.process, here.window)
        )
        self.resident = dataclasses.replace(here, process=process, window=window)
        self.recall = Recall.unpack(self.recall.pack()) if at % 2 else Recall()

    def check(self) -> None:
        rows, process, window = self.rows, Process(), Window()
        numbered = [row._replace(id=n) for n, row in enumerate(rows, 1)]
        assert journal.verify(numbered, rows[0].prev, Seq(0)) is None
        for row in rows:
            event = journal.decode(row)
            if isinstance(event, e.Asked):
                window.apply(row.seq, event)
                again = assemble(process, window, (), event.output, event.tail)
                assert prompt_digest(again) == event.prompt
                process = apply(process, event)
                continue
            if isinstance(event, e.PagedIn):
                for piece in event.pages:
                    whole = page_text(journal.decode(rows[piece.page - 1]))
                    assert piece.text == whole[piece.start : piece.end]
            process = apply(process, event)
            window.apply(row.seq, event)
        self.check_pages(rows)

    def check_pages(self, rows: Sequence[Row]) -> None:
        """The pieces of a page follow one another from its first character to its last."""
        cols = self.recall.space.table.columns()
        ends: dict[int, int] = {}
        for seq, start, end in zip(
            cols.seq.tolist(), cols.start.tolist(), cols.end.tolist(), strict=True
        ):
            assert ends.get(seq, 0) == start
            ends[seq] = end
        for seq, end in ends.items():
            assert end == len(page_text(journal.decode(rows[seq - 1])))


def folded(rows: Sequence[Row], process: Process, window: Window) -> tuple[Process, Window]:
    for row in rows:
        event = journal.decode(row)
        process = apply(process, event)
        window.apply(row.seq, event)
    return process, window


def words(n: int, size: int) -> str:
    return " ".join(f"{FACTS[n % 3]} w{n}x{k};" for k in range(size // 8 + 1))


SIZES = st.integers(1, 700)
STEPS = st.one_of(
    st.tuples(st.just("hear"), SIZES, st.integers(0, 2)),
    st.tuples(st.just("answer"), SIZES),
    st.tuples(
        st.just("read"),
        st.lists(st.integers(1, 1500), min_size=1, max_size=3),
        st.permutations(range(3)),
    ),
    st.tuples(st.just("pin"), st.integers(1, 40)),
    st.tuples(st.just("remember"), st.integers(0, 2)),
    st.tuples(st.just("crash"), st.integers(0, 60)),
)

Step = tuple[object, ...]


FULL: list[Step] = [
    ("hear", 5, 0),
    *[("pin", n) for n in range(1, 9)],
    ("remember", 0),
    *[("hear", 60, 0), ("read", [1500], [0, 1, 2]), ("answer", 60)] * 6,
    ("hear", 20, 1),
]
"""What happens to a window at all."""


async def live(world: World, steps: Sequence[Step]) -> None:
    for step in steps:
        match step:
            case ("hear", int(size), int(about)):
                await world.hear(size, about)
            case ("answer", int(size)):
                await world.think(words(7, size))
            case ("read", list(sizes), list(late)):
                await world.read(sizes, late)
            case ("pin", int(n)):
                world.pin(n)
            case ("remember", int(about)):
                world.remember(about)
            case ("crash", int(at)):
                world.crash(at)
            case _:
                raise AssertionError(step)


@pytest.mark.slow
def test_a_window_keeps_its_promises() -> None:
    seen: set[type[AnyEvent]] = set()

    @settings(max_examples=EXAMPLES)
    @example(FULL)
    @given(st.lists(STEPS, min_size=4, max_size=20))
    def lived(steps: list[Step]) -> None:
        world = World()
        anyio.run(live, world, steps)
        world.check()
        seen.update(type(journal.decode(row)) for row in world.rows)

    lived()
    assert {e.Asked, e.Compacted, e.PagedIn, e.Pinned} <= seen
