"""Answers of a model that somebody waits for: in time, or not at all.

    Patience.within(asking, what)    its answer; None: too late, failed, or suspended

A thought waits for this, so patience is short.  A model that was late several times in a row is not
asked for a while, so that one that is unavailable costs nothing.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from logos.abi.driver import Clock
from logos.abi.errors import SysError

log = logging.getLogger("logos.kernel")

STRIKES = 3
REST_S = 15
"""After so many failures in a row nobody asks for so long."""

SECOND = 1_000_000

T = TypeVar("T")


class Patience:
    def __init__(self, clock: Clock, wait_s: float) -> None:
        self._clock = clock
        self._wait_s = wait_s
        self._strikes = 0
        self._rest_until = 0

    async def within(self, asking: Callable[[], Awaitable[T]], what: str) -> T | None:
        if self._clock.now() < self._rest_until:
            return None
        found: T | None = None
        try:
            with anyio.move_on_after(self._wait_s):
                found = await asking()
        except SysError as error:
            log.info("%s: %s", what, error)
        self._strikes = 0 if found is not None else self._strikes + 1
        if self._strikes >= STRIKES:
            self._rest_until = self._clock.now() + REST_S * SECOND
            self._strikes = 0
        return found
