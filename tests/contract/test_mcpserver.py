"""The official MCP client drives the kernel: on a socket, over HTTP, in both eras; nobody sees what
is somebody else's; a question is put to the client's person."""

import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import msgspec
import pytest
import uvicorn
from mcp import Client, MCPError, StdioServerParameters
from mcp.types import ElicitResult
from tests.conftest import PATIENCE_S

from logos import Agent, Functions, boot
from logos.abi.agent import Approvals
from logos.abi.events import Held
from logos.abi.ids import CallId, Pid
from logos.abi.messages import Role, ToolCall
from logos.abi.rights import EVERYTHING
from logos.boot import Machine, load_settings
from logos.drivers.model import Say, Scripted
from logos.mcpserver import OWNER, App, Principal, open_mcp
from logos.mcpserver.desk import Desk
from logos.mcpserver.protocol import Protocol

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

FILE = "---\nname: helper\ndescription: helps\nmodel: m\ntools: send_mail, contacts\n---\nHelp.\n"

ZOE = "zoe@firm.example"


MAIL = {"impact": "egress_people", "arguments": {"to": "address", "body": "content"}}


def step(request: Any) -> Say:
    """Looks people up, sends one of them mail, and says whether it was sent."""
    last = request.messages[-1]
    if last.role is Role.TOOL and ZOE in str(last):
        made = ToolCall(
            id=CallId("x"),
            name="send_mail",
            arguments=json.dumps({"to": ZOE, "body": "the fair is on Monday"}),
        )
        return Say("", (made,))
    if last.role is Role.TOOL:
        return Say("it was sent" if "sent" in str(last) else "it was not sent")
    if "somebody" in str(last):
        return Say("", (ToolCall(id=CallId("x"), name="contacts", arguments="{}"),))
    return Say("hello to you")


@asynccontextmanager
async def machine(tmp_path: Path, url: str) -> AsyncIterator[Machine]:
    home = tmp_path / "home"
    (home / "agents").mkdir(parents=True)
    (home / "agents" / "helper.md").write_text(FILE)
    (home / "logos.toml").write_text("[a2a]\npublish = ['helper']\n")
    functions = Functions()

    @functions.register(manifest=MAIL)
    def send_mail(to: str, body: str) -> str:
        """Send mail."""
        (home / "outbox").write_text(f"{to}: {body}")
        return "sent"

    people = {
        "impact": "read",
        "result": {
            "type": "contact",
            "keys": ["name"],
            "fields": {"name": "name", "email": {"kind": "address", "directory": True}},
        },
    }

    @functions.register(manifest=people)
    def contacts() -> list[dict[str, str]]:
        """People."""
        return [{"name": n, "email": f"{n.lower()}@firm.example"} for n in ("Zoe", "Yan")]

    environ = {
        "LOGOS_HOME": str(home),
        "LOGOS_STORE_URL": url,
        "LOGOS_SANDBOX_MODE": "none",
    }
    models = {"m": Scripted(step)}
    async with boot(load_settings(environ, tmp_path), functions=functions, models=models) as made:
        yield made


def text(result: Any) -> Any:
    return json.loads(result.content[0].text)


@asynccontextmanager
async def over_http(app: App) -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve, [listener])
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        server.should_exit = True
    listener.close()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_client_over_http(url: str, tmp_path: Path, mode: Any) -> None:
    async with (
        machine(tmp_path, url) as made,
        over_http(App(made)) as where,
        Client(where, mode=mode) as client,
    ):
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert {"spawn", "wait", "recall", "approve"} <= set(names)
        pid = text(await client.call_tool("spawn", {"agent": "helper", "task": "hello"}))["pid"]
        ended = text(await client.call_tool("wait", {"pid": pid}))
        assert (ended["status"], ended["answer"]) == ("exited", "hello to you")
        assert pid in [p["pid"] for p in text(await client.call_tool("ps", {"all": True}))]
        await client.call_tool("write", {"pid": pid, "path": "/home/a.txt", "text": "kept"})
        read = await client.call_tool("read", {"pid": pid, "path": "/home/a.txt"})
        assert "kept" in read.content[0].text  # type: ignore[union-attr]
        wrong = await client.call_tool("wait", {"pid": 4711})
        assert wrong.is_error
        assert "there is no process 4711" in wrong.content[0].text  # type: ignore[union-attr]
        wrong = await client.call_tool("read", {"pid": pid, "path": "/proc/1/environ"})
        assert wrong.is_error
        with pytest.raises(MCPError, match="no tool"):
            await client.call_tool("format_disk", {})


async def asking(made: Machine) -> Pid:
    """A process that waits for its person."""
    agent = Agent(
        name="helper",
        model="m",
        tools=("send_mail", "contacts"),
        allow=tuple(EVERYTHING),
        approvals=Approvals.ASK,
    )
    pid = await made.kernel.spawn(agent, "Send a message about the fair to somebody.")
    with anyio.fail_after(PATIENCE_S):
        async for told in made.kernel.records.follow(pid):
            if isinstance(told.event, Held):
                break
    return pid


async def test_a_question_is_put_to_the_clients_person(url: str, tmp_path: Path) -> None:
    async with machine(tmp_path, url) as made, over_http(App(made)) as where:
        asked: list[str] = []

        async def answer(context: Any, params: Any) -> ElicitResult:
            del context
            asked.append(params.message)
            return ElicitResult(action="accept", content={"answer": "allow"})

        async with Client(where, elicitation_callback=answer) as client:
            pid = await asking(made)
            ended = text(await client.call_tool("wait", {"pid": pid}))
            assert ended["answer"] == "it was sent"
        assert len(asked) == 1
        assert ZOE in asked[0]


async def test_an_answer_given_again_is_no_mistake(url: str, tmp_path: Path) -> None:
    """A client that heard nothing makes the same request again: it waits on."""
    async with machine(tmp_path, url) as made:
        protocol = Protocol(Desk(made, OWNER))

        async def wait(**more: Any) -> Any:
            era = {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
            }
            params = {"name": "wait", "arguments": {"pid": pid}, "_meta": era, **more}
            asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
            return json.loads(await protocol.answer(json.dumps(asked).encode()) or b"")["result"]

        pid = await asking(made)
        (question,) = (await wait())["inputRequests"]
        answer = {question: {"action": "accept", "content": {"answer": "allow"}}}
        for _ in range(2):
            ended = await wait(inputResponses=answer)
            assert not ended["isError"]
            assert "it was sent" in ended["content"][0]["text"]


async def test_nobody_sees_what_is_somebody_elses(url: str, tmp_path: Path) -> None:
    async def who(peer: str, headers: Any) -> Principal:
        del peer
        return Principal(headers["x-who"])

    async with machine(tmp_path, url) as made:
        anna, bert = (Protocol(Desk(made, Principal(name))) for name in ("anna", "bert"))
        owner = Protocol(Desk(made, OWNER))
        pid = (await ask(anna, "spawn", agent="helper", task="my secret"))["pid"]
        assert (await ask(anna, "wait", pid=pid))["status"] == "exited"
        for tool, more in (
            ("wait", {}),
            ("send", {"text": "x"}),
            ("kill", {}),
            ("recall", {"question": "secret"}),
            ("read", {"path": "a.txt"}),
            ("read", {"path": "/home/"}),
            ("write", {"path": "a.txt", "text": "x"}),
        ):
            said = await ask(bert, tool, pid=pid, **more)
            assert f"there is no process {pid}" in said, tool
        said = await ask(bert, "approve", question=f"{pid}.1", answer="allow")
        assert f"there is no process {pid}" in said
        assert await ask(bert, "ps", all=True) == []
        assert await ask(bert, "approvals") == []
        assert [p["pid"] for p in await ask(anna, "ps", all=True)] == [pid]
        assert pid in [p["pid"] for p in await ask(owner, "ps", all=True)]


async def ask(protocol: Protocol, tool: str, **arguments: Any) -> Any:
    params = {"name": tool, "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    answer = await protocol.answer(msgspec.json.encode(message))
    assert answer is not None
    said = msgspec.json.decode(answer)["result"]["content"][0]["text"]
    try:
        return json.loads(said)
    except ValueError:
        return said


async def test_from_elsewhere_and_for_web_pages_nothing_answers(url: str, tmp_path: Path) -> None:
    async with machine(tmp_path, url) as made:
        app = App(made)
        for peer, header, status in (
            ("192.0.2.7", (b"host", b"localhost"), 401),
            ("127.0.0.1", (b"origin", b"https://evil.example"), 403),
            ("127.0.0.1", (b"host", b"evil.example:80"), 403),
            ("127.0.0.1", (b"host", b"localhost:80"), 200),
        ):
            sent: list[Any] = []

            async def receive() -> Any:
                message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
                return {"type": "http.request", "body": json.dumps(message).encode()}

            async def send(message: Any, sent: list[Any] = sent) -> None:
                sent.append(message)

            scope = {"type": "http", "method": "POST", "client": (peer, 1), "headers": [header]}
            await app(scope, receive, send)
            assert sent[0]["status"] == status, peer


async def test_the_listing_is_short(url: str, tmp_path: Path) -> None:
    async with machine(tmp_path, url) as made:
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        answer = await Protocol(Desk(made, OWNER)).answer(msgspec.json.encode(message))
        assert answer is not None
        assert len(answer) / 3 <= 1500


async def test_on_a_socket(url: str, tmp_path: Path) -> None:
    async with machine(tmp_path, url) as made:
        path = tmp_path / "mcp.sock"
        async with open_mcp(made, path):
            assert path.stat().st_mode & 0o777 == 0o600
            script = f"import sys; from logos.cli.bridge import pump; sys.exit(pump({str(path)!r}))"
            server = StdioServerParameters(command=sys.executable, args=["-c", script])
            async with Client(server) as client:
                spawned = await client.call_tool("spawn", {"agent": "helper", "task": "hello"})
                async with anyio.create_task_group() as tasks:  # many at once
                    for _ in range(5):
                        tasks.start_soon(client.call_tool, "wait", text(spawned))
        assert not path.exists()


async def test_what_is_remembered_is_recalled(url: str, tmp_path: Path) -> None:
    async with machine(tmp_path, url) as made, over_http(App(made)) as where, Client(where) as one:
        agent = Agent(name="helper", model="m", program="gateway", resident=True)
        pid = await made.kernel.spawn(agent, "")
        given = {"pid": pid, "text": "The ferry to Sula leaves at noon."}
        assert text(await one.call_tool("remember", given))["path"].startswith("/mem/")
        found = await one.call_tool(
            "recall", {"pid": pid, "question": "when does the ferry leave?"}
        )
        assert "Sula leaves at noon" in found.content[0].text  # type: ignore[union-attr]
        again = await one.call_tool("remember", {"pid": pid, "text": ""})
        assert again.is_error


async def test_headers_say_what_the_message_says(url: str, tmp_path: Path) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": "ps", "arguments": {}, "_meta": meta}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    right = {
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "ps",
    }
    async with machine(tmp_path, url) as made:
        transport = httpx2.ASGITransport(app=App(made), client=("127.0.0.1", 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
            answer = await http.post("/mcp", json=message, headers=right)
            assert answer.status_code == 200
            for name in right:
                answer = await http.post("/mcp", json=message, headers=right | {name: "kill"})
                assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)
