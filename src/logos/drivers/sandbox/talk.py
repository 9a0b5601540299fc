"""A confined program that stays and is talked to, such as a server on its standard streams.

    talking(streams)    -> Talk, while held
    Talk.send, receive  bytes in and out
    Talk.last_words     the end of what it wrote to standard error
    endless(command)    the command without a deadline

Its standard error is always read: a program that complains a lot must not stand still.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import msgspec

from logos.abi.driver import Command
from logos.abi.errors import Code, SysError
from logos.drivers.sandbox.cage import read, write

_CHUNK = 1 << 16
_REMEMBERED = 2000
_CPU_S = 30 * 86400.0
"""Of processor time, for a program without a deadline."""


class Talk:
    def __init__(self, stdin: int, stdout: int) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._turn = anyio.Lock()
        self._words = b""

    async def send(self, data: bytes) -> None:
        async with self._turn:
            try:
                await write(self._stdin, data)
            except OSError as error:
                raise SysError(Code.UNAVAILABLE, f"the program has ended: {error}") from error

    async def receive(self) -> bytes:
        return await read(self._stdout, _CHUNK)

    def last_words(self) -> str:
        return self._words.decode("utf-8", "replace").strip()

    async def listen(self, stderr: int) -> None:
        while data := await read(stderr, _CHUNK):
            self._words = (self._words + data)[-_REMEMBERED:]


@asynccontextmanager
async def talking(streams: tuple[int, int, int]) -> AsyncIterator[Talk]:
    talk = Talk(streams[0], streams[1])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(talk.listen, streams[2])
        try:
            yield talk
        finally:
            tasks.cancel_scope.cancel()


def endless(command: Command) -> Command:
    return msgspec.structs.replace(command, timeout_s=_CPU_S)
