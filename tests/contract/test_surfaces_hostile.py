"""Messages that nobody would write: /mcp and /a2a answer them, and go on answering."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream
from tests.conftest import PATIENCE_S

from logos import boot
from logos.a2a import open_a2a
from logos.boot import Machine, load_settings
from logos.drivers.model import Say, Scripted
from logos.mcpserver import App, local_only, open_mcp

pytestmark = pytest.mark.anyio

FILE = "---\nname: helper\ndescription: helps\nmodel: m\n---\nHelp.\n"
META = "io.modelcontextprotocol/"
MODERN = {f"{META}protocolVersion": "2026-07-28", f"{META}clientCapabilities": {"elicitation": {}}}
ODD: tuple[Any, ...] = (
    None,
    True,
    7,
    -1,
    1.5,
    10**30,
    "",
    "x",
    "٣",
    [],
    [1],
    {},
    {"a": []},
    "\0",
    "x" * 9999,
)


@pytest.fixture
async def made(url: str, tmp_path: Path) -> AsyncIterator[Machine]:
    home = tmp_path / "home"
    (home / "agents").mkdir(parents=True)
    (home / "agents" / "helper.md").write_text(FILE)
    environ = {"LOGOS_HOME": str(home), "LOGOS_STORE_URL": url, "LOGOS_SANDBOX_MODE": "none"}
    models = {"m": Scripted(lambda _: Say("yes"))}
    async with boot(load_settings(environ, tmp_path), models=models) as machine:
        yield machine


def messages() -> list[Any]:
    found: list[Any] = list(ODD)
    asked: dict[str, Any] = {"jsonrpc": "2.0", "id": 1}
    for odd in ODD:
        found += [{"jsonrpc": "2.0", "id": odd, "method": odd, "params": odd}]
        found += [{"jsonrpc": "2.0", "id": 1, "method": odd}]
        for method in ("initialize", "server/discover", "tools/list", "tools/call", "ping"):
            asked = asked | {"method": method}
            found += [asked | {"params": odd}, asked | {"params": {"_meta": odd}}]
            found += [asked | {"params": {"_meta": {f"{META}protocolVersion": odd}}}]
            capable = MODERN | {f"{META}clientCapabilities": odd}
            found += [asked | {"params": {"_meta": capable, "name": "wait", "arguments": odd}}]
        wait = {"name": "wait", "arguments": {"pid": 1, "seconds": 0}, "_meta": MODERN}
        for answers in (odd, {"1.x": odd}, {"1.x": {"action": odd, "content": odd}}):
            found += [
                asked | {"method": "tools/call", "params": wait | {"inputResponses": answers}}
            ]
        for tool in ("wait", "kill", "read", "approve", "spawn", "recall"):
            given = dict.fromkeys(("pid", "path", "question", "answer", "agent", "task"), odd)
            called = {"name": tool, "arguments": given | {"pid": odd}}
            found += [asked | {"method": "tools/call", "params": called}]
            called = {"name": tool, "arguments": {"pid": odd}}
            found += [asked | {"method": "tools/call", "params": called}]
    return found


async def test_mcp_over_http(made: Machine) -> None:
    transport = httpx2.ASGITransport(app=App(made), client=("127.0.0.1", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:1") as http:
        for message in messages():
            answer = await http.post("/mcp", content=json.dumps(message))
            assert answer.status_code in (200, 202, 400, 404), message
            assert "internal" not in answer.text, message
        for body in (b"", b"\xff", b"[" * 100_000, b'{"jsonrpc": "2.0"'):
            assert (await http.post("/mcp", content=body)).status_code == 400


async def test_mcp_on_a_socket(made: Machine, tmp_path: Path) -> None:
    path = tmp_path / "mcp.sock"
    async with open_mcp(made, path), await anyio.connect_unix(path) as stream:
        answers = BufferedByteReceiveStream(stream)
        with anyio.fail_after(PATIENCE_S):
            for message in messages():
                await stream.send(json.dumps(message).encode() + b"\n")
                ping = {"jsonrpc": "2.0", "id": "still there?", "method": "ping"}
                await stream.send(json.dumps(ping).encode() + b"\n")
                while b"still there?" not in await answers.receive_until(b"\n", 1 << 20):
                    pass
            await stream.send_eof()
            with pytest.raises(anyio.EndOfStream):
                await stream.receive()


async def test_a2a(made: Machine) -> None:
    async with open_a2a(made, ["helper"], local_only) as app:
        transport = httpx2.ASGITransport(app=app, client=("127.0.0.1", 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:1") as http:
            await over_a2a(http)


async def over_a2a(http: Any) -> None:
    given = ("id", "taskId", "pageSize", "pageToken", "historyLength", "contextId", "status", "url")
    for odd in ODD:
        names = ("GetTask", "ListTasks", "CancelTask", "SubscribeToTask", "SendMessage", odd)
        for name in (*names, "CreateTaskPushNotificationConfig"):
            fields = dict.fromkeys(given, odd) | {"message": odd, "configuration": odd}
            for params in (odd, fields, {"message": {"parts": odd, "messageId": odd}}):
                rpc = {"jsonrpc": "2.0", "id": odd, "method": name, "params": params}
                answer = await http.post("/a2a/helper", content=json.dumps(rpc))
                assert answer.status_code == 200, rpc
                assert "result" in answer.text or "error" in answer.text
        for parts in ([odd], [{"text": odd}], [{"data": odd}], odd):
            said = {"message": {"parts": parts, "taskId": odd}, "configuration": odd}
            answer = await http.post("/a2a/helper/message:send", content=json.dumps(said))
            assert answer.status_code < 500, said
        for path in (f"/tasks/{10**30}", "/tasks/٣", f"/tasks?pageToken={10**30}", "/tasks/%00"):
            answer = await http.get(f"/a2a/helper{path}")
            assert answer.status_code in (400, 404), path
