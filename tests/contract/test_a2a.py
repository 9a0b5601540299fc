"""The official A2A client gives tasks to a published agent; an agent of one kernel delegates to one
of another, which is restarted meanwhile; nobody sees another's tasks."""

import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import asyncpg
import httpx2
import pytest
import uvicorn
from a2a.client import ClientConfig, ClientFactory
from a2a.helpers import new_text_message
from a2a.types import CancelTaskRequest, GetTaskRequest, ListTasksRequest, Role, SendMessageRequest

from logos import Agent, boot
from logos.a2a import App
from logos.abi.events import Exited, Returned
from logos.abi.ids import CallId
from logos.abi.messages import ToolCall
from logos.abi.rights import parse
from logos.abi.tools import Place
from logos.boot import Machine, load_settings
from logos.drivers.model import After, Say, Scripted
from logos.mcpserver import Principal

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

FILE = "---\nname: helper\ndescription: counts words\nmodel: m\n---\nHelp.\n"


@asynccontextmanager
async def machine(home: Path, url: str, model: Any) -> AsyncIterator[Machine]:
    (home / "agents").mkdir(parents=True, exist_ok=True)
    (home / "agents" / "helper.md").write_text(FILE)
    environ = {"LOGOS_HOME": str(home), "LOGOS_STORE_URL": url, "LOGOS_SANDBOX_MODE": "none"}
    async with boot(load_settings(environ, home), models={"m": model}) as made:
        yield made


async def who(peer: str, headers: Any) -> Principal:
    del peer
    return Principal(headers.get("x-who", "anna"))


@asynccontextmanager
async def serving(machine: Machine, port: int = 0) -> AsyncIterator[int]:
    """Its port, which can be had again."""
    listener = socket.create_server(("127.0.0.1", port))
    app = App(machine, ["helper"], who)
    server = uvicorn.Server(
        uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    )
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [listener])
            yield listener.getsockname()[1]
            server.should_exit = True
    finally:
        listener.close()


async def client(port: int, stack: AsyncExitStack, **config: Any) -> Any:
    wants = ClientConfig(supported_protocol_bindings=["HTTP+JSON"], **config)
    made = await ClientFactory(wants).create_from_url(f"http://127.0.0.1:{port}/a2a/helper")
    return await stack.enter_async_context(made)


def message(text: str) -> SendMessageRequest:
    return SendMessageRequest(message=new_text_message(text, role=Role.ROLE_USER))


@pytest.mark.parametrize("streaming", [True, False])
async def test_the_official_client(url: str, tmp_path: Path, streaming: bool) -> None:  # noqa: FBT001
    async with AsyncExitStack() as stack:
        heard = anyio.Event()
        model = Scripted([After(heard.wait, Say("two words"))])
        made = await stack.enter_async_context(machine(tmp_path / "home", url, model))
        port = await stack.enter_async_context(serving(made))
        a2a = await client(port, stack, streaming=streaming)
        updates = []
        if not streaming:
            heard.set()
        async for update in a2a.send_message(message("count: hello there")):
            updates.append(update)
            heard.set()
        assert updates[0].HasField("task")
        task = await a2a.get_task(GetTaskRequest(id=updates[0].task.id))
        assert task.status.state == 3  # completed
        assert task.artifacts[0].parts[0].text == "two words"
        if streaming:
            assert updates[-1].status_update.status.state == 3
            assert any(u.HasField("artifact_update") for u in updates)
        listed = await a2a.list_tasks(ListTasksRequest())
        assert [one.id for one in listed.tasks] == [task.id]


async def test_a_task_is_cancelled_and_is_nobody_elses(url: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        model = Scripted([After(anyio.Event().wait, Say("never"))])
        made = await stack.enter_async_context(machine(tmp_path / "home", url, model))
        port = await stack.enter_async_context(serving(made))
        a2a = await client(port, stack, streaming=False, polling=True)
        (begun,) = [update async for update in a2a.send_message(message("wait"))]
        assert begun.task.status.state == 2  # working
        base = f"http://127.0.0.1:{port}/a2a/helper"
        async with httpx2.AsyncClient(headers={"x-who": "bert"}) as bert:
            for method, path in (
                ("GET", f"/tasks/{begun.task.id}"),
                ("POST", f"/tasks/{begun.task.id}:cancel"),
                ("GET", f"/tasks/{begun.task.id}:subscribe"),
                ("GET", "/tasks/1"),
            ):
                answer = await bert.request(method, base + path)
                assert answer.status_code == 404, path
            said = {"message": {"taskId": begun.task.id, "parts": [{"text": "x"}]}}
            assert (await bert.post(f"{base}/message:send", json=said)).status_code == 404
            assert (await bert.get(f"{base}/tasks")).json()["tasks"] == []
            assert (await bert.get(base.replace("helper", "init") + "/tasks")).status_code == 200
            unpublished = base.replace("helper", "init") + "/.well-known/agent-card.json"
            assert (await bert.get(unpublished)).status_code == 404
        cancelled = await a2a.cancel_task(CancelTaskRequest(id=begun.task.id))
        assert cancelled.status.state == 5  # cancelled


@pytest.fixture
def elsewhere(url: str) -> Iterator[str]:
    """A database for another kernel."""
    head, _, query = url.partition("?")
    base, _, name = head.rpartition("/")
    other = f"{name}_elsewhere"

    async def execute(statement: str) -> None:
        db = await asyncpg.connect(f"{base}/postgres?{query}")
        await db.execute(statement)
        await db.close()

    anyio.run(execute, f"CREATE DATABASE {other}")
    yield f"{base}/{other}?{query}"
    anyio.run(execute, f"DROP DATABASE {other} WITH (FORCE)")


async def test_an_agent_delegates_and_the_other_kernel_is_restarted(
    url: str, elsewhere: str, tmp_path: Path
) -> None:
    thinking = anyio.Event()

    async def never() -> None:
        thinking.set()
        await anyio.sleep_forever()

    stuck, model = Scripted([After(never, Say("never"))]), Scripted(lambda _: Say("three"))
    async with machine(tmp_path / "here", url, Scripted(caller())) as here:
        async with machine(tmp_path / "there", elsewhere, stuck) as there, serving(there) as port:
            await here.places.add("far", Place(a2a=f"http://127.0.0.1:{port}/a2a/helper"))
            agent = Agent(
                name="boss",
                model="m",
                tools=("fs.list", "fs.read", "tool.call"),
                allow=tuple(map(parse, ("read:/net/**", "call:/tools/far/**"))),
            )
            pid = await here.kernel.spawn(agent, "Delegate to far: count the words of a b c.")
            with anyio.fail_after(20):
                await thinking.wait()
        # it is away now, and its task with it
        async with machine(tmp_path / "there", elsewhere, model) as there, serving(there, port):
            with anyio.fail_after(30):
                ended = await here.kernel.records.wait(pid)
        assert ended.answer == "the other says three"
        found = [told.event async for told in here.kernel.records.events(pid)]
        values = [json.loads(bytes(e.value)) for e in found if isinstance(e, Returned)]
        assert "Give the agent helper a task" in values[0]
        assert values[1] == "three"
        assert isinstance(found[-1], Exited)


def caller() -> Any:
    def step(request: Any) -> Say:
        last = str(request.messages[-1])
        if "three" in last:
            return Say("the other says three")
        if "Give the agent" in last:
            arguments = json.dumps({"tool": "far/delegate", "arguments": {"task": "count a b c"}})
            return Say("", (ToolCall(id=CallId("x"), name="tool_call", arguments=arguments),))
        if "Delegate" in last:
            read = json.dumps({"path": "/net/far"})
            return Say("", (ToolCall(id=CallId("x"), name="fs_read", arguments=read),))
        return Say(f"it did not work: {last}")

    return step
