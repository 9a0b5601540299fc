"""A kernel on a database of its own, with a clock that only moves when told.

clock     time is ours: `advance` moves it and wakes whoever slept until then
node      opens a kernel: `async with node(clock=clock) as kernel`
"""

import heapq
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeAlias

import anyio
import pytest

from logos import config
from logos.abi.driver import Clock
from logos.kernel import Kernel, open_kernel
from logos.store import Fault, open_store

Node: TypeAlias = Callable[..., AbstractAsyncContextManager[Kernel]]


@dataclass
class Hand:
    """Satisfies Clock.  Microseconds."""

    at: int = 1_700_000_000_000_000
    _sleepers: list[tuple[int, int, anyio.Event]] = field(default_factory=list)
    _numbers: count = field(default_factory=count)  # type: ignore[type-arg]  # not at run time

    def now(self) -> int:
        return self.at

    async def sleep_until(self, at: int) -> None:
        while self.at < at:
            woken = anyio.Event()
            heapq.heappush(self._sleepers, (at, next(self._numbers), woken))
            await woken.wait()

    def advance(self, seconds: float) -> None:
        self.at += int(seconds * 1e6)
        while self._sleepers and self._sleepers[0][0] <= self.at:
            heapq.heappop(self._sleepers)[2].set()


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def node(url: str, world: Any) -> Node:
    @asynccontextmanager
    async def opened(
        *,
        clock: Clock | None = None,
        fault: Fault | None = None,
        settings: config.Node | None = None,
        through: str = "",
        **parts: Any,
    ) -> AsyncGenerator[Kernel]:
        async with open_store(through or url, config.Store(), fault) as store:
            made = world.parts(store, settings or config.Node())._replace(**parts)
            async with open_kernel(made if clock is None else made._replace(clock=clock)) as kernel:
                yield kernel

    return opened
