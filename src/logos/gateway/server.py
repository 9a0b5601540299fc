"""HTTP on a socket: uvicorn, with the limits that a long-running service needs.

    serving(app, socket)    serve until left

A request's head must come soon and be of a reasonable size, whatever the client does.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from logos.gateway.ask import PEER, Peer

HEAD_BYTES = 64 << 10
"""The longest head of a request."""

HEAD_S = 30.0
"""How long a head may take to arrive."""

IDLE_S = 75
"""How long a connection is kept without a request."""

TICK_S = 1.0
"""How often the server looks at its clock."""


class _Joined:
    """A transport that sends the head of an answer together with what follows at once."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._held = b""

    def write(self, data: bytes) -> None:
        if self._held:
            data, self._held = self._held + data, b""
        elif data.startswith(b"HTTP/1.1 "):
            self._held = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held:
            data, self._held = self._held, b""
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Protocol(HttpToolsProtocol):
    """Counts what comes before a request's body."""

    _head = 0
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_Joined(transport, self.loop))  # type: ignore[arg-type]
        self._peer = Peer(lambda: self.flow.write_paused)
        self._wait()

    def data_received(self, data: bytes) -> None:
        if self._patience is not None:
            self._head += len(data)
            if self._head > HEAD_BYTES and self._body_started(data):
                self._head = 0
            if self._head > HEAD_BYTES:
                self._give_up("The head of the request is too long.")
                return
        super().data_received(data)

    def _body_started(self, data: bytes) -> bool:
        """A long body may have come together with the end of the head."""
        return len(data) > HEAD_BYTES and b"\r\n\r\n" in data[:HEAD_BYTES]

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[PEER] = self._peer  # type: ignore[literal-required]
        if self._patience is None:
            self._wait()

    def on_headers_complete(self) -> None:
        self._rest()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        super().connection_lost(exc)
        self._peer.hang_up()

    def _wait(self) -> None:
        self._head = 0
        self._patience = self.loop.call_later(HEAD_S, self._give_up, "The request did not come.")

    def _rest(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self, why: str) -> None:
        self._rest()
        if not self.transport.is_closing():
            self.send_400_response(why)


class _Stopping(logging.Filter):
    """A request that is cancelled because its server stops is no error."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, asyncio.CancelledError)


logging.getLogger("uvicorn.error").addFilter(_Stopping())


class _Server(uvicorn.Server):
    """Signals are the daemon's; and a machine at rest shall rest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def main_loop(self) -> None:
        ticks = 0
        while not await self.on_tick(ticks):
            await anyio.sleep(TICK_S)
            ticks += 10  # its own are tenths of a second


@asynccontextmanager
async def serving(app: Any, listener: socket.socket) -> AsyncGenerator[None]:
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=1,
        backlog=1024,
    )
    server = _Server(config)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve, [listener])
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                server.should_exit = True
                await _stop(server)
            tasks.cancel_scope.cancel()


async def _stop(server: _Server) -> None:
    for running in list(server.server_state.tasks):
        running.cancel()
    for one in getattr(server, "servers", ()):
        one.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()
