"""OpenAI's Responses: how a request is understood.  Satisfies Dialect; items.py says the answers.

What a model wrote in one go comes back as several items, and is one message again here.  A tool of
a kind that the provider would run itself is left out: here nobody does.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.events import Thought
from logos.abi.ids import CallId
from logos.abi.messages import (
    AnyPart,
    Message,
    Options,
    Role,
    Text,
    ToolCall,
    ToolResult,
    ToolSpec,
)
from logos.gateway.chat import ROLES, parts, split_system
from logos.gateway.dialect import (
    Answering,
    Resolve,
    Understood,
    encode,
    fields,
    optional,
    required,
    typed,
)
from logos.gateway.faults import openai_error
from logos.gateway.items import ResponsesVoice, response
from logos.gateway.translate import chat_extra, json_schema

ECHOED = (
    "instructions",
    "max_output_tokens",
    "metadata",
    "parallel_tool_calls",
    "previous_response_id",
    "conversation",
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

SAME = ("parallel_tool_calls", "top_p", "service_tier", "prompt_cache_key", "user")
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


class _Item(msgspec.Struct):
    type: str = "message"
    role: str = "user"
    content: str | list[msgspec.Raw] | None = None
    id: str | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    input: str = ""
    output: str | list[msgspec.Raw] | None = None


class _Tool(msgspec.Struct):
    type: str = "function"
    name: str = ""
    description: str | None = None
    parameters: dict[str, Any] | None = None
    tools: list["_Tool"] = []


class Responses:
    name = "responses"

    def understand(self, body: bytes, resolve: Resolve) -> Understood:
        found = fields(body)
        model = required(found, "model", str)
        upstream = resolve(model)
        said: list[Message] = []
        if instructions := optional(found, "instructions", str):
            said.append(Message(role=Role.SYSTEM, content=(Text(text=instructions),)))
        said += said_in(found.get("input"))
        system, messages = split_system(said)
        tools = _flat(optional(found, "tools", list[_Tool]) or [])
        options = Options(
            model=upstream.name,
            system=system,
            tools=tuple(spec for spec, _ in tools),
            max_output=optional(found, "max_output_tokens", int),
            temperature=optional(found, "temperature", float),
            extra=chat_extra(_extra(found), upstream.dialect),
        )
        given: dict[str, Any] = {k: found[k].copy() for k in ECHOED if k in found}
        given["_kinds"] = {spec.name: tool for spec, tool in tools}
        return Understood(
            model=model,
            messages=messages,
            options=options,
            stream=bool(optional(found, "stream", bool)),
            given=given,
        )

    def whole(self, answering: Answering, thought: Thought) -> bytes:
        return encode(response(answering, thought))

    def voice(self, answering: Answering, *, usage: bool) -> ResponsesVoice:
        del usage  # always told
        return ResponsesVoice(answering)

    def error(self, error: SysError, request: str) -> bytes:
        return openai_error(error, request)

    def answer_id(self, pid: int, seq: int) -> str:
        return f"resp_{pid}_{seq}"


def said_in(raw: msgspec.Raw | None) -> list[Message]:
    """The messages of an `input`."""
    if raw is None or bytes(raw) == b"null":
        return []
    if bytes(raw)[:1] == b'"':
        return [Message(role=Role.USER, content=(Text(text=typed(raw, str, "input")),))]
    found: list[Message] = []
    for item in typed(raw, list[_Item], "input"):
        message = _message(item)
        if message is None:
            continue
        if found and found[-1].role is message.role is Role.ASSISTANT:
            together = (*found.pop().content, *message.content)
            message = Message(role=Role.ASSISTANT, content=together)
        found.append(message)
    return found


def _message(item: _Item) -> Message | None:
    content: tuple[AnyPart, ...]
    match item.type:
        case "message":
            role = ROLES.get(item.role)
            if role is None:
                raise SysError(Code.INVALID, f"input: there is no role {item.role!r}")
            return Message(role=role, content=tuple(parts(item.content)))
        case "function_call":
            call = ToolCall(id=CallId(item.call_id), name=item.name, arguments=item.arguments)
            return Message(role=Role.ASSISTANT, content=(call,))
        case "custom_tool_call":
            arguments = encode({"input": item.input}).decode()
            call = ToolCall(id=CallId(item.call_id), name=item.name, arguments=arguments)
            return Message(role=Role.ASSISTANT, content=(call,))
        case "function_call_output" | "custom_tool_call_output":
            pieces = parts(item.output)
            text = "".join(part.text for part in pieces if isinstance(part, Text))
            rest = tuple(part for part in pieces if not isinstance(part, Text))
            content = (ToolResult(id=CallId(item.call_id), content=text), *rest)
            return Message(role=Role.TOOL, content=content)
        case _:
            return None  # reasoning, references: the journal has what was thought


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


def _extra(found: Mapping[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    """In the words of Chat Completions."""
    extra = {name: found[name].copy() for name in SAME if name in found}
    if text := optional(found, "text", dict[str, Any]):
        wanted = text.get("format") or {}
        if wanted.get("type") == "json_schema":
            schema = json_schema(
                wanted.get("name") or "answer",
                wanted.get("schema"),
                strict=bool(wanted.get("strict")),
            )
            extra["response_format"] = msgspec.Raw(encode(schema))
        elif wanted.get("type") == "json_object":
            extra["response_format"] = msgspec.Raw(encode(wanted))
        if verbosity := text.get("verbosity"):
            extra["verbosity"] = msgspec.Raw(encode(verbosity))
    effort = (optional(found, "reasoning", dict[str, Any]) or {}).get("effort")
    if effort:
        extra["reasoning_effort"] = msgspec.Raw(encode(effort))
    choice: Any = typed(found.get("tool_choice", b"null"), Any, "tool_choice")
    if isinstance(choice, dict) and choice.get("name"):
        choice = {"type": "function", "function": {"name": choice["name"]}}
    if isinstance(choice, str) or (isinstance(choice, dict) and "function" in choice):
        extra["tool_choice"] = msgspec.Raw(encode(choice))
    return {name: raw for name, raw in extra.items() if bytes(raw) != b"null"}
