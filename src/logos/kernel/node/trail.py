"""What a process has heard and read, kept for deciding on its calls.

    Trail(after)               for a process whose journal up to there is on disk
    .add(seq, event)           add one event
    await .task(store, ...)    its task: the fold of its whole journal
    .read                      whether it may have read anything

Most processes only read, and need no decisions: so the fold is built from the journal when first
needed, and extended from then on.

Invariant: the task reflects the journal up to its head at the moment `task` returns.
"""

from anyio.lowlevel import checkpoint

from logos.abi.events import (
    AnyEvent,
    Called,
    Ended,
    PagedIn,
    Rang,
    Received,
    Returned,
    Spawned,
    Told,
)
from logos.abi.ids import INIT, Pid, Seq
from logos.kernel import journal
from logos.kernel.flow import TOP_TRUST, Carried, Following, Task, fit
from logos.kernel.syscall import Tools
from logos.store import Store

KEPT = 64
"""Events kept for a process whose task has not been needed."""

BREATH = 20
"""Events folded before yielding to other tasks."""


class Trail:
    def __init__(self, after: Seq) -> None:
        self._after = after
        self._events: list[tuple[Seq, AnyEvent]] = []
        self._following: Following | None = None
        self._making = False
        self.read = bool(after)

    def add(self, seq: Seq, event: AnyEvent) -> None:
        self.read = self.read or isinstance(event, _READ) or _handed(event)
        self._events.append((seq, event))
        if len(self._events) < KEPT or self._making:
            return
        if self._following is None:
            self._after = seq
        else:
            self._fold(self._following)
        self._events.clear()

    async def task(self, store: Store, pid: Pid, tools: Tools) -> Task:
        """Everything up to where this trail begins must be on disk."""
        if self._following is None:
            self._making = True
            try:
                self._following = await follow(store, pid, tools, self._after)
            finally:
                self._making = False
        self._fold(self._following)
        return self._following.task

    @property
    def made(self) -> bool:
        """Has the next `task` nothing to read?"""
        return self._following is not None or not self._after

    def _fold(self, following: Following) -> None:
        for seq, event in self._events:
            following.apply(seq, event)
        self._events.clear()


_READ = Returned | Received | Told | Ended | PagedIn | Rang | Called


def _handed(event: AnyEvent) -> bool:
    """Was it started with more than a text its parent made up?"""
    if not isinstance(event, Spawned) or event.parent in (None, INIT):
        return False
    given = fit(event.carries)
    return given != Carried(label=TOP_TRUST, said=given.said)


async def follow(store: Store, pid: Pid, tools: Tools, upto: Seq) -> Following:
    """The fold of a journal up to an event."""
    following = Following(tools.catalogue(), tools.rules)
    if upto:
        async for row in journal.read(store, pid, upto=upto):
            following.apply(row.seq, journal.decode(row))
            if not row.seq % BREATH:
                await checkpoint()
    return following
