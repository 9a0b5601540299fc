"""The Tool of process.exec: a program in the sandbox, answered at its door.

    Programs.run       an Exec -> Ran
    Programs.effect    with restarts it may run again after a crash of the node
    Programs.keep      a Keeper, from now on; until there is one, programs wait
    Programs.listen    hear one write: what it wrote in this run so far, then the rest

The program's model endpoint is a port of its own loopback.  Where the mode gives it a network of its
own it reaches nothing else, but for the hosts it was granted, through another port; else it shares
the machine's, and the port is the machine's.

Invariant: a key is good for one run.
"""

import secrets
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import anyio

from logos.abi.calls import Exec, Ran
from logos.abi.driver import Command, Effect, Hosted, Job, Mode, Network, Sandbox, WayOut
from logos.abi.errors import Code, SysError
from logos.abi.host import Guest, Keeper
from logos.abi.ids import Pid
from logos.abi.limits import OUTPUT_BYTES

Ear: TypeAlias = Callable[[int, bytes], None]
"""Told 1 or 2 and what was written there; 0 when a run has begun."""

PORT = 4747
"""Of a loopback that is the program's alone, where any port is free."""

WAY = 3128
"""Behind which its way out is."""

MCP = "$LOGOS_MCP_URL"
"""In the value of a variable: the URL."""

PROCESSES = 256
FILE_BYTES = 1 << 30
BACKLOG = 256
KEPT = 1 << 20
"""Bytes of this run, for those who begin to listen in the middle."""


class _Run:
    """What one run has written."""

    def __init__(self) -> None:
        self.tails = {1: bytearray(), 2: bytearray()}
        self.said: list[tuple[int, bytes]] = []
        self.size = 0
        self.truncated = False

    def add(self, stream: int, data: bytes) -> None:
        self.said.append((stream, data))
        self.size += len(data)
        while self.size > KEPT and len(self.said) > 1:
            self.size -= len(self.said.pop(0)[1])
        tail = self.tails[stream]
        tail += data
        if len(tail) > OUTPUT_BYTES:
            self.truncated = True
            del tail[:-OUTPUT_BYTES]

    def ran(self, status: int) -> Ran:
        out, err = (self.tails[n].decode("utf-8", "backslashreplace") for n in (1, 2))
        return Ran(status=status, stdout=out, stderr=err, truncated=self.truncated)


class Programs:
    def __init__(self, sandbox: Sandbox, way: WayOut | None = None) -> None:
        self._sandbox = sandbox
        self._way = way
        self._keeper: Keeper | None = None
        self._kept = anyio.Event()
        self._runs: dict[Pid, _Run] = {}
        self._ears: dict[Pid, list[Ear]] = {}

    def keep(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._kept.set()

    @property
    def confined(self) -> bool:
        """Whether programs have a network of their own."""
        return self._sandbox.mode is Mode.FULL

    def effect(self, call: Exec) -> Effect:
        return Effect.IDEMPOTENT if call.restarts else Effect.EFFECT

    def listen(self, pid: Pid, ear: Ear) -> Callable[[], None]:
        """Returns how to stop."""
        for stream, data in self._runs[pid].said if pid in self._runs else ():
            ear(stream, data)
        self._ears.setdefault(pid, []).append(ear)

        def stop() -> None:
            self._ears[pid].remove(ear)
            if not self._ears[pid]:
                del self._ears[pid]

        return stop

    async def run(self, job: Job) -> Ran:
        call = job.call
        if not isinstance(call, Exec):
            raise SysError(Code.INVALID, f"{type(call).__name__} runs no program")
        await self._kept.wait()
        run = self._runs[job.pid] = _Run()
        try:
            self._tell(job.pid, 0, b"")
            return run.ran(await self._hosted(job, call))
        except ExceptionGroup as group:
            known = group.split(SysError)[0]
            if known is None:
                raise
            raise _first(known) from group
        finally:
            if self._runs.get(job.pid) is run:
                del self._runs[job.pid]

    async def _hosted(self, job: Job, call: Exec) -> int:
        with ExitStack() as held:
            apart = self.confined and call.network is Network.NONE
            own = None if apart else held.enter_context(_listener())
            port = PORT if own is None else own.getsockname()[1]
            key = secrets.token_urlsafe(24)
            way = self._open(call, apart=apart)
            env = (dict(way.variables(WAY, call.hosts)) if way else {}) | _environ(port, key, call)
            command = _command(job, call, env=env, apart=apart)
            async with self._sandbox.host(command) as hosted:
                door = hosted.doors[0] if own is None else own.fileno()
                if way is None:
                    return await self._served(job.pid, call, key, door, hosted)
                async with way.open(hosted.doors[1], job, call.hosts):
                    return await self._served(job.pid, call, key, door, hosted)

    def _open(self, call: Exec, *, apart: bool) -> WayOut | None:
        """Raise `unavailable` where nothing would hold a program to its hosts."""
        if not call.hosts:
            return None
        if self._way is None or not apart:
            raise SysError(
                Code.UNAVAILABLE,
                f"nothing holds a program to its hosts in sandbox mode {self._sandbox.mode} "
                f"with network {call.network}, so it is not run",
                hint="see `logos doctor`; or name no hosts",
            )
        return self._way

    async def _served(self, pid: Pid, call: Exec, key: str, door: int, hosted: Hosted) -> int:
        assert self._keeper is not None
        stopped: list[SysError] = []
        status = 0
        async with anyio.create_task_group() as tasks:

            def stop(why: SysError) -> None:
                stopped.append(why)
                tasks.cancel_scope.cancel()

            guest = Guest(pid, call, key, door, hosted.signal, stop)
            async with self._keeper.serving(guest):
                while True:
                    stream, data = await hosted.hear()
                    if not data:
                        break
                    self._runs[pid].add(stream, data)
                    self._tell(pid, stream, data)
                status = await hosted.ended()
        if stopped:
            raise stopped[0]
        return status

    def _tell(self, pid: Pid, stream: int, data: bytes) -> None:
        for ear in tuple(self._ears.get(pid, ())):
            ear(stream, data)


def _first(group: BaseExceptionGroup[SysError]) -> SysError:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, SysError)
    return found


def _listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)


def _command(job: Job, call: Exec, *, env: dict[str, str], apart: bool) -> Command:
    return Command(
        argv=call.argv,
        workspace=job.workspace,
        stdin=call.stdin.encode("utf-8", "surrogatepass"),
        env=env,
        readable=tuple(Path(folder) for folder in call.readable),
        network=Network.NONE if apart else Network.HOST,
        timeout_s=call.timeout_s,
        memory_bytes=call.memory_mb << 20,
        processes=PROCESSES,
        file_bytes=FILE_BYTES,
        start=Path(call.folder) if call.folder else None,
        doors=((PORT, WAY) if call.hosts else (PORT,)) if apart else (),
    )


def _environ(port: int, key: str, call: Exec) -> dict[str, str]:
    """Programs have names of their own for where their tools are."""
    ours = endpoints(port, key)
    return ours | {name: value.replace(MCP, ours[MCP[1:]]) for name, value in call.env.items()}


def endpoints(port: int, key: str) -> dict[str, str]:
    """What an agent that nobody changed reads its endpoints from."""
    url = f"http://127.0.0.1:{port}"
    return {
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_BASE": f"{url}/v1",
        "OPENAI_API_KEY": key,
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": key,
        "LOGOS_MCP_URL": f"{url}/mcp/{key}",
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "127.0.0.1,localhost,::1",
    }
