"""Places made of real servers."""

import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from tests.conftest import PATIENCE_S

from logos.abi.calls import CallTool
from logos.abi.driver import Job
from logos.abi.ids import CallId, Pid
from logos.abi.tools import Place
from logos.drivers.function import Functions
from logos.drivers.sandbox import LocalSandbox
from logos.drivers.tools import Tools
from logos.places import Places, open_places

SDK_SERVER = Path(__file__).with_name("mcp_sdk_server.py")
EXTENDED_SERVER = Path(__file__).with_name("mcp_extended_server.py")
OLD_SERVER = Path(__file__).with_name("mcp_old_server.py")
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


def extended() -> Place:
    """The one with tasks and skills."""
    return Place(
        command=(sys.executable, str(EXTENDED_SERVER)), readable=(str(EXTENDED_SERVER.parent),)
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


@contextmanager
def serving(
    folder: Path, port: int = 0, server: Path = SDK_SERVER, words: tuple[str, ...] = ("--http",)
) -> Iterator[str]:
    """A server of the official SDK over HTTP, in that folder: its URL.  The port comes after `words`."""
    if not port:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = int(taken.getsockname()[1])
    command = [sys.executable, str(server), *words, str(port)]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()
