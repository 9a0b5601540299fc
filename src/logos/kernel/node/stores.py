"""What processes keep, for their calls and for people: storing, and looking up by path.

    Stores.remember(pid, items)    events for its journal, by mail; their numbers
    Stores.shelf(pid)              what it keeps, by path, as of everything durable
    Stores.behind(pid), read_up    has it unread mail; its shelf once it has read that
    Stores.find(name), named()     spaces that several processes share
    Stores.labels                  set when labels of pages can be computed

What a process keeps is a fold of its journal and nothing else: a shelf can be dropped at any time,
and the least recently used ones are.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import anyio

from logos.abi.agent import Agent
from logos.abi.calls import SearchMemory
from logos.abi.errors import Code, SysError
from logos.abi.events import Compacted, Forgot, Linked, Pinned, Remembered
from logos.abi.ids import MailId, Pid, Seq
from logos.abi.limits import FILE_BYTES
from logos.kernel import journal
from logos.kernel.flow import Label
from logos.kernel.memory import (
    CORE,
    NOTHING,
    OWN,
    SPENT,
    Ask,
    Fault,
    Shelf,
    Sought,
    Version,
    Window,
    abroad,
    bearing,
    exact,
    joined,
    linked,
    place,
)
from logos.kernel.node.forgetting import KINDS, content, plan
from logos.kernel.node.private import within
from logos.kernel.node.records import POLL_S, Records
from logos.kernel.node.resident import Resident
from logos.kernel.process.bodies import AnyMail, Deposit, Erase, Squeeze
from logos.store import Queries, Store

_SQL = Queries("logos.kernel.node", "stores.sql")

log = logging.getLogger("logos.kernel")

Item: TypeAlias = Remembered | Linked | Pinned

NAME_CHARS = 64
"""Of the name of a space."""

BATCH_ITEMS = 500
BATCH_CHARS = 1 << 20
"""The most that one letter carries."""

AHEAD = 3
"""Letters on their way at once."""

READ = 1000
"""Texts read at once."""

LINKED = 4
"""One part in this many of a search result is for linked entries."""

SHELVES = 32
"""Processes whose memory stays folded."""


Labels: TypeAlias = Callable[[Pid], Awaitable[Mapping[Seq, Label]]]
"""The labels of a process's pages, from the information flow."""


async def _unknown(pid: Pid) -> Mapping[Seq, Label]:
    del pid
    return {}


class Hooks(NamedTuple):
    """What the kernel does for the stores: `post` a letter and return its number; `resident`, the
    process if it is driven here; `begin` a space."""

    post: Callable[[Pid, AnyMail], Awaitable[MailId]]
    resident: Callable[[Pid], Resident | None]
    begin: Callable[[Agent], Awaitable[Pid]]


class Stores:
    def __init__(self, store: Store, records: Records, hooks: Hooks) -> None:
        self._store = store
        self._records = records
        self._hooks = hooks
        self._shelves: dict[Pid, Shelf] = {}  # least recently used first
        self.labels: Labels = _unknown
        self._lock = anyio.Lock(fast_acquire=True)  # guards _shelves while they are brought up

    async def remember(self, pid: Pid, items: Sequence[Item]) -> list[Seq]:
        """They are in its journal, once and in this order, when this returns: the number of each.

        Raise `invalid` for a path that memory does not have, `limit` for what is too long for where it is
        to stand, `state` when it has exited.
        """
        if any(item.path.startswith(CORE) for item in items if isinstance(item, Remembered)):
            (await self.shelf(pid)).fit(items)
        waiting: list[tuple[MailId, int]] = []
        found: list[Seq] = []
        for batch in batches([_checked(item) for item in items]):
            waiting.append((await self._hooks.post(pid, Deposit(tuple(batch))), len(batch)))
            if len(waiting) == AHEAD:
                found += await self._taken(pid, *waiting.pop(0))
        for letter in waiting:
            found += await self._taken(pid, *letter)
        return found

    async def _taken(self, pid: Pid, letter: MailId, events: int) -> Sequence[Seq]:
        async def look() -> Any:
            async with self._store.connection() as db:
                return await db.one(_SQL.taken, id=letter)

        while True:
            changed = self._records.changed(pid)
            row = await self._store.persist(look)
            if row["taken"] is not None:
                first = int(row["taken"])
                return [Seq(n) for n in range(first, first + events)]
            if row["exit_status"] is not None:
                raise _exited(pid)
            with anyio.move_on_after(POLL_S):
                await changed.wait()

    async def behind(self, pid: Pid) -> bool:
        """Has it letters to read?  Raise `state` when it has exited."""

        async def look() -> Any:
            async with self._store.connection() as db:
                return await db.one(_SQL.letters, pid=pid)

        row = await self._store.persist(look)
        if row["exited"]:
            raise _exited(pid)
        return bool(row["letters"])

    async def read_up(self, pid: Pid) -> Shelf:
        """With what was posted to it by now, by whomever."""
        while True:
            changed = self._records.changed(pid)
            if not await self.behind(pid):
                return await self.shelf(pid)
            with anyio.move_on_after(POLL_S):
                await changed.wait()

    async def shelf(self, pid: Pid) -> Shelf:
        async with self._lock:
            shelf = self._shelves.pop(pid, None) or Shelf()
            async for row in journal.read_kinds(self._store, pid, KINDS, shelf.seq):
                shelf.apply(row.seq, row.at, journal.decode(row))
            self._shelves[pid] = shelf
            if len(self._shelves) > SHELVES:
                del self._shelves[next(iter(self._shelves))]
            return shelf

    async def current(self, pid: Pid) -> Shelf:
        """The shelf with everything appended here so far, not only what is durable."""
        while True:
            end = await self._settled(pid)
            shelf = await self.shelf(pid)
            if self._end(pid) == end:
                return shelf

    async def _settled(self, pid: Pid) -> Seq | None:
        """Where its journal ends, once that is durable; None: it is not driven here."""
        end = self._end(pid)
        if (resident := self._hooks.resident(pid)) is not None:
            await resident.durable()
        return end

    def _end(self, pid: Pid) -> Seq | None:
        resident = self._hooks.resident(pid)
        return None if resident is None else resident.head.seq

    async def of(self, space: str) -> Shelf:
        """Raise `not_found`."""
        return await self.shelf(await self._found(space))

    async def open(self, space: str) -> Pid:
        """A space is started when somebody first puts something there."""
        agent = _agent(space)
        while True:
            if (pid := await self.find(space)) is not None:
                return pid
            try:
                return await self._hooks.begin(agent)
            except journal.Fenced:
                log.info("somebody else was first to begin %s", agent.name)

    async def seek(self, pid: Pid, question: str, tokens: int, sought: Sought) -> Fault:
        """What it keeps that matches a question, and what is linked to that.  A deliberate search
        is not gated, and spends its tokens on what bears on the question."""
        labelled = await self.labelled(pid, sought.label, sought.reader)
        shelf = await self.shelf(pid)
        ask = Ask(budget=tokens, mass=SPENT, gate=False, rules=sought.rules(shelf, labelled))
        found = await self._matching(pid, question, ask)
        ties = linked(shelf, found.pages, sought.as_of)
        if ask.rules.only is not None:
            ties &= ask.rules.only
        if not ties:
            return found
        rules = replace(ask.rules, only=ties, subject=False)
        more = await self._records.fault(
            pid, question, replace(ask, budget=max(tokens // LINKED, 1), rules=rules)
        )
        less = replace(ask, budget=tokens - more.tokens)
        return joined(await self._matching(pid, question, less), more)

    async def _matching(self, pid: Pid, question: str, ask: Ask) -> Fault:
        """The pages worth their tokens, and with the rest of the budget those that contain every
        word of the question."""
        found = bearing(await self._records.fault(pid, question, ask), question)
        rest = ask.budget - found.tokens
        if rest <= 0:
            return found
        pieces = frozenset((page.source.seq, page.source.start) for page in found.pages)
        others = replace(ask, budget=rest, rules=replace(ask.rules, pieces=pieces))
        return joined(found, exact(await self._records.fault(pid, question, others), question))

    async def labelled(self, pid: Pid, label: str, reader: str = "") -> frozenset[Seq] | None:
        """The events with such a label; None: no restriction.  Raise `invalid`."""
        if not (label or reader):
            return None
        wanted = within(label, reader)
        labels = await self.labels(pid)
        return frozenset(seq for seq, one in labels.items() if wanted(one))

    async def search(self, space: str, call: SearchMemory) -> str:
        """What a space has that matches a question, by path."""
        pid = await self._found(space)
        found = await self.seek(pid, call.question, call.tokens, Sought.of(call.within))
        shelf = await self.shelf(pid)
        pages = [(shelf.path(page.source.seq) or "", page) for page in found.pages]
        shown = [
            f"[{abroad(space, path)}, from character {page.source.start}]\n{page.text.strip()}"
            for path, page in pages
        ]
        return "\n\n".join(shown) or NOTHING

    async def texts(self, pid: Pid, versions: Sequence[Version]) -> list[str]:
        """The text of each version."""
        wanted = [version.seq for version in versions if version.text is None]
        read: dict[Seq, str] = {}
        for at in range(0, len(wanted), READ):
            for row in await journal.read_some(self._store, pid, wanted[at : at + READ]):
                event = journal.decode(row)
                read[row.seq] = event.text if isinstance(event, Remembered) else ""
        return [read[v.seq] if v.text is None else v.text for v in versions]

    async def _found(self, space: str) -> Pid:
        if (pid := await self.find(space)) is None:
            raise SysError(Code.NOT_FOUND, f"there is no space {space!r}", hint="list /mem")
        return pid

    async def forget(self, pid: Pid, erase: Erase) -> Forgot:
        """What the process itself may have forgotten; to be appended at once.  Raise `denied` for
        what it did itself, `not_found` when there is nothing."""
        while True:
            end = await self._settled(pid)
            forgot = await plan(self._store, pid, erase, content)
            if self._end(pid) == end:
                break
        if left := sorted(set(erase.pages) - set(forgot.pages)):
            raise SysError(
                Code.DENIED,
                f"page {left[0]} is not something you were given",
                hint="a person can have anything forgotten: `logos mem forget`",
            )
        if not forgot.pages:
            raise SysError(Code.NOT_FOUND, "there is nothing to forget there")
        return forgot

    async def forgotten(self, pid: Pid, erase: Erase) -> Sequence[Seq]:
        """For people: erase, wait until it is done, and return what was erased."""
        letter = await self._hooks.post(pid, erase)
        [seq] = await self._taken(pid, letter, 1)
        [row] = await journal.read_some(self._store, pid, [seq])
        event = journal.decode(row)
        return event.pages if isinstance(event, Forgot) else ()

    async def compacted(self, pid: Pid, wanted: Squeeze) -> Compacted:
        """For people: the window is compacted when this returns."""
        letter = await self._hooks.post(pid, wanted)
        [seq] = await self._taken(pid, letter, 1)
        [row] = await journal.read_some(self._store, pid, [seq])
        event = journal.decode(row)
        assert isinstance(event, Compacted), event
        return event

    async def window(self, pid: Pid) -> Window:
        """The present window, or the one in its journal."""
        resident = self._hooks.resident(pid)
        return await self._records.window(pid) if resident is None else resident.window

    def drop(self, pid: Pid) -> None:
        """Drop the shelf after something was forgotten."""
        self._shelves.pop(pid, None)

    async def find(self, name: str) -> Pid | None:
        async def look() -> Any:
            async with self._store.connection() as db:
                return await db.one(_SQL.space, agent=f"/mem/{name}")

        row = await self._store.persist(look)
        return None if row is None else Pid(row["pid"])

    async def named(self) -> dict[str, Pid]:
        async def look() -> Sequence[Any]:
            async with self._store.connection() as db:
                return await db.all(_SQL.spaces)

        rows = await self._store.persist(look)
        return {row["agent"].removeprefix("/mem/"): Pid(row["pid"]) for row in rows}


def _exited(pid: Pid) -> SysError:
    return SysError(Code.STATE, f"process {pid} has exited", hint=f"see `logos show {pid}`")


def _agent(space: str) -> Agent:
    """Raise `invalid` for a name that no space can have."""
    if f"/mem/{space}" in OWN or not space.isidentifier() or len(space) > NAME_CHARS:
        raise SysError(
            Code.INVALID,
            f"{space!r} is not a name for a space",
            hint=f"use at most {NAME_CHARS} letters, digits and _",
        )
    return Agent(name=f"/mem/{space}", description="a space", program="archive")


def batches(items: Sequence[Item]) -> list[list[Item]]:
    """In order, each small enough for one letter."""
    made: list[list[Item]] = []
    room = 0
    for item in items:
        size = len(item.text) if isinstance(item, Remembered) else 0
        if not made or len(made[-1]) == BATCH_ITEMS or size > room:
            made.append([])
            room = BATCH_CHARS
        made[-1].append(item)
        room -= size
    return made


def _checked(item: Item) -> Item:
    if isinstance(item, Remembered):
        if len(item.text) > FILE_BYTES:
            raise SysError(
                Code.LIMIT, f"{item.path} is longer than {FILE_BYTES >> 20} MiB", hint="cut it up"
            )
        if item.path != place(item.path):
            raise SysError(Code.INVALID, f"{item.path} is not a plain path")
    return item
