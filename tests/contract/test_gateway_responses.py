"""OpenAI's Responses and embeddings, by its own client."""

import hashlib
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import openai
import pytest
from gateway_rig import looks, rig
from openai import AsyncOpenAI
from pydantic import BaseModel
from tests.conftest import PATIENCE_S

from logos import config
from logos.abi.events import Vectored
from logos.abi.ids import Pid
from logos.abi.messages import Role, Usage
from logos.abi.process import Signal
from logos.drivers.model import Say
from model_server import loopback, whole

pytestmark = pytest.mark.anyio

WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "the weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}


async def test_an_answer_and_its_sequel(url: str, tmp_path: Path) -> None:
    steps = [Say("Hello.", usage=Usage(input=9, output=3, cached=8)), "Still here.", "Other."]
    async with rig(url, tmp_path, steps) as one, AsyncOpenAI(**one.openai) as client:
        first = await client.responses.create(model="m", input="hi", instructions="be brief")
        assert first.output_text == "Hello."
        assert first.usage is not None
        assert first.usage.input_tokens_details.cached_tokens == 8
        second = await client.responses.create(
            model="m", input="and?", previous_response_id=first.id
        )
        assert second.output_text == "Still here."
        assert len(await one.conversations()) == 1
        # from the older answer, another way: a process of its own with the same past
        other = await client.responses.create(model="m", input="or?", previous_response_id=first.id)
        assert other.output_text == "Other."
        assert len(await one.conversations()) == 2
        asked = [(m.role, m.text) for m in one.model.requests[-1].messages]
        assert asked == [(Role.USER, "hi"), (Role.ASSISTANT, "Hello."), (Role.USER, "or?")]
        kept = await client.responses.retrieve(first.id)
        assert kept.output_text == "Hello."
        items = [item async for item in client.responses.input_items.list(second.id)]
        assert len(items) == 3
        for unknown in ("resp_999_4", "resp_x", "resp_1_1"):
            with pytest.raises(openai.NotFoundError):
                await client.responses.retrieve(unknown)


async def test_tools_sent_back_as_items(url: str, tmp_path: Path) -> None:
    steps = [looks(("weather", {"city": "Rome"}), text="Let me see."), "Sunny."]
    async with rig(url, tmp_path, steps) as one, AsyncOpenAI(**one.openai) as client:
        said: list[Any] = [{"role": "user", "content": "the weather?"}]
        first = await client.responses.create(model="m", input=said, tools=[WEATHER])
        assert [item.type for item in first.output] == ["message", "function_call"]
        call = first.output[1]
        assert call.type == "function_call"
        assert json.loads(call.arguments) == {"city": "Rome"}
        said += [item.model_dump(exclude_none=True) for item in first.output]
        said.append({"type": "function_call_output", "call_id": call.call_id, "output": "sun"})
        second = await client.responses.create(model="m", input=said, tools=[WEATHER])
        assert second.output_text == "Sunny."
        assert len(await one.conversations()) == 1


async def test_a_stream(url: str, tmp_path: Path) -> None:
    steps = [looks(("weather", {"city": "Rome"}), text="Let me see."), "Nothing more."]
    async with rig(url, tmp_path, steps) as one, AsyncOpenAI(**one.openai) as client:
        async with client.responses.stream(model="m", input="hi", tools=[WEATHER]) as stream:
            events = [event async for event in stream]
            final = await stream.get_final_response()
        kinds = [event.type for event in events]
        assert kinds[:2] == ["response.created", "response.in_progress"]
        assert kinds[-1] == "response.completed"
        assert kinds.count("response.output_item.added") == 2
        assert kinds.count("response.output_item.done") == 2
        numbers = [event.sequence_number for event in events if hasattr(event, "sequence_number")]
        assert numbers == sorted(numbers)
        assert final.output_text == "Let me see."
        assert [item.type for item in final.output] == ["message", "function_call"]
        async with client.responses.stream(
            model="m", input="go on", previous_response_id=final.id
        ) as stream:
            assert (await stream.get_final_response()).output_text == "Nothing more."


async def test_tools_that_take_any_text(url: str, tmp_path: Path) -> None:
    """As coding agents have them: a patch is not JSON, but here it travels inside of it."""
    custom: Any = {"type": "custom", "name": "patch", "description": "apply a patch"}
    steps = [looks(("patch", {"input": "*** a\nb"})), "Done."]
    async with rig(url, tmp_path, steps) as one, AsyncOpenAI(**one.openai) as client:
        async with client.responses.stream(model="m", input="fix it", tools=[custom]) as stream:
            final = await stream.get_final_response()
        call = final.output[0]
        assert call.type == "custom_tool_call"
        assert call.input == "*** a\nb"
        answer: Any = {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "ok"}
        said: list[Any] = [
            {"role": "user", "content": "fix it"},
            call.model_dump(exclude_none=True),
            answer,
        ]
        second = await client.responses.create(model="m", input=said, tools=[custom])
        assert second.output_text == "Done."
        assert len(await one.conversations()) == 1


class City(BaseModel):
    name: str


async def test_structured_output(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, ['{"name":"Rome"}']) as one, AsyncOpenAI(**one.openai) as client:
        parsed = await client.responses.parse(model="m", input="which city?", text_format=City)
        assert parsed.output_parsed == City(name="Rome")


async def test_conversations(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, ["one", "two"]) as one, AsyncOpenAI(**one.openai) as client:
        talk = await client.conversations.create(
            items=[{"type": "message", "role": "user", "content": "I am Ada."}]
        )
        await client.responses.create(model="m", input="a", conversation=talk.id)
        await client.responses.create(model="m", input="b", conversation=talk.id)
        assert [m.text for m in one.model.requests[-1].messages] == ["I am Ada.", "a", "one", "b"]
        items = [item async for item in client.conversations.items.list(talk.id)]
        assert len(items) == 5
        assert len(await one.conversations()) == 1


async def test_a_conversation_that_was_not_spoken_in_outlives_the_node(
    url: str, tmp_path: Path
) -> None:
    async with rig(url, tmp_path, []) as one, AsyncOpenAI(**one.openai) as client:
        talk = await client.conversations.create(
            items=[{"type": "message", "role": "user", "content": "I am Ada."}]
        )
        (pid,) = await one.conversations()
    async with rig(url, tmp_path, ["Ada."]) as one, AsyncOpenAI(**one.openai) as client:
        items = [item async for item in client.conversations.items.list(talk.id)]
        assert len(items) == 1
        await client.responses.create(model="m", input="who am I?", conversation=talk.id)
        assert [m.text for m in one.model.requests[0].messages] == ["I am Ada.", "who am I?"]
        assert await one.conversations() == [pid]


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_conversation_that_has_ended_goes_on_where_it_was(
    url: str, tmp_path: Path, *, restarted: bool
) -> None:
    """In another process, which knows what was said."""
    script = ["one", "two"]
    first, second = (script[:1], script[1:]) if restarted else (script, [])
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(rig(url, tmp_path, first))
        client = await stack.enter_async_context(AsyncOpenAI(**one.openai))
        talk = await client.conversations.create()
        said = await client.responses.create(model="m", input="a", conversation=talk.id)
        (pid,) = await one.conversations()
        await one.machine.kernel.signal(pid, Signal.KILL)
        await one.machine.kernel.records.wait(pid)
        if restarted:
            await stack.aclose()
            one = await stack.enter_async_context(rig(url, tmp_path, second))
            client = await stack.enter_async_context(AsyncOpenAI(**one.openai))
        await client.responses.create(model="m", input="b", conversation=talk.id)
        assert [m.text for m in one.model.requests[-1].messages] == ["a", "one", "b"]
        assert len(await one.conversations()) == 2
        assert (await client.responses.retrieve(said.id)).output_text == "one"


async def test_a_conversation_nobody_comes_back_to_ends_by_itself(url: str, tmp_path: Path) -> None:
    settings = config.Gateway(idle_s=0.2)
    async with (
        rig(url, tmp_path, ["one", "two"], settings=settings) as one,
        AsyncOpenAI(**one.openai) as client,
    ):
        said: list[Any] = [{"role": "user", "content": "a"}]
        await client.chat.completions.create(model="m", messages=said)
        (pid,) = await one.conversations()
        with anyio.fail_after(PATIENCE_S):
            assert (await one.machine.kernel.records.wait(pid)).status != 0
        said += [{"role": "assistant", "content": "one"}, {"role": "user", "content": "b"}]
        await client.chat.completions.create(model="m", messages=said)
        assert [m.text for m in one.model.requests[-1].messages] == ["a", "one", "b"]


@pytest.mark.parametrize(
    "asked",
    [{"n": 2}, {"logprobs": True}, {"top_logprobs": 3}, {"audio": {"voice": "x"}}],
    ids=lambda asked: next(iter(asked)),
)
async def test_what_would_be_dropped_is_refused(
    url: str, tmp_path: Path, asked: dict[str, Any]
) -> None:
    async with rig(url, tmp_path, []) as one, AsyncOpenAI(**one.openai) as client:
        said: Any = [{"role": "user", "content": "hello"}]
        with pytest.raises(openai.BadRequestError, match=next(iter(asked))) as refused:
            await client.chat.completions.create(model="m", messages=said, extra_body=asked)
        assert refused.value.type == "invalid_request_error"
        assert not await one.conversations()


async def test_a_conversation_outlives_the_node(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, ["one", "uno"]) as one, AsyncOpenAI(**one.openai) as client:
        talk = await client.conversations.create()
        await client.responses.create(model="m", input="a", conversation=talk.id)
        said: list[Any] = [{"role": "user", "content": "x"}]
        await client.chat.completions.create(model="m", messages=said)
        before = await one.conversations()
    async with rig(url, tmp_path, ["two", "due"]) as one, AsyncOpenAI(**one.openai) as client:
        await client.responses.create(model="m", input="b", conversation=talk.id)
        assert [m.text for m in one.model.requests[-1].messages] == ["a", "one", "b"]
        said += [{"role": "assistant", "content": "uno"}, {"role": "user", "content": "y"}]
        await client.chat.completions.create(model="m", messages=said)
        assert [m.text for m in one.model.requests[-1].messages] == ["x", "uno", "y"]
        assert await one.conversations() == before


async def test_input_tokens(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, []) as one, AsyncOpenAI(**one.openai) as client:
        counted = await client.responses.input_tokens.count(model="m", input="hello there")
        assert counted.input_tokens > 0


async def test_an_item_that_is_none_is_refused(url: str, tmp_path: Path) -> None:
    """Also where nobody would have looked at it."""
    async with rig(url, tmp_path, []) as one, AsyncOpenAI(**one.openai) as client:
        item: Any = {"type": "reasoning", "output": [{"type": ["not", "a", "word"]}]}
        with pytest.raises(openai.BadRequestError):
            await client.conversations.create(items=[item])


async def test_embeddings_are_passed_on(url: str, tmp_path: Path) -> None:
    answer = {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
        "model": "e-1",
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    }
    async with loopback() as upstream:
        upstream.replies.append(whole(json.dumps(answer).encode()))
        models = {"vecs": config.Endpoint(url=f"{upstream.url}/v1", model="e-1")}
        async with (
            rig(url, tmp_path, [], endpoints=models) as one,
            AsyncOpenAI(**one.openai) as client,
        ):
            found = await client.embeddings.create(
                model="vecs", input="hello", encoding_format="float"
            )
            assert found.data[0].embedding == [0.5, 0.25]
            sent = json.loads(upstream.seen[0].body)
            assert sent == {"model": "e-1", "input": "hello", "encoding_format": "float"}
            (pid,) = await one.conversations()
            kernel = one.machine.kernel
            said = [told.event async for told in kernel.records.events(pid)]
            (event,) = (event for event in said if isinstance(event, Vectored))
            assert event.usage.input == 1
            assert event.model == "vecs"
            assert event.input == hashlib.sha256(b'"hello"').digest()
            assert "hello" not in str(said)  # neither what was embedded nor what came of it
            assert "0.25" not in str(said)
            assert (await kernel.records.replay(pid)).equal
            spent = {
                one.principal: one.tokens_hour for one in await kernel.meter.spending(kernel.now())
            }
            assert spent == {"local": 1}
            with pytest.raises(openai.NotFoundError):
                await client.embeddings.create(model="m", input="hello")


async def test_embeddings_are_journaled_when_their_process_has_ended(
    url: str, tmp_path: Path
) -> None:
    answer = whole(b'{"data":[],"usage":{"prompt_tokens":3}}')
    async with loopback() as upstream:
        upstream.replies += [answer] * 3
        models = {"vecs": config.Endpoint(url=f"{upstream.url}/v1", model="e-1")}
        async with (
            rig(url, tmp_path, [], endpoints=models) as one,
            AsyncOpenAI(**one.openai) as client,
        ):

            async def embed() -> Pid:
                made = client.embeddings.with_raw_response
                raw = await made.create(model="vecs", input="x", encoding_format="float")
                return Pid(int(raw.headers["x-logos-pid"]))

            first = await embed()
            assert await embed() == first
            kernel = one.machine.kernel
            await kernel.signal(first, Signal.KILL)
            await kernel.records.wait(first)
            second = await embed()
            assert second != first
            assert [(await one.kinds(p)).count("vectored") for p in (first, second)] == [2, 1]


async def test_off(url: str, tmp_path: Path) -> None:
    """A request by itself: nothing is remembered, its process ends with it."""
    async with rig(url, tmp_path, ["one", "two"]) as one, AsyncOpenAI(**one.openai) as client:
        said: list[Any] = [{"role": "user", "content": "a"}]
        for text in ("one", "two"):
            answer = await client.chat.completions.create(
                model="m", messages=said, extra_headers={"x-logos-process": "off"}
            )
            assert answer.choices[0].message.content == text
            said.append({"role": "assistant", "content": text})
            said.append({"role": "user", "content": "b"})
        pids = await one.conversations()
        assert len(pids) == 2
        for pid in pids:
            assert (await one.machine.kernel.records.wait(pid)).status == 0
