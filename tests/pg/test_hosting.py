"""What a program is answered at its door, whose connection ends at the worst moment."""

from argparse import Namespace
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pytest
from tests.conftest import World

from logos import config
from logos.abi.agent import Agent
from logos.abi.calls import Exec
from logos.abi.events import Proposed, Returned
from logos.abi.host import Guest
from logos.abi.ids import CallId, Pid
from logos.abi.messages import ToolCall, ToolSpec
from logos.cli.commands.execute import _pass_on
from logos.cli.out import Out
from logos.cli.registry import Asked
from logos.drivers.model import Say, Scripted
from logos.gateway.ask import PEER, Peer
from logos.hosting.door import Door
from logos.hosting.mcp import Mcp
from logos.hosting.past import Past
from logos.kernel import open_kernel
from logos.store import open_store

pytestmark = pytest.mark.anyio

KEY = "key"
BODY = b'{"model": "m", "messages": []}'


GUEST = Guest(
    pid=Pid(99),
    call=Exec(argv=("/bin/true",)),
    key=KEY,
    door=-1,
    signal=lambda _: None,
    stop=lambda _: None,
)


class Program:
    """It asks the same, over one connection after the other."""

    def __init__(self) -> None:
        self.peer = Peer(lambda: False)
        self.heard = b""

    async def ask(
        self, door: Door, path: str = "/v1/chat/completions", body: bytes = BODY
    ) -> bytes:
        """What has reached it."""
        self.peer, self.heard = Peer(lambda: False), b""
        head = [(b"authorization", f"Bearer {KEY}".encode())]
        scope = {"type": "http", "method": "POST", "path": path, "headers": head, PEER: self.peer}
        messages = [{"type": "http.request", "body": body}]

        async def receive() -> Any:
            if not messages:
                await anyio.sleep_forever()  # that it has hung up is not heard of in time
            return messages.pop()

        await door(scope, receive, self._hear)
        return self.heard

    async def _hear(self, message: Any) -> None:
        if not self.peer.gone:
            self.heard += message.get("body", b"")


async def test_who_hung_up_as_the_answer_came_is_answered_when_it_asks_again(
    url: str, world: World
) -> None:
    """By the same answer, which is paid for."""
    program, answers = Program(), 0

    async def gateway(scope: Any, receive: Any, send: Any) -> None:
        nonlocal answers
        del scope
        answers += 1
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if answers == 1:
            program.peer.hang_up()
        await send({"type": "http.response.body", "body": b"answer %d" % answers})

    async with (
        open_store(url, config.Store()) as store,
        open_kernel(world.parts(store)) as kernel,
        anyio.create_task_group() as tasks,
    ):
        door = Door(kernel, gateway, GUEST, Past(), tasks)
        assert await program.ask(door) == b""
        assert await program.ask(door) == b"answer 1"
        assert await program.ask(door) == b"answer 2"


ADD = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add"}}'


class Granted:
    async def specs(self) -> list[ToolSpec]:
        return []

    def proposal(self, name: str, arguments: Any) -> tuple[str, str]:
        del arguments
        return name, "{}"


async def nothing(*_: Any) -> None:
    """It is never called."""


async def test_who_hung_up_as_a_call_returned_hears_of_that_call_when_it_asks_again(
    url: str, world: World
) -> None:
    """And not of a second one."""
    past, program = Past(), Program()
    for id_ in ("t1", "t2"):
        past.learn(Proposed(calls=(ToolCall(id=CallId(id_), name="add", arguments="{}"),)))
    async with (
        open_store(url, config.Store()) as store,
        open_kernel(world.parts(store)) as kernel,
        anyio.create_task_group() as tasks,
    ):
        door = Door(kernel, nothing, GUEST, past, tasks)
        door.mcp = Mcp(kernel, GUEST, past, Granted(), nothing)
        async with anyio.create_task_group() as asking:
            asking.start_soon(program.ask, door, f"/mcp/{KEY}", ADD)
            while past.left == 2:
                await anyio.lowlevel.checkpoint()
            program.peer.hang_up()
            for id_ in ("t1", "t2"):
                past.settle(Returned(id=CallId(id_), value=msgspec.Raw(b'"%s"' % id_.encode())))
        assert program.heard == b""
        for id_ in ("t1", "t2"):
            said = msgspec.json.decode(await program.ask(door, f"/mcp/{KEY}", ADD))
            assert said["result"]["content"][0]["text"] == id_


async def test_ctrl_c_that_comes_as_the_program_ends_is_no_failure(url: str, world: World) -> None:
    """Its own end is what is shown."""
    world.models["m"] = Scripted(lambda _: Say("done"))

    async def pressed() -> AsyncIterator[int]:
        yield 2

    async with open_store(url, config.Store()) as store, open_kernel(world.parts(store)) as kernel:
        pid = await kernel.spawn(Agent(name="a", model="m"), "t")
        await kernel.records.wait(pid)
        asked = Asked(
            Namespace(),
            Out(lambda *_: None, json=True, colour=False),
            Path(),
            machine=SimpleNamespace(kernel=kernel),  # type: ignore[arg-type]  # nothing else is asked
            signals=pressed(),
        )
        await _pass_on(asked, pid)
