"""Who may ask, and whose processes are reached."""

import socket
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from gateway_rig import Rig, rig
from openai import AsyncOpenAI

from logos import config
from logos.abi.agent import Limits
from logos.abi.errors import Code, SysError

pytestmark = pytest.mark.anyio

HELLO: Any = [{"role": "user", "content": "hello"}]


def outside() -> str:
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            return ""
        return str(probe.getsockname()[0])


async def client(one: Rig, name: str, **limits: Any) -> AsyncOpenAI:
    secret = (await one.machine.kernel.keys.create(name, Limits(**limits))).secret
    return AsyncOpenAI(base_url=f"{one.base}/v1", api_key=secret, max_retries=0)


async def test_beyond_loopback_nothing_answers_without_a_key(url: str, tmp_path: Path) -> None:
    here = outside()
    if not here:
        pytest.skip("this machine has no address but loopback")
    settings = config.Gateway(host="0.0.0.0")
    async with (
        rig(url, tmp_path, ["hello"], settings=settings) as one,
        httpx2.AsyncClient() as http,
    ):
        base = one.base.replace("0.0.0.0", here)
        paths = [
            "/v1/models",
            "/health",
            "/v1/responses/resp_2_4",
            "/v1/conversations/x",
            "/nothing",
        ]
        for path in paths:
            assert (await http.get(base + path)).status_code == 401
            wrong = {"authorization": "Bearer sk-whatever"}
            assert (await http.get(base + path, headers=wrong)).status_code == 401
        for path in ("chat/completions", "responses", "messages", "embeddings"):
            answer = await http.post(f"{base}/v1/{path}", json={"model": "m", "messages": HELLO})
            assert answer.status_code == 401
        assert not await one.conversations()
        secret = (await one.machine.kernel.keys.create("ada", Limits())).secret
        right = {"x-api-key": secret}
        assert (await http.get(f"{base}/v1/models", headers=right)).status_code == 200


async def test_a_key_reaches_its_own_client_s_processes(url: str, tmp_path: Path) -> None:
    async with (
        rig(url, tmp_path, ["secret of Ada's", "Bob's own", "Ada's again"]) as one,
        await client(one, "ada") as ada,
        await client(one, "bob") as bob,
    ):
        first = await ada.responses.create(model="m", input="tell me")
        with pytest.raises(openai.NotFoundError):
            await bob.responses.retrieve(first.id)
        with pytest.raises(openai.NotFoundError):
            await bob.responses.input_items.list(first.id)
        with pytest.raises(openai.BadRequestError, match="there is no response"):
            await bob.responses.create(model="m", input="go on", previous_response_id=first.id)
        said: Any = [
            {"role": "user", "content": "tell me"},
            {"role": "assistant", "content": "secret of Ada's"},
            {"role": "user", "content": "and?"},
        ]
        await bob.responses.create(model="m", input=said)
        await ada.responses.create(model="m", input=said)
        listed = await one.machine.kernel.records.list(everyone=True)
        assert [p.agent for p in listed[1:]] == ["gateway/ada", "gateway/bob"]
        assert (await ada.responses.retrieve(first.id)).output_text == "secret of Ada's"


async def test_no_name_leads_to_another_s(url: str, tmp_path: Path) -> None:
    """Not that of a conversation, nor a session's, nor what was said, nor that it is said again."""
    steps = ["secret of Ada's", "hers", "Bob's, too", "his"]
    async with (
        rig(url, tmp_path, steps) as one,
        await client(one, "ada") as ada,
        await client(one, "bob") as bob,
    ):
        talk = await ada.conversations.create(
            items=[{"type": "message", "role": "user", "content": "I am Ada."}]
        )
        await ada.responses.create(model="m", input="tell me", conversation=talk.id)
        session: Any = {"extra_headers": {"x-logos-process": "mine"}}
        await ada.chat.completions.create(model="m", messages=HELLO, **session)
        with pytest.raises(openai.NotFoundError):
            await bob.responses.create(model="m", input="what?", conversation=talk.id)
        assert len([item async for item in ada.conversations.items.list(talk.id)]) == 3
        session["extra_headers"]["x-stainless-retry-count"] = "1"
        again = await bob.chat.completions.create(model="m", messages=HELLO, **session)
        assert again.choices[0].message.content == "Bob's, too"
        said = [*HELLO, {"role": "assistant", "content": "hers"}, *HELLO]
        await bob.chat.completions.create(model="m", messages=said, **session)
        listed = await one.machine.kernel.records.list(everyone=True)
        agents = [p.agent for p in listed[1:]]
        assert agents == ["gateway/ada"] * 2 + ["gateway/bob"] * 2


async def test_what_another_created_answers_as_what_nobody_did(url: str, tmp_path: Path) -> None:
    async with (
        rig(url, tmp_path, ["secret"]) as one,
        await client(one, "ada") as ada,
        await client(one, "bob") as bob,
    ):
        hers = (await ada.responses.create(model="m", input="tell me")).id
        for id_ in (hers, "resp_999_4"):
            for asked in (
                bob.responses.retrieve(id_),
                bob.responses.input_items.list(id_),
                bob.responses.delete(id_),
                bob.responses.cancel(id_),
            ):
                with pytest.raises(openai.NotFoundError) as refused:
                    await asked
                assert "secret" not in str(refused.value)
            with pytest.raises(openai.BadRequestError, match="there is no response") as refused_too:
                await bob.responses.create(model="m", input="x", previous_response_id=id_)
            assert "secret" not in str(refused_too.value)
        assert len(one.model.requests) == 1


async def test_a_rotated_key_reaches_what_it_reached(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, ["hers"]) as one, await client(one, "ada", tokens=50_000) as ada:
        answer = await ada.responses.create(model="m", input="hello")
        keys = one.machine.kernel.keys
        (old,) = await keys.list()
        made = await keys.rotate(old.id)
        with pytest.raises(openai.AuthenticationError):
            await ada.models.list()
        async with AsyncOpenAI(base_url=f"{one.base}/v1", api_key=made.secret) as again:
            assert (await again.responses.retrieve(answer.id)).output_text == "hers"
        first, second = await keys.list()
        assert first.revoked_at is not None
        assert (second.id, second.limits, second.client) == (made.key.id, old.limits, "ada")
        with pytest.raises(SysError) as gone:
            await keys.rotate(old.id)
        assert gone.value.code is Code.NOT_FOUND


async def test_a_wrong_or_revoked_key(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, ["hello"]) as one, await client(one, "ada") as ada:
        await ada.models.list()
        (key,) = await one.machine.kernel.keys.list()
        await one.machine.kernel.keys.revoke(key.id)
        with pytest.raises(openai.AuthenticationError):
            await ada.models.list()
        base = f"{one.base}/v1"
        async with AsyncOpenAI(base_url=base, api_key="lgk_wrong", max_retries=0) as nobody:
            with pytest.raises(openai.AuthenticationError):
                await nobody.models.list()


async def test_a_key_s_limit_holds_for_all_its_processes(url: str, tmp_path: Path) -> None:
    async with (
        rig(url, tmp_path, ["hello"] * 10) as one,
        await client(one, "ada", tokens=10_000) as ada,
        await client(one, "poor", tokens=20) as poor,
    ):
        await ada.chat.completions.create(model="m", messages=HELLO)
        with pytest.raises(openai.RateLimitError):
            await poor.chat.completions.create(model="m", messages=HELLO)
        refused = ""
        for n in range(10):
            said: Any = [{"role": "user", "content": f"{n} " + "word " * 2000}]
            try:
                await ada.chat.completions.create(model="m", messages=said, max_tokens=100)
            except openai.RateLimitError as error:
                refused = str(error.code)
        assert refused == "insufficient_quota"
        used = await one.machine.kernel.accounts.used("key/ada")
        assert used.tokens <= 10_000


async def test_a_web_page_may_not_ask(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, ["hello"]) as one, httpx2.AsyncClient() as http:
        there = f"{one.base}/v1/models"
        for headers in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
            assert (await http.get(there, headers=headers)).status_code == 403
        assert (
            await http.get(there, headers={"origin": "http://localhost:5173"})
        ).status_code == 200
