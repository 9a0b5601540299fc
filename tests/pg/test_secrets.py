"""A planted secret, and an agent that gets it back in every way: it is kept and shown nowhere."""

import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import asyncpg
import pytest
from tests.conftest import PATIENCE_S

from logos.abi.agent import Agent, Approvals
from logos.abi.driver import Effect, Mode
from logos.abi.errors import Code, SysError
from logos.abi.ids import CallId, Pid
from logos.abi.messages import Request, ToolCall
from logos.abi.rights import EVERYTHING, parse
from logos.boot import Machine, boot
from logos.config import Commands, Config, Loaded, Sandbox, Store
from logos.drivers.function import Functions
from logos.drivers.model import Say, Scripted
from logos.vault import Vault, forms

pytestmark = pytest.mark.anyio

SECRET = 'sk-planted-4711/+="quoted'
ENVIRON = {"PLANTED": SECRET, "PATH": "/usr/bin:/bin"}


@asynccontextmanager
async def echo() -> AsyncIterator[int]:
    """A server that answers with the headers it was sent."""

    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            sent = b""
            while b"\r\n\r\n" not in sent:
                sent += await stream.receive()
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
            await stream.send(head % len(sent) + sent)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        yield listener.extra(anyio.abc.SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


def tools() -> Functions:
    functions = Functions()

    @functions.register(effect=Effect.PURE)
    def leak(how: str) -> str:
        """Answer with what nobody should see."""
        match how:
            case "plain":
                return SECRET
            case "json":
                return json.dumps({"k": json.dumps(SECRET)})
            case "base64":
                return base64.b64encode(b"x" + SECRET.encode()).decode()
            case "hex":
                return SECRET.encode().hex()
            case "error":
                raise SysError(Code.TOOL, f"bad key {SECRET}", hint=f"not {SECRET}")
            case _:
                raise RuntimeError(SECRET)

    @functions.register(effect=Effect.PURE)
    def told(what: str = "") -> str:
        return what

    return functions


def page(port: int) -> str:
    return f"http://127.0.0.1:{port}/?q={SECRET[:10]}"


def calls(port: int) -> list[ToolCall]:
    given: list[tuple[str, dict[str, Any]]] = [
        ("leak", {"how": how}) for how in ("plain", "json", "base64", "hex", "error", "bug")
    ]
    given.append(("told", {"what": f"a model that says {SECRET}"}))
    given.append(("http_fetch", {"url": page(port)}))
    given.append(("command_run", {"argv": ["/usr/bin/env"]}))
    given.append(("command_run", {"argv": ["/bin/cat", "/proc/self/environ"]}))
    given.append((f"invented_{SECRET}", {}))
    return [
        ToolCall(id=CallId("x"), name=name, arguments=json.dumps(arguments))
        for name, arguments in given
    ]


async def everything(url: str) -> bytes:
    """Every table of the database, as text."""
    db = await asyncpg.connect(url)
    try:
        tables = await db.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        parts = [b""]
        for (table,) in tables:
            for row in await db.fetch(f'SELECT * FROM "{table}"'):
                parts += (v if isinstance(v, bytes) else str(v).encode() for v in row.values())
    finally:
        await db.close()
    return b"\n".join(parts)


def assert_clean(data: bytes) -> None:
    for form in forms(SECRET):
        assert form not in data, data[max(0, data.find(form) - 100) :][:300]


async def acted(machine: Machine, port: int) -> Pid:
    agent = Agent(
        name="a",
        model="m",
        tools=("leak", "told", "http.fetch", "command.run"),
        allow=(*EVERYTHING, parse("fetch:/net/127.0.0.1/**")),
        approvals=Approvals.DENY,
        instructions=f"You are given {SECRET}.",
    )
    task = f"use {SECRET}, fetch {page(port)}, run /usr/bin/env and /bin/cat /proc/self/environ"
    pid = await machine.kernel.spawn(agent, task, by="me")
    await machine.kernel.send(pid, f"and {SECRET}")
    with anyio.fail_after(PATIENCE_S):
        await machine.kernel.records.wait(pid)
    return pid


@pytest.mark.slow
async def test_a_planted_secret_is_nowhere(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[Request] = []
    async with echo() as port:

        def think(request: Request) -> Any:
            sent.append(request)
            if len(sent) == 1:
                return Say(f"I know {SECRET}", tuple(calls(port)))
            if len(sent) == 2:
                raise SysError(Code.MODEL, f"401: key {SECRET} is wrong")
            return Say(f"done with {SECRET}")

        config = Config(
            home=str(tmp_path / "home"),
            store=Store(url=url),
            sandbox=Sandbox(mode=Mode.NONE),
            commands=Commands(env={"GIVEN": "env:PLANTED"}),
            web={"127.0.0.1": {"Authorization": "Bearer env:PLANTED"}},
        )
        vault = Vault(ENVIRON)
        booted = boot(
            Loaded(config, {}), functions=tools(), models={"m": Scripted(think)}, vault=vault
        )
        async with booted as machine:
            pid = await acted(machine, port)
            listed = await machine.kernel.records.list(everyone=True)
            events = [told async for told in machine.kernel.records.events(pid)]
            replayed = await machine.kernel.records.replay(pid)
    found = await everything(url)
    assert b"[secret PLANTED]" in found
    assert_clean(found)
    assert_clean(str(listed).encode())
    assert_clean("\n".join(str(one.event) for one in events).encode())
    assert_clean(str(sent).encode())
    assert replayed.equal
    assert len(sent) == 3
    assert_clean("\n".join(vault.text(line) for line in caplog.text.splitlines()).encode())
    answers = b"\n".join(one.row.body or b"" for one in events).decode()
    assert re.search(r"authorization: Bearer \[secret PLANTED\]", answers, re.IGNORECASE)
    assert "GIVEN=[secret PLANTED]" in answers
