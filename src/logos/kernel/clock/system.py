"""Microseconds since the Unix epoch, never going backwards within one life of a node."""

import time

import anyio


class SystemClock:
    def __init__(self) -> None:
        self._last = 0

    def now(self) -> int:
        self._last = max(self._last, time.time_ns() // 1000)
        return self._last

    async def sleep_until(self, at: int) -> None:
        while (now := self.now()) < at:  # noqa: ASYNC110 - the clock may be set while we sleep
            await anyio.sleep(min((at - now) / 1e6, 3600.0))
