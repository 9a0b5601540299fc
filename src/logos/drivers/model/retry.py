"""A Model that asks again when that can help.

    Patience    how often, how long
    Retry       the wrapper

Waits grow exponentially, each a random share of its bound (full jitter), so that many
processes do not come back together; a provider that says how long to wait is believed.
Invariant: after the first delta of an answer has been passed on, nothing is asked again.
"""

import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from itertools import count

import anyio

from logos.abi.driver import Profile
from logos.abi.errors import Code, SysError
from logos.abi.messages import AnyDelta, Finished, ReasonDelta, Request
from logos.drivers.model.driver import Driver

AGAIN = frozenset({Code.LIMIT, Code.UNAVAILABLE, Code.TIMEOUT})
"""What may be different the next time."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """`tries` counts the first one; times in seconds; `total_s` bounds waiting and trying
    together: no wait begins that would end after it."""

    tries: int = 6
    total_s: float = 180.0
    first_s: float = 0.5
    longest_s: float = 30.0

    def wait(self, tried: int, told: float | None, share: float) -> float:
        """How long to wait after `tried` tries.  `told` is what the provider asked for;
        `share` is random, from 0 to 1."""
        bound: float = min(self.longest_s, self.first_s * 2 ** (tried - 1))
        return share * bound if told is None else told + share * self.first_s


class Retry:
    """Satisfies Model.  `share` gives random numbers from 0 to 1, `now` seconds that only
    grow."""

    def __init__(
        self,
        model: Driver,
        patience: Patience | None = None,
        *,
        share: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        now: Callable[[], float] = anyio.current_time,
    ) -> None:
        self._model = model
        self._patience = patience or Patience()
        self._share = share
        self._sleep = sleep
        self._now = now

    @property
    def profile(self) -> Profile:
        return self._model.profile

    def count(self, request: Request) -> int:
        return self._model.count(request)

    async def think(self, request: Request) -> AsyncGenerator[AnyDelta, None]:
        """Stream one thought.  See Model."""
        began = self._now()
        for tried in count(1):
            delivered = False
            try:
                async with aclosing(self._model.think(request)) as deltas:
                    async for delta in deltas:
                        delivered = delivered or not isinstance(delta, ReasonDelta)
                        yield delta
                        if isinstance(delta, Finished):
                            return
                failure = SysError(Code.UNAVAILABLE, "the model's answer broke off before its end")
            except SysError as error:
                failure = error
            if not delivered:
                await self._wait(failure, tried, began)
            elif failure.code is Code.UNAVAILABLE:
                # Half an answer is the model's failure, whatever cut it.
                raise SysError(Code.MODEL, failure.message, hint=failure.hint)
            else:
                raise failure

    async def _wait(self, error: SysError, tried: int, began: float) -> None:
        """Wait before the next try, or raise the error when there is none."""
        patience = self._patience
        if error.code not in AGAIN or tried >= patience.tries:
            raise error
        wait = patience.wait(tried, error.retry_after_s, self._share())
        if self._now() + wait - began > patience.total_s:
            raise error
        _log.info("%s: try %d: %s; again in %.1f s", self.profile.name, tried, error.code, wait)
        await self._sleep(wait)

    async def aclose(self) -> None:
        await self._model.aclose()
