"""What a process has heard and read, kept for when a call of it must be decided.

    Trail(after)               of a process whose journal up to there is on disk
    .add(seq, event)           one more event
    await .task(store, ...)    its task: the fold of its whole journal
    .read                      whether it may have read anything

Most processes only look, and nothing is decided about them: so the fold is made when it is
first asked for, from the journal, and grows from then on.

Invariant: the task is that of the journal's head at the moment `task` returns.
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
"""Events kept of a process that has not been asked about."""

BREATH = 20
"""Events folded before others get a turn."""


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
        """Everything up to where this began to listen must be on disk."""
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
        """Whether the next `task` has nothing to read."""
        return self._following is not None or not self._after

    def _fold(self, following: Following) -> None:
        for seq, event in self._events:
            following.apply(seq, event)
        self._events.clear()


_READ = Returned | Received | Told | Ended | PagedIn | Rang | Called


def _handed(event: AnyEvent) -> bool:
    """Was it born with more than a text that its parent thought of itself?"""
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
