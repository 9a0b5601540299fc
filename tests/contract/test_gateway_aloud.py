"""What models say besides an answer: reasoning, refusals, why they stopped, when to come back."""

from pathlib import Path
from typing import Any

import anthropic
import msgspec
import openai
import pytest
from anthropic import AsyncAnthropic
from gateway_rig import rig
from openai import AsyncOpenAI
from pydantic import BaseModel

from logos import config
from logos.abi.errors import Code, SysError
from logos.abi.messages import Finish, Usage
from logos.drivers.model import Fail, Say
from model_server import loopback, stream, whole

pytestmark = pytest.mark.anyio

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
MUSES = Say("Rome.", aloud="Capitals, then.", usage=Usage(input=9, output=7, reasoning=4))


async def test_reasoning_by_chat_completions(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, [MUSES, MUSES]) as one, AsyncOpenAI(**one.openai) as client:
        given: Any = {"model": "m", "messages": HELLO}
        answer = await client.chat.completions.create(**given)
        message: Any = answer.choices[0].message
        assert (message.reasoning_content, message.content) == ("Capitals, then.", "Rome.")
        assert answer.usage is not None
        assert answer.usage.completion_tokens_details is not None
        assert answer.usage.completion_tokens_details.reasoning_tokens == 4
        streamed: Any = await client.chat.completions.create(**given, stream=True)
        deltas = [chunk.choices[0].delta async for chunk in streamed if chunk.choices]
        aloud = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
        assert aloud == "Capitals, then."
        assert "".join(delta.content or "" for delta in deltas) == "Rome."


async def test_reasoning_by_responses(url: str, tmp_path: Path) -> None:
    tool: Any = {"type": "function", "name": "look", "parameters": {"type": "object"}}
    async with rig(url, tmp_path, [MUSES] * 3) as one, AsyncOpenAI(**one.openai) as client:
        answer = await client.responses.create(model="m", input="hello")
        assert [item.type for item in answer.output] == ["reasoning", "message"]
        assert answer.output_text == "Rome."
        assert answer.usage is not None
        assert answer.usage.output_tokens_details.reasoning_tokens == 4
        async with client.responses.stream(model="m", input="and?", tools=[tool]) as events:
            kinds = [event.type async for event in events]
            final = await events.get_final_response()
        assert [item.type for item in final.output] == ["reasoning", "message"]
        assert [k for k in kinds if "reasoning_text" in k][-1] == "response.reasoning_text.done"
        # each item has ended before the next begins
        first, second = (n for n, kind in enumerate(kinds) if kind == "response.output_item.added")
        assert first < kinds.index("response.output_item.done") < second
        said: Any = [*HELLO, *(i.model_dump(exclude_none=True) for i in answer.output), *HELLO]
        await client.responses.create(model="m", input=said)
        assert len(await one.conversations()) == 2


async def test_reasoning_of_another_vendor_s_model_is_shown_to_who_asks_for_thinking(
    url: str, tmp_path: Path
) -> None:
    given: Any = {"model": "m", "max_tokens": 2000, "messages": HELLO}
    wants: Any = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    async with rig(url, tmp_path, [MUSES] * 3) as one, AsyncAnthropic(**one.anthropic) as client:
        plain = await client.messages.create(**given)
        assert [block.type for block in plain.content] == ["text"]
        answer = await client.messages.create(**given, **wants)
        assert [block.type for block in answer.content] == ["thinking", "text"]
        async with client.messages.stream(**given, **wants) as events:
            kinds = [event.type async for event in events]
            message = await events.get_final_message()
        assert [block.type for block in message.content] == ["thinking", "text"]
        assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 2
        assert message.usage.output_tokens_details is not None
        assert message.usage.output_tokens_details.thinking_tokens == 4


ANTHROPIC = [
    {"type": "message_start", "message": {"usage": {"input_tokens": 3, "output_tokens": 0}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "So"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "?"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "x"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Yes"}},
    {"type": "content_block_stop", "index": 1},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "stop_sequence", "stop_sequence": "END"},
        "usage": {"output_tokens": 2},
    },
    {"type": "message_stop"},
]  # fmt: skip


async def test_thinking_is_told_as_it_comes_and_signed(url: str, tmp_path: Path) -> None:
    async with loopback() as upstream:
        lines = [b"event: x\ndata: " + msgspec.json.encode(e) + b"\n\n" for e in ANTHROPIC]
        upstream.replies.append(stream(lines))
        models = {"c": config.Endpoint(url=upstream.url, model="c-1", dialect="anthropic")}
        given: Any = {"model": "c", "max_tokens": 50, "messages": HELLO}
        async with (
            rig(url, tmp_path, [], endpoints=models) as one,
            AsyncAnthropic(**one.anthropic) as client,
            client.messages.stream(**given) as events,
        ):
            found = [event async for event in events]
            message = await events.get_final_message()
    pieces = [e.thinking for e in found if e.type == "thinking"]
    assert "".join(pieces) == "So?"
    thought = message.content[0]
    assert thought.type == "thinking"
    assert (thought.thinking, thought.signature) == ("So?", "x")
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "END")


class City(BaseModel):
    name: str


async def test_a_refusal(url: str, tmp_path: Path) -> None:
    steps = [Say(refusal="I would rather not.")] * 4
    async with rig(url, tmp_path, steps) as one, AsyncOpenAI(**one.openai) as client:
        parsed = await client.chat.completions.parse(
            model="m", messages=HELLO, response_format=City
        )
        message = parsed.choices[0].message
        assert (message.refusal, message.parsed) == ("I would rather not.", None)
        async with client.chat.completions.stream(model="m", messages=HELLO) as chunks:
            last = (await chunks.get_final_completion()).choices[0].message
        assert (last.refusal, last.content or None) == ("I would rather not.", None)
        async with client.responses.stream(model="m", input="hello") as events:
            kinds = [event.type async for event in events]
            final = await events.get_final_response()
        assert "response.refusal.delta" in kinds
        assert "response.refusal.done" in kinds
        whole_one = await client.responses.parse(model="m", input="hello", text_format=City)
        for answer in (final, whole_one):
            said: Any = answer.output[0]
            assert said.content[0].refusal == "I would rather not."


@pytest.mark.parametrize(
    ("finish", "anthropic_s", "openai_s"),
    [
        (Finish.REFUSED, "refusal", "content_filter"),
        (Finish.LENGTH, "max_tokens", "length"),
        (Finish.PAUSED, "pause_turn", "stop"),
    ],
)
async def test_why_it_stopped(
    url: str, tmp_path: Path, finish: Finish, anthropic_s: str, openai_s: str
) -> None:
    async with (
        rig(url, tmp_path, [Say("x", reason=finish)] * 3) as one,
        AsyncOpenAI(**one.openai) as client,
        AsyncAnthropic(**one.anthropic) as other,
    ):
        chat = await client.chat.completions.create(model="m", messages=HELLO)
        assert chat.choices[0].finish_reason == openai_s
        message = await other.messages.create(model="m", max_tokens=9, messages=HELLO)
        assert message.stop_reason == anthropic_s
        response = await client.responses.create(model="m", input="hello")
        cut = {Finish.REFUSED: "content_filter", Finish.LENGTH: "max_output_tokens"}.get(finish)
        why = response.incomplete_details and response.incomplete_details.reason
        assert (response.status, why) == ("incomplete" if cut else "completed", cut)


@pytest.mark.parametrize("streamed", [False, True])
async def test_too_many_requests_say_when_to_come_back(
    url: str, tmp_path: Path, *, streamed: bool
) -> None:
    slow = SysError(Code.LIMIT, "slow down", retry_after_s=7.2)
    async with (
        rig(url, tmp_path, [Fail(slow), Fail(slow)]) as one,
        AsyncOpenAI(**one.openai, max_retries=0) as client,
        AsyncAnthropic(**one.anthropic, max_retries=0) as other,
    ):
        with pytest.raises(openai.RateLimitError) as refused:
            await client.chat.completions.create(model="m", messages=HELLO, stream=streamed)
        assert refused.value.response.headers["retry-after"] == "8"
        with pytest.raises(anthropic.RateLimitError) as limited:
            await other.messages.create(model="m", max_tokens=9, messages=HELLO, stream=streamed)
        assert limited.value.response.headers["retry-after"] == "8"


async def test_an_overloaded_vendor_is_told_as_the_vendors_tell_it(
    url: str, tmp_path: Path
) -> None:
    steps = [Fail(SysError(Code.UNAVAILABLE, "too busy"))] * 2
    async with (
        rig(url, tmp_path, steps) as one,
        AsyncOpenAI(**one.openai, max_retries=0) as client,
        AsyncAnthropic(**one.anthropic, max_retries=0) as other,
    ):
        with pytest.raises(anthropic.OverloadedError) as busy:
            await other.messages.create(model="m", max_tokens=9, messages=HELLO)
        assert (busy.value.status_code, busy.value.type) == (529, "overloaded_error")
        with pytest.raises(openai.InternalServerError) as away:
            await client.chat.completions.create(model="m", messages=HELLO)
        assert away.value.status_code == 503


async def test_a_whole_answer_with_reasoning(url: str, tmp_path: Path) -> None:
    """As vLLM says it, and what ended it."""
    said = {"role": "assistant", "content": "Rome", "reasoning": "Capitals."}
    choice = {"index": 0, "message": said, "finish_reason": "stop", "stop_reason": "END"}
    async with loopback() as upstream:
        upstream.replies += [whole(msgspec.json.encode({"choices": [choice]}))] * 2
        models = {"v": config.Endpoint(url=f"{upstream.url}/v1", model="v-1", stream=False)}
        async with (
            rig(url, tmp_path, [], endpoints=models) as one,
            AsyncOpenAI(**one.openai) as client,
            AsyncAnthropic(**one.anthropic) as other,
        ):
            answer: Any = await client.chat.completions.create(model="v", messages=HELLO)
            assert answer.choices[0].message.reasoning_content == "Capitals."
            message = await other.messages.create(model="v", max_tokens=9, messages=HELLO)
            assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "END")
