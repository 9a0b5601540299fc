"""When processes are due: one heap for all of a node, and one task that waits for its top.

    Alarms.set(at, pid)   call `due(pid, now)` at that time, or soon after
    Alarms.run()          until cancelled

Invariant: an alarm is never early.  It also rings when no longer needed: the receiver checks the
state.
"""

import heapq
from collections.abc import Callable

import anyio

from logos.abi.driver import Clock
from logos.abi.ids import Pid


class Alarms:
    def __init__(self, clock: Clock, due: Callable[[Pid, int], None]) -> None:
        self._clock = clock
        self._due = due
        self._heap: list[tuple[int, Pid]] = []
        self._sooner = anyio.Event()

    def set(self, at: int, pid: Pid) -> None:
        """`at` is in microseconds."""
        heapq.heappush(self._heap, (at, pid))
        if self._heap[0] == (at, pid):
            self._sooner.set()

    async def run(self) -> None:
        while True:
            self._sooner = anyio.Event()
            now = self._clock.now()
            while self._heap and self._heap[0][0] <= now:
                _, pid = heapq.heappop(self._heap)
                self._due(pid, now)
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as race:
                    race.start_soon(self._until_next, scope)
                    await self._sooner.wait()
                    scope.cancel()

    async def _until_next(self, scope: anyio.CancelScope) -> None:
        if self._heap:
            await self._clock.sleep_until(self._heap[0][0])
            scope.cancel()
