"""What the sandbox refuses an agent stands in the agent's journal.

Only probes that would do no harm if they succeeded: the others run in an arena of their own
(test_escapes.py).
"""

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from logos import config
from logos.abi.agent import Agent
from logos.abi.calls import Run
from logos.abi.driver import Mode
from logos.abi.events import Called, Returned
from logos.abi.ids import CallId
from logos.abi.messages import ToolCall
from logos.abi.rights import parse
from logos.drivers.command import Commands
from logos.drivers.model import Say, Scripted
from logos.drivers.sandbox import LocalSandbox
from logos.kernel import open_kernel
from logos.store import open_store

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

HARMLESS = (
    "read /etc/shadow",
    "read a 0600 secret",
    "list /root",
    "write outside the workspace",
    "symlink traversal",
    ".. traversal",
    "/proc/1/environ",
    "environment of the driver",
    "own environment",
    "see host processes",
    "tcp to host loopback",
    "abstract unix socket",
    "netlink socket",
    "packet socket",
    "io_uring",
    "bpf",
    "keyctl",
    "userfaultfd",
    "perf_event_open",
    "write /proc/sys",
    "/dev/kmsg",
)


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.NO_NAMESPACES])
async def test_every_refusal_stands_in_the_journal(
    url: str, world: Any, workspace: Path, open_box: Callable[[Mode], LocalSandbox], mode: Mode
) -> None:
    shutil.copy(Path(__file__).with_name("probes.py"), workspace)
    secret = workspace.parent / "secret"
    secret.write_text("TOPSECRET")
    secret.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host = {
            "pid": os.getpid(),
            "secret": str(secret),
            "outside": str(workspace.parent),
            "tcp": listening.getsockname()[1],
            "abstract": "logos-nobody",
        }
        argv = ["/usr/bin/python3", "-I", "-S", "probes.py", json.dumps(host), *HARMLESS]
        call = ToolCall(id=CallId("x"), name="command_run", arguments=json.dumps({"argv": argv}))
        world.models["m"] = Scripted([Say(calls=(call,)), Say("tried")])
        box = open_box(mode)
        world.drivers[Run] = Commands(box)
        agent = Agent(
            name="hostile", model="m", tools=("command.run",), allow=(parse("run:/bin/*"),)
        )
        async with (
            open_store(url, config.Store()) as store,
            open_kernel(world.parts(store)) as kernel,
        ):
            pid = await kernel.spawn(agent, "get out", workspace=workspace)
            assert (await kernel.records.wait(pid)).answer == "tried"
            events = [told.event async for told in kernel.records.events(pid)]
        await box.aclose()
    assert sum(isinstance(event, Called) for event in events) == 1
    [answer] = [event for event in events if isinstance(event, Returned)]
    text: str = msgspec.json.decode(answer.value)
    found: dict[str, tuple[bool, str]] = json.loads(text.splitlines()[0])
    assert set(found) == set(HARMLESS)
    assert {name: why for name, (escaped, why) in found.items() if escaped} == {}
    assert not (workspace.parent / "evil").exists()
