"""MCP on a unix socket: one message a line, many at once; the owner of the node on the other end.

    open_mcp(machine, path)   serve until left

Invariant: whoever may open the socket is the owner: its mode says so.
"""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import anyio.abc

from logos.abi.errors import SysError
from logos.boot import Machine
from logos.mcpserver.desk import OWNER, Desk
from logos.mcpserver.protocol import Protocol

log = logging.getLogger("logos.mcpserver")

LONGEST = 16 << 20
LEFT = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)


@asynccontextmanager
async def open_mcp(machine: Machine, path: Path) -> AsyncGenerator[None]:
    await anyio.Path(path).unlink(missing_ok=True)
    listener = await anyio.create_unix_listener(path, mode=0o600)
    serving = _Serving(Protocol(Desk(machine, OWNER)))
    try:
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, serving.client)
            yield
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.Path(path).unlink(missing_ok=True)


class _Serving:
    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    async def client(self, stream: anyio.abc.SocketStream) -> None:
        """What it has asked by the time it says no more, is done and answered."""
        with suppress(*LEFT):
            async with stream, anyio.create_task_group() as tasks:
                await self._read(stream, tasks)

    async def _read(self, stream: anyio.abc.SocketStream, tasks: anyio.abc.TaskGroup) -> None:
        turn, kept = anyio.Lock(), b""
        while len(kept) <= LONGEST:
            try:
                *lines, kept = (kept + await stream.receive()).split(b"\n")
            except LEFT:
                return
            for line in filter(bytes.strip, lines):
                tasks.start_soon(self._answer, stream, turn, line)

    async def _answer(self, stream: anyio.abc.SocketStream, turn: anyio.Lock, line: bytes) -> None:
        try:
            answer = await self._protocol.answer(line)
        except SysError as error:
            log.warning("an MCP client's request failed: %s", error)
            return
        if answer is not None:
            async with turn:
                with suppress(*LEFT):
                    await stream.send(answer + b"\n")
