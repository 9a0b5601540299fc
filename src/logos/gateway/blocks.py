"""What a client of Anthropic's Messages says: instructions, turns, tools; block by block.  Pure.

    Turn, Words, Tool     what a request may look like
    instructions, read, tools    what it says
    last_mark             up to where it wants the conversation kept by its provider

A tool's result is a message of its own here, and what only Anthropic knows is carried as it came.
"""

from typing import Annotated, Literal

import msgspec

from logos.abi.ids import CallId
from logos.abi.messages import (
    AnyPart,
    Image,
    Message,
    Opaque,
    Role,
    Text,
    ToolCall,
    ToolResult,
    ToolSpec,
)
from logos.gateway.dialect import NULL, opaque, shaped, typed

PROVIDER = "anthropic"

_STRING = {"type": "string"}
_ANY_TEXT = {"type": ["string", "null"]}
Block = Annotated[
    msgspec.Raw,
    shaped(
        {
            **dict.fromkeys(("type", "text", "id", "name", "tool_use_id", "tool_name"), _STRING),
            "content": {"type": ["string", "array", "null"]},
            "is_error": {"type": ["boolean", "null"]},
        }
    ),
]


class Turn(msgspec.Struct):
    role: Literal["system", "user", "assistant"]
    content: str | list[Block]


class _Source(msgspec.Struct):
    type: str = ""
    media_type: str = "image/png"
    data: str = ""
    url: str = ""


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")
    tool_use_id: str = ""
    tool_name: str = ""
    content: str | list[msgspec.Raw] | None = None
    is_error: bool | None = None
    source: msgspec.Raw = msgspec.Raw(b"{}")


class _Marked(msgspec.Struct):
    cache_control: msgspec.Raw = NULL


class _Tool(msgspec.Struct):
    name: str
    type: str | None = None
    description: str | None = None
    input_schema: msgspec.Raw = msgspec.Raw(b"")


Tool = Annotated[
    msgspec.Raw,
    shaped(
        {
            "name": _STRING,
            "type": _ANY_TEXT,
            "description": _ANY_TEXT,
        },
        "name",
    ),
]


class Words(msgspec.Struct):
    text: str = ""


def last_mark(messages: msgspec.Raw) -> msgspec.Raw:
    """The last there is."""
    plain = msgspec.Raw(b'{"type":"ephemeral"}')
    for said in reversed(typed(messages, list[Turn], "messages")):
        for raw in () if isinstance(said.content, str) else reversed(said.content):
            if bytes(mark := typed(raw, _Marked, "messages").cache_control) != bytes(NULL):
                return mark.copy()
    return plain


def instructions(content: str | list[Words] | None) -> list[Message]:
    if content is None:
        return []
    if isinstance(content, str):
        return [Message(role=Role.SYSTEM, content=(Text(text=content),))] if content else []
    parts = tuple(Text(text=block.text) for block in content if block.text)
    return [Message(role=Role.SYSTEM, content=parts)] if parts else []


def read(place: int, raw: msgspec.Raw) -> list[Message]:
    where = f"messages[{place}]"
    return _messages(typed(raw, Turn, where), f"{where}.content")


def _messages(said: Turn, where: str) -> list[Message]:
    """Answers of tools are a message of their own, before what the user says to them."""
    role = Role(said.role)
    if isinstance(said.content, str):
        return [Message(role=role, content=(Text(text=said.content),))]
    results: list[AnyPart] = []
    parts: list[AnyPart] = []
    for n, raw in enumerate(said.content):
        place = f"{where}[{n}]"
        block = typed(raw, _Block, place)
        if block.type == "tool_result":
            results += _result(block, place)
        else:
            parts.append(_part(block, raw, place))
    found = [Message(role=Role.TOOL, content=tuple(results))] if results else []
    return [*found, Message(role=role, content=tuple(parts))] if parts or not found else found


def _part(block: _Block, raw: msgspec.Raw, where: str) -> AnyPart:
    if block.type == "text":
        return Text(text=block.text)
    if block.type == "tool_use":
        arguments = bytes(block.input).decode()
        return ToolCall(id=CallId(block.id), name=block.name, arguments=arguments)
    if block.type == "image":
        source = typed(block.source, _Source, f"{where}.source")
        if source.type in ("base64", "url"):
            return Image(media_type=source.media_type, data=source.data, url=source.url)
    return opaque(PROVIDER, raw)


def _result(block: _Block, where: str) -> list[AnyPart]:
    """A tool's answer is text for the kernel; its images follow it.  Where it holds what only this
    provider knows, all of it follows as it came."""
    content = block.content or ""
    id_ = CallId(block.tool_use_id)
    if isinstance(content, str):
        return [ToolResult(id=id_, content=content, error=bool(block.is_error))]
    words: list[str] = []
    more: list[AnyPart] = []
    for n, raw in enumerate(content):
        place = f"{where}.content[{n}]"
        one = typed(raw, _Block, place)
        part = _part(one, raw, place)
        if isinstance(part, Text):
            words.append(part.text)
        else:
            words += [f"{one.tool_name} can be called now."] if one.tool_name else []
            more.append(part)
    if any(isinstance(part, Opaque) for part in more):
        more = [opaque(PROVIDER, raw) for raw in content]
    text = "\n".join(words) or ("[see below]" if more else "")
    return [ToolResult(id=id_, content=text, error=bool(block.is_error)), *more]


def tools(raws: list[msgspec.Raw]) -> tuple[ToolSpec, ...]:
    """A tool of the provider's own has no schema; it is counted by what it says."""
    specs = []
    for n, raw in enumerate(raws):
        tool = typed(raw, _Tool, f"tools[{n}]")
        schema = tool.input_schema if bytes(tool.input_schema) else raw
        specs.append(
            ToolSpec(name=tool.name, description=tool.description or "", schema=schema.copy())
        )
    return tuple(specs)
