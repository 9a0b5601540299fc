"""What a key may use is one sum over everything that takes it, and a program's over all it asks."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import httpx2
import pytest
from tests.conftest import PATIENCE_S

from logos import config
from logos.abi.agent import Account, Agent, Limits
from logos.abi.driver import Mode, Price, Profile
from logos.abi.messages import Usage
from logos.boot import Machine, boot
from logos.cli.daemon import surfaces
from logos.drivers.model import Say, Scripted
from logos.gateway import open_gateway
from logos.kernel import Payer, counted
from model_server import loopback, whole

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

AGENT = "---\nname: helper\nmodel: m\n---\nHelp.\n"
ANSWER = Say("done", usage=Usage(input=90, output=10, cost=1000))
LIMIT = 1000


class Here(NamedTuple):
    machine: Machine
    base: str

    async def used(self, name: str) -> Usage:
        return await self.machine.kernel.accounts.used(name)


@asynccontextmanager
async def here(
    url: str, tmp_path: Path, model: Scripted, endpoints: Any = None
) -> AsyncIterator[Here]:
    home = tmp_path / "home"
    (home / "agents").mkdir(parents=True)
    (home / "agents" / "helper.md").write_text(AGENT)
    settled = config.Config(
        home=str(home),
        model="m",
        store=config.Store(url=url),
        sandbox=config.Sandbox(mode=Mode.NONE),
        a2a=config.A2a(publish=("helper",)),
        models=endpoints or {},
    )
    loaded = config.Loaded(settled, {})
    async with (
        boot(loaded, models={"m": model}) as machine,
        surfaces(machine, loaded) as also,
        open_gateway(machine, settled.gateway, home, also) as opened,
    ):
        yield Here(machine, opened.url)


def scripted(step: Any) -> Scripted:
    return Scripted(
        step, profile=Profile(name="m", max_output=100, price=Price(input=10, output=10))
    )


async def chat(http: httpx2.AsyncClient, text: str) -> int:
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return (await http.post("/v1/chat/completions", json=body)).status_code


async def tool(http: httpx2.AsyncClient, name: str, **given: Any) -> Any:
    params = {"name": name, "arguments": given}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    answer = await http.post("/mcp", json=message)
    if answer.status_code != 200 or answer.json()["result"]["isError"]:
        return None
    return json.loads(answer.json()["result"]["content"][0]["text"])


async def mcp(http: httpx2.AsyncClient, text: str) -> bool:
    """Whether its task was done."""
    begun = await tool(http, "spawn", agent="helper", task=text)
    ended = begun and await tool(http, "wait", pid=begun["pid"], seconds=20.0)
    return bool(ended and ended["exit"] == 0)


async def a2a(http: httpx2.AsyncClient, text: str) -> bool:
    said = {"message": {"parts": [{"text": text}]}}
    answer = await http.post("/a2a/helper/message:send", json=said)
    if answer.status_code != 200:
        return False
    return bool(answer.json()["task"]["status"]["state"] == "TASK_STATE_COMPLETED")


async def test_one_sum_over_all_surfaces(url: str, tmp_path: Path) -> None:
    embedded = {"data": [], "usage": {"prompt_tokens": 100, "total_tokens": 100}}
    async with loopback() as upstream:
        upstream.replies.append(whole(json.dumps(embedded).encode()))
        models = {"vecs": config.Endpoint(url=f"{upstream.url}/v1", model="e-1")}
        async with here(url, tmp_path, scripted(lambda _: ANSWER), models) as one:
            secret = (await one.machine.kernel.keys.create("ada", Limits(tokens=LIMIT))).secret
            headers = {"authorization": f"Bearer {secret}"}
            async with httpx2.AsyncClient(
                base_url=one.base, headers=headers, timeout=PATIENCE_S
            ) as http:
                body = {"model": "vecs", "input": "hello"}
                assert (await http.post("/v1/embeddings", json=body)).status_code == 200
                assert await chat(http, "hello") == 200
                assert await mcp(http, "hello")
                assert await a2a(http, "hello")
                assert (await one.used("key/ada")).tokens == 400
                done = 0
                for n in range(10):
                    done += await chat(http, f"hello {n}") == 200
                    done += await mcp(http, f"hello {n}")
                    done += await a2a(http, f"hello {n}")
                assert 3 <= done <= 6
                assert await chat(http, "again") == 429
                assert not await mcp(http, "again")
                assert not await a2a(http, "again")
            assert (await one.used("key/ada")).tokens <= LIMIT


async def test_however_many_at_once(url: str, tmp_path: Path) -> None:
    """Each of them alone would be within the limit."""
    async with here(url, tmp_path, scripted(lambda _: ANSWER)) as one:
        secret = (await one.machine.kernel.keys.create("ada", Limits(tokens=LIMIT))).secret
        headers = {"authorization": f"Bearer {secret}"}
        async with (
            httpx2.AsyncClient(base_url=one.base, headers=headers, timeout=PATIENCE_S) as http,
            anyio.create_task_group() as tasks,
        ):
            for n in range(10):
                tasks.start_soon(chat, http, f"hello {n}")
                tasks.start_soon(mcp, http, f"hello {n}")
                tasks.start_soon(a2a, http, f"hello {n}")
        used = (await one.used("key/ada")).tokens
        assert 500 <= used <= LIMIT


async def test_what_is_begun_by_a_process_counts_with_it(url: str, tmp_path: Path) -> None:
    """A program's conversations stay within the program's limits, of tokens and of money."""
    async with here(url, tmp_path, scripted(lambda _: ANSWER)) as one:
        kernel = one.machine.kernel
        for limits in (Limits(tokens=350), Limits(cost=3500)):
            program = Agent(name="theirs", model="m", program="hosted")
            pid = await kernel.spawn(program, "run", limits=limits)
            [account] = counted(pid, await kernel.records.process(pid))
            assert account == Account(name=f"process/{pid}", tokens=limits.tokens, cost=limits.cost)
            agent = Agent(name="talk", model="m")
            talks = [await kernel.spawn(agent, f"{n}", by=Payer("", (account,))) for n in range(6)]
            ended = [await kernel.records.wait(talk) for talk in talks]
            assert [one.status for one in ended].count(0) == 3
            assert (await one.used(account.name)).tokens == 300
