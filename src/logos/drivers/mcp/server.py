"""One MCP server: started when first touched, shared, stopped when idle, started anew.

    Server            a Provider: its tools, and calls of them
    Server.stop       now, with everything it started
    Times             how long it may be idle, and how long one call may take

After a start that failed or an end that nobody asked for it rests, twice as long each time; who
calls meanwhile hears when it is worth trying again.

Invariant: at most one connection at a time, owned by one task.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import anyio
import anyio.abc
import msgspec

from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.tools import Offer
from logos.drivers.mcp.answer import Result
from logos.drivers.mcp.calls import Calls
from logos.drivers.mcp.client import Asks, Client
from logos.drivers.mcp.lines import Reach
from logos.drivers.mcp.skills import Skill
from logos.drivers.mcp.wire import Asked, Era, Stale

log = logging.getLogger("logos.mcp")

REST_S = 0.5
SHORT_REST_S = 2.0
"""Waited for; a longer one is an error for who calls."""

LONGEST_REST_S = 60.0

UNCONFINED = (
    "does it speak MCP, and start in a terminal? It runs in a sandbox: "
    "--readable FOLDER lets it read more, --network reach the network"
)
"""What to look at when a program does not come up."""


class Times(NamedTuple):
    """`start_s`: to answer the first question; some servers fetch themselves first."""

    idle_s: float = 300.0
    timeout_s: float = 60.0
    start_s: float = 60.0


STANDARD = Times()


class Server:
    """`clock` is monotonic, in seconds."""

    def __init__(
        self,
        name: str,
        reach: Reach,
        tasks: anyio.abc.TaskGroup,
        times: Times = STANDARD,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self._name = name
        self._reach = reach
        self._tasks = tasks
        self._times = times
        self._clock = clock
        self._turn = anyio.Lock()
        self._client: Client | None = None
        self._era: Era | None = None
        self._offers: tuple[Offer, ...] | None = None
        self._headers: dict[str, dict[str, str]] = {}
        self._scope: anyio.CancelScope | None = None
        self._over = anyio.Event()
        self._failures = 0
        self._rested = 0.0
        self._busy = 0
        self._used = 0.0
        self._calls = Calls(self, tasks)
        self.starts = 0

    @property
    def alive(self) -> bool:
        return self._client is not None and not self._client.wire.ended

    def prefer(self, era: Era) -> None:
        """What it was last time: one question less."""
        self._era = era

    def known(self) -> tuple[Offer, ...]:
        return self._offers or ()

    async def offers(self) -> tuple[Offer, ...]:
        client = await self.connected()
        if self._offers is None or client.wire.changed:
            with self._working():
                self._listed(await client.offers())
        return self._offers or ()

    async def call(self, job: Job, tool: str, arguments: msgspec.Raw) -> msgspec.Raw:
        limit = job.deadline_s if job.ticket else min(self._times.timeout_s, job.deadline_s)
        try:
            with anyio.fail_after(limit):
                value = await self._calls.made(job, tool, arguments)
        except TimeoutError:
            raise SysError(
                Code.TIMEOUT,
                f"{self._name}/{tool} took longer than {limit:g} s",
                hint="look whether it happened all the same",
            ) from None
        self._failures = 0
        return value

    async def forsake(self, job: Job, *, declined: bool) -> None:
        await self._calls.forsake(job, declined=declined)

    async def begin(
        self, tool: str, arguments: msgspec.Raw, also: Any, asked: Asked | None
    ) -> Result:
        headers = self._mirrored(tool, arguments)
        found: Result = await self.ask(
            lambda client: client.call(tool, arguments, headers, also, asked)
        )
        return found

    async def ask(self, do: Asks[Any]) -> Any:
        """What a server did not take because it has forgotten us is asked once more."""
        for last in (False, True):
            client = await self.connected()
            with self._working():
                try:
                    return await do(client)
                except Stale:
                    if last:
                        break
        raise SysError(Code.UNAVAILABLE, f"{self._name} forgets its sessions at once")

    async def skills(self) -> dict[str, Skill]:
        """Those it offers now."""
        found: dict[str, Skill] = await self.ask(lambda client: client.skills())
        return found

    async def resource(self, uri: str) -> bytes:
        with anyio.fail_after(self._times.timeout_s):
            found: bytes = await self.ask(lambda client: client.resource(uri))
        return found

    async def stop(self) -> None:
        async with self._turn:
            if self._scope is not None:
                self._scope.cancel()
                await self._over.wait()

    # -- its life --------------------------------------------------------------------------

    async def connected(self) -> Client:
        async with self._turn:
            if self._client is not None and not self._client.wire.ended:
                return self._client
            if self._scope is not None:
                await self._over.wait()  # the dead one is cleared away first
            rest = self._rested - self._clock()
            if 0 < rest <= SHORT_REST_S:
                await anyio.sleep(rest)
            elif rest > 0:
                raise SysError(
                    Code.UNAVAILABLE,
                    f"the server {self._name} has failed {self._failures} times",
                    hint=f"try again in {rest:.0f} s, or do without it",
                    retry_after_s=rest,
                )
            failure = await self._tasks.start(self._live)
            if failure is not None:
                raise failure
            assert self._client is not None
            return self._client

    async def _live(
        self, *, task_status: anyio.abc.TaskStatus[SysError | None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Owns one connection from its start to its end; tells the starter how it began."""
        failure: SysError | None = None
        self.starts += 1
        self._over = anyio.Event()
        told: list[None] = []
        try:
            with anyio.CancelScope() as self._scope:
                failure = await self._lived(lambda: told.append(task_status.started(None)))
        finally:
            self._client = self._scope = None
            self._over.set()
        if failure is not None:
            self._rest(failure)
        if not told:
            task_status.started(failure or _died(self._name))

    async def _lived(self, begun: Callable[[], None]) -> SysError | None:
        """Why it ended, unless we wanted it to."""
        try:
            async with self._reach() as wire:
                if (failure := await self._begun(wire)) is not None:
                    return failure
                begun()
                await self._until_idle(wire)
                return _died(self._name) if wire.ended else None
        except Exception as error:  # why: a server is not ours and may end in any way
            log.info("server %s: %r", self._name, error, exc_info=True)
            return _of(error, self._name)

    async def _begun(self, wire: Any) -> SysError | None:
        """An error is a value here: as an exception it would be wrapped on its way out."""
        try:
            with anyio.fail_after(self._times.start_s):
                self._client = await Client.open(wire, self._era)
        except SysError as error:
            return _not_begun(error) if wire.ended else error
        except TimeoutError:
            return SysError(
                Code.UNAVAILABLE,
                f"{self._name} does not answer in {self._times.start_s:g} s",
                hint=UNCONFINED,
            )
        self._era = self._client.era
        self._used = self._clock()
        self._offers = None
        return None

    async def _until_idle(self, wire: Any) -> None:
        while not wire.ended:
            left = self._used + self._times.idle_s - self._clock()
            if left <= 0 and not self._busy:
                return
            with anyio.move_on_after(max(left, 0.05) if not self._busy else self._times.idle_s):
                await wire.left.wait()

    def _rest(self, failure: SysError) -> None:
        self._failures += 1
        pause = min(REST_S * 2 ** (self._failures - 1), LONGEST_REST_S)
        if self._failures == 1:
            pause = 0.0
        self._rested = self._clock() + pause
        log.info("server %s rests %.1f s: %s", self._name, pause, failure.message)

    @contextmanager
    def _working(self) -> Iterator[None]:
        """None is stopped under a call."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._used = self._clock()

    # -- what it offers --------------------------------------------------------------------

    def _listed(self, offers: tuple[Offer, ...]) -> None:
        self._offers = offers
        self._headers = {o.name: found for o in offers if (found := _header_names(o))}

    def _mirrored(self, tool: str, arguments: msgspec.Raw) -> dict[str, str]:
        """Arguments that the schema wants repeated in headers."""
        names = self._headers.get(tool)
        if not names:
            return {}
        given = msgspec.json.decode(arguments or b"{}", type=dict[str, Any])
        return {
            f"mcp-param-{header}": _plain(given[name])
            for name, header in names.items()
            if isinstance(given.get(name), str | int | bool)
        }


def _header_names(offer: Offer) -> dict[str, str]:
    schema = msgspec.json.decode(offer.schema)
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, Mapping):
        return {}
    return {
        name: about["x-mcp-header"]
        for name, about in properties.items()
        if isinstance(about, Mapping)
        and isinstance(header := about.get("x-mcp-header"), str)
        and header.replace("-", "").isalnum()
    }


def _plain(value: str | int | bool) -> str:  # noqa: FBT001 - an argument of a tool
    text = str(value).lower() if isinstance(value, bool) else str(value)
    safe = text.isascii() and text.isprintable() and text == text.strip()
    return text if safe else f"=?base64?{msgspec.json.encode(text.encode())[1:-1].decode()}?="


def _not_begun(error: SysError) -> SysError:
    """It ended before anything was asked of it."""
    said = error.message.replace("the server has ended", "the server ended when it was started", 1)
    return SysError(Code.UNAVAILABLE, said, hint=UNCONFINED)


def _died(name: str) -> SysError:
    return SysError(
        Code.UNAVAILABLE, f"the server {name} has ended", hint="it is started again when called"
    )


def _of(error: Exception, name: str) -> SysError:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, SysError):
        return error
    return SysError(Code.UNAVAILABLE, f"the server {name} failed: {type(error).__name__}: {error}")
