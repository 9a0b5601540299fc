"""What a request of Responses goes on with: a compaction, items by their ids; by OpenAI's own client."""

from pathlib import Path
from typing import Any

import openai
import pytest
from gateway_rig import looks, rig
from openai import AsyncOpenAI

from logos.abi.ids import Pid
from logos.abi.messages import Role
from logos.abi.process import Signal

pytestmark = pytest.mark.anyio

TOOL: Any = {"type": "function", "name": "look", "parameters": {"type": "object"}}
HELLO: Any = {"role": "user", "content": "I am Ada."}


def asked(one: Any) -> list[tuple[Role, str]]:
    return [(m.role, m.text) for m in one.model.requests[-1].messages]


async def test_what_was_compacted_is_still_known(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, ["Hello Ada.", "Ada.", "Ada, again.", "Still Ada."]) as one:
        async with AsyncOpenAI(**one.openai) as client:
            first = await client.responses.create(model="m", input=[HELLO])
            said: list[Any] = [HELLO, *(item.model_dump() for item in first.output)]
            compacted = await client.responses.compact(model="m", input=said)
            assert compacted.object == "response.compaction"
            assert [item.type for item in compacted.output] == ["message", "compaction"]
            shorter: list[Any] = [item.to_dict(warnings=False) for item in compacted.output]
            shorter.append({"role": "user", "content": "who am I?"})
            second = await client.responses.create(model="m", input=shorter)
            assert second.output_text == "Ada."
            told = [
                (Role.USER, "I am Ada."),
                (Role.ASSISTANT, "Hello Ada."),
                (Role.USER, "who am I?"),
            ]
            assert asked(one) == told
            await client.responses.create(model="m", input=shorter)  # from there, another way
            assert asked(one) == told
        async with AsyncOpenAI(**one.openai) as client:
            both = await client.responses.compact(model="m", previous_response_id=second.id)
            last: list[Any] = [both.output[-1].to_dict(), {"role": "user", "content": "sure?"}]
            await client.responses.create(model="m", input=last)
            assert asked(one) == [*told, (Role.ASSISTANT, "Ada."), (Role.USER, "sure?")]
            for wrong in ("gAAAA", "1_2_zz", ""):
                item: Any = {"type": "compaction", "encrypted_content": wrong}
                with pytest.raises(openai.BadRequestError):
                    await client.responses.create(model="m", input=[item])
            with pytest.raises(openai.BadRequestError, match="nothing to compact"):
                await client.responses.compact(model="m")


async def test_items_that_are_only_named(url: str, tmp_path: Path) -> None:
    """As clients do that believe their vendor to have them."""
    steps = [looks(("look", {"at": 1}), text="Let me see."), "Sand.", "Yes."]
    async with rig(url, tmp_path, steps) as one, AsyncOpenAI(**one.openai) as client:
        said: list[Any] = [{"role": "user", "content": "what is there?"}]
        first = await client.responses.create(model="m", input=said, tools=[TOOL])
        call: Any = first.output[-1]
        said += [{"type": "item_reference", "id": item.id} for item in first.output]
        said.append({"type": "function_call_output", "call_id": call.call_id, "output": "sand"})
        second = await client.responses.create(model="m", input=said, tools=[TOOL])
        assert second.output_text == "Sand."
        assert [m.calls for m in one.model.requests[-1].messages][1]
        assert len(await one.conversations()) == 1
        said += [{"type": "item_reference", "id": second.output[0].id}, HELLO]
        await client.responses.create(model="m", input=said, tools=[TOOL])
        assert asked(one)[-2:] == [(Role.ASSISTANT, "Sand."), (Role.USER, "I am Ada.")]
        assert len(await one.conversations()) == 1
        for unknown in ("msg_1", "msg_999_9", "fc_abc"):
            with pytest.raises(openai.NotFoundError):
                await client.responses.create(
                    model="m", input=[{"type": "item_reference", "id": unknown}, HELLO]
                )


async def test_a_response_goes_on_though_its_process_has_ended(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, ["Hello.", "Ada."]) as one, AsyncOpenAI(**one.openai) as client:
        first = await client.responses.create(model="m", input=[HELLO])
        pid = Pid(int(first.id.split("_")[1]))
        await one.machine.kernel.signal(pid, Signal.TERM)
        await one.machine.kernel.records.wait(pid)
        await client.responses.create(model="m", input="who am I?", previous_response_id=first.id)
        told = [(Role.USER, "I am Ada."), (Role.ASSISTANT, "Hello."), (Role.USER, "who am I?")]
        assert asked(one) == told


async def test_a_response_that_is_not_there(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, []) as one, AsyncOpenAI(**one.openai) as client:
        for unknown in ("resp_999_9", "resp_abc", "x", ""):
            with pytest.raises(openai.BadRequestError) as refused:
                await client.responses.create(
                    model="m", input="go on", previous_response_id=unknown
                )
            assert refused.value.code == "previous_response_not_found", unknown


async def test_what_came_before_is_counted_too(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, ["Hello."]) as one, AsyncOpenAI(**one.openai) as client:
        long: Any = {"role": "user", "content": "one two three " * 200}
        first = await client.responses.create(model="m", input=[long])
        alone = await client.responses.input_tokens.count(model="m", input="and?")
        after = await client.responses.input_tokens.count(
            model="m", input="and?", previous_response_id=first.id
        )
        assert after.input_tokens > alone.input_tokens + 200
