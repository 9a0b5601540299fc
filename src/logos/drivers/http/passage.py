"""What one program may reach, what it did reach, and the journaling of both.

    Passage.let(host, port)      addresses to connect to; raise Shut
    Passage.shut(host, port, why)    record a refusal, with its reason
    Passage.carried(...)         count bytes sent to or received from a place
    Passage.close()              the totals of each place
    Passage.refused              what was refused, for the caller of the program
    Shut                         an answer to the program: status and why

Invariant: nothing is sent to a place before its first contact is on disk.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import anyio

from logos.abi.calls import Exec
from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.events import Reached
from logos.abi.ids import CallId, Pid
from logos.drivers.http.hosts import Resolve, outside, reaches

log = logging.getLogger("logos.drivers")


class Note(Protocol):
    """Journal these events at a process; durable when it returns."""

    async def __call__(self, pid: Pid, *events: Reached) -> None: ...


class Confided(Protocol):
    """Has this process read anything confidential?"""

    async def __call__(self, pid: Pid) -> bool: ...


class Kept(NamedTuple):
    """What the kernel provides to a passage."""

    note: Note
    confided: Confided


PLACES = 256
"""Different places that one call may ask for: each is an entry in its journal."""

CONFIDED = "something confidential was read, so nothing connects any more"
"""A command is decided on before it runs; a program that stays keeps reading meanwhile."""

NOTED_S = 10.0
"""How long journaling the totals at the end may take."""


class Bounds(NamedTuple):
    """Limits of one call: connections at once and in total, bytes in both directions, silence in
    seconds."""

    at_once: int = 64
    connections: int = 10_000
    bytes: int = 1 << 30
    idle_s: float = 300.0


class Shut(Exception):  # noqa: N818 - an answer, not a mistake
    def __init__(self, status: int, why: str, lacks: str = "") -> None:
        super().__init__(why)
        self.status, self.why, self.lacks = status, why, lacks


class Place(NamedTuple):
    host: str
    port: int
    refused: str = ""


@dataclass(slots=True)
class _Count:
    address: str = ""
    connections: int = 0
    sent: int = 0
    received: int = 0
    known: anyio.Event = field(default_factory=anyio.Event)
    failed: bool = True  # until it is on disk


class Passage:
    def __init__(
        self, job: Job, hosts: Sequence[str], bounds: Bounds, resolve: Resolve, kernel: Kept
    ) -> None:
        self.bounds = bounds
        self.refused: list[str] = []
        self._job, self._hosts = job, hosts
        self._resolve, self._note, self._confided = resolve, kernel.note, kernel.confided
        self._places: dict[Place, _Count] = {}
        self._connections = 0
        self._bytes = 0

    async def let(self, host: str, port: int) -> list[str]:
        """Looked up and checked for each connection, since a name may come to mean another
        address."""
        self._connections += 1
        if self._connections > self.bounds.connections:
            raise Shut(429, f"more than {self.bounds.connections} connections in one call")
        self._bound()
        if not reaches(self._hosts, host, port):
            shown = host if port in (80, 443) else f"{host}:{port}"
            lacks = f"connect:/net/{shown}"
            await self.shut(host, port, "not granted")
            granted = ", ".join(self._hosts)
            raise Shut(403, f"lacks {lacks}; it may reach {granted}", lacks)
        if isinstance(self._job.call, Exec) and await self._confided(self._job.pid):
            await self.shut(host, port, CONFIDED)
            raise Shut(403, CONFIDED)
        try:
            found = await outside(host, port, self._hosts, self._resolve)
        except SysError as error:
            if error.code is not Code.DENIED:
                raise Shut(502, error.message) from error
            await self.shut(host, port, error.message)
            raise Shut(403, f"{error.message}; {error.hint}") from error
        await self._told(Place(host, port), found[0])
        return found

    async def shut(self, host: str, port: int, why: str) -> None:
        place = Place(host, port, why)
        if place not in self._places and len(self._places) < PLACES:
            self.refused.append(f"{host}:{port}: {why}")
        await self._told(place, "")

    async def _told(self, place: Place, address: str) -> None:
        """Others that ask for the same place meanwhile wait, too."""
        count = self._places.get(place)
        if count is None:
            if len(self._places) >= PLACES:
                raise Shut(429, f"more than {PLACES} different places in one call")
            count = self._places[place] = _Count(address)
            try:
                await self._note(self._job.pid, self._event(place, count))
                count.failed = False
            except SysError as error:
                log.warning("process %d: %s is not journaled: %s", self._job.pid, place, error)
            finally:
                count.known.set()
        await count.known.wait()
        if count.failed:
            raise Shut(503, "the connection cannot be journaled, so it is not made")
        count.connections += 1

    def carried(self, host: str, port: int, *, sent: int = 0, received: int = 0) -> None:
        """Raise Shut when the limit of bytes is exceeded."""
        count = self._places[Place(host, port)]
        count.sent += sent
        count.received += received
        self._bytes += sent + received
        self._bound()

    def _bound(self) -> None:
        if self._bytes > self.bounds.bytes:
            raise Shut(413, f"more than {self.bounds.bytes} bytes in one call")

    async def close(self) -> None:
        events = [self._event(p, count) for p, count in self._places.items() if not count.failed]
        if not events:
            return
        try:
            with anyio.move_on_after(NOTED_S, shield=True):
                await self._note(self._job.pid, *events)
        except SysError as error:  # the process has exited, or another node drives it by now
            log.warning("process %d: no totals: %s", self._job.pid, error)

    def _event(self, place: Place, count: _Count) -> Reached:
        return Reached(
            id=CallId(self._job.id.partition("-")[2]),
            host=place.host,
            port=place.port,
            address=count.address,
            refused=place.refused,
            connections=count.connections,
            sent=count.sent,
            received=count.received,
        )
