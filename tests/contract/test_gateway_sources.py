"""What a provider says its text is taken from reaches clients of its own dialect: chat, Responses, Messages."""

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from gateway_rig import Rig, rig
from openai import AsyncOpenAI

from logos import config
from model_server import loopback, stream

pytestmark = pytest.mark.anyio

ABOUT = {"url": "https://sula.example/ferry", "title": "Ferries", "start_index": 0, "end_index": 9}
NOTE = {"type": "url_citation", "url_citation": ABOUT}
CITED = {
    "type": "char_location",
    "cited_text": "at noon",
    "document_index": 0,
    "document_title": "Ferries",
    "start_char_index": 3,
    "end_char_index": 10,
    "file_id": None,
}
TEXT = "At noon, every day."
ASKED: Any = [{"role": "user", "content": "when does the ferry leave?"}]


def event(**given: Any) -> bytes:
    return f"event: {given.get('type', 'x')}\ndata: {json.dumps(given)}\n\n".encode()


def chat(**said: Any) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, **said}]}).encode() + b"\n\n"


CHAT = [
    chat(delta={"content": TEXT}),
    chat(delta={"annotations": [NOTE]}),
    chat(delta={}, finish_reason="stop"),
    b"data: [DONE]\n\n",
]
BLOCK = {"type": "text", "text": "", "citations": []}
MESSAGES = [
    event(type="message_start", message={"usage": {"input_tokens": 9}}),
    event(type="content_block_start", index=0, content_block=BLOCK),
    event(type="content_block_delta", index=0, delta={"type": "text_delta", "text": TEXT}),
    event(
        type="content_block_delta", index=0, delta={"type": "citations_delta", "citation": CITED}
    ),
    event(type="content_block_stop", index=0),
    event(type="message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 9}),
    event(type="message_stop"),
]
DIALECTS = {"openai": CHAT, "anthropic": MESSAGES}


async def there(url: str, home: Path, dialect: str, stack: AsyncExitStack) -> Rig:
    upstream = await stack.enter_async_context(loopback())
    upstream.replies += [stream(DIALECTS[dialect])] * 4
    path = "/v1" if dialect == "openai" else ""
    endpoint = config.Endpoint(url=upstream.url + path, dialect=dialect, model="v-1", window=32_000)
    return await stack.enter_async_context(rig(url, home, [], endpoints={"v": endpoint}))


async def test_openai_s_annotations(url: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        one = await there(url, tmp_path, "openai", stack)
        client = await stack.enter_async_context(AsyncOpenAI(**one.openai))
        whole = await client.chat.completions.create(model="v", messages=ASKED)
        said = whole.choices[0].message
        assert said.content == TEXT
        assert [note.model_dump() for note in said.annotations or ()] == [NOTE]
        pieces = await client.chat.completions.create(model="v", messages=ASKED, stream=True)
        deltas = [piece.choices[0].delta.model_dump() async for piece in pieces]
        assert [d["annotations"] for d in deltas if "annotations" in d] == [[NOTE]]
        flat = {"type": "url_citation", **ABOUT}
        answer = await client.responses.create(model="v", input="when does the ferry leave?")
        text: Any = answer.output[0]
        assert [note.model_dump() for note in text.content[0].annotations] == [flat]
        kept: Any = (await client.responses.retrieve(answer.id)).output[0]
        assert kept == text
        async with client.responses.stream(model="v", input="and back?") as events:
            added = [e async for e in events if e.type == "response.output_text.annotation.added"]
            final: Any = (await events.get_final_response()).output[0]
        assert len(added) == 1
        assert [note.to_dict() for note in final.content[0].annotations] == [flat]


async def test_anthropic_s_citations(url: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        one = await there(url, tmp_path, "anthropic", stack)
        client = await stack.enter_async_context(AsyncAnthropic(**one.anthropic))
        asked: Any = {"model": "v", "max_tokens": 99, "messages": ASKED}
        whole: Any = (await client.messages.create(**asked)).content[0]
        assert (whole.text, whole.citations[0].cited_text) == (TEXT, "at noon")
        async with client.messages.stream(**asked) as events:
            final: Any = (await events.get_final_message()).content[0]
        assert (final.text, final.citations[0].to_dict()) == (TEXT, CITED)
        openai = await stack.enter_async_context(AsyncOpenAI(**one.openai))
        other = await openai.chat.completions.create(model="v", messages=ASKED)
        assert other.choices[0].message.annotations == []  # it has no such words
        said: Any = [*ASKED, {"role": "assistant", "content": [whole.to_dict()]}, *ASKED]
        await client.messages.create(**asked | {"messages": said})
        assert len(await one.conversations()) == 3  # what comes back is known
