"""A question to memory, as a vector, in time or not at all.

    Questions.vector(embedder, text)    None: too late, or it failed

Whoever thinks waits for this, so patience is short; and an endpoint that was late several times in
a row is left alone for a while, so that one that is away costs nobody anything.
"""

import logging

import anyio
import numpy as np
from numpy.typing import NDArray

from logos.abi.driver import Clock, Embedder
from logos.abi.errors import SysError
from logos.kernel.meaning.vectors import unit

log = logging.getLogger("logos.kernel")

Floats = NDArray[np.float32]

USED, LATE, OFF = "used", "late", "off"

CHARS = 2000
"""Of a question; what is longer is no question."""

KEPT = 256
"""Questions whose vectors are kept."""

STRIKES = 3
REST_S = 15
"""After so many failures in a row nobody asks for so long."""

SECOND = 1_000_000


class Questions:
    def __init__(self, clock: Clock, wait_s: float) -> None:
        self._clock = clock
        self._wait_s = wait_s
        self._kept: dict[tuple[str, str], Floats] = {}  # the one asked longest ago first
        self._strikes = 0
        self._rest_until = 0

    async def vector(self, embedder: Embedder, text: str) -> Floats | None:
        asked = (embedder.name, text[:CHARS])
        found = self._kept.pop(asked, None)
        if found is None:
            found = await self._made(embedder, asked[1])
        if found is not None:
            self._kept[asked] = found
            if len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
        return found

    async def _made(self, embedder: Embedder, text: str) -> Floats | None:
        if self._clock.now() < self._rest_until:
            return None
        found: Floats | None = None
        try:
            with anyio.move_on_after(self._wait_s):
                made = await embedder.embed([text])
                found = unit(made.vectors[0])
        except SysError as error:
            log.info("a question has no vector: %s", error)
        self._strikes = 0 if found is not None else self._strikes + 1
        if self._strikes >= STRIKES:
            self._rest_until = self._clock.now() + REST_S * SECOND
            self._strikes = 0
        return found
