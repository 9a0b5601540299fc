"""Open the gateway on a socket.

open_gateway(machine, settings, place)    serve until left
Gateway                                   where it is
"""

import socket
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio

from logos import config
from logos.abi.errors import Code, SysError
from logos.boot import Machine
from logos.gateway.app import App
from logos.gateway.ask import Receive, Scope, Send
from logos.gateway.ending import ending
from logos.gateway.server import serving

BACKLOG = 1024


class Gateway(NamedTuple):
    """`url` without `/v1`."""

    url: str


@asynccontextmanager
async def open_gateway(
    machine: Machine, settings: config.Gateway, place: Path, also: Mapping[str, Any] | None = None
) -> AsyncGenerator[Gateway]:
    """`also` are other surfaces on the same port, by the beginning of their paths.  Without a port of its own it takes the one it had last, so that clients find it again.

    Raise `conflict` when the port is taken.
    """
    remembered = place / "gateway.port"
    last = _number(remembered) if not settings.port else 0
    try:
        listener = _bound(settings.host, settings.port or last)
    except SysError:
        if not last:
            raise
        listener = _bound(settings.host, 0)
    with listener:
        port = listener.getsockname()[1]
        remembered.write_text(f"{port}\n")
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        async with anyio.create_task_group() as tasks:
            app = Shared(App(machine, settings.keepalive_s, tasks), also or {})
            async with serving(app, listener):
                if settings.idle_s:
                    tasks.start_soon(ending, machine.kernel, settings.idle_s)
                yield Gateway(f"http://{host}:{port}")
            tasks.cancel_scope.cancel()


class Shared:
    """One port for several surfaces, by how their paths start."""

    def __init__(self, app: App, also: Mapping[str, Any]) -> None:
        self._app, self._also = app, also

    @property
    def starts(self) -> Sequence[str]:
        return list(self._also)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for start, other in self._also.items():
            if scope["type"] == "http" and f"{scope['path']}/".startswith(f"{start}/"):
                await other(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _number(file: Path) -> int:
    if not file.exists():
        return 0
    said = file.read_text().strip()
    return int(said) if said.isdigit() else 0


def _bound(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise SysError(
            Code.CONFLICT,
            f"the gateway cannot have {host}:{port}: {error}",
            hint="choose another with gateway.port, or gateway.on = false",
        ) from None
