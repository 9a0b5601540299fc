"""A thought that is asked again has the same key for its provider, and no other thought has it."""

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from gateway_rig import rig
from openai import AsyncOpenAI
from tests.conftest import PATIENCE_S

from logos import config
from logos.abi.agent import Agent
from logos.abi.messages import Message, Options, Role, Text
from logos.kernel import Turn
from model_server import Loopback, loopback, whole

pytestmark = pytest.mark.anyio

ANSWER = whole(
    json.dumps(
        {
            "choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 1},
        }
    ).encode()
)
BUSY = whole(b'{"error":{"message":"busy"}}', status=429, retry_after_ms="1")


def models(upstream: Loopback) -> dict[str, config.Endpoint]:
    return {"up": config.Endpoint(url=f"{upstream.url}/v1", model="u")}


def keys(upstream: Loopback) -> list[str]:
    return [seen.headers["idempotency-key"] for seen in upstream.seen]


@pytest.mark.slow
async def test_a_try_more_has_the_same_key(url: str, tmp_path: Path) -> None:
    async with loopback() as upstream:
        upstream.replies += [BUSY, ANSWER, ANSWER, ANSWER]
        async with (
            rig(url, tmp_path, [], endpoints=models(upstream)) as one,
            AsyncOpenAI(**one.openai, max_retries=0) as client,
        ):
            said: list[Any] = [{"role": "user", "content": "hello"}]
            await client.chat.completions.create(model="up", messages=said)
            more: list[Any] = [
                {"role": "assistant", "content": "yes"},
                {"role": "user", "content": "hello"},
            ]
            await client.chat.completions.create(model="up", messages=[*said, *more])
            await client.chat.completions.create(model="up", messages=said)
        first, again, second, elsewhere = keys(upstream)
        assert first == again
        assert len({first, second, elsewhere}) == 3
        assert upstream.seen[0].body == upstream.seen[1].body == upstream.seen[3].body


@pytest.mark.slow
async def test_after_a_crash_it_has_the_same_key(url: str, tmp_path: Path) -> None:
    """Nobody knows whether the first one was answered, and paid for."""
    agent = Agent(name="gateway/local", description="00", program="gateway", resident=True)
    said = Message(role=Role.USER, content=(Text(text="hello"),))
    async with loopback() as upstream:
        upstream.replies += [upstream.hang(), ANSWER]
        with anyio.fail_after(PATIENCE_S):
            async with rig(url, tmp_path, [], endpoints=models(upstream)) as one:
                kernel = one.machine.kernel
                pid = await kernel.converse(agent, Turn((said,), Options(model="up")))
                while "asked" not in await one.kinds(pid) or not upstream.seen:
                    pass
            async with rig(url, tmp_path, [], endpoints=models(upstream)) as one:
                async for told in one.machine.kernel.records.follow(pid):
                    if told.row.kind == "thought":
                        break
                replayed = await one.machine.kernel.records.replay(pid)
        assert [seen.body for seen in upstream.seen] == [upstream.seen[0].body] * 2
        assert keys(upstream) == [keys(upstream)[0]] * 2
        assert replayed.equal
