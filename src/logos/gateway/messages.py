"""Anthropic's Messages.  Satisfies Dialect."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from logos.abi.errors import SysError
from logos.abi.events import Thought
from logos.abi.messages import (
    AnyPart,
    Finish,
    Opaque,
    Options,
    Text,
    ToolCall,
    Usage,
)
from logos.gateway.blocks import PROVIDER, Tool, Turn, Words, instructions, last_mark, read, tools
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
    rest,
    typed,
    uncached,
    whole,
)
from logos.gateway.faults import anthropic_error, anthropic_status
from logos.gateway.translate import messages_extra
from logos.gateway.voice import MessagesVoice, thinking, thinks

STOPS = {
    Finish.STOP: "end_turn",
    Finish.CALLS: "tool_use",
    Finish.LENGTH: "max_tokens",
    Finish.REFUSED: "refusal",
    Finish.PAUSED: "pause_turn",
}

_AUTHENTIC = ("enabled", "adaptive")
"""As the type of `thinking`: the client wants to see it."""


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


class _Metadata(msgspec.Struct):
    user_id: str | None = None


class _Fields(msgspec.Struct, kw_only=True):
    model: str
    system: str | list[Words] | None = None
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

    messages: Annotated[list[Turn], Meta(min_length=1)]


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
        system, said = instructed(instructions(asked.system), asked.messages, read)
        extra = messages_extra(rest(found, KNOWN), upstream.dialect)
        if upstream.dialect == PROVIDER:
            extra |= _as_written(found)
        options = Options(
            model=upstream.name,
            system=system,
            tools=tools(asked.tools or []),
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
            cited = [s.raw for s in part.sources if s.provider == PROVIDER]
            return {"type": "text", "text": text} | ({"citations": cited} if cited else {})
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


def _as_written(found: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    """Instructions and tools with their marks.  A mark inside the conversation says: keep all of it so
    far; the same said in front holds, whatever of the conversation is in the window."""
    kept: dict[str, msgspec.Raw] = {
        name: found[name].copy()
        for name in ("system", "tools")
        if name in found and bytes(found[name])[:1] == b"["
    }
    if "cache_control" not in found and b'"cache_control"' in bytes(found["messages"]):
        kept["cache_control"] = last_mark(found["messages"])
    return kept
