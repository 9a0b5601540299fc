"""Places made of real servers."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from logos.abi.calls import CallTool
from logos.abi.driver import Job
from logos.abi.ids import CallId, Pid
from logos.abi.tools import Place
from logos.drivers.function import Functions
from logos.drivers.sandbox import LocalSandbox
from logos.drivers.tools import Tools
from logos.places import Places, open_places

SDK_SERVER = Path(__file__).with_name("mcp_sdk_server.py")
RAW_SERVER = Path(__file__).with_name("mcp_raw_server.py")


def sdk(*arguments: str, **settings: Any) -> Place:
    """The server written with the official SDK."""
    return Place(
        command=(sys.executable, str(SDK_SERVER), *arguments),
        readable=(str(SDK_SERVER.parent),),
        **settings,
    )


def raw(*arguments: str, **settings: Any) -> Place:
    """The one that misbehaves as it is told."""
    return Place(
        command=(sys.executable, "-I", "-S", str(RAW_SERVER), *arguments),
        readable=(str(RAW_SERVER.parent),),
        **settings,
    )


def job(folder: Path, tool: str, arguments: Mapping[str, Any] | None = None) -> Job:
    folder.mkdir(parents=True, exist_ok=True)
    call = CallTool(tool=tool, arguments=msgspec.Raw(msgspec.json.encode(arguments or {})))
    return Job(id=CallId("1-1"), pid=Pid(1), call=call, workspace=folder)


@asynccontextmanager
async def opened(
    folder: Path, sandbox: LocalSandbox, settings: Mapping[str, Place] | None = None
) -> AsyncIterator[Places]:
    async with open_places(
        folder / "mounts", Tools(Functions()), sandbox, settings or {}, {"PATH": "/usr/bin:/bin"}
    ) as places:
        yield places


async def called(places: Places, folder: Path, tool: str, **arguments: Any) -> Any:
    """The value of a call."""
    return msgspec.json.decode(await places.tools.run(job(folder / "process", tool, arguments)))
