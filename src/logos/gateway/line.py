"""Listening to one process while it answers.

    Line.meet(pid)        listen from now on
    Line.join(pid)        listen to a thought under way: its events, without deltas
    Line.next(within)     the next delta or event, or None when there was none in time

Deltas arrive as they are produced, events once they are on disk.  If another node drives the
process, its events are read from the journal.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import anyio

from logos.abi.events import AnyEvent, Exited, Interrupted, Told
from logos.abi.ids import Pid, Seq
from logos.abi.messages import AnyDelta
from logos.kernel import Kernel

KINDS = ("asked", "thought", "interrupted", "exited")
"""What is listened for: the beginning of an answer, and its end."""

LOOK_S = 1.0
"""How often the journal is looked at when nothing is heard."""


class Heard(NamedTuple):
    """`began`: the event that began the thought."""

    began: Seq
    delta: AnyDelta


class Happened(NamedTuple):
    seq: Seq
    event: AnyEvent


class Line:
    """`seen` is the last event that was passed on."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._queue: deque[Heard | Happened] = deque()
        self._more: anyio.Event | None = None
        self._stops: list[Callable[[], None]] = []
        self._pid = Pid(0)
        self.seen = Seq(0)

    def meet(self, pid: Pid, after: Seq = Seq(0)) -> None:  # noqa: B008 - a number
        self._pid, self.seen = pid, after
        self._stops.append(self._kernel.listen(pid, self._hear))
        self._stops.append(self._kernel.attend(pid, self._witness, KINDS))

    async def join(self, pid: Pid) -> bool:
        """Whether it still is at what it was told last, or has answered it."""
        self._pid = pid
        heard: list[Happened] = []
        early = self._kernel.attend(pid, lambda seq, event: heard.append(Happened(seq, event)))
        since: list[Happened] = []
        try:
            async for told in self._kernel.records.events(pid):
                if isinstance(told.event, Told) and told.event.metadata is None:
                    since.clear()
                since.append(Happened(told.row.seq, told.event))
        finally:
            early()
        self._stops.append(self._kernel.attend(pid, self._witness, KINDS))
        for seq, event in (*since, *heard):
            self._witness(seq, event)
        return not any(map(_gave_up, self._queue))

    def _hear(self, began: Seq, delta: AnyDelta) -> None:
        self._queue.append(Heard(began, delta))
        self._wake()

    def _witness(self, seq: Seq, event: AnyEvent) -> None:
        if seq > self.seen:
            self.seen = seq
            self._queue.append(Happened(seq, event))
            self._wake()

    def _wake(self) -> None:
        if self._more is not None:
            self._more.set()

    @property
    def waiting(self) -> bool:
        """Whether `next` would return at once."""
        return bool(self._queue)

    async def next(self, within: float) -> Heard | Happened | None:
        """Seconds."""
        if self._queue:
            return self._queue.popleft()
        until = anyio.current_time() + within
        while not self._queue:
            rest = until - anyio.current_time()
            if rest <= 0:
                return None
            self._more = anyio.Event()
            with anyio.move_on_after(min(rest, LOOK_S)) as scope:
                await self._more.wait()
            if scope.cancelled_caught and not self._kernel.drives(self._pid):
                async for told in self._kernel.records.events(self._pid, self.seen):
                    self._witness(told.row.seq, told.event)
        return self._queue.popleft()

    def close(self) -> None:
        while self._stops:
            self._stops.pop()()


def _gave_up(item: Heard | Happened) -> bool:
    match item:
        case Happened(event=Interrupted(lost=False) | Exited()):
            return True
        case _:
            return False
