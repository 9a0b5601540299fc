"""Whoever has a key sees what is his and nothing else, surface by surface, at the daemon's own port."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import httpx2
import pytest
from office_rig import office, settled
from tests.conftest import PATIENCE_S

from logos.abi.agent import Limits
from logos.abi.events import Held
from logos.abi.ids import Pid
from logos.boot import Machine
from logos.gateway import open_gateway

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


class Here(NamedTuple):
    machine: Machine
    base: str

    @asynccontextmanager
    async def somebody(self, name: str, limits: Limits = Limits()) -> AsyncIterator["Client"]:  # noqa: B008
        """With a key of his own; "" is whoever is on this machine."""
        headers = {}
        if name:
            secret = (await self.machine.kernel.keys.create(name, limits)).secret
            headers = {"authorization": f"Bearer {secret}"}
        async with httpx2.AsyncClient(
            base_url=self.base, headers=headers, timeout=PATIENCE_S
        ) as http:
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
    settings = settled(url, tmp_path)
    async with (
        office(settings) as (machine, also),
        open_gateway(machine, settings.gateway, tmp_path / "home", also) as opened,
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
        with anyio.fail_after(PATIENCE_S):
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
