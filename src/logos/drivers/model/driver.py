"""What a model of this room can do beyond the Model Protocol."""

from collections.abc import AsyncGenerator
from typing import Protocol

from logos.abi.driver import Model
from logos.abi.messages import AnyDelta, Request


class Driver(Model, Protocol):
    """A thought is a generator: closing it ends it.  A driver is closed when it is done with."""

    def think(self, request: Request) -> AsyncGenerator[AnyDelta, None]: ...

    async def aclose(self) -> None:
        """Let go of connections, threads and memory.  No thought may be going on."""
        ...
