"""What a tool of an MCP server returned -> the value of the call.

    offers_of(listed)       what tools/list says -> offers
    value_of(result)        what tools/call says -> JSON; raise `tool` when it failed

A result is its structured content where it has any, else its text.  What is neither text nor
JSON is named, not shown.

Invariant: a tool with a name that could mislead is not offered.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.tools import Hints, Offer, visible

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


class _Annotations(msgspec.Struct, frozen=True, rename="camel"):
    title: str = ""
    read_only_hint: bool | None = None
    destructive_hint: bool | None = None
    idempotent_hint: bool | None = None
    open_world_hint: bool | None = None


class _Execution(msgspec.Struct, frozen=True, rename="camel"):
    task_support: str = "forbidden"


class _Tool(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    description: str | None = ""
    input_schema: msgspec.Raw = msgspec.Raw(b'{"type":"object"}')
    output_schema: msgspec.Raw = msgspec.Raw(b"null")
    annotations: _Annotations | None = None
    execution: _Execution | None = None

    @property
    def tasked(self) -> bool:
        """It can be called as a task only."""
        return self.execution is not None and self.execution.task_support == "required"


class Listed(msgspec.Struct, frozen=True, rename="camel"):
    tools: tuple[_Tool, ...] = ()
    next_cursor: str | None = None


class _Block(msgspec.Struct, frozen=True, rename="camel"):
    type: str = ""
    text: str = ""
    uri: str = ""
    name: str = ""
    mime_type: str = ""
    data: str = ""
    resource: Mapping[str, Any] = {}


class _Task(msgspec.Struct, frozen=True, rename="camel"):
    task_id: str = ""


class Result(msgspec.Struct, frozen=True, rename="camel"):
    """`result_type`: complete, task, or what the server wants to know first.  Of a task, the first
    eras speak in `task`."""

    content: tuple[_Block, ...] = ()
    structured_content: msgspec.Raw = msgspec.Raw(b"")
    is_error: bool | None = None
    result_type: str = "complete"
    task_id: str = ""
    task: _Task | None = None
    input_requests: Mapping[str, msgspec.Raw] | None = None
    request_state: str | None = None

    @property
    def ticket(self) -> str:
        """Of the task that the call has become."""
        if self.task is not None:
            return self.task.task_id
        return self.task_id if self.result_type == "task" else ""


def offers_of(tools: Sequence[_Tool]) -> tuple[Offer, ...]:
    """Sorted by name.  Raise `invalid` when two have the same, or one has none that can be."""
    found: dict[str, Offer] = {}
    for tool in tools:
        if not NAME.fullmatch(tool.name):
            raise SysError(Code.INVALID, f"the server offers {tool.name!r}, which is not a name")
        if tool.name in found:
            raise SysError(Code.CONFLICT, f"the server offers {tool.name} twice")
        found[tool.name] = _offer(tool)
    return tuple(found[name] for name in sorted(found))


def _offer(tool: _Tool) -> Offer:
    said = tool.annotations or _Annotations()
    return Offer(
        name=tool.name,
        description=visible(tool.description or ""),
        schema=_canonical(tool.input_schema),
        output=_canonical(tool.output_schema),
        hints=Hints(
            read_only=said.read_only_hint,
            destructive=said.destructive_hint,
            idempotent=said.idempotent_hint,
            open_world=said.open_world_hint,
        ),
    )


def _canonical(schema: msgspec.Raw) -> msgspec.Raw:
    """The same schema gives the same bytes, in whatever order a server writes it."""
    return msgspec.Raw(
        msgspec.json.encode(msgspec.json.decode(schema), order="deterministic")
    ).copy()


def value_of(result: Result, tool: str) -> msgspec.Raw:
    text = "\n".join(filter(None, map(_shown, result.content)))
    if result.is_error:
        raise SysError(Code.TOOL, text or f"{tool} failed and does not say why")
    structured = bytes(result.structured_content)
    if structured and structured != b"null":
        wrapped = msgspec.json.decode(structured)
        if isinstance(wrapped, dict) and wrapped.keys() == {"result"}:
            return msgspec.Raw(msgspec.json.encode(wrapped["result"]))
        return msgspec.Raw(structured)
    return msgspec.Raw(msgspec.json.encode(text))


def _shown(block: _Block) -> str:
    match block.type:
        case "text":
            return block.text
        case "image" | "audio":
            return f"[{block.type}: {block.mime_type}, {len(block.data) * 3 // 4} bytes]"
        case "resource_link":
            return f"[resource {block.name or ''} {block.uri}]"
        case "resource":
            inner = block.resource
            return str(inner.get("text") or f"[resource {inner.get('uri', '')}]")
        case _:
            return f"[{block.type}]"
