"""Put the parts together, bottom first.  The only module that knows every concrete class.

`site` and `ground` are what it stands on; `models` and `settings` are asked by others, too.
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
from logos.store import Fault, open_store
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
    hears what takes long; `fault` is for tests; `vault` learns what must not be shown.  Raise
    SysError `conflict` when this home has a node already, `unavailable` without a database."""
    loaded = loaded or load_settings(os.environ, Path.cwd())
    config = loaded.config
    place = home(config)
    place.mkdir(parents=True, exist_ok=True)
    vault = learned(vault or Vault(os.environ), config)
    functions = functions or Functions()
    async with AsyncExitStack() as stack:
        stack.enter_context(only_node(place))
        url = config.store.url or await embedded(stack, place, tell)
        await migrated(url, tell)
        store = await stack.enter_async_context(open_store(url, config.store, fault))
        sandbox = _sandbox(config, stack)
        opened = ModelNames(config, vault, models or {})
        stack.push_async_callback(opened.close)
        agents = _finder(config)
        tools = Tools(functions)
        places = await stack.enter_async_context(
            open_places(place / "mounts", tools, sandbox, config.mounts, vault)
        )
        browser = serve(places, config, vault, place / "browsers")
        way, skills = Proxy(), Skills(place / "skills")
        mounts, programs = _mounts(tools, places, skills), Programs(sandbox, way)
        commands = _commands(config, vault, sandbox, skills, way)
        written, rules = site(config)
        parts = Parts(
            store=store,
            settings=config.node,
            clock=SystemClock(),
            programs=PROGRAMS,
            models=opened.open,
            drivers=_drivers(config, vault, commands, tools, programs),
            mounts=mounts,
            functions=tools.specs,
            agents=lambda name: agents(name, None),
            workspaces=place / "workspaces",
            place=f"{socket.gethostname()}:{place}",
            alone=True,
            seal=seal(config, place, vault),
            vault=vault,
            manifests=_manifests(functions, tools, places, written),
            rules=rules,
            trust=config.trust,
            limits=config.limits,
            memory=config.memory,
            embedder=opened.embedder,
            reranker=opened.reranker,
        )
        kernel = await stack.enter_async_context(open_kernel(parts))
        _introduce(kernel, way, browser)
        around = (sandbox, places, skills, mounts, Workspace(), agents, opened, vault, programs)
        yield Machine(kernel, loaded, functions, *around, Hook(frozenset(config.a2a.push)))


def _mounts(tools: Tools, places: Places, skills: Skills) -> Mapping[str, Mount]:
    return {"/net": places.net, "/skills": places.skills(skills), "/tools": tools.tree}


def _sandbox(config: Config, stack: AsyncExitStack) -> Sandbox:
    settings = config.sandbox
    sandbox = open_sandbox(settings.mode, pool=settings.pool, cpus=settings.cpus)
    stack.push_async_callback(sandbox.aclose)
    return sandbox


def _manifests(
    functions: Functions, tools: Tools, places: Places, written: dict[str, Any]
) -> Callable[[], dict[str, Any]]:
    """Those of this site stand before all others."""
    return lambda: functions.manifests() | tools.annotations() | places.manifests() | written


def _finder(config: Config) -> Callable[[str, Path | None], Agent]:
    def agents(name: str, cwd: Path | None = None) -> Agent:
        return find_agent(name, agent_folders(config, cwd))

    return agents


def _introduce(kernel: Kernel, way: Proxy, browser: Browsers) -> None:
    """Drivers that hear of processes, or have something to say in their journals."""
    way.tell(kernel.note, kernel.confided)
    browser.attend(kernel.attend)


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
        Fetch: Web(headers={h: filled_all(v, vault) for h, v in config.web.items()}),
        CallTool: tools,
    }


def _commands(config: Config, vault: Vault, sandbox: Sandbox, skills: Skills, way: Proxy) -> Tool:
    """Scripts of skills are run where they are, by whoever may read them."""
    env = filled_all(config.commands.env, vault)
    return Commands(sandbox, way=way, shared=skills.folders, env=env)
