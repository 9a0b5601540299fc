"""Anthropic Messages, also spoken by other providers' compatible endpoints.

    Messages        encodes requests
    MessagesAnswer  events -> deltas

Blocks that are neither text nor a call (thinking and its signature, a server's own tools)
are kept as Opaque and given back in front of what was said, unchanged: altered thinking is
refused.  One cache mark stands on the last block that stays the same for the whole run:
the end of the system prompt, which the tools come before.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from logos.abi.messages import (
    AnyDelta,
    AnyPart,
    CallDelta,
    Finish,
    Image,
    Message,
    Opaque,
    OpaqueDelta,
    ReasonDelta,
    Request,
    Role,
    SourceDelta,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)
from logos.drivers.model.endpoint import Endpoint
from logos.drivers.model.hosted import Trouble, joined

PROVIDER = "anthropic"

VERSION = "2023-06-01"
"""The version that compatible endpoints know too.  An endpoint's `headers` may overrule it."""

_REASONS = {
    "tool_use": Finish.CALLS,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "refusal": Finish.REFUSED,
    "pause_turn": Finish.PAUSED,
}

NULL = msgspec.Raw(b"null")

_CACHE = {"type": "ephemeral"}


class _Spent(msgspec.Struct, gc=False):
    thinking_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: _Spent | None = None

    def over(self, old: "_Usage") -> "_Usage":
        """Counts are totals so far; what is not said again stays."""
        return _Usage(
            *(
                getattr(old, name) if getattr(self, name) is None else getattr(self, name)
                for name in self.__struct_fields__
            )
        )

    def usage(self) -> Usage:
        read, written = self.cache_read_input_tokens or 0, self.cache_creation_input_tokens or 0
        return Usage(
            input=(self.input_tokens or 0) + read + written,
            output=self.output_tokens or 0,
            cached=read,
            written=written,
            reasoning=(self.output_tokens_details or _Spent()).thinking_tokens or 0,
        )


class _Delta(msgspec.Struct, gc=False):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    citation: msgspec.Raw = NULL
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Message(msgspec.Struct):
    content: list[msgspec.Raw] | None = None
    usage: _Usage | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Event(_Message):
    type: str = ""
    index: int = 0
    message: _Message | None = None
    content_block: msgspec.Raw = msgspec.Raw(b"{}")
    delta: _Delta | None = None
    error: msgspec.Raw = msgspec.Raw(b"{}")


class _Block(msgspec.Struct):
    type: str = ""
    id: str = ""
    name: str = ""
    text: str = ""
    citations: list[msgspec.Raw] | None = None
    input: msgspec.Raw = msgspec.Raw(b"{}")


_decoder = msgspec.json.Decoder(_Event)
_blocks = msgspec.json.Decoder(_Block)
_encoder = msgspec.json.Encoder()


class _Kept:
    """An opaque block while it is being sent in pieces."""

    def __init__(self, raw: msgspec.Raw) -> None:
        self.start = bytes(raw)
        self.pieces: dict[str, list[str]] = {}

    def add(self, name: str, text: str) -> None:
        if text:
            self.pieces.setdefault(name, []).append(text)

    def whole(self) -> OpaqueDelta:
        if not self.pieces:
            return _opaque(self.start)
        fields: dict[str, Any] = msgspec.json.decode(self.start, type=dict[str, msgspec.Raw])
        for name, texts in self.pieces.items():
            joined_up = "".join(texts)
            fields[name] = msgspec.Raw(joined_up.encode()) if name == "input" else joined_up
        return _opaque(_encoder.encode(fields))


def _opaque(raw: bytes) -> OpaqueDelta:
    return OpaqueDelta(content=Opaque(provider=PROVIDER, raw=msgspec.Raw(raw)))


class MessagesAnswer:
    """Satisfies Assembly."""

    def __init__(self) -> None:
        self.reason: Finish | None = None
        self.usage: Usage | None = None
        self.size = 0
        self.done = False
        self.taken = False
        self.stop = ""
        self._counts = _Usage()
        self._text: list[str] = []
        self._aloud: list[str] = []
        self._out: list[AnyDelta] = []
        self._calls: dict[int, int] = {}  # a block's index -> the call's
        self._kept: dict[int, _Kept] = {}

    def feed(self, payload: bytes) -> None:
        event = _decoder.decode(payload)
        match event.type:
            case "content_block_delta" if event.delta:
                self._more(event.index, event.delta)
            case "content_block_start":
                self._begin(event.index, event.content_block)
            case "content_block_stop":
                self._end(event.index)
            case "message_start" if event.message:
                self._count(event.message.usage)
            case "message_delta":
                self._count(event.usage)
                said = event.delta or _Delta()
                self._stop(said.stop_reason, said.stop_sequence)
            case "message_stop":
                self.done = True
            case "message":
                self._whole(event)
            case "error":
                raise Trouble(bytes(event.error))
            case _:
                pass  # ping, and what is not invented yet

    def _whole(self, message: _Message) -> None:
        for index, raw in enumerate(message.content or ()):
            self._begin(index, raw, whole=True)
            self._end(index)
        self._count(message.usage)
        self._stop(message.stop_reason, message.stop_sequence)

    def _begin(self, index: int, raw: msgspec.Raw, *, whole: bool = False) -> None:
        block = _blocks.decode(raw)
        match block.type:
            case "text":
                self._say(block.text)
                for citation in block.citations or ():
                    self._cite(citation)
            case "tool_use":
                self._flush()
                call = self._calls[index] = len(self._calls)
                arguments = bytes(block.input).decode() if whole else ""
                self.size += len(arguments)
                self._out.append(
                    CallDelta(index=call, id=block.id, name=block.name, arguments=arguments)
                )
            case _:
                self._kept[index] = _Kept(raw)

    def _more(self, index: int, delta: _Delta) -> None:
        if delta.type == "text_delta":
            self._say(delta.text)
        elif delta.type == "citations_delta":
            self._cite(delta.citation)
        elif index in self._calls:
            self.size += len(delta.partial_json)
            self._out.append(CallDelta(index=self._calls[index], arguments=delta.partial_json))
        elif index in self._kept:
            kept = self._kept[index]
            kept.add("thinking", delta.thinking)
            kept.add("signature", delta.signature)
            kept.add("input", delta.partial_json)
            if delta.thinking:
                joined(self._out, self._text, [])
                self._aloud.append(delta.thinking)
            self.size += len(delta.thinking)

    def _end(self, index: int) -> None:
        if index in self._kept:
            self._flush()
            self._out.append(self._kept.pop(index).whole())

    def _say(self, text: str) -> None:
        if text:
            self._text.append(text)
            self.size += len(text)

    def _cite(self, citation: msgspec.Raw) -> None:
        self._flush()
        source = Opaque(provider=PROVIDER, raw=citation.copy())
        self._out.append(SourceDelta(content=source))

    def _count(self, counts: _Usage | None) -> None:
        if counts:
            self._counts = counts.over(self._counts)
            self.usage = self._counts.usage()

    def _stop(self, reason: str | None, sequence: str | None) -> None:
        if reason:
            self.reason, self.stop = _REASONS.get(reason, Finish.STOP), sequence or ""

    def _flush(self) -> None:
        joined(self._out, self._text, self._aloud)

    def take(self) -> list[AnyDelta]:
        self._flush()
        out, self._out = self._out, []
        self.taken = self.taken or not all(isinstance(delta, ReasonDelta) for delta in out)
        return out

    def last(self) -> list[AnyDelta]:
        return []


class Messages:
    """Satisfies Dialect."""

    path = "/v1/messages"

    def __init__(self, endpoint: Endpoint) -> None:
        self._model = endpoint.model

    def headers(self, endpoint: Endpoint) -> Mapping[str, str]:
        key = {"x-api-key": endpoint.key} if endpoint.key else {}
        return {"anthropic-version": VERSION} | key

    def assembly(self) -> MessagesAnswer:
        return MessagesAnswer()

    def body(self, request: Request, *, stream: bool) -> bytes:
        tools: list[dict[str, Any]] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.schema}
            for tool in request.tools
        ]
        system, rest = _parted(request.messages)
        fields: dict[str, Any] = {"model": self._model, "max_tokens": request.max_output}
        if tools:
            fields["tools"] = tools
        if system:
            fields["system"] = [{"type": "text", "text": text} for text in system]
        stable: list[dict[str, Any]] = fields.get("system", tools)
        if stable:
            stable[-1]["cache_control"] = _CACHE
        fields["messages"] = _turns(rest)
        if request.temperature is not None:
            fields["temperature"] = request.temperature
        if request.stop:
            fields["stop_sequences"] = request.stop
        if stream:
            fields["stream"] = True
        return _encoder.encode(fields | request.extra)


def _parted(messages: tuple[Message, ...]) -> tuple[list[str], tuple[Message, ...]]:
    """The system messages at the front, and the rest."""
    for at, message in enumerate(messages):
        if message.role is not Role.SYSTEM:
            return [m.text for m in messages[:at] if m.text], messages[at:]
    return [m.text for m in messages if m.text], ()


def _turns(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Turns alternate, none is empty, and answers of tools open the turn after the calls."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message.role is Role.ASSISTANT else "user"
        blocks = _turn(message)
        if not blocks:
            continue
        if not turns or turns[-1]["role"] != role:
            turns.append({"role": role, "content": blocks})
        else:
            turns[-1]["content"] += blocks
    for turn in turns:
        turn["content"].sort(key=_rank)
    return turns


def _turn(message: Message) -> list[Any]:
    """What follows a tool's answer in its message belongs to it."""
    blocks: list[Any] = []
    for part in message.content:
        if (block := _block(part)) is None:
            continue
        last = blocks[-1] if blocks else None
        if message.role is not Role.TOOL or isinstance(part, ToolResult) or last is None:
            blocks.append(block)
        elif not isinstance(part, Opaque):
            last["content"] = [*_listed(last["content"]), block]
        elif isinstance(last["content"], str):  # it is as the client sent it, words and all
            last["content"] = [block]
        else:
            last["content"].append(block)
    return blocks


def _listed(content: Any) -> list[Any]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content.strip() else []


def _rank(block: Any) -> bool:
    """False sorts first, and the sort keeps the order of equals."""
    return not (isinstance(block, dict) and block["type"] == "tool_result")


def _block(part: AnyPart) -> Any:
    match part:
        case Text():
            return {"type": "text", "text": part.text} if part.text.strip() else None
        case Image(url=""):
            source = {"type": "base64", "media_type": part.media_type, "data": part.data}
            return {"type": "image", "source": source}
        case Image():
            return {"type": "image", "source": {"type": "url", "url": part.url}}
        case ToolCall():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": _input(part)}
        case ToolResult():
            answer = {"type": "tool_result", "tool_use_id": part.id, "content": part.content}
            return answer | ({"is_error": True} if part.error else {})
        case Opaque():
            return part.raw if part.provider == PROVIDER else None


def _input(call: ToolCall) -> Any:
    """The arguments as the object this API insists on; what is not one goes inside one."""
    text = call.arguments.strip() or "{}"
    try:
        if isinstance(msgspec.json.decode(text), dict):
            return msgspec.Raw(text.encode())
    except msgspec.DecodeError:
        pass
    return {"not_json": call.arguments}
