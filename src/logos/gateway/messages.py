"""Anthropic's Messages.  Satisfies Dialect."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from logos.abi.errors import SysError
from logos.abi.events import Thought
from logos.abi.ids import CallId
from logos.abi.messages import (
    AnyPart,
    Finish,
    Image,
    Message,
    Opaque,
    Options,
    Role,
    Text,
    ToolCall,
    ToolResult,
    ToolSpec,
    Usage,
)
from logos.gateway.chat import instructed
from logos.gateway.dialect import (
    BODY,
    NULL,
    Answering,
    Count,
    Json,
    Resolve,
    Understood,
    encode,
    fields,
    known,
    opaque,
    rest,
    shaped,
    typed,
    uncached,
    whole,
)
from logos.gateway.faults import anthropic_error, anthropic_status
from logos.gateway.translate import messages_extra
from logos.gateway.voice import MessagesVoice, thinking, thinks

PROVIDER = "anthropic"

STOPS = {
    Finish.STOP: "end_turn",
    Finish.CALLS: "tool_use",
    Finish.LENGTH: "max_tokens",
    Finish.REFUSED: "refusal",
    Finish.PAUSED: "pause_turn",
}

_AUTHENTIC = ("enabled", "adaptive")
"""As the type of `thinking`: the client wants to see it."""

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


class _Said(msgspec.Struct):
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


class _Choice(msgspec.Struct):
    type: str = ""
    name: str = ""
    disable_parallel_tool_use: bool | None = None


class _Format(msgspec.Struct):
    schema: dict[str, Any] | None = None


class _OutputConfig(msgspec.Struct):
    format: _Format | None = None
    effort: str | None = None


class _Typed(msgspec.Struct):
    type: str = ""


class _Words(msgspec.Struct):
    text: str = ""


class _Metadata(msgspec.Struct):
    user_id: str | None = None


class _Fields(msgspec.Struct, kw_only=True):
    model: str
    system: str | list[_Words] | None = None
    stream: bool | None = None
    tools: list[Tool] | None = None
    max_tokens: Count | None = None
    temperature: float | None = None
    stop_sequences: list[str] | None = None
    tool_choice: _Choice | None = None
    output_config: _OutputConfig | None = None
    metadata: _Metadata | None = None


class MessagesRequest(_Fields, kw_only=True):
    """What is looked at.  Anything else is the provider's."""

    messages: Annotated[list[_Said], Meta(min_length=1)]


class _Read(_Fields, kw_only=True):
    """The same; messages are read one by one, where they are new."""

    messages: Annotated[list[msgspec.Raw], Meta(min_length=1)]


KNOWN = known(MessagesRequest, "tool_choice", "output_config", "metadata")


class Messages:
    name = PROVIDER
    request = MessagesRequest

    def understand(self, body: bytes, resolve: Resolve) -> Understood:
        found = fields(body)
        asked = typed(body, _Read, BODY)
        model = asked.model
        upstream = resolve(model)
        system, said = instructed(_system(asked.system), asked.messages, _read)
        extra = messages_extra(rest(found, KNOWN), upstream.dialect)
        if upstream.dialect == PROVIDER:
            extra |= _as_written(found)
        options = Options(
            model=upstream.name,
            system=system,
            tools=_tools(asked.tools or []),
            max_output=whole(asked.max_tokens),
            temperature=asked.temperature,
            stop=tuple(asked.stop_sequences or ()),
            extra=extra,
        )
        return Understood(
            model=model,
            said=said,
            options=options,
            stream=bool(asked.stream),
            speaks=upstream.dialect,
            forward=upstream.dialect == PROVIDER,
            given={"_aloud": upstream.dialect == PROVIDER or _wants_thinking(found)},
        )

    def whole(self, answering: Answering, thought: Thought) -> bytes:
        content = [_said(part) for part in thought.message.content if _speaks(part)]
        if answering.aloud and answering.given["_aloud"] and not any(map(thinks, content)):
            content.insert(0, thinking(answering.aloud))
        message = {
            "id": answering.id,
            "type": "message",
            "role": "assistant",
            "model": answering.model,
            "content": content,
            **ended(thought),
            "usage": usage(thought.usage),
        }
        return encode(message)

    def voice(self, answering: Answering, *, usage: bool) -> MessagesVoice:
        del usage  # always told
        return MessagesVoice(answering, lambda t: (ended(t), _usage(t.usage)))

    def error(self, error: SysError, request: str) -> bytes:
        return anthropic_error(error, request)

    def status(self, error: SysError) -> int:
        return anthropic_status(error)

    def answer_id(self, pid: int, seq: int) -> str:
        return f"msg_{pid}_{seq}"


def ended(thought: Thought) -> Json:
    if thought.stop and thought.finish is Finish.STOP:
        return {"stop_reason": "stop_sequence", "stop_sequence": thought.stop}
    return {"stop_reason": STOPS[thought.finish], "stop_sequence": None}


def usage(used: Usage) -> Json:
    found: Json = {
        "input_tokens": uncached(used),
        "cache_creation_input_tokens": used.written,
        "cache_read_input_tokens": used.cached,
        "output_tokens": used.output,
    }
    if used.reasoning:
        found["output_tokens_details"] = {"thinking_tokens": used.reasoning}
    return found


_usage = usage


def _wants_thinking(found: Mapping[str, msgspec.Raw]) -> bool:
    wanted = found.get("thinking", NULL)
    return bytes(wanted)[:1] == b"{" and typed(wanted, _Typed, "thinking").type in _AUTHENTIC


def _speaks(part: AnyPart) -> bool:
    return isinstance(part, Text | ToolCall) or (
        isinstance(part, Opaque) and part.provider == PROVIDER
    )


def _said(part: AnyPart) -> Any:
    match part:
        case Text(text=text):
            return {"type": "text", "text": text}
        case ToolCall():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": _input(part)}
        case Opaque(raw=raw):
            return raw
        case _:
            return None


def _input(call: ToolCall) -> Any:
    """An object, as this API has it; what the model wrote otherwise goes inside one."""
    text = call.arguments.strip() or "{}"
    try:
        if isinstance(msgspec.json.decode(text), dict):
            return msgspec.Raw(text.encode())
    except (msgspec.DecodeError, RecursionError):
        pass
    return {"not_json": call.arguments}


# -- what a client says ------------------------------------------------------------------


def _as_written(found: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    """Instructions and tools with their marks.  A mark inside the conversation says: keep all of it so
    far; the same said in front holds, whatever of the conversation is in the window."""
    kept: dict[str, msgspec.Raw] = {
        name: found[name].copy()
        for name in ("system", "tools")
        if name in found and bytes(found[name])[:1] == b"["
    }
    if "cache_control" not in found and b'"cache_control"' in bytes(found["messages"]):
        kept["cache_control"] = _mark(found["messages"])
    return kept


def _mark(messages: msgspec.Raw) -> msgspec.Raw:
    """The last there is."""
    plain = msgspec.Raw(b'{"type":"ephemeral"}')
    for said in reversed(typed(messages, list[_Said], "messages")):
        for raw in () if isinstance(said.content, str) else reversed(said.content):
            if bytes(mark := typed(raw, _Marked, "messages").cache_control) != bytes(NULL):
                return mark.copy()
    return plain


def _system(content: str | list[_Words] | None) -> list[Message]:
    if content is None:
        return []
    if isinstance(content, str):
        return [Message(role=Role.SYSTEM, content=(Text(text=content),))] if content else []
    parts = tuple(Text(text=block.text) for block in content if block.text)
    return [Message(role=Role.SYSTEM, content=parts)] if parts else []


def _read(place: int, raw: msgspec.Raw) -> list[Message]:
    where = f"messages[{place}]"
    return _messages(typed(raw, _Said, where), f"{where}.content")


def _messages(said: _Said, where: str) -> list[Message]:
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


def _tools(raws: list[msgspec.Raw]) -> tuple[ToolSpec, ...]:
    """A tool of the provider's own has no schema; it is counted by what it says."""
    specs = []
    for n, raw in enumerate(raws):
        tool = typed(raw, _Tool, f"tools[{n}]")
        schema = tool.input_schema if bytes(tool.input_schema) else raw
        specs.append(
            ToolSpec(name=tool.name, description=tool.description or "", schema=schema.copy())
        )
    return tuple(specs)
