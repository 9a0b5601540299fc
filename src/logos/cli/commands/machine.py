"""up, down, status, agents, config, doctor: the machine itself."""

import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

from logos.abi.driver import Layer, Mode
from logos.abi.errors import SysError
from logos.boot import AGENTS as AGENT_FOLDERS
from logos.boot import agent_folders, home
from logos.cli.registry import Argument, Asked, Command
from logos.config import settings
from logos.drivers.sandbox import open_sandbox
from logos.programs import parse_agent


async def status(asked: Asked) -> int:
    machine = asked.node
    listed = await machine.kernel.records.list()
    data = {
        "pid": os.getpid(),
        "home": str(home(machine.loaded.config)),
        "store": "embedded" if not machine.loaded.config.store.url else "store.url",
        "sandbox": machine.sandbox.mode,
        "live": len(listed),
        "nodes": machine.kernel.nodes,
        "gateway": asked.gateway or "off",
    }
    text = "\n".join(f"{key:8} {value}" for key, value in data.items())
    asked.out.data(data, asked.out.style("running\n", "green") + text)
    return 0


async def down(asked: Asked) -> int:
    asked.stop()
    asked.out.data({"stopping": True}, "stopped; processes go on at the next start")
    return 0


async def agents(asked: Asked) -> int:
    rows, data = [], []
    assert asked.loaded is not None
    for folder in agent_folders(asked.loaded.config, asked.cwd):
        for file in sorted(folder.glob("*.md")):
            agent = parse_agent(file.read_text(encoding="utf-8"), source=str(file))
            rows.append((agent.name, agent.model or "-", ", ".join(agent.tools), agent.description))
            data.append({"name": agent.name, "file": str(file), "description": agent.description})
    if not rows and not asked.out.json:
        folders = ", ".join(AGENT_FOLDERS)
        asked.out.note(f"no agents here; put NAME.md into one of {folders}")
        return 0
    asked.out.table(("NAME", "MODEL", "TOOLS", "DESCRIPTION"), rows, data)
    return 0


async def config(asked: Asked) -> int:
    assert asked.loaded is not None
    rows = settings(asked.loaded)
    data = [{"name": n, "value": v, "from": origin} for n, v, origin in rows]
    asked.out.table(("SETTING", "VALUE", "FROM"), rows, data)
    return 0


async def doctor(asked: Asked) -> int:
    """What this machine offers, and what to do about what it doesn't."""
    assert asked.loaded is not None
    wanted = asked.loaded.config.sandbox.mode
    box = open_sandbox(wanted)
    basics = _basics(asked.loaded.config)
    if asked.machine is not None:
        basics.append(await _embeddings(asked.machine.kernel.meaning))
    kinds = {"machine": basics, "mechanism": box.layers(), "mode": box.modes()}
    found = [(kind, layer) for kind, layers in kinds.items() for layer in layers]
    rows = [("ok" if c.available else "no", c.name, c.detail, c.hint) for _, c in found]
    columns = ["", "WHAT", "DETAIL", "HINT"]
    if not any(layer.hint for _, layer in found):
        columns.pop()
    data = [_layer_data(kind, layer, wanted) for kind, layer in found]
    asked.out.table(columns, [row[: len(columns)] for row in rows], data)
    if asked.machine is None:
        asked.out.note("no daemon is running; `logos up` starts one")
    if wanted is Mode.NONE:
        asked.out.note("sandbox.mode is none: agents run code with your own rights")
    return 0


def _layer_data(kind: str, layer: Layer, wanted: Mode) -> dict[str, Any]:
    data = {"name": layer.name, "ok": layer.available, "detail": layer.detail, "hint": layer.hint}
    chosen = {"chosen": layer.name == f"mode {wanted}"} if kind == "mode" else {}
    return {**data, "kind": kind, **chosen}


def _basics(configured: Any) -> list[Layer]:
    place = home(configured)
    parent = next(p for p in (place, *place.parents) if p.exists())
    free = shutil.disk_usage(parent).free >> 20
    written = not sys.flags.dont_write_bytecode and "PYTHONDONTWRITEBYTECODE" not in os.environ
    compiled = written or _compiled()
    return [
        Layer(name="python", available=True, detail=platform.python_version()),
        Layer(name="home", available=os.access(parent, os.W_OK), detail=str(place)),
        Layer(name="disk", available=free > LEAST_DISK_MB, detail=f"{free} MB free"),
        Layer(
            name="bytecode",
            available=compiled,
            detail="modules are compiled"
            if compiled
            else "nothing is compiled: starting takes long",
            hint="" if compiled else "unset PYTHONDONTWRITEBYTECODE",
        ),
    ]


async def _embeddings(meaning: Any) -> Layer:
    """Optional: without them memory is searched by words."""
    try:
        model = await meaning.model()
        lines = await meaning.states()
    except SysError as error:
        return Layer(name="embeddings", available=False, detail=str(error))
    if not model:
        detail = "off: memory is searched by words; memory.embedder names a model"
        return Layer(name="embeddings", available=True, detail=detail)
    failed = [line.error for line in lines if line.error and line.done < line.events]
    pages, left = sum(line.pages for line in lines), sum(line.events - line.done for line in lines)
    detail = failed[0] if failed else f"{model}: {pages} pages, {left} events to look at"
    return Layer(name="embeddings", available=not failed, detail=detail)


LEAST_DISK_MB = 500


def _compiled() -> bool:
    return Path(__file__).parent.joinpath("__pycache__").exists()


async def up(asked: Asked) -> int:
    return await status(asked)


UP = Command(
    "up",
    "start the daemon, if it is not running; --foreground stays",
    up,
    (Argument("--foreground", "stay in the foreground and log to the terminal", bool),),
    effect="write",
)
DOWN = Command(
    "down", "stop the daemon; processes continue at the next start", down, effect="write"
)
STATUS = Command("status", "show whether the daemon is running, and its addresses", status)
AGENTS = Command("agents", "list the agents that can be run from here", agents)
CONFIG = Command("config", "list every setting, its value, and where it came from", config)
DOCTOR = Command(
    "doctor", "report what this machine offers, and how code is confined on it", doctor
)
