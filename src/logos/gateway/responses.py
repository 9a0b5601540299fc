"""OpenAI's Responses: decoding requests.  Satisfies Dialect; items.py encodes the answers.

One message of a model comes back as several items, and becomes one message again here.  Tools that
the provider would run itself are left out, since nobody runs them here.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from logos.abi.errors import SysError
from logos.abi.events import Thought
from logos.abi.ids import CallId
from logos.abi.messages import (
    AnyPart,
    Message,
    Opaque,
    Options,
    Role,
    Text,
    ToolCall,
    ToolResult,
    ToolSpec,
)
from logos.gateway.chat import ROLES, parts, split_system
from logos.gateway.dialect import (
    BODY,
    Answering,
    Count,
    Json,
    Resolve,
    Understood,
    encode,
    fields,
    opaque,
    refuse,
    typed,
    whole,
)
from logos.gateway.events import ResponsesVoice
from logos.gateway.faults import Refused, openai_error, openai_status
from logos.gateway.items import response
from logos.gateway.prefix import Said
from logos.gateway.shapes import Piece
from logos.gateway.translate import chat_extra, json_schema

ECHOED = (
    "instructions",
    "max_output_tokens",
    "metadata",
    "parallel_tool_calls",
    "previous_response_id",
    "conversation",
    "background",
    "reasoning",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
    "truncation",
)
"""Fields of a request that its answer repeats."""

SAME = (
    "parallel_tool_calls",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "top_p",
    "user",
)
"""Fields that Chat Completions have as well."""

FREE = msgspec.Raw(
    encode(
        {
            "type": "object",
            "properties": {"input": {"type": "string"}},
            "required": ["input"],
        }
    )
)
"""The arguments of a tool that takes any text."""


class Item(msgspec.Struct):
    type: str = "message"
    role: Literal["system", "developer", "user", "assistant", "tool", "function"] = "user"
    content: str | list[Piece] | None = None
    id: str | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    input: str = ""
    output: str | list[Piece] | None = None
    encrypted_content: str | None = None


class _Tool(msgspec.Struct):
    type: str = "function"
    name: str = ""
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    tools: list["_Tool"] = []


class _Format(msgspec.Struct):
    type: str = "text"
    name: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class _Text(msgspec.Struct):
    format: _Format | None = None
    verbosity: str | None = None


class _Reasoning(msgspec.Struct):
    effort: str | None = None


class _Choice(msgspec.Struct):
    type: str = ""
    name: str | None = None


class _Conversation(msgspec.Struct):
    id: str


class ResponsesRequest(msgspec.Struct):
    """What is looked at."""

    model: str
    input: str | list[Item] | None = None
    instructions: str | None = None
    stream: bool | None = None
    tools: list[_Tool] | None = None
    max_output_tokens: Count | None = None
    temperature: float | None = None
    tool_choice: str | _Choice | None = None
    text: _Text | None = None
    reasoning: _Reasoning | None = None
    previous_response_id: str | None = None
    conversation: str | _Conversation | None = None
    background: bool | None = None


COMPACTED, REFERS = "_compacted", "_refers"
"""What an answer does not repeat: what this request goes on with, and whether it names items by
their ids."""

REFERENCE = "logos.item"
"""Whose a part is that stands for the item with that id."""

REFUSED = {
    "top_logprobs": "the probabilities of tokens are not passed on",
    "prompt": "prompts are not kept here",
}


class Responses:
    name = "responses"
    request = ResponsesRequest

    def understand(self, body: bytes, resolve: Resolve) -> Understood:
        found = fields(body)
        asked = typed(body, ResponsesRequest, BODY)
        refuse(found, REFUSED)
        if b'"message.output_text.logprobs"' in bytes(found.get("include", b"")):
            raise Refused(f"include: {REFUSED['top_logprobs']}", "include", "unsupported_value")
        model = asked.model
        upstream = resolve(model)
        said: list[Message] = []
        if asked.instructions:
            said.append(Message(role=Role.SYSTEM, content=(Text(text=asked.instructions),)))
        earlier, fresh = _parted(asked.input)
        said += messages_of(fresh)
        system, messages = split_system(said)
        tools = _flat(asked.tools or [])
        options = Options(
            model=upstream.name,
            system=system,
            tools=tuple(spec for spec, _ in tools),
            max_output=whole(asked.max_output_tokens),
            temperature=asked.temperature,
            extra=chat_extra(_extra(found, asked), upstream.dialect),
        )
        if upstream.dialect == "openai" and (strict := _strict(asked.tools or [], options.tools)):
            options.extra["tools"] = strict
        given: dict[str, Any] = {k: found[k].copy() for k in ECHOED if k in found}
        given["_kinds"] = {spec.name: tool for spec, tool in tools}
        given[COMPACTED] = earlier
        given[REFERS] = any(map(_refers, messages))
        return Understood(
            model=model,
            said=Said.of(messages),
            options=options,
            stream=bool(asked.stream),
            background=bool(asked.background),
            speaks=upstream.dialect,
            given=given,
        )

    def whole(self, answering: Answering, thought: Thought) -> bytes:
        return encode(response(answering, thought))

    def voice(self, answering: Answering, *, usage: bool) -> ResponsesVoice:
        del usage  # always told
        return ResponsesVoice(answering)

    def error(self, error: SysError, request: str) -> bytes:
        return openai_error(error, request)

    def status(self, error: SysError) -> int:
        return openai_status(error)

    def answer_id(self, pid: int, seq: int) -> str:
        return f"resp_{pid}_{seq}"


def messages_of(said: str | list[Item] | None, where: str = "input") -> list[Message]:
    """The messages of an `input`, or of what is at another path."""
    if isinstance(said, str):
        return [Message(role=Role.USER, content=(Text(text=said),))]
    found: list[Message] = []
    for n, item in enumerate(said or ()):
        message = _message(item, f"{where}[{n}]")
        if message is not None:
            found.append(message)
    return joined(found)


def joined(messages: Iterable[Message]) -> list[Message]:
    """What a model wrote in one go as one message."""
    found: list[Message] = []
    for message in messages:
        alike = bool(found) and found[-1].role is message.role is Role.ASSISTANT
        if alike and not (_refers(found[-1]) or _refers(message)):
            together = (*found.pop().content, *message.content)
            found.append(Message(role=Role.ASSISTANT, content=together))
        else:
            found.append(message)
    return found


def _refers(message: Message) -> bool:
    """A reference is a message of its own, until it is known to what."""
    return any(isinstance(p, Opaque) and p.provider == REFERENCE for p in message.content)


def _parted(said: str | list[Item] | None) -> tuple[str, str | list[Item] | None]:
    """What was compacted last, and what follows it: it has all that is before it."""
    if isinstance(said, list):
        for n in range(len(said) - 1, -1, -1):
            if said[n].type == "compaction":
                return said[n].encrypted_content or "", said[n + 1 :]
    return "", said


def _message(item: Item, where: str) -> Message | None:
    content: tuple[AnyPart, ...]
    said = parts(item.content, f"{where}.content")  # refused where they are none
    output = parts(item.output, f"{where}.output")
    match item.type:
        case "message":
            return Message(role=ROLES[item.role], content=tuple(said))
        case "function_call":
            call = ToolCall(id=CallId(item.call_id), name=item.name, arguments=item.arguments)
            return Message(role=Role.ASSISTANT, content=(call,))
        case "custom_tool_call":
            arguments = encode({"input": item.input}).decode()
            call = ToolCall(id=CallId(item.call_id), name=item.name, arguments=arguments)
            return Message(role=Role.ASSISTANT, content=(call,))
        case "function_call_output" | "custom_tool_call_output":
            text = "".join(part.text for part in output if isinstance(part, Text))
            rest = tuple(part for part in output if not isinstance(part, Text))
            content = (ToolResult(id=CallId(item.call_id), content=text), *rest)
            return Message(role=Role.TOOL, content=content)
        case "item_reference":
            reference = opaque(REFERENCE, msgspec.Raw(encode(item.id or "")))
            return Message(role=Role.ASSISTANT, content=(reference,))
        case _:
            return None  # reasoning: the journal has what was thought


def _flat(tools: list[_Tool], space: str = "") -> list[tuple[ToolSpec, tuple[str, str]]]:
    """Each tool that the client runs, with its kind and its name space."""
    found: list[tuple[ToolSpec, tuple[str, str]]] = []
    for tool in tools:
        if tool.type == "namespace":
            found += _flat(tool.tools, tool.name)
        elif tool.type in ("function", "custom"):
            schema = FREE
            if tool.type == "function":
                schema = msgspec.Raw(encode(tool.parameters or {"type": "object"}))
            spec = ToolSpec(name=tool.name, description=tool.description or "", schema=schema)
            found.append((spec, (tool.type, space)))
    return found


def _strict(tools: list[_Tool], specs: tuple[ToolSpec, ...]) -> msgspec.Raw | None:
    """The tools in the words of Chat Completions, where one of them says whether it is strict."""
    said = {tool.name: tool.strict for tool in _every(tools) if tool.strict is not None}
    if not said:
        return None
    shown: list[Json] = []
    for spec in specs:
        function: Json = {"name": spec.name, "description": spec.description}
        function |= {"parameters": spec.schema}
        function |= {"strict": said[spec.name]} if spec.name in said else {}
        shown.append({"type": "function", "function": function})
    return msgspec.Raw(encode(shown))


def _every(tools: list[_Tool]) -> list[_Tool]:
    return [one for tool in tools for one in (tool, *_every(tool.tools))]


def _extra(found: Mapping[str, msgspec.Raw], asked: ResponsesRequest) -> dict[str, msgspec.Raw]:
    """In the words of Chat Completions."""
    extra = {name: found[name].copy() for name in SAME if name in found}
    text = asked.text or _Text()
    if text.format and text.format.type == "json_schema":
        wanted = text.format
        schema = json_schema(wanted.name or "answer", wanted.schema, strict=bool(wanted.strict))
        extra["response_format"] = msgspec.Raw(encode(schema))
    elif text.format and text.format.type == "json_object":
        extra["response_format"] = msgspec.Raw(b'{"type":"json_object"}')
    if text.verbosity:
        extra["verbosity"] = msgspec.Raw(encode(text.verbosity))
    if asked.reasoning and asked.reasoning.effort:
        extra["reasoning_effort"] = msgspec.Raw(encode(asked.reasoning.effort))
    choice: Any = asked.tool_choice
    if isinstance(choice, _Choice):
        choice = {"type": "function", "function": {"name": choice.name}} if choice.name else None
    if choice:
        extra["tool_choice"] = msgspec.Raw(encode(choice))
    return {name: raw for name, raw in extra.items() if bytes(raw) != b"null"}
