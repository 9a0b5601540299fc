"""A confined program that is let loose and listened to.

    hosting(cage, streams, command)    -> Host, while held
    Host.hear, signal, ended, doors

Invariant: whatever it wrote is heard before its end is.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from logos.abi.driver import Command
from logos.drivers.sandbox.cage import Cage, read

_CHUNK = 1 << 16
_AHEAD = 16  # chunks that wait for the listener; then the program waits


class Host:
    def __init__(self, cage: Cage) -> None:
        self._cage = cage
        self._said, self._heard = anyio.create_memory_object_stream[tuple[int, bytes]](_AHEAD)
        self.doors = cage.doors()

    async def hear(self) -> tuple[int, bytes]:
        try:
            return await self._heard.receive()
        except anyio.EndOfStream:
            return 0, b""

    def signal(self, number: int) -> None:
        self._cage.signal(number)

    async def ended(self) -> int:
        return await self._cage.ended()

    def close(self) -> None:
        """Nobody listens any more."""
        self._said.close()
        self._heard.close()

    async def listen(self, streams: tuple[int, int, int]) -> None:
        async with self._said, anyio.create_task_group() as tasks:
            tasks.start_soon(self._drain, 1, streams[1])
            tasks.start_soon(self._drain, 2, streams[2])

    async def _drain(self, number: int, fd: int) -> None:
        while data := await read(fd, _CHUNK):
            await self._said.send((number, data))


@asynccontextmanager
async def hosting(
    cage: Cage, streams: tuple[int, int, int], command: Command
) -> AsyncIterator[Host]:
    host = Host(cage)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(host.listen, streams)
        tasks.start_soon(cage.feed, command.stdin)
        try:
            yield host
        finally:
            tasks.cancel_scope.cancel()
            host.close()
