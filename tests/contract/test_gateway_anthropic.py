"""Anthropic's own client, unchanged but for its base URL."""

import json
from pathlib import Path
from typing import Any

import anthropic
import anyio
import msgspec
import pytest
from anthropic import AsyncAnthropic
from gateway_rig import looks, rig
from tests.conftest import PATIENCE_S

from logos import config
from logos.abi.errors import Code, SysError
from logos.abi.ids import CallId
from logos.abi.messages import Image, Opaque, Role, ToolCall, ToolResult, Usage
from logos.drivers.model import After, Fail, Say
from model_server import loopback, whole

pytestmark = pytest.mark.anyio

WEATHER: Any = {
    "name": "weather",
    "description": "the weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


async def test_an_answer(url: str, tmp_path: Path) -> None:
    steps = [Say("Hello there.", usage=Usage(input=100, output=3, cached=80, written=5))]
    async with rig(url, tmp_path, steps) as one, AsyncAnthropic(**one.anthropic) as client:
        answer = await client.messages.create(
            model="claude-opus-5",
            max_tokens=50,
            system=[{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
            messages=[{"role": "user", "content": "hello"}],
            stop_sequences=["END"],
        )
        assert [b.text for b in answer.content if b.type == "text"] == ["Hello there."]
        assert answer.stop_reason == "end_turn"
        assert answer.model == "claude-opus-5"
        usage = answer.usage
        assert (usage.input_tokens, usage.output_tokens) == (15, 3)
        assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (80, 5)
        asked = one.model.requests[0]
        assert (asked.max_output, asked.stop) == (50, ("END",))
        assert [(m.role, m.text) for m in asked.messages] == [
            (Role.SYSTEM, "be brief"),
            (Role.USER, "hello"),
        ]


async def test_a_stream_with_thinking_and_tools(url: str, tmp_path: Path) -> None:
    raw = b'{"type":"thinking","thinking":"Rome, then.","signature":"abc"}'
    thinking = Opaque(provider="anthropic", raw=msgspec.Raw(raw))
    call = ToolCall(id=CallId("x"), name="weather", arguments='{"city": "Rome"}')
    steps = [Say("Let me see.", (call, call), opaque=(thinking,)), "Sunny."]
    said: list[Any] = [user("the weather?")]
    given: Any = {"model": "m", "max_tokens": 500, "tools": [WEATHER], "messages": said}
    async with rig(url, tmp_path, steps) as one, AsyncAnthropic(**one.anthropic) as client:
        async with client.messages.stream(**given) as stream:
            kinds = [event.type async for event in stream]
            message = await stream.get_final_message()
        assert kinds[0] == "message_start"
        assert kinds[-1] == "message_stop"
        assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 4
        assert [block.type for block in message.content] == [
            "thinking",
            "text",
            "tool_use",
            "tool_use",
        ]
        assert message.stop_reason == "tool_use"
        uses: list[Any] = [block for block in message.content if block.type == "tool_use"]
        assert [use.input for use in uses] == [{"city": "Rome"}, {"city": "Rome"}]
        assert message.usage.output_tokens
        said.append({"role": "assistant", "content": message.content})
        results: list[Any] = [
            {"type": "tool_result", "tool_use_id": u.id, "content": "sun"} for u in uses
        ]
        said.append({"role": "user", "content": [*results, {"type": "text", "text": "so?"}]})
        answer = await client.messages.create(**given)
        assert answer.content[0].type == "text"
        assert len(await one.conversations()) == 1
        asked = one.model.requests[-1].messages
        assert [m.role.value for m in asked] == ["user", "assistant", "tool", "user"]
        assert thinking in asked[1].content  # it goes back as it came
        assert [p.content for p in asked[2].content if isinstance(p, ToolResult)] == ["sun", "sun"]


async def test_an_image_in_a_tool_s_answer(url: str, tmp_path: Path) -> None:
    steps = [looks(("look", {})), "A cat."]
    tool: Any = {"name": "look", "input_schema": {"type": "object"}}
    said: list[Any] = [user("what is there?")]
    given: Any = {"model": "m", "max_tokens": 500, "tools": [tool], "messages": said}
    async with rig(url, tmp_path, steps) as one, AsyncAnthropic(**one.anthropic) as client:
        first = await client.messages.create(**given)
        use = first.content[0]
        assert use.type == "tool_use"
        source = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
        image = {"type": "image", "source": source}
        result = {"type": "tool_result", "tool_use_id": use.id, "content": [image]}
        said += [
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": [result]},
        ]
        await client.messages.create(**given)
        last = one.model.requests[-1].messages[-1]
        assert last.role is Role.TOOL
        assert last.content[1:] == (Image(media_type="image/png", data="AAAA"),)


ANSWER = {
    "id": "x",
    "type": "message",
    "role": "assistant",
    "model": "c",
    "content": [{"type": "text", "text": "Sunny."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


async def test_what_only_this_vendor_knows_goes_through(url: str, tmp_path: Path) -> None:
    """References to tools, images inside answers, fields and headers nobody here has heard of, marks."""
    reference = {"type": "tool_reference", "tool_name": "weather"}
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}
    mark = {"type": "ephemeral", "ttl": "1h"}
    late = WEATHER | {"defer_loading": True}
    results: list[Any] = [
        {"type": "tool_result", "tool_use_id": "t1", "content": [reference]},
        {
            "type": "tool_result",
            "tool_use_id": "t2",
            "content": [{"type": "text", "text": "a"}, image],
        },
        {"type": "text", "text": "so?", "cache_control": mark},
    ]
    uses: list[Any] = [
        {"type": "tool_use", "id": t, "name": "weather", "input": {}} for t in ("t1", "t2")
    ]
    thinking = {"type": "thinking", "thinking": "Rome.", "signature": "abc"}
    said: list[Any] = [user("hello"), {"role": "assistant", "content": [thinking, *uses]}]
    said.append({"role": "user", "content": results})
    async with loopback() as upstream:
        upstream.replies.append(whole(json.dumps(ANSWER).encode()))
        models = {
            "c": config.Endpoint(url=upstream.url, model="c-1", dialect="anthropic", window=10000)
        }
        async with (
            rig(url, tmp_path, [], endpoints=models) as one,
            AsyncAnthropic(**one.anthropic) as client,
        ):
            await client.messages.create(
                model="c",
                max_tokens=50,
                tools=[late],
                messages=said,
                extra_body={"later": {"a": 1}},
                extra_headers={"anthropic-beta": "one,two"},
            )
            sent = json.loads(upstream.seen[0].body)
            assert upstream.seen[0].headers["anthropic-beta"] == "one,two"
            assert (sent["later"], sent["tools"], sent["cache_control"]) == ({"a": 1}, [late], mark)
            assert sent["messages"][1]["content"] == [thinking, *uses]
            del results[2]["cache_control"]
            assert sent["messages"][2]["content"] == results


async def test_count_tokens_and_models(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, []) as one, AsyncAnthropic(**one.anthropic) as client:
        few = await client.messages.count_tokens(model="m", messages=[user("hello")])  # type: ignore[list-item]
        many = await client.messages.count_tokens(
            model="m",
            messages=[user("hello " * 100)],  # type: ignore[list-item]
        )
        assert 0 < few.input_tokens < many.input_tokens
        assert [model.id async for model in client.models.list()] == ["m"]
        assert not await one.conversations()


async def test_errors_and_retries(url: str, tmp_path: Path) -> None:
    steps = [
        Fail(SysError(Code.UNAVAILABLE, "away")),
        "Back.",
        Fail(SysError(Code.INVALID, "not like this")),
    ]
    given: Any = {"model": "m", "max_tokens": 5, "messages": [user("hello")]}
    async with rig(url, tmp_path, steps) as one, AsyncAnthropic(**one.anthropic) as client:
        answer = await client.messages.create(**given)
        assert answer.content[0].type == "text"
        with pytest.raises(anthropic.BadRequestError) as refused:
            await client.messages.create(**given | {"messages": [user("other")]})
        assert refused.value.type == "invalid_request_error"
        assert refused.value.request_id
        assert len(await one.conversations()) == 2


async def test_a_cancelled_stream(url: str, tmp_path: Path) -> None:
    began = anyio.Event()

    async def never() -> None:
        began.set()
        await anyio.sleep_forever()

    given: Any = {"model": "m", "max_tokens": 5, "messages": [user("hello")]}
    steps = [After(never, Say("too late")), "Here."]
    async with rig(url, tmp_path, steps) as one, AsyncAnthropic(**one.anthropic) as client:
        async with anyio.create_task_group() as tasks:

            async def ask() -> None:
                async with client.messages.stream(**given) as stream:
                    await stream.get_final_message()

            tasks.start_soon(ask)
            await began.wait()
            tasks.cancel_scope.cancel()
        with anyio.fail_after(PATIENCE_S):
            pid = await one.begun()
            async for told in one.machine.kernel.records.follow(pid):
                if told.row.kind == "interrupted":
                    break
        answer = await client.messages.create(**given)
        assert answer.content[0].type == "text"


@pytest.mark.slow
async def test_a_stream_that_waits_and_then_fails(url: str, tmp_path: Path) -> None:
    """Comments keep it alive; its status is out, so the error comes inside."""
    fail = anyio.Event()
    steps = [After(fail.wait, Fail(SysError(Code.INVALID, "no")))]
    settings = config.Gateway(keepalive_s=0.05)
    given: Any = {"model": "m", "max_tokens": 5, "messages": [user("hello")], "stream": True}
    async with (
        rig(url, tmp_path, steps, settings=settings) as one,
        AsyncAnthropic(**one.anthropic) as client,
        client.messages.with_streaming_response.create(**given) as raw,
    ):
        assert raw.status_code == 200
        lines = raw.iter_lines()
        assert (await anext(lines)).startswith(":")
        fail.set()
        rest = [line async for line in lines]
        assert "event: error" in rest
