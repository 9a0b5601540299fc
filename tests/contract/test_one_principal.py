"""Whoever has a key sees what is his and nothing else, surface by surface, at the daemon's own port."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import httpx2
import pytest

from logos import Functions, config
from logos.abi.agent import Limits
from logos.abi.driver import Mode
from logos.abi.events import Held
from logos.abi.ids import CallId, Pid
from logos.abi.messages import Request, Role, ToolCall
from logos.boot import Machine, boot
from logos.cli.daemon import surfaces
from logos.drivers.model import Say, Scripted
from logos.gateway import open_gateway

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

AGENT = "---\nname: {0}\nmodel: m\ntools: send_mail, contacts\napprovals: ask\n---\nHelp.\n"
MAIL = {"impact": "egress_people", "arguments": {"to": "address", "body": "content"}}
PEOPLE = {
    "impact": "read",
    "result": {
        "type": "contact",
        "keys": ["name"],
        "fields": {"name": "name", "email": {"kind": "address", "directory": True}},
    },
}
ZOE = "zoe@firm.example"


def step(request: Request) -> Say:
    """Writes to somebody where its task says so, and else answers."""
    last = request.messages[-1]
    if last.role is Role.TOOL and ZOE in str(last):
        wanted = ("send_mail", {"to": ZOE, "body": "the fair is on Monday"})
    elif "somebody" in str(last):
        wanted = ("contacts", {})
    else:
        return Say("done")
    return Say("", (ToolCall(id=CallId("x"), name=wanted[0], arguments=json.dumps(wanted[1])),))


class Here(NamedTuple):
    machine: Machine
    base: str

    @asynccontextmanager
    async def somebody(self, name: str, limits: Limits = Limits()) -> AsyncIterator["Client"]:  # noqa: B008
        """With a key of his own; "" is whoever is on this machine."""
        headers = {}
        if name:
            secret = await self.machine.kernel.keys.create(name, limits)
            headers = {"authorization": f"Bearer {secret}"}
        async with httpx2.AsyncClient(base_url=self.base, headers=headers, timeout=30) as http:
            yield Client(http)


class Client(NamedTuple):
    http: httpx2.AsyncClient

    async def mcp(self, tool: str, **arguments: Any) -> Any:
        """What a tool says; None when it refuses."""
        params = {"name": tool, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        result = (await self.http.post("/mcp", json=message)).json()["result"]
        if result["isError"]:
            return None
        text = result["content"][0]["text"]
        return text if tool in ("recall", "read", "write") else json.loads(text)

    async def a2a(self, text: str) -> str:
        """A task's id."""
        said = {"message": {"parts": [{"text": text}]}}
        answer = await self.http.post("/a2a/helper/message:send", json=said)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["task"]["id"])


@asynccontextmanager
async def here(url: str, tmp_path: Path) -> AsyncIterator[Here]:
    home = tmp_path / "home"
    (home / "agents").mkdir(parents=True)
    for name in ("helper", "own"):
        (home / "agents" / f"{name}.md").write_text(AGENT.format(name))
    functions = Functions()

    @functions.register(manifest=MAIL)
    def send_mail(to: str, body: str) -> str:
        """Send mail."""
        return f"sent to {to}: {body}"

    @functions.register(manifest=PEOPLE)
    def contacts() -> list[dict[str, str]]:
        """People."""
        return [{"name": n, "email": f"{n.lower()}@firm.example"} for n in ("Zoe", "Yan")]

    settled = config.Config(
        home=str(home),
        model="m",
        store=config.Store(url=url),
        sandbox=config.Sandbox(mode=Mode.NONE),
        a2a=config.A2a(publish=("helper",)),
    )
    loaded = config.Loaded(settled, {})
    async with (
        boot(loaded, functions=functions, models={"m": Scripted(step)}) as machine,
        surfaces(machine, loaded) as also,
        open_gateway(machine, settled.gateway, home, also) as opened,
    ):
        yield Here(machine, opened.url)


async def test_processes_files_and_memory(url: str, tmp_path: Path) -> None:
    async with (
        here(url, tmp_path) as one,
        one.somebody("ada") as ada,
        one.somebody("bob") as bob,
        one.somebody("") as owner,
    ):
        pid = (await ada.mcp("spawn", agent="helper", task="the word is plover"))["pid"]
        assert (await ada.mcp("wait", pid=pid))["answer"] == "done"
        await ada.mcp("write", pid=pid, path="/home/a.txt", text="hers")
        assert "plover" in await ada.mcp("recall", pid=pid, question="which word is it?")
        task = await ada.a2a("the other word is dotterel")
        assert {p["pid"] for p in await ada.mcp("ps", all=True)} == {pid, int(task)}
        for number in (pid, int(task), 1):
            assert await bob.mcp("wait", pid=number, seconds=0) is None, number
            assert await bob.mcp("recall", pid=number, question="which word is it?") is None
            assert await bob.mcp("read", pid=number, path="/home/a.txt") is None
            assert await bob.mcp("write", pid=number, path="/home/a.txt", text="his") is None
            assert await bob.mcp("send", pid=number, text="hello") is None
            assert await bob.mcp("kill", pid=number) is None
            for path in (f"/tasks/{number}", f"/tasks/{number}:subscribe"):
                assert (await bob.http.get(f"/a2a/helper{path}")).status_code == 404
            cancel = await bob.http.post(f"/a2a/helper/tasks/{number}:cancel")
            assert cancel.status_code == 404
        assert await bob.mcp("ps", all=True) == []
        assert (await bob.http.get("/a2a/helper/tasks")).json()["tasks"] == []
        assert "hers" in await ada.mcp("read", pid=pid, path="/home/a.txt")
        assert pid in {p["pid"] for p in await owner.mcp("ps", all=True)}


async def test_approvals(url: str, tmp_path: Path) -> None:
    async with (
        here(url, tmp_path) as one,
        one.somebody("ada") as ada,
        one.somebody("bob") as bob,
    ):
        pid = (
            await ada.mcp(
                "spawn", agent="helper", task="Send a message about the fair to somebody."
            )
        )["pid"]
        asked: list[Any] = []
        with anyio.fail_after(20):
            async for told in one.machine.kernel.records.follow(Pid(pid)):
                if isinstance(told.event, Held):
                    asked = await ada.mcp("approvals")
                    break
        [question] = asked
        assert question["pid"] == pid
        assert await bob.mcp("approvals") == []
        assert await bob.mcp("approve", question=question["id"], answer="allow") is None
        assert await ada.mcp("approve", question=question["id"], answer="deny")
        assert (await ada.mcp("wait", pid=pid))["status"] == "exited"


async def test_a_name_is_not_a_right(url: str, tmp_path: Path) -> None:
    """Whoever is called like the owner has no more than anybody else."""
    async with here(url, tmp_path) as one, one.somebody("") as owner:
        pid = (await owner.mcp("spawn", agent="own", task="hello"))["pid"]
        task = await owner.a2a("hello")
        for name in ("owner", "local", "init"):
            async with one.somebody(name) as other:
                assert await other.mcp("ps", all=True) == []
                assert await other.mcp("wait", pid=pid) is None
                assert (await other.http.get(f"/a2a/helper/tasks/{task}")).status_code == 404


async def test_only_what_is_published_is_started(url: str, tmp_path: Path) -> None:
    async with here(url, tmp_path) as one, one.somebody("ada", Limits(tokens=10)) as ada:
        assert await ada.mcp("spawn", agent="own", task="hello") is None
        assert (await ada.http.get("/a2a/own/.well-known/agent-card.json")).status_code == 404
        pid = (await ada.mcp("spawn", agent="helper", task="hello " * 100))["pid"]
        assert (await ada.mcp("wait", pid=pid))["exit"] != 0  # more than its key may spend
        assert (await one.machine.kernel.records.process(Pid(pid))).limits.tokens == 10


async def test_a_wrong_key_is_nobody(url: str, tmp_path: Path) -> None:
    async with here(url, tmp_path) as one, one.somebody("") as owner:
        wrong = {"authorization": "Bearer lgk_wrong"}
        for method, path in (
            ("POST", "/mcp"),
            ("GET", "/a2a/helper/tasks"),
            ("GET", "/a2a/helper/.well-known/agent-card.json"),
            ("POST", "/a2a/helper/message:send"),
            ("GET", "/v1/models"),
        ):
            answer = await owner.http.request(method, path, headers=wrong, json={})
            assert answer.status_code == 401, path
