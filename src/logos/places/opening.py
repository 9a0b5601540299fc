"""From what people wrote about a mount to the driver that serves it.

    Opener.open(name, place, folder)   a Provider that can be stopped; nothing is started
    kind(place)                        mcp, a2a, openapi, command or python; `invalid` for none or two
    check(place)                       is all heeded that was said of it?
    said(place, provider)              what a person wrote about its tools, for who decides about calls
    Stoppable                          what all of them are

A command runs in the sandbox: it sees its own folder, the system's programs, and what it was
granted to read; the network only when it was granted.

Invariant: a secret is looked up when a mount is opened, and is in no file of ours.
"""

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import anyio.abc
import msgspec

from logos.abi.driver import Command, Job, Network, Sandbox
from logos.abi.errors import Code, SysError
from logos.abi.tools import Offer, Place, Provider
from logos.config import filled, secret
from logos.drivers.command import Suite
from logos.drivers.function import WORKER
from logos.drivers.mcp import (
    Bearer,
    Registered,
    Server,
    Times,
    Tokens,
    login,
    over_http,
    over_stdio,
)
from logos.drivers.openapi import Api, Reach
from logos.drivers.remote import Remote
from logos.kernel import check_manifests
from logos.vault import Vault

PROCESSES = 256
"""Of one server: those on node.js have dozens of threads."""

MODULES = "node_modules"

KINDS = {
    "command": "mcp",
    "url": "mcp",
    "a2a": "a2a",
    "openapi": "openapi",
    "program": "command",
    "python": "python",
}


_RUNS = frozenset({"env", "network", "readable", "memory_mb"})
_SERVES = _RUNS | {"own", "idle_s"}
TAKES: dict[str, frozenset[str]] = {
    "command": _SERVES,
    "url": frozenset({"headers", "client_id", "client_secret", "idle_s"}),
    "a2a": frozenset({"headers"}),
    "openapi": frozenset({"headers", "hosts"}),
    "program": _RUNS,
    "python": _SERVES | {"interpreter", "folder"},
}
"""What else may be said of one, besides `manifest` and `timeout_s`."""


class Stoppable(Provider, Protocol):
    @property
    def alive(self) -> bool: ...

    async def stop(self) -> None: ...


def kind(place: Place) -> str:
    given = [field for field in KINDS if getattr(place, field)]
    if len(given) != 1:
        raise SysError(
            Code.INVALID,
            f"a mount has {' and '.join(given) if given else 'no target'}",
            hint=f"give one of {', '.join(KINDS)}",
        )
    return KINDS[given[0]]


def check(place: Place) -> None:
    """Raise `invalid` where something was said of it that it would not heed: a person would take it
    for confined, or let through, when it is not."""
    (target,) = (field for field in KINDS if getattr(place, field))
    heeds = {target, "manifest", "timeout_s"} | TAKES[target]
    odd = [
        field.name
        for field in msgspec.structs.fields(Place)
        if field.name not in heeds and getattr(place, field.name) not in (field.default, (), {}, "")
    ]
    if odd:
        raise SysError(
            Code.INVALID,
            f"a mount by {target} does not heed {', '.join(odd)}",
            hint=f"leave it out; heeded are {', '.join(sorted(heeds - {target}))}",
        )


class Opener:
    def __init__(
        self, sandbox: Sandbox, tasks: anyio.abc.TaskGroup, environ: Mapping[str, str]
    ) -> None:
        self._sandbox = sandbox
        self.tasks = tasks
        self._environ = environ

    def open(self, name: str, place: Place, folder: Path) -> Stoppable:
        kind(place)
        if place.url:
            return self._over_http(name, place, folder)
        if place.a2a:
            _check_url(place.a2a)
            return Remote(name, place.a2a, self._secrets(place.headers), place.timeout_s)
        if place.command:
            return self._over_stdio(name, place, self._command(place.command, place, folder))
        if place.python:
            return self._over_stdio(name, place, self._module(place, folder))
        if place.program:
            command = self._command(place.program, place, folder)
            text = written(place) if place.manifest else ""
            return Suite(name, self._sandbox, command, text, place.timeout_s)
        headers = self._secrets(place.headers)
        return Api(name, place.openapi, Reach(frozenset(place.hosts), headers, place.timeout_s))

    def _over_http(self, name: str, place: Place, folder: Path) -> Stoppable:
        _check_url(place.url)
        headers = self._secrets(place.headers)
        given = any(header.lower() == "authorization" for header in headers)
        bearer = None if given else Bearer(Tokens(_token_file(folder)), self._keep)
        return Server(name, over_http(place.url, headers, bearer), self.tasks, _times(place))

    async def login(
        self, place: Place, folder: Path, tell: Callable[[str], object], within_s: float
    ) -> None:
        """Keep what a person's login gives; who opens the place from now on has it."""
        client = None
        if place.client_id:
            known = secret(place.client_secret, self._environ)
            client = Registered(client_id=place.client_id, client_secret=known)
        Tokens(_token_file(folder)).keep(await login(place.url, tell, client, within_s))

    def _keep(self, value: str) -> None:
        if isinstance(self._environ, Vault):
            self._environ.keep("token", value)

    def _over_stdio(self, name: str, place: Place, command: Command) -> Stoppable:
        if not place.own:
            return Server(name, over_stdio(self._sandbox, command), self.tasks, _times(place))
        return _Own(name, self._sandbox, command, self.tasks, _times(place))

    def _command(self, words: Sequence[str], place: Place, folder: Path) -> Command:
        program = shutil.which(words[0], path=self._environ.get("PATH"))
        if program is None:
            raise SysError(
                Code.NOT_FOUND, f"there is no program {words[0]}", hint="install it first"
            )
        readable = (*homes(Path(program)), *(Path(r).expanduser() for r in place.readable))
        return Command(
            argv=(program, *words[1:]),
            workspace=folder,
            env=self._secrets(place.env),
            readable=tuple(dict.fromkeys(readable)),
            network=Network.HOST if place.network else Network.NONE,
            memory_bytes=place.memory_mb << 20,
            processes=PROCESSES,
        )

    def _module(self, place: Place, folder: Path) -> Command:
        """Its functions run in a process of their own, which sees the module and not what is beside it."""
        words = (place.interpreter or sys.executable, "-I", str(WORKER), place.folder, place.python)
        seen = [str(WORKER), *([str(_source(place))] if place.folder else [])]
        return self._command(
            words, msgspec.structs.replace(place, readable=(*place.readable, *seen)), folder
        )

    def _secrets(self, values: Mapping[str, str]) -> dict[str, str]:
        """`env:NAME` and `file:/path` are looked up; `Bearer env:NAME` too."""
        return {name: filled(value, self._environ) for name, value in values.items()}


def written(place: Place) -> str:
    """A manifest, as it is now.  Raise `not_found`."""
    try:
        return Path(place.manifest).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SysError(
            Code.NOT_FOUND, f"{place.manifest}: {error}", hint="--manifest FILE"
        ) from error


def said(place: Place, provider: Stoppable) -> Mapping[str, Any]:
    """Manifests by the names of the tools.  A program's manifest has lines of its own beside them.
    Raise `invalid`."""
    if isinstance(provider, Suite):
        found = provider.manifests()
    elif place.manifest:
        try:
            found = msgspec.toml.decode(written(place))
        except msgspec.DecodeError as error:
            raise SysError(Code.INVALID, f"{place.manifest}: {error}") from error
    else:
        return {}
    check_manifests(found)
    return found


def _token_file(folder: Path) -> Path:
    """Beside the folder that a command may write."""
    return folder.parent / "token.json"


class Broken:
    """A mount that cannot be opened here: it says why when it is touched, and hinders nobody."""

    alive = False

    def __init__(self, why: SysError) -> None:
        self._why = why

    def known(self) -> Sequence[Offer]:
        return ()

    async def offers(self) -> Sequence[Offer]:
        raise self._why

    async def call(self, job: Job, tool: str, arguments: msgspec.Raw) -> msgspec.Raw:
        del job, tool, arguments
        raise self._why

    async def stop(self) -> None:
        return


def _source(place: Place) -> Path:
    """Of a module of a package, the whole package.  Raise `not_found`."""
    name = place.python
    first = Path(place.folder, name if name.endswith(".py") else name.partition(".")[0])
    for found in (first, first.with_suffix(".py")):
        if found.exists():
            return found
    raise SysError(
        Code.NOT_FOUND, f"there is no module {name} in {place.folder}", hint="name one, or its file"
    )


class _Own:
    """One server for each process's folder, for servers that work on files."""

    def __init__(
        self,
        name: str,
        sandbox: Sandbox,
        command: Command,
        tasks: anyio.abc.TaskGroup,
        times: Times,
    ) -> None:
        self._name = name
        self._sandbox = sandbox
        self._command = command
        self._tasks = tasks
        self._times = times
        self._servers: dict[Path, Server] = {}

    @property
    def alive(self) -> bool:
        return any(server.alive for server in self._servers.values())

    def known(self) -> Sequence[Offer]:
        return self._at(self._command.workspace).known()

    async def offers(self) -> Sequence[Offer]:
        """As a server of nobody says."""
        return await self._at(self._command.workspace).offers()

    async def call(self, job: Job, tool: str, arguments: msgspec.Raw) -> msgspec.Raw:
        return await self._at(job.workspace).call(job, tool, arguments)

    async def forsake(self, job: Job, *, declined: bool) -> None:
        await self._at(job.workspace).forsake(job, declined=declined)

    async def stop(self) -> None:
        for server in self._servers.values():
            await server.stop()

    def _at(self, folder: Path) -> Server:
        if folder not in self._servers:
            for other, server in list(self._servers.items()):
                if not server.alive and other != self._command.workspace:
                    del self._servers[other]
            command = msgspec.structs.replace(self._command, workspace=folder)
            reach = over_stdio(self._sandbox, command)
            self._servers[folder] = Server(self._name, reach, self._tasks, self._times)
        return self._servers[folder]


def homes(program: Path) -> tuple[Path, ...]:
    """Folders a program outside the system's own needs to start: its environment with the
    interpreter that it points to, what was installed with it for node.js, or else no more than the
    folder it is in."""
    found: list[Path] = []
    for path in dict.fromkeys((program, program.resolve())):
        if path.is_relative_to("/usr") or path.is_relative_to("/bin"):
            continue
        base, within = path.parent.parent, path.parts
        if MODULES in within:
            found.append(Path(*within[: within.index(MODULES) + 1]))
        elif (base / "pyvenv.cfg").exists():
            found += [base, (base / "bin" / "python").resolve().parent.parent]
        else:
            found.append(path.parent)
    return tuple(found)


def _check_url(url: str) -> None:
    if not url.startswith(("https://", "http://")):
        raise SysError(Code.INVALID, f"{url!r} is not a URL", hint="https://host/path")


def _times(place: Place) -> Times:
    return Times(place.idle_s, place.timeout_s)
