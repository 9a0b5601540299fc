"""A question to memory, as a vector, in time or not at all.

Questions.vector(embedder, text)    and the tokens it took; None: too late, or it failed
"""

import numpy as np
from numpy.typing import NDArray

from logos.abi.driver import Clock, Embedded, Embedder
from logos.kernel.meaning.patience import Patience
from logos.kernel.meaning.vectors import unit

Floats = NDArray[np.float32]

USED, LATE, OFF = "used", "late", "off"

CHARS = 2000
"""Of a question; what is longer is no question."""

KEPT = 256
"""Questions whose vectors are kept."""


class Questions:
    def __init__(self, clock: Clock, wait_s: float) -> None:
        self._patience = Patience(clock, wait_s)
        self._kept: dict[tuple[str, str], Floats] = {}  # the one asked longest ago first

    async def vector(self, embedder: Embedder, text: str) -> tuple[Floats | None, int]:
        asked, tokens = (embedder.name, text[:CHARS]), 0
        found = self._kept.pop(asked, None)
        if found is None:

            async def made() -> Embedded:
                return await embedder.embed([asked[1]])

            answer = await self._patience.within(made, "a question has no vector")
            if answer is not None:
                found, tokens = unit(answer.vectors[0]), answer.tokens
        if found is not None:
            self._kept[asked] = found
            if len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
        return found, tokens
