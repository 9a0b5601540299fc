"""Chat Completions, the dialect of OpenAI, vLLM, SGLang, llama.cpp, Ollama and OpenRouter.

    Chat        encodes requests
    Chunk       one event, or a whole answer, as far as we read it
    ChatAnswer  chunks -> deltas

Lenient in what it reads: servers leave out indices, give every parallel call index 0, send
arguments as objects, forget usage or [DONE].  Unknown fields are skipped unparsed.  Reasoning is
told as it comes.  That of a thought that ended with calls is kept, too, and given back under the
name it came with: models that reason between calls need it, and templates drop it elsewhere.
"""

from collections.abc import Mapping
from itertools import chain
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
    TextDelta,
    ToolCall,
    ToolResult,
    Usage,
)
from logos.drivers.model.endpoint import Endpoint
from logos.drivers.model.hosted import DONE, Trouble, joined
from logos.drivers.model.kept import Kept

DIALECT = "openai"

OPENAI_HOST = "api.openai.com"

FIELDS = "openai.fields"
"""Whose an Opaque is that has fields of its message, whichever model of this dialect it is for."""

_REASONS = {
    "stop": Finish.STOP,
    "tool_calls": Finish.CALLS,
    "function_call": Finish.CALLS,
    "length": Finish.LENGTH,
    "content_filter": Finish.REFUSED,
}


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Piece(msgspec.Struct, gc=False):
    type: str = ""
    text: str = ""


class _Said(msgspec.Struct):
    content: str | list[_Piece] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[msgspec.Raw] | None = None
    annotations: list[msgspec.Raw] | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Said | None = None
    message: _Said | None = None
    finish_reason: str | None = None
    stop_reason: str | int | None = None  # a sequence, with vLLM and SGLang


class _Details(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _Spent(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Spent | None = None
    prompt_cache_hit_tokens: int | None = None

    def usage(self) -> Usage:
        details = self.prompt_tokens_details or _Details()
        spent = self.completion_tokens_details or _Spent()
        return Usage(
            input=self.prompt_tokens or 0,
            output=self.completion_tokens or 0,
            cached=details.cached_tokens or self.prompt_cache_hit_tokens or 0,
            written=details.cache_write_tokens or 0,
            reasoning=spent.reasoning_tokens or 0,
        )


class Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: msgspec.Raw = msgspec.Raw(b"null")


_decoder = msgspec.json.Decoder(Chunk)
_encoder = msgspec.json.Encoder()


class ChatAnswer:
    """Satisfies Assembly."""

    def __init__(self, provider: str) -> None:
        self.reason: Finish | None = None
        self.usage: Usage | None = None
        self.size = 0
        self.done = False
        self.taken = False
        self.stop = ""
        self._provider = provider
        self._text: list[str] = []
        self._aloud: list[str] = []
        self._out: list[AnyDelta] = []
        self._ids: list[str] = []  # of the calls so far
        self._at: dict[int, int] = {}  # the server's index -> ours
        self._reasoning: dict[str, list[str]] = {}
        self._details: list[msgspec.Raw] = []

    def feed(self, payload: bytes) -> None:
        if payload == DONE:
            self.done = True
            if self.reason is None and self.size:
                self.reason = Finish.CALLS if self._ids else Finish.STOP
            return
        self.take_in(_decoder.decode(payload))

    def take_in(self, chunk: Chunk) -> None:
        if bytes(chunk.error) != b"null":
            raise Trouble(bytes(chunk.error))
        if chunk.usage:
            self.usage = chunk.usage.usage()
        for choice in chunk.choices or ():
            if choice.index:
                continue
            if said := choice.delta or choice.message:
                self._hear(said)
            if choice.finish_reason:
                self.reason = self._why(choice.finish_reason)
                self.stop = choice.stop_reason if isinstance(choice.stop_reason, str) else ""
            elif choice.message:
                self.reason = self._why("stop")

    def _why(self, said: str) -> Finish:
        reason = _REASONS.get(said, Finish.STOP)
        return Finish.CALLS if reason is Finish.STOP and self._ids else reason

    def _hear(self, said: _Said) -> None:
        if said.refusal:
            self._flush()
            self._out.append(TextDelta(text=said.refusal, refusal=True))
            self.size += len(said.refusal)
        if content := said.content:
            if not isinstance(content, str):
                content = "".join(piece.text for piece in content if piece.type == "text")
            self._text.append(content)
            self.size += len(content)
        for source in said.annotations or ():
            self._flush()
            told = Opaque(provider=DIALECT, raw=source.copy())
            self._out.append(SourceDelta(content=told))
        for call in said.tool_calls or ():
            self._call(call)
        if said.reasoning_content:
            self._think("reasoning_content", said.reasoning_content)
        elif said.reasoning:
            self._think("reasoning", said.reasoning)
        if said.reasoning_details:
            # A copy: a Raw holds on to the whole message it was cut from.
            self._details += (raw.copy() for raw in said.reasoning_details)

    def _think(self, name: str, text: str) -> None:
        self._reasoning.setdefault(name, []).append(text)
        if self._text:
            self._flush()
        self._aloud.append(text)
        self.size += len(text)

    def _call(self, call: _Call) -> None:
        function = call.function or _Function()
        arguments = function.arguments or ""
        if not isinstance(arguments, str):
            arguments = _encoder.encode(arguments).decode()
        self._flush()
        index = self._place(call, named=bool(function.name))
        self.size += len(arguments)
        self._out.append(
            CallDelta(index=index, id=call.id or "", name=function.name or "", arguments=arguments)
        )

    def _place(self, call: _Call, *, named: bool) -> int:
        """Which call a piece belongs to.  An id not seen at its index begins a new one."""
        id_ = call.id or ""
        if call.index is None:
            index = len(self._ids) - 1
            if id_ in self._ids and id_:
                return self._ids.index(id_)
            fresh = bool(id_) or named or index < 0
        else:
            index = self._at.get(call.index, -1)
            fresh = index < 0 or bool(id_ and self._ids[index] and id_ != self._ids[index])
        if fresh:
            index = len(self._ids)
            self._ids.append(id_)
        if call.index is not None:
            self._at[call.index] = index
        return index

    def _flush(self) -> None:
        joined(self._out, self._text, self._aloud)

    def take(self) -> list[AnyDelta]:
        self._flush()
        out, self._out = self._out, []
        self.taken = self.taken or not all(isinstance(delta, ReasonDelta) for delta in out)
        return out

    def last(self) -> list[AnyDelta]:
        if not self._ids or not (self._reasoning or self._details):
            return []
        fields: dict[str, Any] = {name: "".join(text) for name, text in self._reasoning.items()}
        if self._details:
            fields["reasoning_details"] = self._details
        raw = msgspec.Raw(_encoder.encode(fields))
        return [OpaqueDelta(content=Opaque(provider=self._provider, raw=raw))]


class Chat:
    """Satisfies Dialect."""

    path = "/chat/completions"

    def __init__(self, endpoint: Endpoint) -> None:
        self._model = endpoint.model
        self._provider = f"openai:{endpoint.model}"
        # OpenAI's newer models refuse `max_tokens`; most others know nothing else.
        own = OPENAI_HOST in endpoint.url
        self._limit = "max_completion_tokens" if own else "max_tokens"
        self._said = Kept(self._encoded)

    def headers(self, endpoint: Endpoint) -> Mapping[str, str]:
        return {"authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}

    def body(self, request: Request, *, stream: bool) -> bytes:
        fields = self._fields(request, stream=stream)
        fields["messages"] = list(chain.from_iterable(self._said(request.messages)))
        return _encoder.encode(fields | request.extra)

    def assembly(self) -> ChatAnswer:
        return ChatAnswer(self._provider)

    def fields(self, request: Request, *, stream: bool) -> dict[str, Any]:
        """The request, in an order that keeps what is stable in front."""
        fields = self._fields(request, stream=stream)
        fields["messages"] = [said for m in request.messages for said in self._messages(m)]
        return fields | request.extra

    def _fields(self, request: Request, *, stream: bool) -> dict[str, Any]:
        fields: dict[str, Any] = {"model": self._model}
        if request.tools:
            fields["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": tool.schema,
                    },
                }
                for tool in request.tools
            ]
        fields["messages"] = None  # its place
        fields[self._limit] = request.max_output
        if request.temperature is not None:
            fields["temperature"] = request.temperature
        if request.stop:
            fields["stop"] = request.stop
        if stream:
            fields["stream"] = True
            fields["stream_options"] = {"include_usage": True}
        return fields

    def _encoded(self, message: Message) -> list[msgspec.Raw]:
        return [msgspec.Raw(_encoder.encode(said)) for said in self._messages(message)]

    def _messages(self, message: Message) -> list[dict[str, Any]]:
        if message.role is Role.ASSISTANT:
            return [self._answer(message)]
        said: list[dict[str, Any]] = [
            {"role": "tool", "tool_call_id": part.id, "content": part.content}
            for part in message.content
            if isinstance(part, ToolResult)
        ]
        role = "system" if message.role is Role.SYSTEM else "user"
        fields = _fields(message)
        if any(
            isinstance(part, Image | Opaque) and not _is_fields(part) for part in message.content
        ):
            said.append({"role": role, "content": _pieces(message)} | fields)
        elif (text := message.text) or not said:
            said.append({"role": role, "content": text} | fields)
        return said

    def _answer(self, message: Message) -> dict[str, Any]:
        text, calls = message.text, message.calls
        said: dict[str, Any] = {"role": "assistant", "content": text or None if calls else text}
        if calls:
            said["tool_calls"] = [_given(call) for call in calls]
        for part in message.content:
            if isinstance(part, Opaque) and part.provider == self._provider:
                said |= msgspec.json.decode(part.raw, type=dict[str, msgspec.Raw])
        return said | _fields(message)


def _given(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _is_fields(part: AnyPart) -> bool:
    return isinstance(part, Opaque) and part.provider == FIELDS


def _fields(message: Message) -> dict[str, msgspec.Raw]:
    """Those of the message itself that only this dialect knows."""
    found: dict[str, msgspec.Raw] = {}
    for part in message.content:
        if isinstance(part, Opaque) and part.provider == FIELDS:
            found |= msgspec.json.decode(part.raw, type=dict[str, msgspec.Raw])
    return found


def _pieces(message: Message) -> list[Any]:
    pieces: list[Any] = []
    for part in message.content:
        match part:
            case Text():
                pieces.append({"type": "text", "text": part.text})
            case Image():
                url = part.url or f"data:{part.media_type};base64,{part.data}"
                detail = {} if part.detail is msgspec.UNSET else {"detail": part.detail}
                pieces.append({"type": "image_url", "image_url": {"url": url} | detail})
            case Opaque(provider="openai"):
                pieces.append(part.raw)
            case _:
                pass
    return pieces
