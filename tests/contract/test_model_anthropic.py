"""Messages against Anthropic's own types: what we send fits them, and what they spell we
understand."""

import json
from typing import Any

import anthropic.types as sdk
import msgspec
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from pydantic import BaseModel, TypeAdapter

from logos.abi.ids import CallId
from logos.abi.messages import (
    AnyDelta,
    Finish,
    Image,
    Message,
    Opaque,
    Request,
    Role,
    Text,
    ToolCall,
    ToolResult,
    ToolSpec,
    Usage,
    gather,
    said,
)
from logos.drivers.model.anthropic import Messages
from logos.drivers.model.endpoint import Endpoint

SCHEMA = msgspec.Raw(b'{"type":"object","properties":{"path":{"type":"string"}}}')
TAKEN: TypeAdapter[Any] = TypeAdapter(MessageCreateParamsStreaming)
EVENT: TypeAdapter[Any] = TypeAdapter(sdk.RawMessageStreamEvent)
THINKING = msgspec.Raw(b'{"type":"thinking","thinking":"hm","signature":"c2ln"}')
CALL = ToolCall(id=CallId("a1"), name="fs_read", arguments='{"path": "/home"}')
BROKEN = ToolCall(id=CallId("b2"), name="fs_read", arguments='{"path": ')
TOOLS = tuple(ToolSpec(name=n, description="Read.", schema=SCHEMA) for n in ("fs_read", "fs_list"))
EPHEMERAL = {"type": "ephemeral"}

CONVERSATION = Request(
    model="m",
    messages=(
        said(Role.SYSTEM, "you are a clerk"),
        said(Role.SYSTEM, "be brief"),
        Message(
            role=Role.USER,
            content=(Text(text="see"), Image(data="aGk="), Image(url="http://x.example/y.png")),
        ),
        Message(
            role=Role.ASSISTANT,
            content=(
                Opaque(provider="anthropic", raw=THINKING),
                Opaque(provider="openai:m", raw=msgspec.Raw(b'{"reasoning":"no"}')),
                Text(text="Let me look."),
                CALL,
                BROKEN,
            ),
        ),
        said(Role.USER, "and hurry"),
        Message(role=Role.TOOL, content=(ToolResult(id=CallId("a1"), content="no", error=True),)),
        Message(role=Role.TOOL, content=(ToolResult(id=CallId("b2"), content=""),)),
    ),
    tools=TOOLS,
    max_output=99,
    stop=("END",),
)


def body(request: Request = CONVERSATION) -> Any:
    return json.loads(Messages(Endpoint(model="m")).body(request, stream=True))


def drained(value: Any) -> Any:
    """pydantic checks an Iterable only while it is read."""
    if isinstance(value, dict):
        return {name: drained(item) for name, item in value.items()}
    if isinstance(value, list | tuple) or hasattr(value, "__next__"):
        return [drained(item) for item in value]
    return value


def heard(*events: BaseModel | str) -> tuple[Message, Finish | None, Usage | None]:
    answer = Messages(Endpoint(model="m")).assembly()
    deltas: list[AnyDelta] = []
    for event in events:
        text = event if isinstance(event, str) else event.model_dump_json(exclude_unset=True)
        answer.feed(text.encode())
        deltas += answer.take()
    return gather([*deltas, *answer.last()])[0], answer.reason, answer.usage


def event(**fields: Any) -> Any:
    """One event, checked by the SDK's own union."""
    return EVENT.validate_python(fields)


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[Any]:
    return [
        event(type="content_block_start", index=index, content_block=start),
        *(event(type="content_block_delta", index=index, delta=delta) for delta in deltas),
        event(type="content_block_stop", index=index),
    ]


def test_what_we_send_is_what_anthropic_takes() -> None:
    sent = body()
    assert drained(TAKEN.validate_python(sent)) == sent  # nothing was dropped as unknown


def test_the_cache_mark_stands_on_the_last_stable_block_and_nowhere_else() -> None:
    sent = body()
    assert [block.get("cache_control") for block in sent["system"]] == [None, EPHEMERAL]
    assert json.dumps(sent).count("cache_control") == 1
    bare = body(msgspec.structs.replace(CONVERSATION, messages=(said(Role.USER, "hi"),)))
    assert [tool.get("cache_control") for tool in bare["tools"]] == [None, EPHEMERAL]


def test_turns_alternate_and_results_open_theirs() -> None:
    turns = body()["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert [b["type"] for b in turns[2]["content"]] == ["tool_result", "tool_result", "text"]
    assert turns[2]["content"][0]["is_error"] is True


def test_thinking_goes_back_unchanged_and_only_to_whom_it_came_from() -> None:
    content = body()["messages"][1]["content"]
    assert content[0] == json.loads(bytes(THINKING))
    assert [b["type"] for b in content] == ["thinking", "text", "tool_use", "tool_use"]
    raw = Messages(Endpoint(model="m")).body(CONVERSATION, stream=True)
    assert bytes(THINKING) in raw


def test_arguments_that_are_no_object_travel_inside_one() -> None:
    good, broken = body()["messages"][1]["content"][2:]
    assert good["input"] == {"path": "/home"}
    assert broken["input"] == {"not_json": BROKEN.arguments}


def test_nothing_empty_is_sent() -> None:
    request = Request(
        model="m",
        messages=(said(Role.USER, "hi"), said(Role.ASSISTANT, ""), said(Role.USER, " ")),
    )
    assert body(request)["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "hi"}]}
    ]


def test_system_words_in_the_middle_become_the_users() -> None:
    request = Request(model="m", messages=(said(Role.USER, "a"), said(Role.SYSTEM, "b")))
    sent = body(request)
    assert "system" not in sent
    assert [b["text"] for b in sent["messages"][0]["content"]] == ["a", "b"]


def test_a_stream_as_anthropic_spells_it() -> None:
    start: dict[str, Any] = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "cache_read_input_tokens": 90, "output_tokens": 1}
        | {"cache_creation_input_tokens": 9},
    }
    message, reason, usage = heard(
        event(type="message_start", message=start),
        '{"type":"ping"}',
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "h"},
            {"type": "thinking_delta", "thinking": "m"},
            {"type": "signature_delta", "signature": "c2ln"},
        ),
        *block(1, {"type": "redacted_thinking", "data": "xyz"}),
        *block(
            2,
            {"type": "text", "text": "", "citations": None},
            {"type": "text_delta", "text": "Let me "},
            {"type": "text_delta", "text": "look."},
        ),
        *block(
            3,
            {"type": "tool_use", "id": "a1", "name": "fs_read", "input": {}},
            {"type": "input_json_delta", "partial_json": ""},
            {"type": "input_json_delta", "partial_json": '{"path": '},
            {"type": "input_json_delta", "partial_json": '"/home"}'},
        ),
        *block(4, {"type": "tool_use", "id": "b2", "name": "now", "input": {}}),
        event(
            type="message_delta",
            delta={"stop_reason": "tool_use", "stop_sequence": None},
            usage={"output_tokens": 42},
        ),
        event(type="message_stop"),
    )
    thinking, redacted, text, first, second = message.content
    assert isinstance(thinking, Opaque)
    assert json.loads(bytes(thinking.raw)) == json.loads(bytes(THINKING))
    assert isinstance(redacted, Opaque)
    assert json.loads(bytes(redacted.raw)) == {"type": "redacted_thinking", "data": "xyz"}
    assert text == Text(text="Let me look.")
    assert first == CALL
    assert second == ToolCall(id=CallId("b2"), name="now", arguments="")
    assert reason is Finish.CALLS
    assert usage == Usage(input=100, output=42, cached=90, written=9)


def test_a_servers_own_tool_is_kept_whole() -> None:
    start = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
    message, *_ = heard(
        *block(0, start, {"type": "input_json_delta", "partial_json": '{"query":"x"}'})
    )
    (kept,) = message.content
    assert isinstance(kept, Opaque)
    assert json.loads(bytes(kept.raw)) == start | {"input": {"query": "x"}}


def test_events_nobody_has_invented_yet_are_skipped() -> None:
    message, reason, _ = heard(
        '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"hi"}}',
        '{"type":"content_block_delta","index":0,"delta":{"type":"new_delta","new":1}}',
        '{"type":"something_new","index":7}',
        '{"type":"message_delta","delta":{"stop_reason":"pause_turn"},"usage":{"output_tokens":1}}',
    )
    assert message.text == "hi"
    assert reason is Finish.PAUSED
