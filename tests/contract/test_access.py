"""Who sees what, surface by surface: every route, operation and tool is in a table, or a test fails.

Beyond this machine nothing answers without a key, and whoever has one finds nothing of anybody else's: each
row asks for what is Ada's with Bob's key.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import httpx2
import pytest
from office_rig import office, settled
from tests.conftest import PATIENCE_S

from logos import a2a
from logos.abi.agent import Limits
from logos.abi.events import Held
from logos.abi.ids import Pid
from logos.boot import Machine
from logos.gateway import App
from logos.gateway.opening import Shared
from logos.mcpserver.desk import OWNER, Desk
from logos.mcpserver.protocol import METHODS

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

WORD = "plover"
"""Is in whatever is Ada's, and nowhere else."""

ELSEWHERE = ("203.0.113.9", 4000)
HERE = ("127.0.0.1", 4000)
HELLO = {"role": "user", "content": "hello"}


class Row(NamedTuple):
    """What Bob sends; `refused`: it must come to nothing, else it may be answered with what is his own.
    `{response}` and the like are Ada's, in the path as in the body."""

    path: str
    body: Any = None
    refused: bool = False
    headers: Mapping[str, str] = {}


THEIRS = {"x-logos-process": "hers"}
AGAIN = {"x-stainless-retry-count": "1"}
ASK = {"model": "m", "messages": [HELLO]}
ASK_AFTER = {"model": "m", "input": "?", "previous_response_id": "{response}"}
COMPACTED = {"type": "compaction", "encrypted_content": "{compacted}"}
REFERENCE = {"type": "item_reference", "id": "{answer}"}
CHAT = "/v1/chat/completions"
TALK = "/v1/conversations/{conversation}"

GATEWAY: dict[tuple[str, ...], tuple[Row, ...]] = {
    ("POST", "chat", "completions"): (
        Row(CHAT, {"model": "m", "messages": "{said}"}, headers=THEIRS),
        Row(CHAT, {"model": "m", "messages": "{asked}"}, headers=THEIRS | AGAIN),
        Row(CHAT, ASK, headers={"x-logos-process": "exec-{pid}"}),
    ),
    ("POST", "messages"): (Row("/v1/messages", {**ASK, "max_tokens": 9}),),
    ("POST", "responses"): (
        Row("/v1/responses", ASK_AFTER, True),
        Row("/v1/responses", {"model": "m", "input": "?", "conversation": "{conversation}"}, True),
        Row("/v1/responses", {"model": "m", "input": "?", "conversation": "{begun}"}, True),
        Row("/v1/responses", {"model": "m", "input": [COMPACTED, HELLO]}, True),
        Row("/v1/responses", {"model": "m", "input": [REFERENCE, HELLO]}, True),
    ),
    ("POST", "responses", "compact"): (
        Row("/v1/responses/compact", ASK_AFTER, True),
        Row("/v1/responses/compact", {"model": "m", "input": [COMPACTED, HELLO]}, True),
    ),
    ("POST", "messages", "count_tokens"): (Row("/v1/messages/count_tokens", ASK),),
    ("POST", "responses", "input_tokens"): (
        Row("/v1/responses/input_tokens", {"model": "m", "input": "?"}),
        Row("/v1/responses/input_tokens", ASK_AFTER, True),
    ),
    ("GET", "responses", "*"): (
        Row("/v1/responses/{response}", refused=True),
        Row("/v1/responses/{response}?stream=true", refused=True),
        Row("/v1/responses/resp_{pid}_1", refused=True),
    ),
    ("GET", "responses", "*", "input_items"): (
        Row("/v1/responses/{response}/input_items", refused=True),
    ),
    ("POST", "conversations"): (Row("/v1/conversations", {}),),
    ("DELETE", "responses", "*"): (Row("/v1/responses/{response}", refused=True),),
    ("POST", "responses", "*", "cancel"): (Row("/v1/responses/{response}/cancel", {}, True),),
    ("GET", "conversations", "*"): (Row(TALK, refused=True),),
    ("POST", "conversations", "*"): (Row(TALK, {"metadata": {"a": "b"}}, True),),
    ("DELETE", "conversations", "*"): (Row(TALK, refused=True),),
    ("GET", "conversations", "*", "items"): (
        Row(f"{TALK}/items", refused=True),
        Row("/v1/conversations/{begun}/items", refused=True),
    ),
    ("POST", "conversations", "*", "items"): (Row(f"{TALK}/items", {"items": [HELLO]}, True),),
    ("GET", "conversations", "*", "items", "*"): (Row(f"{TALK}/items/{{item}}", refused=True),),
    ("DELETE", "conversations", "*", "items", "*"): (Row(f"{TALK}/items/{{item}}", refused=True),),
    ("POST", "embeddings"): (Row("/v1/embeddings", {"model": "m", "input": "?"}),),
    ("GET", "models"): (Row("/v1/models"),),
    ("GET", "models", "*"): (Row("/v1/models/m"),),
    ("GET", "health"): (Row("/health"),),
    ("GET", "openapi.json"): (Row("/openapi.json"),),
    ("GET", "api", "hello"): (Row("/api/hello"),),
}
"""Every route of the gateway."""

TOOLS: dict[str, tuple[tuple[dict[str, Any], bool], ...]] = {
    "spawn": (
        ({"agent": "own", "task": "hello"}, True),
        ({"agent": "helper", "task": "hi"}, False),
    ),
    "ps": (({"all": True}, False),),
    "wait": (({"pid": "{pid}", "seconds": 0}, True), ({"pid": "{task}", "seconds": 0}, True)),
    "send": (({"pid": "{pid}", "text": "hello"}, True),),
    "kill": (({"pid": "{pid}"}, True), ({"pid": "{talk}"}, True)),
    "recall": (({"pid": "{pid}", "question": "which word is it?"}, True),),
    "remember": (({"pid": "{pid}", "text": "his"}, True),),
    "read": (
        ({"pid": "{pid}", "path": "/home/a.txt"}, True),
        ({"pid": "{pid}", "path": "/home/"}, True),
    ),
    "write": (({"pid": "{pid}", "path": "/home/a.txt", "text": "his"}, True),),
    "approvals": (({}, False),),
    "approve": (({"question": "{question}", "answer": "allow"}, True),),
}
"""Every tool of /mcp: what Bob gives it, and whether it must refuse."""

METHOD: dict[str, dict[str, Any]] = {
    "initialize": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}},
    "server/discover": {},
    "tools/list": {},
    "tools/call": {"name": "ps", "arguments": {"all": True}},
    "ping": {},
}
"""Every method of /mcp."""

HOOK = {"url": "https://hooks.example.org/x"}
OPERATION: dict[str, tuple[dict[str, Any], bool]] = {
    "SendMessage": ({"message": {"taskId": "{task}", "parts": [{"text": "?"}]}}, True),
    "SendStreamingMessage": ({"message": {"taskId": "{task}", "parts": [{"text": "?"}]}}, True),
    "GetTask": ({"id": "{task}"}, True),
    "ListTasks": ({}, False),
    "CancelTask": ({"id": "{task}"}, True),
    "SubscribeToTask": ({"id": "{task}"}, True),
    "GetExtendedAgentCard": ({}, False),
    "CreateTaskPushNotificationConfig": ({"taskId": "{task}", **HOOK}, True),
    "GetTaskPushNotificationConfig": ({"taskId": "{task}", "id": "hers"}, True),
    "ListTaskPushNotificationConfigs": ({"taskId": "{task}"}, True),
    "DeleteTaskPushNotificationConfig": ({"taskId": "{task}", "id": "hers"}, True),
}
"""Every operation of A2A."""


@dataclass
class There:
    machine: Machine
    app: Any
    names: dict[str, Any] = field(default_factory=dict)

    def client(self, stack: AsyncExitStack, peer: tuple[str, int], key: str = "") -> Any:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        transport = httpx2.ASGITransport(app=self.app, client=peer)
        return httpx2.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:1", headers=headers, timeout=30
        )

    def filled(self, value: Any) -> Any:
        """With what is Ada's in the place of its name."""
        if isinstance(value, dict):
            return {name: self.filled(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.filled(one) for one in value]
        if not isinstance(value, str):
            return value
        if (whole := re.fullmatch(r"\{(\w+)\}", value)) is not None:
            return self.names[whole[1]]
        return re.sub(r"\{(\w+)\}", lambda m: str(self.names[m[1]]), value)

    async def ask(self, http: Any, method: str, row: Row) -> Any:
        body = self.filled(row.body)
        given = {"json": body} if body is not None else {}
        headers = self.filled(dict(row.headers))
        return await http.request(method, self.filled(row.path), headers=headers, **given)


@asynccontextmanager
async def there(url: str, tmp_path: Path) -> AsyncIterator[There]:
    settings = settled(url, tmp_path, push=("hooks.example.org",))
    async with office(settings, WORD) as (machine, also), anyio.create_task_group() as tasks:
        yield There(machine, Shared(App(machine, 15.0, tasks), also))


async def tool(http: Any, name: str, given: dict[str, Any]) -> tuple[bool, str]:
    """Whether it refused, and all it said."""
    params = {"name": name, "arguments": given}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    answer = await http.post("/mcp", json=message)
    return answer.json()["result"]["isError"], answer.text


async def begun(one: There, ada: Any) -> None:
    """All that is hers."""
    names = one.names

    async def made(name: str, **given: Any) -> Any:
        failed, said = await tool(ada, name, given)
        assert not failed, said
        return json.loads(json.loads(said)["result"]["content"][0]["text"])

    pid = names["pid"] = (await made("spawn", agent="helper", task=f"say {WORD}"))["pid"]
    await made("wait", pid=pid)
    failed, _ = await tool(ada, "write", {"pid": pid, "path": "/home/a.txt", "text": WORD})
    assert not failed
    asks = f"Send a message about the {WORD} fair to somebody."
    asking = (await made("spawn", agent="helper", task=asks))["pid"]
    with anyio.fail_after(PATIENCE_S):
        async for told in one.machine.kernel.records.follow(Pid(asking)):
            if isinstance(told.event, Held):
                break
    [question] = await made("approvals")
    names["question"] = question["id"]
    said = {"message": {"parts": [{"text": f"say {WORD}"}]}}
    answer = await ada.post("/a2a/helper/message:send", json=said)
    names["task"] = answer.json()["task"]["id"]
    names["asked"] = [{"role": "user", "content": f"say {WORD}"}]
    body = {"model": "m", "messages": names["asked"]}
    answer = await ada.post(CHAT, json=body, headers=THEIRS)
    names["talk"] = int(answer.headers["x-logos-pid"])
    names["said"] = [*names["asked"], answer.json()["choices"][0]["message"], HELLO]
    body = {"model": "m", "input": f"say {WORD}"}
    answer = await ada.post("/v1/responses", json=body)
    names["response"] = answer.json()["id"]
    names["answer"] = answer.json()["output"][0]["id"]
    answer = await ada.post("/v1/responses/compact", json=body)
    names["compacted"] = answer.json()["output"][-1]["encrypted_content"]
    items = [{"role": "user", "content": f"say {WORD}"}]
    for name in ("conversation", "begun"):
        answer = await ada.post("/v1/conversations", json={"items": items})
        names[name] = answer.json()["id"]
    answer = await ada.get(f"/v1/conversations/{names['conversation']}/items")
    names["item"] = answer.json()["data"][0]["id"]
    body |= {"conversation": names["conversation"]}
    assert WORD in (await ada.post("/v1/responses", json=body)).text


async def state(one: There) -> dict[int, int]:
    """How much has happened to each process."""
    records, found = one.machine.kernel.records, {}
    for row in await records.list(everyone=True):
        kinds = [told.row.kind async for told in records.events(row.pid)]
        found[int(row.pid)] = len(kinds) - kinds.count("idled")  # which comes a little later
    return found


@pytest.fixture
async def opened(url: str, tmp_path: Path) -> AsyncIterator[There]:
    async with there(url, tmp_path) as one:
        yield one


async def test_everything_there_is_is_in_the_tables(opened: There) -> None:
    async with anyio.create_task_group() as tasks:
        assert set(App(opened.machine, 15.0, tasks).routes) == set(GATEWAY)
    assert set(Desk(opened.machine, OWNER).tools) == set(TOOLS)
    assert set(METHODS) == set(METHOD)
    assert set(a2a.RPC) == set(OPERATION)
    assert {name for name in a2a.REST.values() if name != "Card"} <= set(OPERATION)
    assert set(opened.app.starts) == {"/mcp", "/a2a"}


async def test_beyond_this_machine_nothing_answers_without_a_key(opened: There) -> None:
    one = opened
    named = "pid task talk question response conversation begun item compacted answer"
    one.names = dict.fromkeys(named.split(), "1")
    one.names |= {"said": [HELLO], "asked": [HELLO]}
    before = await state(one)
    async with AsyncExitStack() as stack:
        for key in ("", "sk-whatever", "lgk_wrong"):
            http = await stack.enter_async_context(one.client(stack, ELSEWHERE, key))
            for (method, *_), rows in GATEWAY.items():
                for row in rows:
                    assert (await one.ask(http, method, row)).status_code == 401, row
                    assert (await one.ask(http, "HEAD", row)).status_code == 401, row
            for name, params in METHOD.items():
                message = {"jsonrpc": "2.0", "id": 1, "method": name, "params": params}
                assert (await http.post("/mcp", json=message)).status_code == 401, name
            for method, path in a2a.REST:
                row = Row("/a2a/helper" + re.sub(r"\{\w+\}", "1", path), {})
                assert (await one.ask(http, method, row)).status_code == 401, path
            for name, (given, _) in OPERATION.items():
                message = {"jsonrpc": "2.0", "id": 1, "method": name, "params": given}
                row = Row("/a2a/helper", message)
                assert (await one.ask(http, "POST", row)).status_code == 401, name
            assert (await http.get("/nothing")).status_code == 401
    assert await state(one) == before


async def test_nobody_sees_what_is_somebody_elses(opened: There) -> None:
    one = opened
    keys = one.machine.kernel.keys
    async with AsyncExitStack() as stack:
        ada, bob = [
            await stack.enter_async_context(
                one.client(stack, HERE, (await keys.create(name, Limits())).secret)
            )
            for name in ("ada", "bob")
        ]
        await begun(one, ada)
        hers = await state(one)
        await over_http(one, bob)
        await over_mcp(one, bob)
        await over_a2a(one, bob)
        after = await state(one)
        assert {pid: after[pid] for pid in hers} == hers
        _, said = await tool(ada, "approvals", {})
        assert one.names["question"] in said
        _, said = await tool(ada, "read", {"pid": one.names["pid"], "path": "/home/a.txt"})
        assert WORD in said
        answer = await ada.get(f"/v1/conversations/{one.names['begun']}/items")
        assert WORD in answer.text


async def over_http(one: There, bob: Any) -> None:
    for (method, *_), rows in GATEWAY.items():
        for row in rows:
            answer = await one.ask(bob, method, row)
            if "{said}" not in str(row.body) and "{asked}" not in str(row.body):
                assert WORD not in answer.text, row
            assert answer.headers.get("x-logos-pid") != str(one.names["talk"]), row
            if row.refused:
                assert answer.status_code in (400, 404), row


async def over_mcp(one: There, bob: Any) -> None:
    for name, cases in TOOLS.items():
        for given, refused in cases:
            failed, said = await tool(bob, name, one.filled(given))
            assert failed == refused, (name, given, said)
            assert WORD not in said, (name, given)
    for name, params in METHOD.items():
        message = {"jsonrpc": "2.0", "id": 1, "method": name, "params": params}
        assert WORD not in (await bob.post("/mcp", json=message)).text, name


async def over_a2a(one: There, bob: Any) -> None:
    for name, (given, refused) in OPERATION.items():
        message = {"jsonrpc": "2.0", "id": 1, "method": name, "params": one.filled(given)}
        answer = (await bob.post("/a2a/helper", json=message)).text
        assert WORD not in answer, name
        assert ('"error"' in answer) == refused, (name, answer)
    for (method, path), name in a2a.REST.items():
        given, refused = OPERATION.get(name, ({}, False))
        where = path.replace("{taskId}", "{task}").replace("{id}:", "{task}:")
        where = where.replace("/tasks/{id}", "/tasks/{task}").replace("/{id}", "/hers")
        row = Row(f"/a2a/helper{where}", given if method == "POST" else None)
        answer = await one.ask(bob, method, row)
        assert WORD not in answer.text, row
        assert (answer.status_code == 404) == refused, (row, answer.text)
