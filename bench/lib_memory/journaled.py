"""Conversations in the journals of processes, on a real database.

    opened(url)                an async context manager: Journals
    Journals.put(events)       -> the pid of a process that remembers them, when it is on disk
    Journals.append(pid, event)   one more event; the batch it rides in
    Journals.store             for Records

Events go the way all events go: sealed in a chain, committed by the writer in batches, fenced.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import anyio

from logos import config
from logos.abi.agent import Agent
from logos.abi.events import AnyEvent, Remembered, Spawned
from logos.abi.ids import Pid
from logos.kernel.journal import Batch, Birth, Entry, Head, Projection, Writer, before_birth, seal
from logos.kernel.node.lease import Lease
from logos.store import Store, open_store

_SHOWN = Projection("ready", None, 0, 0, 0, 0, None)
_AT = 1_700_000_000_000_000
_EVENTS = 256


class Journals:
    def __init__(self, store: Store, writer: Writer) -> None:
        self.store = store
        self.writer = writer
        self._heads: dict[Pid, Head] = {}

    async def put(self, events: Sequence[Remembered]) -> Pid:
        pid = await self.writer.new_pid()
        head = before_birth(pid)
        birth: Birth | None = Birth(None, "archive", "", "")
        spawned = Spawned(agent=Agent(name="archive"), task="", at=_AT)
        for some in _batches(spawned, events):
            before = head
            head, rows = seal(before, _AT, some)
            entry = Entry(before=before.seq, head=head, rows=rows, projection=_SHOWN, birth=birth)
            await self.writer.append(entry).durable(pid)
            birth = None
        self._heads[pid] = head
        return pid

    def copied(self, old: Pid, pid: Pid) -> None:
        """Somebody has copied a journal, hashes and all."""
        self._heads[pid] = self._heads[old]._replace(pid=pid)

    def append(self, pid: Pid, event: AnyEvent) -> Batch:
        """One more event, as a process that lives appends it."""
        before = self._heads[pid]
        head, rows = seal(before, _AT, [event])
        self._heads[pid] = head
        return self.writer.append(Entry(before=before.seq, head=head, rows=rows, projection=_SHOWN))


def _batches(spawned: Spawned, events: Sequence[Remembered]) -> list[list[AnyEvent]]:
    return [
        [spawned],
        *(list(events[i : i + _EVENTS]) for i in range(0, len(events), _EVENTS)),
    ]


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Journals]:
    async with open_store(url, config.Store()) as store:
        node = await Lease(store, 600.0).take("bench", alone=True)
        writer = Writer(store, node, lambda _: None)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(writer.run)
            yield Journals(store, writer)
            tasks.cancel_scope.cancel()
