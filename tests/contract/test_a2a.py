"""The official A2A client gives tasks to a published agent; an agent of one kernel delegates to one
of another, which is restarted meanwhile; nobody sees another's tasks."""

import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
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
from a2a.types import (
    CancelTaskRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetTaskPushNotificationConfigRequest,
    GetTaskRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTasksRequest,
    Message,
    Part,
    Role,
    SendMessageRequest,
    TaskPushNotificationConfig,
    TaskState,
)
from a2a.utils.errors import (
    A2AError,
    ContentTypeNotSupportedError,
    InvalidParamsError,
    PushNotificationNotSupportedError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from tests.conftest import PATIENCE_S

from logos import Agent, boot
from logos.a2a import open_a2a
from logos.abi.events import Exited, Returned
from logos.abi.ids import CallId, Pid
from logos.abi.messages import ToolCall
from logos.abi.rights import parse
from logos.abi.tools import Place
from logos.boot import Machine, load_settings
from logos.drivers.model import After, Say, Scripted
from logos.mcpserver import Principal

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


FILE = "---\nname: helper\ndescription: counts words\nmodel: m\n---\nHelp.\n"


@asynccontextmanager
async def machine(
    home: Path, url: str, model: Any, push: tuple[str, ...] = ()
) -> AsyncIterator[Machine]:
    (home / "agents").mkdir(parents=True, exist_ok=True)
    (home / "agents" / "helper.md").write_text(FILE)
    environ = {"LOGOS_HOME": str(home), "LOGOS_STORE_URL": url, "LOGOS_SANDBOX_MODE": "none"}
    (home / "logos.toml").write_text(f"[a2a]\npush = {list(push)}\n")
    async with boot(load_settings(environ, home), models={"m": model}) as made:
        yield made


async def who(peer: str, headers: Any) -> Principal:
    del peer
    return Principal(headers.get("x-who", "anna"))


@asynccontextmanager
async def listening(app: Any, port: int = 0) -> AsyncIterator[int]:
    """Its port, which can be had again."""
    listener = socket.create_server(("127.0.0.1", port))
    settled = uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(settled)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [listener])
            yield listener.getsockname()[1]
            server.should_exit = True
    finally:
        listener.close()


@asynccontextmanager
async def serving(machine: Machine, port: int = 0) -> AsyncIterator[int]:
    async with open_a2a(machine, ["helper"], who) as app, listening(app, port) as bound:
        yield bound


async def client(port: int, stack: AsyncExitStack, **config: Any) -> Any:
    config = {"supported_protocol_bindings": ["HTTP+JSON"]} | config
    wants = ClientConfig(**config)
    made = await ClientFactory(wants).create_from_url(f"http://127.0.0.1:{port}/a2a/helper")
    return await stack.enter_async_context(made)


def message(text: str) -> SendMessageRequest:
    return SendMessageRequest(message=new_text_message(text, role=Role.ROLE_USER))


@pytest.mark.parametrize("binding", ["HTTP+JSON", "JSONRPC"])
@pytest.mark.parametrize("streaming", [True, False])
async def test_the_official_client(
    url: str, tmp_path: Path, *, streaming: bool, binding: str
) -> None:
    async with AsyncExitStack() as stack:
        heard = anyio.Event()
        model = Scripted([After(heard.wait, Say("two words"))])
        made = await stack.enter_async_context(machine(tmp_path / "home", url, model))
        port = await stack.enter_async_context(serving(made))
        a2a = await client(port, stack, streaming=streaming, supported_protocol_bindings=[binding])
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


async def test_who_subscribes_hears_how_it_stands_and_what_comes(url: str, tmp_path: Path) -> None:
    """Nothing that was so before: it would be taken for news."""
    go = anyio.Event()
    nowhere = ToolCall(id=CallId("x"), name="nowhere", arguments="{}")
    model = Scripted([Say("first words", (nowhere,)), After(go.wait, Say("done"))])
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(machine(tmp_path / "home", url, model))
        port = await stack.enter_async_context(serving(made))
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=PATIENCE_S))
        base = f"http://127.0.0.1:{port}/a2a/helper"
        said = {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "go"}]}}
        async with http.stream("POST", f"{base}/message:stream", json=said) as first:
            news = told(first)
            update = await anext(news)
            task = update["task"]["id"]
            while words(update) != "first words":  # how it stands may have them already
                update = await anext(news)
        async with http.stream("GET", f"{base}/tasks/{task}:subscribe") as second:
            news = told(second)
            assert words(await anext(news)) == "first words"
            go.set()
            rest = [update async for update in news]
        assert [next(iter(update)) for update in rest] == [
            "statusUpdate",
            "artifactUpdate",
            "statusUpdate",
        ]
        assert {words(update) for update in rest} == {"done", ""}
        async with http.stream("GET", f"{base}/tasks/{task}:subscribe") as third:
            assert [next(iter(update)) async for update in told(third)] == ["task"]


async def told(answer: Any) -> AsyncIterator[dict[str, Any]]:
    async for line in answer.aiter_lines():
        if line:
            yield json.loads(line.removeprefix("data: "))


def words(update: dict[str, Any]) -> str:
    """What the agent says of how it stands."""
    status = update.get("task", update.get("statusUpdate", {})).get("status", {})
    return str(status.get("message", {"parts": [{"text": ""}]})["parts"][0]["text"])


@pytest.mark.parametrize("binding", ["HTTP+JSON", "JSONRPC"])
async def test_a_message_sent_twice_is_one(url: str, tmp_path: Path, binding: str) -> None:
    """By a client that has heard no answer, at once or after a restart; a task's next message as well."""
    home = tmp_path / "home"
    told = message("count: hello there")
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(machine(home, url, Scripted(lambda _: Say("two"))))
        port = await stack.enter_async_context(serving(made))
        a2a = await client(port, stack, streaming=False, supported_protocol_bindings=[binding])
        ids: list[str] = []

        async def send() -> None:
            ids.extend([update.task.id async for update in a2a.send_message(told)])

        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(send)
        assert len(ids) == 4
        assert len(set(ids)) == 1
    async with AsyncExitStack() as stack:
        stuck = Scripted([After(anyio.Event().wait, Say("never"))] * 2)
        made = await stack.enter_async_context(machine(home, url, stuck))
        port = await stack.enter_async_context(serving(made))
        a2a = await client(
            port, stack, streaming=False, polling=True, supported_protocol_bindings=[binding]
        )
        again = [update.task.id async for update in a2a.send_message(told)]
        assert again == ids[:1]
        [begun] = [update async for update in a2a.send_message(message("count: another"))]
        assert begun.task.id != ids[0]
        more = message("and these")
        more.message.task_id = begun.task.id
        for _ in range(2):
            assert [update async for update in a2a.send_message(more)]
        pid = Pid(int(begun.task.id))
        db = await asyncpg.connect(url)
        assert await db.fetchval("SELECT count(*) FROM mail WHERE pid = $1", int(pid)) == 1
        await db.close()


class Hooks:
    """A client's server: what it was told; it answers 503 as often as it is asked to."""

    def __init__(self) -> None:
        self.told: list[tuple[dict[str, str], Any]] = []
        self.busy = 0
        self.changed = anyio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        status = 503 if self.busy else 200
        self.busy = max(self.busy - 1, 0)
        if status == 200:
            headers = {k.decode(): v.decode() for k, v in scope["headers"]}
            assert headers["x-a2a-notification-signature"] == "sha256=" + (
                hmac.new(b"secret", body, hashlib.sha256).hexdigest()
            )
            self.told.append((headers, json.loads(body)))
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        self.changed.set()
        self.changed = anyio.Event()

    async def until(self, done: Callable[[], bool]) -> None:
        with anyio.fail_after(PATIENCE_S):
            while not done():
                await self.changed.wait()

    @property
    def states(self) -> list[str]:
        updates = [said.get("statusUpdate") for _, said in self.told]
        return [update["status"]["state"] for update in updates if update]


@pytest.mark.parametrize("binding", ["HTTP+JSON", "JSONRPC"])
async def test_news_are_told_to_a_client_s_server(url: str, tmp_path: Path, binding: str) -> None:
    """Again when it is busy, and on after a restart; nowhere else than where it is allowed."""
    home, hooks = tmp_path / "home", Hooks()
    hooks.busy = 1
    async with AsyncExitStack() as stack:
        hook = await stack.enter_async_context(listening(hooks))
        first = Scripted([After(anyio.Event().wait, Say("never"))])
        async with machine(home, url, first, push=("127.0.0.1",)) as made, serving(made) as port:
            a2a = await client(
                port, stack, streaming=False, polling=True, supported_protocol_bindings=[binding]
            )
            assert a2a._card.capabilities.push_notifications
            [begun] = [update async for update in a2a.send_message(message("wait"))]
            wanted = TaskPushNotificationConfig(
                task_id=begun.task.id, url=f"http://127.0.0.1:{hook}/news", token="secret"
            )
            kept = await a2a.create_task_push_notification_config(wanted)
            again = await a2a.create_task_push_notification_config(wanted)
            assert again.id == kept.id
            one = GetTaskPushNotificationConfigRequest(task_id=begun.task.id, id=kept.id)
            assert (await a2a.get_task_push_notification_config(one)).url == wanted.url
            many = ListTaskPushNotificationConfigsRequest(task_id=begun.task.id)
            assert len((await a2a.list_task_push_notification_configs(many)).configs) == 1
            for address in ("http://127.0.0.2/", "http://169.254.169.254/", "file:///etc/passwd"):
                wanted.url = address
                with pytest.raises(A2AError):
                    await a2a.create_task_push_notification_config(wanted)
            assert not hooks.told
        async with (
            machine(home, url, Scripted(lambda _: Say("done")), push=("127.0.0.1",)) as made,
            serving(made) as port,
        ):
            await hooks.until(lambda: "TASK_STATE_COMPLETED" in hooks.states)
            artifacts = [
                said["artifactUpdate"] for _, said in hooks.told if "artifactUpdate" in said
            ]
            assert artifacts[0]["artifact"]["parts"][0]["text"] == "done"
            ids = [headers["x-a2a-notification-id"] for headers, _ in hooks.told]
            assert len(set(ids)) == len(ids)
            assert hooks.told[0][0]["x-a2a-notification-token"] == "secret"
        told = set(ids)
        async with (
            machine(home, url, Scripted(lambda _: Say("done")), push=("127.0.0.1",)) as made,
            serving(made) as port,
        ):
            a2a = await client(port, stack, streaming=False, supported_protocol_bindings=[binding])
            gone = DeleteTaskPushNotificationConfigRequest(task_id=begun.task.id, id=kept.id)
            await a2a.delete_task_push_notification_config(gone)
            assert not (await a2a.list_task_push_notification_configs(many)).configs
        # it was all told before; the last of it perhaps again, with its number
        assert {headers["x-a2a-notification-id"] for headers, _ in hooks.told} == told


async def test_a_message_whose_news_may_not_be_told_begins_nothing(
    url: str, tmp_path: Path
) -> None:
    async with (
        machine(tmp_path / "home", url, Scripted([]), ("else.example.org",)) as made,
        serving(made) as port,
    ):
        base = f"http://127.0.0.1:{port}/a2a/helper"
        said = {
            "message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "go"}]},
            "configuration": {"taskPushNotificationConfig": {"url": "http://127.0.0.2/"}},
        }
        async with httpx2.AsyncClient(timeout=PATIENCE_S) as http:
            assert (await http.post(f"{base}/message:send", json=said)).status_code == 403
            assert (await http.get(f"{base}/tasks")).json()["tasks"] == []


@pytest.mark.parametrize("binding", ["HTTP+JSON", "JSONRPC"])
async def test_tasks_are_listed_page_by_page_and_told_by_the_message(
    url: str, tmp_path: Path, binding: str
) -> None:
    async with AsyncExitStack() as stack:
        model = Scripted(lambda request: Say("heard: " + request.messages[-1].text.upper()))
        made = await stack.enter_async_context(machine(tmp_path / "home", url, model))
        port = await stack.enter_async_context(serving(made))
        a2a = await client(port, stack, streaming=False, supported_protocol_bindings=[binding])
        begun = []
        for n in range(3):
            begun += [update.task async for update in a2a.send_message(message(f"task {n}"))]
        newest = [task.id for task in reversed(begun)]
        first = await a2a.list_tasks(ListTasksRequest(page_size=2))
        assert ([t.id for t in first.tasks], first.total_size) == (newest[:2], 3)
        assert not first.tasks[0].artifacts
        rest = await a2a.list_tasks(
            ListTasksRequest(page_size=2, page_token=first.next_page_token, include_artifacts=True)
        )
        assert ([t.id for t in rest.tasks], rest.next_page_token) == (newest[2:], "")
        assert rest.tasks[0].artifacts[0].parts[0].text == "heard: TASK 0"
        for wanted, found in (
            (ListTasksRequest(context_id=newest[1]), newest[1:2]),
            (ListTasksRequest(status=TaskState.TASK_STATE_COMPLETED), newest),
            (ListTasksRequest(status=TaskState.TASK_STATE_WORKING), []),
        ):
            assert [t.id for t in (await a2a.list_tasks(wanted)).tasks] == found
        with pytest.raises(InvalidParamsError):
            await a2a.list_tasks(ListTasksRequest(page_size=1000))
        shown = await a2a.get_task(GetTaskRequest(id=newest[0]))
        said = [(m.role, m.parts[0].text) for m in shown.history]
        assert said == [(Role.ROLE_USER, "task 2"), (Role.ROLE_AGENT, "heard: TASK 2")]
        again = await a2a.get_task(GetTaskRequest(id=newest[0], history_length=1))
        assert [m.parts[0].text for m in again.history] == ["heard: TASK 2"]
        assert again.status.timestamp == shown.status.timestamp  # of its end, not of the question


@pytest.mark.parametrize("binding", ["HTTP+JSON", "JSONRPC"])
async def test_errors_are_those_of_the_protocol(url: str, tmp_path: Path, binding: str) -> None:
    async with AsyncExitStack() as stack:
        model = Scripted(lambda request: Say(request.messages[-1].text))
        made = await stack.enter_async_context(machine(tmp_path / "home", url, model, push=()))
        port = await stack.enter_async_context(serving(made))
        a2a = await client(port, stack, streaming=False, supported_protocol_bindings=[binding])
        (done,) = [update.task async for update in a2a.send_message(message("go"))]
        with pytest.raises(TaskNotCancelableError):
            await a2a.cancel_task(CancelTaskRequest(id=done.id))
        with pytest.raises(TaskNotFoundError):
            await a2a.get_task(GetTaskRequest(id="4711"))
        late = message("and?")
        late.message.task_id = done.id
        with pytest.raises(UnsupportedOperationError):
            _ = [update async for update in a2a.send_message(late)]
        hook = TaskPushNotificationConfig(task_id=done.id, url="https://hooks.example.org/x")
        with pytest.raises(PushNotificationNotSupportedError):
            await a2a.create_task_push_notification_config(hook)
        picture = SendMessageRequest(
            message=Message(role=Role.ROLE_USER, parts=[Part(url="https://example.org/a.png")])
        )
        with pytest.raises(ContentTypeNotSupportedError):
            _ = [update async for update in a2a.send_message(picture)]
        table = SendMessageRequest(message=Message(role=Role.ROLE_USER, message_id="t"))
        table.message.parts.add().data.struct_value.update({"rows": [1, 2]})
        (told,) = [update.task async for update in a2a.send_message(table)]
        assert json.loads(told.artifacts[0].parts[0].text) == {"rows": [1, 2]}


async def test_what_no_client_of_today_would_ask(url: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(machine(tmp_path / "home", url, Scripted([])))
        port = await stack.enter_async_context(serving(made))
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=PATIENCE_S))
        base = f"http://127.0.0.1:{port}/a2a/helper"
        for version, status in (("0.3", 400), ("1.0", 200), ("1.1", 200)):
            answer = await http.get(f"{base}/tasks", headers={"a2a-version": version})
            assert answer.status_code == status, version
        rows = (
            ("GET", "/tasks?a2a=1", "0.3", "VERSION_NOT_SUPPORTED"),
            ("GET", "/x", "1.0", "METHOD_NOT_FOUND"),
        )
        for method, path, version, reason in rows:
            answer = await http.request(method, base + path, headers={"a2a-version": version})
            assert answer.json()["error"]["details"][0]["reason"] == reason
        rpc = {"jsonrpc": "2.0", "id": 7, "method": "message/send", "params": {}}
        answer = (await http.post(base, json=rpc)).json()
        assert (answer["id"], answer["error"]["code"]) == (7, -32601)
        assert answer["error"]["data"][0]["reason"] == "METHOD_NOT_FOUND"


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
            with anyio.fail_after(PATIENCE_S):
                await thinking.wait()
        # it is away now, and its task with it
        async with machine(tmp_path / "there", elsewhere, model) as there, serving(there, port):
            with anyio.fail_after(PATIENCE_S):
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
