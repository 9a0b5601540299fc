"""OpenAI's Chat Completions.  Satisfies Dialect."""

from collections.abc import Sequence
from typing import Any

import msgspec

from logos.abi.errors import SysError
from logos.abi.events import Thought
from logos.abi.ids import CallId
from logos.abi.messages import (
    AnyDelta,
    AnyPart,
    CallDelta,
    Finish,
    Message,
    OpaqueDelta,
    Options,
    ReasonDelta,
    Role,
    SourceDelta,
    Text,
    TextDelta,
    ToolCall,
    ToolResult,
    ToolSpec,
    Usage,
)
from logos.gateway.dialect import (
    BODY,
    NAMED,
    NULL,
    WAITING,
    Answering,
    Json,
    Resolve,
    Understood,
    encode,
    fields,
    image_of,
    known,
    opaque,
    refuse,
    rest,
    sources,
    spoken,
    sse,
    typed,
    whole,
)
from logos.gateway.faults import Refused, openai_error, openai_status
from logos.gateway.prefix import Read, Said
from logos.gateway.shapes import (
    Call,
    ChatRead,
    ChatRequest,
    ChatSaid,
    Function,
    PieceRead,
    ToolRead,
)
from logos.gateway.translate import chat_extra

ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
}

FINISHES = {
    Finish.STOP: "stop",
    Finish.CALLS: "tool_calls",
    Finish.LENGTH: "length",
    Finish.REFUSED: "content_filter",
    Finish.PAUSED: "stop",
}

ALOUD = "reasoning_content"
"""What most servers of this dialect call what a model says to itself."""


FORWARDED = ("tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort", "user")
KNOWN = known(ChatRequest, *FORWARDED)

REFUSED = {
    "logprobs": "the probabilities of tokens are not passed on",
    "top_logprobs": "the probabilities of tokens are not passed on",
    "audio": "nothing is spoken here, only written",
}


class Chat:
    name = "openai"
    request = ChatRequest

    def understand(self, body: bytes, resolve: Resolve) -> Understood:
        found = fields(body)
        asked = typed(body, ChatRead, BODY)
        refuse(found, REFUSED)
        if asked.n not in (None, 1):
            one = "n: a conversation has one answer"
            raise Refused(one, "n", "unsupported_value", hint="ask n times")
        model = asked.model
        upstream = resolve(model)
        system, said = instructed((), asked.messages, _read)
        tools, plain = _tools(asked.tools or [])
        extra = chat_extra(rest(found, KNOWN), upstream.dialect)
        if not plain and upstream.dialect == self.name:
            extra["tools"] = found["tools"].copy()  # as the client wrote them
        stop = asked.stop
        options = Options(
            model=upstream.name,
            system=system,
            tools=tools,
            max_output=whole(asked.max_completion_tokens or asked.max_tokens),
            temperature=asked.temperature,
            stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
            extra=extra,
        )
        also = asked.stream_options
        return Understood(
            model=model,
            said=said,
            options=options,
            stream=bool(asked.stream),
            speaks=upstream.dialect,
            usage=bool(also and also.include_usage),
            forward=upstream.dialect == self.name,
        )

    def whole(self, answering: Answering, thought: Thought) -> bytes:
        message = thought.message
        text, refusal = spoken(message)
        said: Json = {"role": "assistant", "content": text or None}
        if message.calls:
            said["tool_calls"] = [_call(call) for call in message.calls]
        elif not refusal:
            said["content"] = text
        said |= {"refusal": refusal or None, "annotations": sources(message, self.name)}
        if answering.aloud:
            said[ALOUD] = answering.aloud
        said |= reasoning(thought)
        choice = {
            "index": 0,
            "message": said,
            "logprobs": None,
            "finish_reason": FINISHES[thought.finish],
        }
        head = _head(answering, "chat.completion")
        return encode(head | {"choices": [choice], "usage": usage(thought.usage)})

    def voice(self, answering: Answering, *, usage: bool) -> "ChatVoice":
        return ChatVoice(answering, usage=usage)

    def error(self, error: SysError, request: str) -> bytes:
        return openai_error(error, request)

    def status(self, error: SysError) -> int:
        return openai_status(error)

    def answer_id(self, pid: int, seq: int) -> str:
        return f"chatcmpl-{pid}-{seq}"


def _head(answering: Answering, kind: str) -> dict[str, Any]:
    return {
        "id": answering.id,
        "object": kind,
        "created": answering.created,
        "model": answering.model,
        "system_fingerprint": None,
    }


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def reasoning(thought: Thought) -> dict[str, msgspec.Raw]:
    """What a model of this dialect said besides: its reasoning, under the name it came with."""
    found: dict[str, msgspec.Raw] = {}
    for part in thought.message.content:
        if getattr(part, "provider", "").startswith("openai:"):
            found |= msgspec.json.decode(part.raw, type=dict[str, msgspec.Raw])  # type: ignore[union-attr]
    return found


def usage(used: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.tokens,
        "prompt_tokens_details": {"cached_tokens": used.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning, "audio_tokens": 0},
    }


class ChatVoice:
    """Satisfies Voice.  What is the same in each chunk is encoded once."""

    def __init__(self, answering: Answering, *, usage: bool) -> None:
        head = encode(_head(answering, "chat.completion.chunk"))
        self._head = b"data: " + head[:-1] + b',"choices":[{"index":0,"delta":'
        self._tail = b',"logprobs":null,"finish_reason":null}]'
        self._tail += b',"usage":null}\n\n' if usage else b"}\n\n"
        self._bare = b"data: " + head[:-1]
        self._usage = usage
        self._aloud = False

    def begin(self) -> bytes:
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def wait(self) -> bytes:
        return WAITING

    def say(self, delta: AnyDelta) -> bytes:
        said: dict[str, Any] = {}
        match delta:
            case TextDelta(text=text, refusal=False):
                return self._head + b'{"content":' + encode(text) + b"}" + self._tail
            case TextDelta(text=text):
                said = {"refusal": text}
            case CallDelta():
                said = {"tool_calls": [_piece(delta)]}
            case SourceDelta(content=source) if source.provider == "openai":
                said = {"annotations": [source.raw]}
            case ReasonDelta(text=text):
                self._aloud = True
                said = {ALOUD: text}
            case OpaqueDelta(content=part) if part.provider.startswith("openai:"):
                said = msgspec.json.decode(part.raw, type=dict[str, msgspec.Raw])
                if self._aloud:  # all but the words was said
                    said = {k: v for k, v in said.items() if k not in (ALOUD, "reasoning")}
            case _:
                pass
        return self._chunk(said) if said else b""

    def end(self, thought: Thought) -> bytes:
        reason = FINISHES[thought.finish].encode()
        last = self._head + b'{},"logprobs":null,"finish_reason":"' + reason + b'"}]'
        last += b',"usage":null}\n\n' if self._usage else b"}\n\n"
        if self._usage:
            last += self._bare + b',"choices":[],"usage":' + encode(usage(thought.usage)) + b"}\n\n"
        return last + b"data: [DONE]\n\n"

    def fail(self, error: SysError) -> bytes:
        return sse(openai_error(error, ""))

    def _chunk(self, delta: dict[str, Any]) -> bytes:
        return self._head + encode(delta) + self._tail


def _piece(delta: CallDelta) -> Json:
    function: Json = {"arguments": delta.arguments}
    if not delta.id:
        return {"index": delta.index, "function": function}
    function = {"name": delta.name, **function}
    return {"index": delta.index, "id": delta.id, "type": "function", "function": function}


# -- what a client says ------------------------------------------------------------------


def split_system(
    said: list[Message],
) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """The instructions in front, and the conversation.  Who only instructs is answered, too."""
    for at, message in enumerate(said):
        if message.role is not Role.SYSTEM:
            return tuple(said[:at]), tuple(said[at:])
    return tuple(said[:-1]), tuple(said[-1:])


def instructed(
    system: Sequence[Message], raws: Sequence[msgspec.Raw], read: Read
) -> tuple[tuple[Message, ...], Said]:
    """The same where not all is read."""
    front = list(system)
    for place, raw in enumerate(raws):
        found = read(place, raw)
        if any(message.role is not Role.SYSTEM for message in found):
            return tuple(front), Said(raws[place:], read, place)
        front += found
    before, last = split_system(front)
    return before, Said.of(last)


def _read(place: int, raw: msgspec.Raw) -> tuple[Message]:
    where = f"messages[{place}]"
    return (_message(typed(raw, ChatSaid, where), where),)


def _message(said: ChatSaid, where: str) -> Message:
    role = ROLES[said.role]
    content = parts(said.content, f"{where}.content")
    if role is Role.TOOL:
        id_ = CallId(said.tool_call_id or said.name or "")
        text = "".join(part.text for part in content if isinstance(part, Text))
        images = tuple(part for part in content if not isinstance(part, Text))
        return Message(role=role, content=(ToolResult(id=id_, content=text), *images))
    if said.refusal and not content:
        content = [Text(text=said.refusal)]
    content += (_proposed(call) for call in said.tool_calls or ())
    if said.name:
        content.append(opaque(NAMED, msgspec.Raw(encode({"name": said.name}))))
    return Message(role=role, content=tuple(content))


def _proposed(call: Call) -> ToolCall:
    function = call.function or Function()
    arguments = function.arguments or ""
    if not isinstance(arguments, str):
        arguments = encode(arguments).decode()
    return ToolCall(id=CallId(call.id), name=function.name, arguments=arguments)


def parts(content: str | list[msgspec.Raw] | None, where: str) -> list[AnyPart]:
    if isinstance(content, str):
        return [Text(text=content)] if content else []
    return [_part(raw, f"{where}[{n}]") for n, raw in enumerate(content or ())]


def _part(raw: msgspec.Raw, where: str) -> AnyPart:
    piece = typed(raw, PieceRead, where)
    match piece.type:
        case "text" | "input_text" | "output_text":
            return Text(text=piece.text)
        case "refusal":
            return Text(text=piece.refusal)
        case "image_url" | "input_image" if piece.image_url:
            url = piece.image_url
            if isinstance(url, str):
                return image_of(url, piece.detail)
            return image_of(url.url, url.detail)
        case "input_file" if piece.file_id or piece.file_data:
            given = {"file_id": piece.file_id, "file_data": piece.file_data}
            given |= {"filename": piece.filename}
            file = {name: value for name, value in given.items() if value}
            return opaque("openai", msgspec.Raw(encode({"type": "file", "file": file})))
        case _:
            return opaque("openai", raw)


def _tools(raws: list[msgspec.Raw]) -> tuple[tuple[ToolSpec, ...], bool]:
    """The functions, and whether they are all there was."""
    specs = []
    plain = True
    for n, raw in enumerate(raws):
        tool = typed(raw, ToolRead, f"tools[{n}]")
        if tool.function is None:
            plain = False
            continue
        plain = plain and b'"strict"' not in bytes(raw)
        function = tool.function
        schema = function.parameters if bytes(function.parameters) != bytes(NULL) else _NOTHING
        specs.append(
            ToolSpec(
                name=function.name, description=function.description or "", schema=schema.copy()
            )
        )
    return tuple(specs), plain


_NOTHING = msgspec.Raw(b'{"type":"object","properties":{}}')
