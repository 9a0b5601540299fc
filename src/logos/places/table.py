"""The table of mounts, on disk and in memory.

    open_places(...)   those of the settings, then those of the home
    Places.serve       a place of ours (Own)
    Places.add         mount a place and keep it; Places.remove lets it go
    Places.login       to a server that asks who we are, with a person
    Places.accept      take a server's tools and skills as they are now
    Places.skills      the Mount of /skills
    Places.shown       for `logos mounts`

Invariant: a mount that is shown as kept is on disk.
"""

import logging
import shutil
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import anyio.to_thread
import msgspec

from logos.abi.driver import Sandbox
from logos.abi.errors import Code, SysError
from logos.abi.mount import Mount
from logos.abi.tools import Offer, Place, Provider
from logos.drivers.mcp import Server, Shelf
from logos.drivers.remote import Net
from logos.drivers.tools import Pinned, Pins, Tools, replace_file
from logos.places.opening import Broken, Opener, Stoppable, check, kind, said
from logos.places.shelves import Shelves

log = logging.getLogger("logos.places")


class Shown(NamedTuple):
    """`state`: running; ready to be, when it is touched; or why not.  `tools` of how many is known; `blocked`
    tools and why."""

    name: str
    kind: str
    target: str
    state: str
    tools: int
    blocked: Mapping[str, str]
    origin: str
    network: bool


class Own(NamedTuple):
    """A place of ours: its tools, what they do, what of the world it is for, and what it has to do
    as long as it is there."""

    provider: Stoppable
    said: Mapping[str, Any]
    target: str
    task: Callable[[], Coroutine[Any, Any, None]] | None = None


class _Kept(msgspec.Struct, frozen=True):
    place: Place
    by: str = ""


class _Mounted(NamedTuple):
    """`pinned` is what is offered: of somebody else's tools, those that were accepted."""

    place: Place
    pinned: Pinned | None
    provider: Stoppable
    origin: str
    said: Mapping[str, Any] = {}
    kind: str = ""
    target: str = ""

    @property
    def offered(self) -> Provider:
        return self.pinned or self.provider


SETTINGS = "logos.toml"
LOGIN_S = 300.0
"""For a person to log in somewhere."""


class Places:
    def __init__(self, folder: Path, tools: Tools, opener: Opener) -> None:
        self.tools = tools
        self._folder = folder
        self._opener = opener
        self._mounted: dict[str, _Mounted] = {}
        self._said: dict[str, Any] = {}
        self._shelves: dict[str, Shelf] = {}
        self.net = Net(self._agents)

    def manifests(self) -> dict[str, Any]:
        """What people wrote about the tools, by their full names."""
        return self._said

    def skills(self, own: Mount) -> Shelves:
        """/skills: `own` and what mounted servers offer."""
        return Shelves(own, lambda: self._shelves)

    def put(self, name: str, place: Place, origin: str) -> None:
        """Mount it for this life of the node, also where its program is gone meanwhile."""
        told: Mapping[str, Any] = {}
        try:
            provider = self._opener.open(name, place, self._folder / name / "work")
            told = said(place, provider)
        except SysError as error:
            log.warning("the mount %s: %s", name, error)
            provider = Broken(error)
        pinned = Pinned(name, provider, Pins(self._folder / name / "pins.json"))
        self._keep(name, _Mounted(place, pinned, provider, origin, told, *_shown(place)))
        if isinstance(provider, Server):
            self._shelves[name] = Shelf(name, provider, self._folder / name / "skills.json")

    def serve(self, name: str, own: Own) -> None:
        """A place of ours that the settings ask for, unless a person gave its name to another.
        Nobody has to accept what we say."""
        if name in self._mounted:
            log.warning("%s is mounted already: ours stays away", name)
            return
        self._keep(
            name, _Mounted(Place(), None, own.provider, SETTINGS, own.said, name, own.target)
        )
        if own.task is not None:
            self._opener.tasks.start_soon(own.task)

    def _keep(self, name: str, mounted: _Mounted) -> None:
        self.tools.put(name, mounted.offered)
        told = {f"{name}/{tool}": about for tool, about in mounted.said.items()}
        self._mounted[name] = mounted._replace(said=told)
        self._said = self._said | told

    async def add(self, name: str, place: Place, *, by: str = "") -> tuple[Offer, ...]:
        """Mount it, look at its tools, and keep it; what it offers now is what is accepted.  Raise
        what its server raises, and keep nothing then, but one that wants a login."""
        kind(place)
        check(place)
        self.put(name, place, _origin(by))
        offers: Sequence[Offer] = ()
        closed: SysError | None = None
        try:
            offers = await self._mounted[name].offered.offers()
            await self._look(name)
        except BaseException as error:
            if not isinstance(error, SysError) or not _wants_login(error, place):
                await self._drop(name)
                raise
            closed = error
        kept = msgspec.json.encode(_Kept(place, by))
        await anyio.to_thread.run_sync(replace_file, self._folder / name / "place.json", kept)
        if closed is not None:
            closed.hint = f"it is mounted; a person: logos mount login {name}"
            raise closed
        return tuple(offers)

    async def login(self, name: str, tell: Callable[[str], object]) -> tuple[Offer, ...]:
        """With a person, who is told where to go.  Raise `unauthenticated`, `timeout`, `state`."""
        mounted = self._at(name)
        if not mounted.place.url:
            raise SysError(Code.INVALID, f"{name} is not reached over HTTP: it takes no login")
        folder = self._folder / name / "work"
        await self._opener.login(mounted.place, folder, tell, LOGIN_S)
        self.tools.take(name)
        del self._mounted[name]
        await mounted.provider.stop()
        self.put(name, mounted.place, mounted.origin)
        return tuple(await self._mounted[name].offered.offers())

    async def remove(self, name: str) -> None:
        mounted = self._at(name)
        if mounted.origin == SETTINGS:
            raise SysError(
                Code.CONFLICT, f"{name} is in the settings", hint=f"delete [mounts.{name}] there"
            )
        await self._drop(name)

    async def accept(self, name: str) -> Mapping[str, str]:
        if (pinned := self._at(name).pinned) is None:
            raise SysError(Code.INVALID, f"{name} is ours: there is nothing to accept")
        shelf = self._shelves.get(name)
        skills = await shelf.accept() if shelf else {}
        return {**await pinned.accept(), **_as_skills(skills)}

    async def _look(self, name: str) -> Mapping[str, str]:
        shelf = self._shelves.get(name)
        return _as_skills(await shelf.look()) if shelf else {}

    async def shown(self, *, look: bool = False) -> list[Shown]:
        """With `look` each server is asked; without, nothing is started."""
        return [await self._shown(name, look=look) for name in sorted(self._mounted)]

    async def _shown(self, name: str, *, look: bool) -> Shown:
        mounted = self._mounted[name]
        pinned, provider = mounted.pinned, mounted.provider
        state = "running" if provider.alive else "ready"
        blocked: Mapping[str, str] = {}
        if pinned is not None and (look or provider.alive):
            try:
                blocked = {**await pinned.drift(), **(await self._look(name) if look else {})}
                state = "running"
            except SysError as error:
                state = error.message
        return Shown(
            name,
            mounted.kind,
            mounted.target,
            state,
            len(mounted.offered.known()),
            blocked,
            mounted.origin,
            mounted.place.network,
        )

    def _agents(self) -> Mapping[str, Provider]:
        return {name: one.offered for name, one in self._mounted.items() if one.place.a2a}

    async def stop(self) -> None:
        for mounted in self._mounted.values():
            await mounted.provider.stop()

    async def _drop(self, name: str) -> None:
        with anyio.CancelScope(shield=True):
            mounted = self._mounted.pop(name)
            self._shelves.pop(name, None)
            self._said = {t: m for t, m in self._said.items() if not t.startswith(f"{name}/")}
            self.tools.take(name)
            await mounted.provider.stop()
            await anyio.to_thread.run_sync(
                lambda: shutil.rmtree(self._folder / name, ignore_errors=True)
            )

    def _at(self, name: str) -> _Mounted:
        if name not in self._mounted:
            there = ", ".join(sorted(self._mounted))
            hint = f"mounted: {there}" if there else "nothing is mounted at all"
            raise SysError(Code.NOT_FOUND, f"nothing is mounted as {name}", hint=hint)
        return self._mounted[name]


def _as_skills(paths: Mapping[str, str]) -> dict[str, str]:
    return {f"the skill {path}": why for path, why in paths.items()}


def _shown(place: Place) -> tuple[str, str]:
    """Its kind, and what it is."""
    words = " ".join(place.command or place.program)
    return kind(place), place.url or place.a2a or place.openapi or place.python or words


@asynccontextmanager
async def open_places(
    folder: Path,
    tools: Tools,
    sandbox: Sandbox,
    settings: Mapping[str, Place],
    environ: Mapping[str, str] = {},
) -> AsyncGenerator[Places]:
    """Nothing is started by this."""
    async with anyio.create_task_group() as tasks:
        places = Places(folder, tools, Opener(sandbox, tasks, environ))
        for name, place in settings.items():
            places.put(name, place, SETTINGS)
        for name, kept in _kept(folder).items():
            if name not in settings:
                places.put(name, kept.place, _origin(kept.by))
        try:
            yield places
        finally:
            with anyio.CancelScope(shield=True):
                await places.stop()
            tasks.cancel_scope.cancel()


def _wants_login(error: SysError, place: Place) -> bool:
    return error.code is Code.UNAUTHENTICATED and bool(place.url) and not place.headers


def _kept(folder: Path) -> dict[str, _Kept]:
    return {
        file.parent.name: msgspec.json.decode(file.read_bytes(), type=_Kept)
        for file in sorted(folder.glob("*/place.json"))
    }


def _origin(by: str) -> str:
    return f"mounted by {by}" if by else "mounted"
