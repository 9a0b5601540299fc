"""Put the parts together, bottom first.  The only module that knows every concrete class.

boot(loaded)      an async context manager: a running kernel with everything around it
Machine           what it gives: kernel, settings, tools, sandbox
load_settings     logos.toml and the environment -> settings
home(config)      where everything is kept
"""

import ctypes
import fcntl
import gc
import logging
import os
import socket
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec
import platformdirs

from logos.abi.agent import Agent
from logos.abi.calls import Append, Call, CallTool, Exec, Fetch, List, Read, Run, Search, Write
from logos.abi.driver import Model, Sandbox, Tool
from logos.abi.errors import Code, SysError
from logos.abi.messages import Message, Options, Request
from logos.config import Config, Loaded, filled, load, secret
from logos.drivers.command import Commands
from logos.drivers.function import Functions
from logos.drivers.http import Proxy, Web
from logos.drivers.model import Driver, Embeddings, Endpoint, dialect_of, is_known, open_model
from logos.drivers.program import Programs
from logos.drivers.sandbox import open_sandbox
from logos.drivers.skills import Skills
from logos.drivers.tools import Tools
from logos.drivers.workspace import Workspace
from logos.kernel import (
    Kernel,
    Parts,
    Seal,
    SystemClock,
    Table,
    check_manifests,
    open_kernel,
    public_key,
    signer,
    signer_at,
    site_rules,
)
from logos.places import Places, open_places
from logos.programs import PROGRAMS, find_agent
from logos.store import Embedded, Fault, migrate, open_store
from logos.vault import Vault

log = logging.getLogger("logos.boot")

VENDORS = {"claude": "anthropic", "gpt-": "openai", "o1": "openai", "o3": "openai", "o4": "openai"}
"""Who has the models that clients name without a vendor."""

AGENTS = (".logos/agents", ".claude/agents", "agents")
"""Folders of a project in which people keep agents."""


class ModelNames:
    """Models by name, opened when first asked for and kept."""

    def __init__(
        self, config: Config, environ: Mapping[str, str], brought: Mapping[str, Model]
    ) -> None:
        self._config = config
        self._environ = environ
        self._brought = brought
        self._opened: dict[str, Driver] = {}
        self._embeddings: dict[str, Embeddings] = {}

    async def open(self, name: str) -> Model:
        name = name or self._config.model
        if name in self._brought:
            return self._brought[name]
        if name not in self._opened:
            setting = self._config.models.get(name)
            endpoint = None if setting is None else self._endpoint(setting)
            self._opened[name] = open_model(name, endpoint or self._implied(name))
        return self._opened[name]

    def names(self) -> list[str]:
        """Those of the settings, and the one for agents that name none."""
        return sorted({*self._config.models, *self._brought, self._config.model})

    def resolve(self, name: str) -> tuple[str, str]:
        """What a client calls a model -> its name here, and the dialect it speaks (none: "").

        A client knows the vendor's names.  One that nobody here has is answered by the model for
        those (`gateway.model`), so that an agent runs unchanged on whatever there is.
        """
        aliases = self._config.gateway.models
        name = aliases.get(name, name)
        if not self._knows(name):
            who = next((who for start, who in VENDORS.items() if name.startswith(start)), "")
            hosted = f"{who}/{name}"
            known = bool(who) and f"{who.upper()}_API_KEY" in self._environ
            name = hosted if known else self._config.gateway.model or self._config.model
        if name in self._brought:
            return name, ""
        setting = self._config.models.get(name)
        return name, dialect_of(name, "" if setting is None else setting.dialect)

    def _knows(self, name: str) -> bool:
        return name in self._brought or name in self._config.models or is_known(name)

    async def count(self, options: Options, messages: Sequence[Message]) -> int:
        """Tokens of a request."""
        model = await self.open(options.model)
        said = (*options.system, *messages)
        return model.count(Request(model=options.model, messages=said, tools=options.tools))

    async def embed(self, name: str, body: bytes) -> bytes:
        """The provider's answer to a request for embeddings."""
        if name not in self._embeddings:
            if name in self._brought:
                raise SysError(Code.NOT_FOUND, f"{name!r} has no embeddings")
            setting = self._config.models.get(name)
            endpoint = self._implied(name) if setting is None else self._endpoint(setting)
            self._embeddings[name] = Embeddings(name, endpoint)
        return await self._embeddings[name].post(body)

    def _endpoint(self, setting: object) -> Endpoint:
        values = msgspec.structs.asdict(setting)  # type: ignore[arg-type]
        key = secret(values["key"], self._environ)
        headers = {n: filled(v, self._environ) for n, v in values["headers"].items()}
        return Endpoint(**values | {"key": key, "headers": headers})

    def _implied(self, name: str) -> Endpoint:
        """A hosted model without settings takes the key everybody has in the environment."""
        who = name.partition("/")[0]
        url = self._environ.get(f"{who.upper()}_BASE_URL", "")
        return Endpoint(key=self._environ.get(f"{who.upper()}_API_KEY", ""), url=url)

    async def close(self) -> None:
        for model in self._opened.values():
            await model.aclose()
        for embeddings in self._embeddings.values():
            await embeddings.aclose()


class Machine(NamedTuple):
    """A kernel and what surrounds it."""

    kernel: Kernel
    loaded: Loaded
    functions: Functions
    sandbox: Sandbox
    places: Places
    skills: Skills
    files: Tool
    agents: Callable[[str, Path | None], Agent]
    models: ModelNames
    vault: Vault
    programs: Programs


M_ARENA_MAX, ARENAS = -8, 2
"""A heap for each thread keeps what each thread ever needed at once: most of the growth of a daemon."""


def settle() -> None:
    """For a process that serves: what boot has made stays, so the collector need not look at it
    again, and young objects die by count long before it is worth looking for cycles.  Measured
    at a quarter of the processor time of a busy journal."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc's allocator
        libc.mallopt(M_ARENA_MAX, ARENAS)


def home(config: Config) -> Path:
    """`LOGOS_HOME`, else the platform's folder for data; root's is not in root's own home,
    because the database runs as another user and must get there."""
    if config.home:
        return Path(config.home).expanduser().absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/logos")
    return Path(platformdirs.user_data_dir("logos", appauthor=False))


def load_settings(environ: Mapping[str, str], cwd: Path) -> Loaded:
    """`LOGOS_CONFIG`, else logos.toml in the home, else one in the current folder.

    Raise `invalid` naming the setting and where it was set.
    """
    if named := environ.get("LOGOS_CONFIG"):
        if not Path(named).exists():
            raise SysError(Code.NOT_FOUND, f"{named} does not exist", hint="it is in LOGOS_CONFIG")
        return load(Path(named), environ)
    at_home = home(load(None, environ).config) / "logos.toml"
    return load(at_home if at_home.exists() else cwd / "logos.toml", environ)


@asynccontextmanager
async def boot(
    loaded: Loaded | None = None,
    *,
    functions: Functions | None = None,
    models: Mapping[str, Model] | None = None,
    tell: Callable[[str], None] = log.info,
    fault: Fault | None = None,
    vault: Vault | None = None,
) -> AsyncGenerator[Machine]:
    """`functions` are tools of this program's own, `models` models it brings, by name.  `tell`
    hears what takes long; `fault` is for tests; `vault` learns what must not be shown.  Raise SysError `conflict` when this home has a
    node already, `unavailable` without a database."""
    loaded = loaded or load_settings(os.environ, Path.cwd())
    config = loaded.config
    place = home(config)
    place.mkdir(parents=True, exist_ok=True)
    vault = _learned(vault or Vault(os.environ), config)
    functions = functions or Functions()
    async with AsyncExitStack() as stack:
        stack.enter_context(_only_node(place))
        url = config.store.url or await _embedded(stack, place, tell)
        await _migrated(url, tell)
        store = await stack.enter_async_context(open_store(url, config.store, fault))
        sandbox = open_sandbox(config.sandbox.mode, pool=config.sandbox.pool)
        stack.push_async_callback(sandbox.aclose)
        opened = ModelNames(config, vault, models or {})
        stack.push_async_callback(opened.close)

        def agents(name: str, cwd: Path | None = None) -> Agent:
            return find_agent(name, agent_folders(config, cwd))

        tools = Tools(functions)
        places = await stack.enter_async_context(
            open_places(place / "mounts", tools, sandbox, config.mounts, vault)
        )
        way = Proxy()
        programs = Programs(sandbox, way)
        skills = Skills(place / "skills")
        commands = _commands(config, vault, sandbox, skills, way)
        written, rules = _site(config)
        parts = Parts(
            store=store,
            settings=config.node,
            clock=SystemClock(),
            programs=PROGRAMS,
            models=opened.open,
            drivers=_drivers(config, vault, commands, tools, programs),
            mounts={"/tools": tools.tree, "/net": places.net, "/skills": skills},
            functions=tools.specs,
            agents=agents,
            workspaces=place / "workspaces",
            place=f"{socket.gethostname()}:{place}",
            alone=True,
            seal=_seal(config, place, vault),
            vault=vault,
            manifests=lambda: functions.manifests() | tools.annotations() | written,
            rules=rules,
            trust=config.trust,
        )
        kernel = await stack.enter_async_context(open_kernel(parts))
        way.tell(kernel.note)
        around = (sandbox, places, skills, Workspace(), agents, opened, vault, programs)
        yield Machine(kernel, loaded, functions, *around)


def _learned(vault: Vault, config: Config) -> Vault:
    """What settings hold that is no reference."""
    if password := urlsplit(config.store.url).password:
        vault.keep("store.url", unquote(password))
    return vault


def _filled(values: Mapping[str, str], vault: Vault) -> dict[str, str]:
    return {name: filled(value, vault) for name, value in values.items()}


def _drivers(
    config: Config, vault: Vault, commands: Tool, tools: Tool, programs: Tool
) -> dict[type[Call[Any]], Tool]:
    files = Workspace()
    return {
        List: files,
        Read: files,
        Search: files,
        Write: files,
        Append: files,
        Run: commands,
        Exec: programs,
        Fetch: Web(headers={h: _filled(v, vault) for h, v in config.web.items()}),
        CallTool: tools,
    }


def _commands(config: Config, vault: Vault, sandbox: Sandbox, skills: Skills, way: Proxy) -> Tool:
    """Scripts of skills are run where they are."""
    env = _filled(config.commands.env, vault)
    return Commands(sandbox, way=way, readable=(skills.folder,), env=env)


def _seal(config: Config, place: Path, environ: Mapping[str, str]) -> Seal:
    """What signs checkpoints: a key and a file in the home, both outside the database."""
    audit = config.audit
    key = signer(secret(audit.key, environ)) if audit.key else signer_at(place / "audit.key")
    trusted = [public_key(text) for text in audit.trust]
    return Seal(key, place / "checkpoints.jsonl", trusted, audit.every_s)


def _site(config: Config) -> tuple[dict[str, Any], Table | None]:
    """Manifests and rules of this site.  Raise `invalid` naming the file."""
    written: dict[str, Any] = {}
    if config.trust.manifests:
        folder = Path(config.trust.manifests).expanduser()
        if not folder.is_dir():
            raise SysError(Code.NOT_FOUND, f"{folder} is not a folder", hint="trust.manifests")
        for file in sorted(folder.glob("*.toml")):
            with _naming(file):
                found = msgspec.toml.decode(file.read_bytes())
                check_manifests(found)
                written |= found
    if not config.trust.rules:
        return written, None
    file = Path(config.trust.rules).expanduser()
    with _naming(file):
        return written, site_rules(file.read_text(encoding="utf-8"))


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeDecodeError, msgspec.DecodeError, SysError) as error:
        said = error.message if isinstance(error, SysError) else str(error)
        raise SysError(Code.INVALID, f"{file}: {said}", hint="see `logos config`") from error


class _only_node:  # noqa: N801 - used as a function
    """The lock of a home.  The operating system lets go of it when we die, so whoever gets it
    knows that the node before is dead, without waiting for its lease."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        self._file = (self._place / "node.lock").open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise SysError(
                Code.CONFLICT,
                f"{self._place} has a running node already",
                hint="use it through `logos`, stop it with `logos down`, or set LOGOS_HOME",
            ) from None

    def __exit__(self, *_: object) -> None:
        assert self._file is not None
        self._file.close()


async def _embedded(stack: AsyncExitStack, place: Path, tell: Callable[[str], None]) -> str:
    server = Embedded(place / "store")
    stack.push_async_callback(server.close)
    return await server.url(tell)


async def _migrated(url: str, tell: Callable[[str], None]) -> None:
    try:
        applied = await migrate(url)
    except OSError as error:
        raise SysError(
            Code.UNAVAILABLE,
            f"the database does not answer: {error}",
            hint="check store.url; without one LogOS starts its own",
        ) from error
    if applied:
        tell(f"the database was brought up to date: {', '.join(applied)}")


def agent_folders(config: Config, cwd: Path | None = None) -> list[Path]:
    """Where agents are looked for, first match first."""
    folders = [Path(folder).expanduser() for folder in config.agents]
    if cwd is not None:
        folders += [cwd, *(cwd / name for name in AGENTS)]
    return [*folders, home(config) / "agents"]
