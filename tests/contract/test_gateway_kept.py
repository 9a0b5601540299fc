"""Responses and conversations that are kept: looked up, changed and deleted by OpenAI's own client."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import openai
import pytest
from gateway_rig import looks, rig
from openai import AsyncOpenAI

from logos.abi.errors import Code, SysError
from logos.abi.events import Thought, Told
from logos.abi.ids import Pid
from logos.drivers.model import After, Fail, Say

pytestmark = pytest.mark.anyio

PATIENCE_S = 30.0

ADA: Any = {"type": "message", "role": "user", "content": "I am Ada Lovelace."}


def said_in(items: list[Any]) -> list[str]:
    return [piece.text for item in items for piece in item.content]


async def test_a_response_is_shown_with_what_was_asked_for(url: str, tmp_path: Path) -> None:
    tool: Any = {"type": "function", "name": "look", "parameters": {"type": "object"}}
    steps = [looks(("look", {}), ("look", {"at": 1}), text="Let me see."), "Nothing."]
    async with rig(url, tmp_path, steps) as one, AsyncOpenAI(**one.openai) as client:
        first = await client.responses.create(
            model="m", input="what is there?", instructions="be brief", tools=[tool]
        )
        kept = await client.responses.retrieve(first.id)
        assert kept.instructions == "be brief"
        assert [found.type for found in kept.tools] == ["function"]
        assert kept.output == first.output
        calls = [item for item in first.output if item.type == "function_call"]
        image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
        said: Any = [
            {"type": "function_call_output", "call_id": c.call_id, "output": "sand"} for c in calls
        ]
        said.append({"role": "user", "content": [{"type": "input_text", "text": "so?"}, image]})
        second = await client.responses.create(
            model="m", input=said, previous_response_id=first.id, tools=[tool]
        )
        items = [item async for item in client.responses.input_items.list(second.id, order="asc")]
        assert [item.type for item in items] == [
            "message",
            "message",
            "function_call",
            "function_call",
            "function_call_output",
            "function_call_output",
            "message",
        ]
        last: Any = items[-1]
        assert [piece.type for piece in last.content] == ["input_text", "input_image"]
        assert len({item.id for item in items}) == len(items)


async def test_a_list_comes_page_by_page(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, ["ok"]) as one, AsyncOpenAI(**one.openai) as client:
        said: Any = [{"role": "user", "content": f"number {n}"} for n in range(7)]
        talk = await client.conversations.create(items=said)
        page = await client.conversations.items.list(talk.id, limit=3)
        assert page.has_more
        assert said_in(page.data) == ["number 6", "number 5", "number 4"]
        every = client.conversations.items.list(talk.id, limit=3, order="asc")
        assert said_in([item async for item in every]) == [f"number {n}" for n in range(7)]
        answer = await client.responses.create(model="m", input="?", conversation=talk.id)
        listed = client.responses.input_items.list(answer.id, limit=2)
        assert len([item async for item in listed]) == 8
        for wrong in ({"limit": 0}, {"order": "up"}, {"after": "msg_1_1"}):
            with pytest.raises(openai.BadRequestError):
                await client.conversations.items.list(talk.id, **wrong)


async def test_a_deleted_response_is_forgotten(url: str, tmp_path: Path) -> None:
    steps = ["The word is plover.", "Another.", "Third."]
    async with rig(url, tmp_path, steps) as one, AsyncOpenAI(**one.openai) as client:
        first = await client.responses.create(model="m", input="which word?")
        second = await client.responses.create(
            model="m", input="and?", previous_response_id=first.id
        )
        with pytest.raises(openai.BadRequestError, match="complete"):
            await client.responses.cancel(first.id)
        await client.responses.delete(first.id)
        for asked in (
            client.responses.retrieve(first.id),
            client.responses.delete(first.id),
            client.responses.cancel(first.id),
            client.responses.retrieve(first.id, stream=True),
        ):
            with pytest.raises(openai.NotFoundError):
                await asked
        with pytest.raises(openai.BadRequestError) as refused:
            await client.responses.create(model="m", input="x", previous_response_id=first.id)
        assert refused.value.code == "previous_response_not_found"
        assert refused.value.param == "previous_response_id"
        assert (await client.responses.retrieve(second.id)).output_text == "Another."
        (pid,) = await one.conversations()
        events = [told.event async for told in one.machine.kernel.records.events(pid)]
        assert not [e for e in events if isinstance(e, Thought) and "plover" in e.message.text]
        await client.responses.create(model="m", input="go on", previous_response_id=second.id)
        assert not [m for m in one.model.requests[-1].messages if "plover" in m.text]


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_conversation_is_filed_and_deleted(
    url: str, tmp_path: Path, *, restarted: bool
) -> None:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(rig(url, tmp_path, [Say("Yes.")]))
        client = await stack.enter_async_context(AsyncOpenAI(**one.openai))
        talk = await client.conversations.create(items=[ADA], metadata={"topic": "engines"})
        assert talk.metadata == {"topic": "engines"}
        assert talk.created_at > 0
        await client.responses.create(model="m", input="are you there?", conversation=talk.id)
        changed = await client.conversations.update(talk.id, metadata={"topic": "looms"})
        assert changed.metadata == {"topic": "looms"}
        if restarted:
            await stack.aclose()
            one = await stack.enter_async_context(rig(url, tmp_path, []))
            client = await stack.enter_async_context(AsyncOpenAI(**one.openai))
        assert await client.conversations.retrieve(talk.id) == changed
        gone = await client.conversations.delete(talk.id)
        assert (gone.id, gone.deleted) == (talk.id, True)
        for asked in (
            client.conversations.retrieve(talk.id),
            client.conversations.delete(talk.id),
            client.conversations.items.list(talk.id),
            client.responses.create(model="m", input="?", conversation=talk.id),
        ):
            with pytest.raises(openai.NotFoundError):
                await asked
        (pid,) = await one.conversations()
        events = [told.event async for told in one.machine.kernel.records.events(pid)]
        texts = [m.text for e in events if isinstance(e, Told) for m in e.messages]
        assert not [text for text in texts if "Ada" in text]


async def test_nothing_is_asked_by_filing(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, ["one", "two"]) as one, AsyncOpenAI(**one.openai) as client:
        talk = await client.conversations.create(metadata={"a": "b"})
        await client.responses.create(model="m", input="a", conversation=talk.id)
        await client.conversations.update(talk.id, metadata={})
        await client.responses.create(model="m", input="b", conversation=talk.id)
        assert len(one.model.requests) == 2
        assert [m.text for m in one.model.requests[-1].messages] == ["a", "one", "b"]
        assert len(await one.conversations()) == 1


async def test_items_of_a_conversation(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, ["Ada."]) as one, AsyncOpenAI(**one.openai) as client:
        talk = await client.conversations.create()
        added = await client.conversations.items.create(
            talk.id, items=[ADA, ADA | {"content": "x"}]
        )
        assert said_in(list(added.data)) == ["I am Ada Lovelace.", "x"]
        shown: Any = await client.conversations.items.retrieve(
            added.data[0].id or "", conversation_id=talk.id
        )
        assert said_in([shown]) == ["I am Ada Lovelace."]
        await client.conversations.items.delete(added.data[1].id or "", conversation_id=talk.id)
        with pytest.raises(openai.NotFoundError):
            await client.conversations.items.retrieve(
                added.data[1].id or "", conversation_id=talk.id
            )
        await client.responses.create(model="m", input="who am I?", conversation=talk.id)
        texts = [m.text for m in one.model.requests[0].messages]
        assert texts[0] == "I am Ada Lovelace."
        assert "x" not in texts
        listed = [item async for item in client.conversations.items.list(talk.id, order="asc")]
        answer = listed[-1]
        await client.conversations.items.delete(answer.id or "", conversation_id=talk.id)
        left = [item async for item in client.conversations.items.list(talk.id)]
        assert len(left) == len(listed) - 1


async def test_items_are_added_at_any_time(url: str, tmp_path: Path) -> None:
    """Nobody asks for an answer to them: the next response does."""
    gate = anyio.Event()
    steps = ["Hello.", "I was.", After(gate.wait, Say("Ada."))]
    async with rig(url, tmp_path, steps) as one, AsyncOpenAI(**one.openai) as client:
        talk = await client.conversations.create()
        await client.responses.create(model="m", input="hi", conversation=talk.id)
        answer: Any = {"type": "message", "role": "assistant", "content": "You are Ada."}
        added = await client.conversations.items.create(talk.id, items=[ADA, answer])
        assert said_in(list(added.data)) == ["I am Ada Lovelace.", "You are Ada."]
        assert len(one.model.requests) == 1
        await client.responses.create(model="m", input="were you there?", conversation=talk.id)
        asked = [m.text for m in one.model.requests[-1].messages]
        told = ["hi", "Hello.", "I am Ada Lovelace.", "You are Ada.", "were you there?"]
        assert asked == told
        assert len(await one.conversations()) == 1
        busy = await client.responses.create(
            model="m", input="who?", conversation=talk.id, background=True
        )
        once = client.with_options(max_retries=0)
        for wanted in (
            once.conversations.items.create(talk.id, items=[ADA]),
            once.responses.create(model="m", input="and?", conversation=talk.id),
        ):
            with pytest.raises(openai.ConflictError) as refused:
                await wanted
            assert refused.value.code == "conversation_locked"
        gate.set()
        assert (await fetched(client, busy.id, "completed")).output_text == "Ada."


async def test_what_is_no_conversation(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, ["hello"]) as one, AsyncOpenAI(**one.openai) as client:
        answer = await client.responses.create(model="m", input="hi")
        pid = Pid(int(answer.id.split("_")[1]))
        for id_ in ("conv_1", f"conv_{pid}_x", "conv_999_x", "x", "conv_٣_x"):
            with pytest.raises(openai.NotFoundError):
                await client.conversations.retrieve(id_)
        talk = await client.conversations.create()
        with pytest.raises(openai.BadRequestError, match="not both"):
            await client.responses.create(
                model="m", input="?", conversation=talk.id, previous_response_id=answer.id
            )


async def fetched(client: AsyncOpenAI, id_: str, *until: str) -> Any:
    """Once it has one of these states."""
    with anyio.fail_after(PATIENCE_S):
        while (found := await client.responses.retrieve(id_)).status not in until:
            pass
    return found


async def test_a_response_in_the_background(url: str, tmp_path: Path) -> None:
    gate = anyio.Event()
    steps = [After(gate.wait, Say("Done.")), "Next.", Fail(SysError(Code.INVALID, "not so"))]
    async with rig(url, tmp_path, steps) as one, AsyncOpenAI(**one.openai) as client:
        begun = await client.responses.create(model="m", input="do it", background=True)
        assert (begun.status, begun.background) == ("queued", True)
        assert (await client.responses.retrieve(begun.id)).status == "in_progress"
        gate.set()
        assert (await fetched(client, begun.id, "completed")).output_text == "Done."
        after = await client.responses.create(
            model="m", input="and?", previous_response_id=begun.id
        )
        assert after.output_text == "Next."
        asked = [m.text for m in one.model.requests[-1].messages]
        assert asked == ["do it", "Done.", "and?"]
        wrong = await client.responses.create(model="m", input="wrong", background=True)
        failed = await fetched(client, wrong.id, "failed")
        assert failed.error is not None
        assert "not so" in failed.error.message


async def test_a_response_in_the_background_is_cancelled(url: str, tmp_path: Path) -> None:
    steps = [After(anyio.sleep_forever, Say("never")), "Here."]
    async with rig(url, tmp_path, steps) as one, AsyncOpenAI(**one.openai) as client:
        talk = await client.conversations.create()
        begun = await client.responses.create(
            model="m", input="do it", background=True, conversation=talk.id
        )
        cancelled = await client.responses.cancel(begun.id)
        assert (cancelled.id, cancelled.status) == (begun.id, "cancelled")
        assert (await client.responses.cancel(begun.id)).status == "cancelled"
        answer = await client.responses.create(model="m", input="hello?", conversation=talk.id)
        assert answer.output_text == "Here."
        assert len(await one.conversations()) == 1


async def test_a_response_in_the_background_outlives_its_node(url: str, tmp_path: Path) -> None:
    steps = [After(anyio.sleep_forever, Say("never"))]
    async with rig(url, tmp_path, steps) as one, AsyncOpenAI(**one.openai) as client:
        begun = await client.responses.create(model="m", input="do it", background=True)
        assert begun.status == "queued"
    async with rig(url, tmp_path, ["Done."]) as one, AsyncOpenAI(**one.openai) as client:
        assert (await fetched(client, begun.id, "completed")).output_text == "Done."
