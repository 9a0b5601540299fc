"""OpenAI's own client, unchanged but for its base URL."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import openai
import pytest
from gateway_rig import Rig, looks, rig
from openai import AsyncOpenAI
from pydantic import BaseModel
from tests.conftest import PATIENCE_S

from logos.abi.agent import Agent
from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid
from logos.abi.messages import Image, Message, Options, Request, Role, Text, Usage
from logos.drivers.model import After, Fail, Say
from logos.kernel import Turn

pytestmark = pytest.mark.anyio

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "the weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
AGAIN = {"x-stainless-retry-count": "1"}


@pytest.fixture
async def opened(
    url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[AsyncOpenAI, Rig]]:
    async with rig(url, tmp_path, request.param) as one, AsyncOpenAI(**one.openai) as client:
        yield client, one


@pytest.mark.parametrize("done_before", [True, False])
async def test_what_is_being_asked_again_by_itself_is_waited_for(
    url: str, tmp_path: Path, *, done_before: bool
) -> None:
    """After a node's death its conversations go on by themselves, and clients repeat themselves."""
    gate = anyio.Event()
    if done_before:
        gate.set()
    said = Message(role=Role.USER, content=(Text(text="who?"),))
    # what one journal has that another node began, asked and did not live to see answered
    seed = hashlib.sha256(b"\0".join([b"local", b"mine", b"", b"", b""])).digest()
    agent = Agent(name="gateway/local", description=seed.hex(), program="gateway", resident=True)
    async with rig(url, tmp_path, [After(gate.wait, Say("Mira.")), Say("Yes."), Say("?")]) as one:
        kernel = one.machine.kernel
        pid = await kernel.converse(agent, Turn((said,), Options(model="m")))
        wanted = "thought" if done_before else "asked"
        async for told in kernel.records.follow(pid):
            if told.row.kind == wanted:
                break
        headers = {"x-logos-process": "mine"}
        async with AsyncOpenAI(**one.openai, max_retries=0) as client:
            with anyio.fail_after(PATIENCE_S):
                answers: list[str | None] = []

                async def ask(messages: Any, headers: dict[str, str]) -> None:
                    answer = await client.chat.completions.create(
                        model="m", messages=messages, extra_headers=headers
                    )
                    answers.append(answer.choices[0].message.content)

                who: Any = {"role": "user", "content": "who?"}
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(ask, [who], headers | AGAIN)
                    await anyio.sleep(0.3)  # it cannot be heard that nothing is told
                    gate.set()
                sure = [{"role": "assistant", "content": "Mira."}, who | {"content": "sure?"}]
                await ask([who, *sure], headers)  # after all that it may have been told
        assert answers == ["Mira.", "Yes."]
        assert len(one.model.requests) == 2


def script(*steps: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("opened", [steps], indirect=True, ids=["script"])


@script(Say("Hello there.", usage=Usage(input=100, output=3, cached=80)))
async def test_an_answer(opened: tuple[AsyncOpenAI, Rig]) -> None:
    client, one = opened
    raw = await client.chat.completions.with_raw_response.create(
        model="gpt-5",
        messages=[
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "hello"},
        ],
        temperature=0.5,
        max_completion_tokens=50,
        stop="END",
    )
    answer = raw.parse()
    assert answer.choices[0].message.content == "Hello there."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "gpt-5"
    usage = answer.usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (100, 3, 103)
    assert usage.prompt_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens == 80
    assert raw.request_id
    asked = one.model.requests[0]
    assert (asked.temperature, asked.max_output, asked.stop) == (0.5, 50, ("END",))
    assert [m.role for m in asked.messages] == [Role.SYSTEM, Role.USER]


@script("One, two, three, four, five, six, seven.")
async def test_a_stream(opened: tuple[AsyncOpenAI, Rig]) -> None:
    client, _ = opened
    stream = await client.chat.completions.create(
        model="gpt-5",
        messages=[{"role": "user", "content": "count"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "One, two, three, four, five, six, seven."
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert len({chunk.id for chunk in chunks}) == 1


@script(looks(("weather", {"city": "Rome"}), ("weather", {"city": "Oslo"})), "Sunny in both.")
async def test_tools_over_two_turns(opened: tuple[AsyncOpenAI, Rig]) -> None:
    client, one = opened
    said: list[Any] = [{"role": "user", "content": "the weather?"}]
    first = await client.chat.completions.create(model="gpt-5", messages=said, tools=[WEATHER])
    assert first.choices[0].finish_reason == "tool_calls"
    calls = first.choices[0].message.tool_calls
    assert calls is not None
    assert [json.loads(c.function.arguments) for c in calls if c.type == "function"] == [
        {"city": "Rome"},
        {"city": "Oslo"},
    ]
    said.append(first.choices[0].message.model_dump(exclude_none=True))
    said += [{"role": "tool", "tool_call_id": c.id, "content": "sun"} for c in calls]
    second = await client.chat.completions.create(model="gpt-5", messages=said, tools=[WEATHER])
    assert second.choices[0].message.content == "Sunny in both."
    (pid,) = await one.conversations()
    assert (await one.kinds(pid)).count("told") == 4  # tools, question, two results: nothing twice
    assert "called" not in await one.kinds(pid)


@script(looks(("weather", {"city": "Rome"}), text="Let me see."), "Sunny.")
async def test_tools_in_a_stream(opened: tuple[AsyncOpenAI, Rig]) -> None:
    client, one = opened
    said: list[Any] = [{"role": "user", "content": "the weather?"}]
    async with client.chat.completions.stream(
        model="gpt-5", messages=said, tools=[WEATHER]
    ) as stream:
        message = (await stream.get_final_completion()).choices[0].message
    assert message.content == "Let me see."
    assert message.tool_calls is not None
    call = message.tool_calls[0]
    assert call.function.arguments == '{"city": "Rome"}'
    said.append(
        {
            "role": "assistant",
            "content": message.content,
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
                }
            ],
        }
    )
    said.append({"role": "tool", "tool_call_id": call.id, "content": "sun"})
    answer = await client.chat.completions.create(model="gpt-5", messages=said, tools=[WEATHER])
    assert answer.choices[0].message.content == "Sunny."
    assert len(await one.conversations()) == 1


class City(BaseModel):
    name: str


@script('{"name": "Rome"}')
async def test_structured_output(opened: tuple[AsyncOpenAI, Rig]) -> None:
    client, _ = opened
    parsed = await client.chat.completions.parse(
        model="gpt-5",
        messages=[{"role": "user", "content": "which city?"}],
        response_format=City,
    )
    assert parsed.choices[0].message.parsed == City(name="Rome")


@script("A cat.")
async def test_an_image_is_passed_on(opened: tuple[AsyncOpenAI, Rig]) -> None:
    client, one = opened
    await client.chat.completions.create(
        model="gpt-5",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "what is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                ],
            }
        ],
    )
    image = one.model.requests[0].messages[-1].content[1]
    assert image == Image(media_type="image/png", data="AAAA")


async def test_a_cancelled_stream(url: str, tmp_path: Path) -> None:
    """The client hangs up: the model stops, and the conversation can go on."""
    began = anyio.Event()

    async def never() -> None:
        began.set()
        await anyio.sleep_forever()

    steps = [After(never, Say("too late")), "Here I am."]
    said: list[Any] = [{"role": "user", "content": "hello"}]
    async with rig(url, tmp_path, steps) as one, AsyncOpenAI(**one.openai) as client:
        async with anyio.create_task_group() as tasks:

            async def ask() -> None:
                await client.chat.completions.create(model="m", messages=said, stream=True)

            tasks.start_soon(ask)
            await began.wait()
            tasks.cancel_scope.cancel()
        with anyio.fail_after(PATIENCE_S):
            pid = await one.begun()
            async for told in one.machine.kernel.records.follow(pid):
                if told.row.kind == "interrupted":
                    break
        said.append({"role": "user", "content": "hello?"})
        answer = await client.chat.completions.create(model="m", messages=said)
        assert answer.choices[0].message.content == "Here I am."
        assert await one.conversations() == [pid]


@script(
    Fail(SysError(Code.INVALID, "the provider does not like it")),
    "Better.",
)
async def test_an_error_and_another_try(opened: tuple[AsyncOpenAI, Rig]) -> None:
    client, one = opened
    said: list[Any] = [{"role": "user", "content": "hello"}]
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(model="m", messages=said)
    assert "does not like" in refused.value.message
    answer = await client.chat.completions.create(model="m", messages=said)
    assert answer.choices[0].message.content == "Better."
    assert len(await one.conversations()) == 1


@script(Fail(SysError(Code.UNAVAILABLE, "the provider is away")), "Back.")
async def test_the_client_s_own_retry(opened: tuple[AsyncOpenAI, Rig]) -> None:
    client, one = opened
    answer = await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "hello"}]
    )
    assert answer.choices[0].message.content == "Back."
    assert len(await one.conversations()) == 1


async def test_models(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, []) as one, AsyncOpenAI(**one.openai) as client:
        assert [model.id async for model in client.models.list()] == ["m"]


async def test_nonsense(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, []) as one, AsyncOpenAI(**one.openai, max_retries=0) as client:
        nonsense: list[Any] = [[{"role": "wizard", "content": "x"}], "hello", [{"content": "x"}]]
        for messages in nonsense:
            with pytest.raises(openai.BadRequestError):
                await client.chat.completions.create(model="m", messages=messages)
        with pytest.raises(openai.NotFoundError):
            await client.fine_tuning.jobs.list()
        assert not await one.conversations()


@script("one", "two", "three", "four")
async def test_another_past_is_another_process(opened: tuple[AsyncOpenAI, Rig]) -> None:
    client, one = opened

    async def ask(*texts: str) -> str | None:
        roles = ("user", "assistant")
        said: Any = [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]
        answer = await client.chat.completions.create(model="m", messages=said)
        return answer.choices[0].message.content

    assert await ask("a") == "one"
    assert await ask("a", "one", "b") == "two"
    assert await ask("a", "uno", "b") == "three"
    assert await ask("a", "one", "b", "two", "c") == "four"
    assert len(await one.conversations()) == 2
    assert [m.text for m in one.model.requests[-1].messages] == ["a", "one", "b", "two", "c"]


async def test_a_bug_of_ours_is_told_and_journaled(url: str, tmp_path: Path) -> None:
    def trips(request: Request) -> Say:
        raise ZeroDivisionError

    async with rig(url, tmp_path, trips) as one, AsyncOpenAI(**one.openai, max_retries=0) as client:
        with pytest.raises(openai.InternalServerError) as failed:
            await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "hello"}]
            )
        assert failed.value.status_code == 500
        pid = Pid(int(failed.value.response.headers["x-logos-pid"]))
        assert "interrupted" in await one.kinds(pid)
