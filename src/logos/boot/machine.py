"""Assembling the system, bottom first.  The only module that knows every concrete class.

    boot       an async context manager: a running kernel and what surrounds it
    Machine    that

Invariant: what was opened is closed in reverse order, also when a later step fails.
"""

import logging
import os
import socket
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from logos.abi.agent import Agent
from logos.abi.calls import Append, Call, CallTool, Exec, Fetch, List, Read, Run, Search, Write
from logos.abi.driver import Model, Sandbox, Tool
from logos.abi.mount import Mount
from logos.boot.ground import embedded, migrated, only_node
from logos.boot.models import ModelNames
from logos.boot.peripherals import serve
from logos.boot.settings import agent_folders, home, load_settings
from logos.boot.site import filled_all, learned, seal, site
from logos.config import Config, Loaded
from logos.drivers.browser import Browsers
from logos.drivers.command import Commands
from logos.drivers.function import Functions
from logos.drivers.http import Hook, Proxy, Web
from logos.drivers.program import Programs
from logos.drivers.sandbox import open_sandbox
from logos.drivers.skills import Skills
from logos.drivers.tools import Tools
from logos.drivers.workspace import Workspace
from logos.kernel import (
    Kernel,
    Parts,
    SystemClock,
    open_kernel,
)
from logos.places import Places, open_places
from logos.programs import PROGRAMS, find_agent
from logos.store import Fault, Store, open_store
from logos.vault import Vault

log = logging.getLogger("logos.boot")


class Machine(NamedTuple):
    """A kernel and what surrounds it.  `mounts` is what its tree has besides memory and processes."""

    kernel: Kernel
    loaded: Loaded
    functions: Functions
    sandbox: Sandbox
    places: Places
    skills: Skills
    mounts: Mapping[str, Mount]
    files: Tool
    agents: Callable[[str, Path | None], Agent]
    models: ModelNames
    vault: Vault
    programs: Programs
    hook: Hook


class _Ground(NamedTuple):
    """What everything is built on: settings, the folder of the home, the secrets known so far."""

    config: Config
    place: Path
    vault: Vault


class _Around(NamedTuple):
    """What surrounds a kernel: its drivers, and where tools, models and agents come from."""

    functions: Functions
    sandbox: Sandbox
    models: ModelNames
    tools: Tools
    places: Places
    browsers: Browsers
    way: Proxy
    skills: Skills
    mounts: Mapping[str, Mount]
    programs: Programs
    agents: Callable[[str, Path | None], Agent]


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
    """`functions` are tools of the calling program, `models` its own models, by name.  `tell` is
    called when something takes long; `fault` is for tests; `vault` learns what must not be shown.
    Raise SysError `conflict` when this home has a node already, `unavailable` without a database.
    """
    loaded = loaded or load_settings(os.environ, Path.cwd())
    config, place = loaded.config, home(loaded.config)
    place.mkdir(parents=True, exist_ok=True)
    ground = _Ground(config, place, learned(vault or Vault(os.environ), config))
    async with AsyncExitStack() as stack:
        stack.enter_context(only_node(place))
        url = config.store.url or await embedded(stack, place, tell)
        await migrated(url, tell)
        store = await stack.enter_async_context(open_store(url, config.store, fault))
        around = await _surround(stack, ground, functions or Functions(), models or {})
        kernel = await stack.enter_async_context(open_kernel(_parts(ground, around, store)))
        _introduce(kernel, around.way, around.browsers)
        yield Machine(
            kernel=kernel,
            loaded=loaded,
            functions=around.functions,
            sandbox=around.sandbox,
            places=around.places,
            skills=around.skills,
            mounts=around.mounts,
            files=Workspace(),
            agents=around.agents,
            models=around.models,
            vault=ground.vault,
            programs=around.programs,
            hook=Hook(frozenset(config.a2a.push)),
        )


async def _surround(
    stack: AsyncExitStack, ground: _Ground, functions: Functions, models: Mapping[str, Model]
) -> _Around:
    """Open what surrounds the kernel; it is closed with the stack."""
    config, place, vault = ground
    sandbox = _sandbox(config, stack)
    opened = ModelNames(config, vault, models)
    stack.push_async_callback(opened.close)
    tools, way, skills = Tools(functions), Proxy(), Skills(place / "skills")
    opening = open_places(place / "mounts", tools, sandbox, config.mounts, vault)
    places = await stack.enter_async_context(opening)
    return _Around(
        functions=functions,
        sandbox=sandbox,
        models=opened,
        tools=tools,
        places=places,
        browsers=serve(places, config, vault, place / "browsers"),
        way=way,
        skills=skills,
        mounts={"/net": places.net, "/skills": places.skills(skills), "/tools": tools.tree},
        programs=Programs(sandbox, way),
        agents=_finder(config),
    )


def _parts(ground: _Ground, around: _Around, store: Store) -> Parts:
    """What the kernel is made of."""
    config, place, vault = ground
    written, rules = site(config)
    return Parts(
        store=store,
        settings=config.node,
        clock=SystemClock(),
        programs=PROGRAMS,
        models=around.models.open,
        drivers=_drivers(ground, around),
        mounts=around.mounts,
        functions=around.tools.specs,
        agents=lambda name: around.agents(name, None),
        workspaces=place / "workspaces",
        place=f"{socket.gethostname()}:{place}",
        alone=True,
        seal=seal(config, place, vault),
        vault=vault,
        manifests=_manifests(around, written),
        rules=rules,
        trust=config.trust,
        limits=config.limits,
        memory=config.memory,
        embedder=around.models.embedder,
        reranker=around.models.reranker,
    )


def _sandbox(config: Config, stack: AsyncExitStack) -> Sandbox:
    settings = config.sandbox
    sandbox = open_sandbox(settings.mode, pool=settings.pool, cpus=settings.cpus)
    stack.push_async_callback(sandbox.aclose)
    return sandbox


def _manifests(around: _Around, written: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """The manifests of all tools; those of this site take precedence."""
    functions, tools, places = around.functions, around.tools, around.places
    return lambda: functions.manifests() | tools.annotations() | places.manifests() | written


def _finder(config: Config) -> Callable[[str, Path | None], Agent]:
    def agents(name: str, cwd: Path | None = None) -> Agent:
        return find_agent(name, agent_folders(config, cwd))

    return agents


def _introduce(kernel: Kernel, way: Proxy, browser: Browsers) -> None:
    """Connect the drivers that follow processes or write to their journals."""
    way.tell(kernel.note, kernel.confided)
    browser.attend(kernel.attend)


def _drivers(ground: _Ground, around: _Around) -> dict[type[Call[Any]], Tool]:
    """The driver of every call that is not the kernel's own."""
    config, _, vault = ground
    files = Workspace()
    commands = Commands(
        around.sandbox,
        way=around.way,
        shared=around.skills.folders,  # scripts of skills run where they are
        env=filled_all(config.commands.env, vault),
    )
    return {
        List: files,
        Read: files,
        Search: files,
        Write: files,
        Append: files,
        Run: commands,
        Exec: around.programs,
        Fetch: Web(headers={h: filled_all(v, vault) for h, v in config.web.items()}),
        CallTool: around.tools,
    }
