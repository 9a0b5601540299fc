"""The fields of OpenAI's requests that are used here.  Pure.

    ChatRequest          all of it, for Chat Completions; ChatRead is how it is read
    Piece, Tool, ...     parts that are decoded later, one by one, and their types

Both decoding and the description of the API are based on these types.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from logos.gateway.dialect import Count, shaped


class Function(msgspec.Struct):
    name: str = ""
    arguments: str | dict[str, Any] | None = None


class Call(msgspec.Struct):
    id: str = ""
    function: Function | None = None


Piece = Annotated[
    msgspec.Raw,
    shaped(
        {
            "type": {"type": "string"},
            "text": {"type": "string"},
            "refusal": {"type": "string"},
            "image_url": {
                "type": ["string", "object", "null"],
                "properties": {"url": {"type": "string"}},
            },
        },
    ),
]


class ChatSaid(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Piece] | None = None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    refusal: str | None = None


class Url(msgspec.Struct):
    url: str = ""
    detail: str | None = None


class PieceRead(msgspec.Struct):
    type: str = ""
    text: str = ""
    refusal: str = ""
    image_url: Url | str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    filename: str | None = None


class ToolFunction(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw(b'{"type":"object","properties":{}}')


class ToolRead(msgspec.Struct):
    type: str = "function"
    function: ToolFunction | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class Wanted(msgspec.Struct):
    schema: dict[str, Any] | None = None


class Format(msgspec.Struct):
    json_schema: Wanted | None = None


class Name(msgspec.Struct):
    name: str = ""


class Choice(msgspec.Struct):
    type: str = ""
    name: str = ""
    function: Name | None = None


Tool = Annotated[
    msgspec.Raw,
    shaped(
        {
            "type": {"type": "string"},
            "function": {
                "type": ["object", "null"],
                "required": ["name"],
                "properties": {
                    "name": {"type": "string"},
                    "description": {"type": ["string", "null"]},
                },
            },
        }
    ),
]
One = Annotated[float, Meta(extra_json_schema={"minimum": 1, "maximum": 1})]
No = Annotated[bool, Meta(extra_json_schema={"const": False})]


class _ChatFields(msgspec.Struct, kw_only=True):
    model: str
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Tool] | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    temperature: float | None = None
    stop: str | list[str] | None = None
    n: One | None = None
    logprobs: No | None = None
    tool_choice: str | Choice | None = None
    parallel_tool_calls: bool | None = None
    response_format: Format | None = None
    reasoning_effort: str | None = None
    user: str | None = None


class ChatRequest(_ChatFields, kw_only=True):
    """What is looked at.  Anything else is the provider's."""

    messages: Annotated[list[ChatSaid], Meta(min_length=1)]


class ChatRead(_ChatFields, kw_only=True):
    """The same; messages are read one by one, where they are new."""

    messages: Annotated[list[msgspec.Raw], Meta(min_length=1)]


class EmbeddingsRequest(msgspec.Struct):
    """What a provider embeds is for it to say."""

    model: str
    input: msgspec.Raw
