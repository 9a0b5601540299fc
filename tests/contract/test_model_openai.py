"""Chat Completions against OpenAI's own types: what we send fits them, and what they spell
we understand."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import openai.types.chat as sdk
import pytest
from openai.types import CompletionUsage
from openai.types.chat.chat_completion_chunk import Choice, ChoiceDelta, ChoiceDeltaToolCall
from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCallFunction as Function
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.completion_usage import PromptTokensDetails
from pydantic import TypeAdapter

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
from logos.drivers.model.endpoint import Endpoint
from logos.drivers.model.openai import Chat

SCHEMA = msgspec.Raw(b'{"type":"object","properties":{"path":{"type":"string"}}}')
TAKEN: TypeAdapter[Any] = TypeAdapter(CompletionCreateParamsStreaming)
CALL = ToolCall(id=CallId("a1"), name="fs_read", arguments='{"path": "/h')
TOOL = ToolSpec(name="fs_read", description="Read.", schema=SCHEMA)

CONVERSATION = Request(
    model="m",
    messages=(
        said(Role.SYSTEM, "be brief"),
        Message(
            role=Role.USER,
            content=(Text(text="see"), Image(data="aGk="), Image(url="http://x.example/y.png")),
        ),
        Message(role=Role.ASSISTANT, content=(CALL,)),
        Message(
            role=Role.TOOL,
            content=(
                ToolResult(id=CallId("a1"), content="no", error=True),
                ToolResult(id=CallId("a2"), content="yes"),
            ),
        ),
        said(Role.ASSISTANT, "done"),
        said(Role.USER, "thanks"),
    ),
    tools=(TOOL,),
    max_output=99,
    temperature=0.5,
    stop=("END",),
)


def chat(**settings: Any) -> Chat:
    return Chat(Endpoint(model="m", **settings))


def body(request: Request, *, stream: bool = True, **settings: Any) -> Any:
    return json.loads(chat(**settings).body(request, stream=stream))


def drained(value: Any) -> Any:
    """pydantic checks an Iterable only while it is read."""
    if isinstance(value, dict):
        return {name: drained(item) for name, item in value.items()}
    if isinstance(value, list | tuple) or hasattr(value, "__next__"):
        return [drained(item) for item in value]
    return value


def heard(*payloads: str | bytes, model: str = "m") -> tuple[Message, Finish | None, Usage | None]:
    answer = chat().assembly() if model == "m" else Chat(Endpoint(model=model)).assembly()
    deltas: list[AnyDelta] = []
    for payload in payloads:
        answer.feed(payload.encode() if isinstance(payload, str) else payload)
        deltas += answer.take()
    return gather([*deltas, *answer.last()])[0], answer.reason, answer.usage


def chunk(delta: ChoiceDelta | None = None, reason: Any = None, usage: Any = None) -> str:
    choices = [Choice(index=0, delta=delta, finish_reason=reason)] if delta else []
    return sdk.ChatCompletionChunk(
        id="c", object="chat.completion.chunk", created=1, model="m", choices=choices, usage=usage
    ).model_dump_json()


def calling(index: int, arguments: str, id_: str | None = None, name: str | None = None) -> str:
    call = ChoiceDeltaToolCall(
        index=index, id=id_, function=Function(name=name, arguments=arguments)
    )
    return chunk(ChoiceDelta(tool_calls=[call]))


def test_what_we_send_is_what_openai_takes() -> None:
    sent = body(CONVERSATION)
    assert drained(TAKEN.validate_python(sent)) == sent  # nothing was dropped as unknown


def test_openai_itself_is_sent_its_newer_limit() -> None:
    assert body(CONVERSATION)["max_tokens"] == 99
    own = body(CONVERSATION, url="https://api.openai.com/v1")
    assert (own["max_completion_tokens"], "max_tokens" in own) == (99, False)


def test_broken_arguments_go_back_as_the_text_they_were() -> None:
    sent = body(CONVERSATION)["messages"][2]
    assert sent["tool_calls"][0]["function"]["arguments"] == CALL.arguments
    assert sent["content"] is None


def test_each_result_of_a_tool_is_a_message() -> None:
    tools = [m["tool_call_id"] for m in body(CONVERSATION)["messages"] if m["role"] == "tool"]
    assert tools == ["a1", "a2"]


def test_the_same_request_has_the_same_bytes_and_a_longer_one_the_same_beginning() -> None:
    longer = msgspec.structs.replace(
        CONVERSATION, messages=(*CONVERSATION.messages, said(Role.USER, "more"))
    )
    one, two = (chat().body(r, stream=True) for r in (CONVERSATION, longer))
    assert one == chat().body(CONVERSATION, stream=True)
    assert two.startswith(one[: one.index(b'"thanks"')])


def test_extra_fields_go_out_unchanged() -> None:
    request = msgspec.structs.replace(CONVERSATION, extra={"seed": msgspec.Raw(b"7")})
    assert body(request)["seed"] == 7


def test_a_stream_as_openai_spells_it() -> None:
    usage = CompletionUsage(
        prompt_tokens=9,
        completion_tokens=2,
        total_tokens=11,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=8),
    )
    message, reason, used = heard(
        chunk(ChoiceDelta(role="assistant", content="")),
        chunk(ChoiceDelta(content="Let me ")),
        chunk(ChoiceDelta(content="look.")),
        calling(0, "", "a1", "fs_read"),
        calling(0, '{"path"'),
        calling(1, "", "b2", "now"),
        calling(0, ': "/h'),
        calling(1, "{}"),
        chunk(ChoiceDelta(), "tool_calls"),
        chunk(usage=usage),
        "[DONE]",
    )
    assert message.text == "Let me look."
    assert message.calls == (CALL, ToolCall(id=CallId("b2"), name="now", arguments="{}"))
    assert reason is Finish.CALLS
    assert used == Usage(input=9, output=2, cached=8)


def _calls(*pieces: str) -> Iterator[str]:
    for piece in pieces:
        yield '{"choices":[{"delta":{"tool_calls":[' + piece + "]}}]}"


@pytest.mark.parametrize(
    "pieces",
    [
        (  # no index
            '{"id":"a","function":{"name":"f","arguments":"{}"}}',
            '{"id":"b","function":{"name":"g","arguments":"[]"}}',
        ),
        (  # index 0 for all of them
            '{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}',
            '{"index":0,"id":"b","function":{"name":"g","arguments":"[]"}}',
        ),
        (  # the id in every piece
            '{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}',
            '{"index":0,"id":"a","function":{"name":null,"arguments":"}"}}',
            '{"index":1,"id":"b","function":{"name":"g","arguments":"[]"}}',
        ),
        (  # arguments in pieces that say nothing else
            '{"id":"a","function":{"name":"f","arguments":"{"}}',
            '{"function":{"arguments":"}"}}',
            '{"id":"b","function":{"name":"g","arguments":"[]"}}',
        ),
        (  # indices that do not begin at 0
            '{"index":1,"id":"a","function":{"name":"f","arguments":"{}"}}',
            '{"index":2,"id":"b","function":{"name":"g","arguments":"[]"}}',
        ),
    ],
)
def test_calls_are_told_apart_however_a_server_numbers_them(pieces: tuple[str, ...]) -> None:
    calls = heard(*_calls(*pieces))[0].calls
    assert [(c.id, c.name, c.arguments) for c in calls] == [("a", "f", "{}"), ("b", "g", "[]")]


def test_arguments_sent_as_an_object_become_text() -> None:
    (piece,) = _calls('{"index":0,"id":"a","function":{"name":"f","arguments":{"x":1}}}')
    assert heard(piece)[0].calls[0].arguments == '{"x":1}'


def test_content_in_parts_and_fields_nobody_knows_are_fine() -> None:
    said_ = '{"choices":[{"delta":{"content":[{"type":"thinking","x":[]},{"type":"text","text":"hi"}],"new":{}}}]}'
    assert heard(said_)[0].text == "hi"


def test_a_stop_with_calls_means_calls_and_done_alone_means_stop() -> None:
    (call,) = _calls('{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}')
    stop = '{"choices":[{"delta":{},"finish_reason":"stop"}]}'
    assert heard(call, stop)[1] is Finish.CALLS
    assert heard('{"choices":[{"delta":{"content":"x"}}]}', "[DONE]")[1] is Finish.STOP
    assert heard("[DONE]")[1] is None


def test_reasoning_before_calls_is_given_back_to_the_same_model_only() -> None:
    (call,) = _calls('{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}')
    message, *_ = heard(
        '{"choices":[{"delta":{"reasoning_content":"Let "}}]}',
        '{"choices":[{"delta":{"reasoning_content":"me think","reasoning_details":[{"x":1}]}}]}',
        call,
    )
    assert any(isinstance(part, Opaque) for part in message.content)
    request = Request(model="m", messages=(said(Role.USER, "q"), message))
    given = body(request)["messages"][1]
    assert given["reasoning_content"] == "Let me think"
    assert given["reasoning_details"] == [{"x": 1}]
    other = json.loads(Chat(Endpoint(model="other")).body(request, stream=True))
    assert "reasoning_content" not in other["messages"][1]


def test_reasoning_before_an_answer_is_dropped() -> None:
    message, *_ = heard(
        '{"choices":[{"delta":{"reasoning":"hm"}}]}', '{"choices":[{"delta":{"content":"x"}}]}'
    )
    assert message.content == (Text(text="x"),)
