"""What a request says besides its words reaches the model's provider, or is refused aloud."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import anthropic
import httpx2
import openai
import pytest
from anthropic import AsyncAnthropic
from gateway_rig import Rig, rig
from openai import AsyncOpenAI

from logos import config
from logos.gateway import ask
from model_server import Loopback, loopback, whole

pytestmark = pytest.mark.anyio

ANSWER = {"choices": [{"message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}]}
PNG = "data:image/png;base64,AAAA"


class There(NamedTuple):
    one: Rig
    upstream: Loopback
    client: AsyncOpenAI

    def sent(self) -> Any:
        return json.loads(self.upstream.seen[-1].body)


@pytest.fixture
async def there(url: str, tmp_path: Path) -> AsyncIterator[There]:
    """A model behind Chat Completions."""
    async with loopback() as upstream:
        upstream.replies += [whole(json.dumps(ANSWER).encode())] * 5
        models = {"v": config.Endpoint(url=f"{upstream.url}/v1", model="v-1", window=32_000)}
        async with (
            rig(url, tmp_path, [], endpoints=models) as one,
            AsyncOpenAI(**one.openai) as client,
        ):
            yield There(one, upstream, client)


async def test_who_of_several_speaks_and_how_closely_to_look(there: There) -> None:
    pieces = [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "AAAA"}},
    ]
    said: Any = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "name": "ada", "content": "I am Ada."},
        {"role": "assistant", "name": "helper", "content": "Hello."},
        {"role": "user", "name": "bob", "content": pieces},
    ]
    await there.client.chat.completions.create(model="v", messages=said)
    assert there.sent()["messages"] == said


async def test_strict_tools_images_and_files_by_responses(there: There) -> None:
    tool: Any = {
        "type": "function",
        "name": "look",
        "description": "look at it",
        "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
        "strict": True,
    }
    content: Any = [
        {"type": "input_image", "image_url": PNG, "detail": "high"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "AAAA"},
    ]
    await there.client.responses.create(
        model="v",
        input=[{"role": "user", "content": content}],
        tools=[tool],
        safety_identifier="someone",
    )
    sent = there.sent()
    assert sent["safety_identifier"] == "someone"
    [shown] = sent["tools"]
    assert (shown["function"]["strict"], shown["function"]["name"]) == (True, "look")
    image, file = sent["messages"][0]["content"]
    assert image == {"type": "image_url", "image_url": {"url": PNG, "detail": "high"}}
    assert file == {"type": "file", "file": {"filename": "a.pdf", "file_data": "AAAA"}}


async def test_what_the_model_cannot_be_shown_is_refused(there: There) -> None:
    document = {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"},
    }
    said: Any = [{"role": "user", "content": [document, {"type": "text", "text": "what is this?"}]}]
    async with AsyncAnthropic(**there.one.anthropic) as client:
        with pytest.raises(anthropic.BadRequestError, match="document"):
            await client.messages.create(model="v", max_tokens=9, messages=said)
    audio = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    said = [{"role": "user", "content": [audio]}]
    with pytest.raises(openai.BadRequestError, match="input_audio"):
        await there.client.chat.completions.create(model="m", messages=said)
    await there.client.chat.completions.create(model="v", messages=said)
    assert there.sent()["messages"] == said


async def test_an_error_names_the_field_at_fault(there: There) -> None:
    hello = {"role": "user", "content": "hi"}
    unsupported, missing = "unsupported_parameter", "missing_required_parameter"
    rows: list[tuple[str, dict[str, Any], str, str]] = [
        ("chat/completions", {"messages": [hello], "n": 2}, "n", "unsupported_value"),
        ("chat/completions", {"messages": [hello], "logprobs": True}, "logprobs", unsupported),
        ("chat/completions", {}, "messages", missing),
        ("chat/completions", {"messages": [hello, {}]}, "messages[1].role", missing),
        (
            "chat/completions",
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]},
            "messages[0].content[0].text",
            "invalid_type",
        ),
        (
            "chat/completions",
            {"messages": [hello], "tools": [{"type": "function", "function": {}}]},
            "tools[0].function.name",
            missing,
        ),
        (
            "chat/completions",
            {"messages": [{"role": "robot"}]},
            "messages[0].role",
            "invalid_value",
        ),
        ("chat/completions", {"messages": []}, "messages", "invalid_value"),
        ("responses", {"input": "hi", "top_logprobs": 3}, "top_logprobs", unsupported),
        ("responses", {"input": [{"role": 5}]}, "input[0].role", "invalid_type"),
        ("embeddings", {}, "input", missing),
    ]
    async with httpx2.AsyncClient(base_url=f"{there.one.base}/v1/") as http:
        for path, body, param, code in rows:
            answer = await http.post(path, json={"model": "v"} | body)
            error = answer.json()["error"]
            assert answer.status_code == 400
            assert (error["param"], error["code"]) == (param, code), error
            assert error["type"] == "invalid_request_error"
            assert error["message"].startswith(param)
        for path in ("models/nothing", "responses/resp_1_1", "nothing"):
            error = (await http.get(path)).json()["error"]
            known = "model_not_found" if "models" in path else None
            assert error["code"] == known, path


async def test_a_body_that_is_too_long_is_said_to_be(
    there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "BODY_BYTES", 1000)
    said: Any = [{"role": "user", "content": "x" * 2000}]
    with pytest.raises(openai.APIStatusError) as refused:
        await there.client.chat.completions.create(model="v", messages=said)
    assert (refused.value.status_code, refused.value.code) == (413, "request_too_large")
    async with AsyncAnthropic(**there.one.anthropic) as client:
        with pytest.raises(anthropic.RequestTooLargeError):
            await client.messages.create(model="v", max_tokens=9, messages=said)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 500

    async with httpx2.AsyncClient() as http:  # that does not say how long it is
        answer = await http.post(f"{there.one.base}/v1/responses", content=pieces())
    assert answer.status_code == 413
