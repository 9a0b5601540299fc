"""What OpenAI's Responses answer: items, whole and as a stream of events.

response(answering, thought)    the whole answer; without a thought, one that has begun
ResponsesVoice                  satisfies Voice
"""

from typing import Any

import msgspec

from logos.abi.errors import SysError
from logos.abi.events import Thought
from logos.abi.messages import (
    AnyDelta,
    CallDelta,
    Finish,
    TextDelta,
    ToolCall,
    Usage,
)
from logos.gateway.dialect import Answering, encode, sse

DEFAULTS: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
}

TEXT = -1


def response(answering: Answering, thought: Thought | None) -> dict[str, Any]:
    output = [] if thought is None else _output(answering, thought)
    cut = thought is not None and thought.finish is Finish.LENGTH
    given = {k: v for k, v in answering.given.items() if not k.startswith("_")}
    return {
        "id": answering.id,
        "object": "response",
        "created_at": answering.created,
        "status": "in_progress" if thought is None else "incomplete" if cut else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "model": answering.model,
        "output": output,
        "usage": None if thought is None else usage(thought.usage),
        **DEFAULTS,
        **given,
    }


def usage(used: Usage) -> dict[str, Any]:
    return {
        "input_tokens": used.input,
        "input_tokens_details": {
            "cached_tokens": used.cached,
            "cache_write_tokens": used.written,
        },
        "output_tokens": used.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": used.tokens,
    }


def _output(answering: Answering, thought: Thought) -> list[dict[str, Any]]:
    message = thought.message
    found = []
    if message.text or not message.calls:
        found.append(_message(answering, message.text))
    found += (_called(answering, call, n) for n, call in enumerate(message.calls))
    return found


def _message(answering: Answering, text: str | None) -> dict[str, Any]:
    """None: it has just begun."""
    return {
        "type": "message",
        "id": f"msg{answering.id.removeprefix('resp')}",
        "status": "in_progress" if text is None else "completed",
        "role": "assistant",
        "content": [] if text is None else [_text(text)],
    }


def _text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _called(
    answering: Answering, call: ToolCall, number: int, *, done: bool = True
) -> dict[str, Any]:
    kind, space = answering.given.get("_kinds", {}).get(call.name, ("function", ""))
    found = {
        "id": f"fc{answering.id.removeprefix('resp')}_{number}",
        "status": "completed" if done else "in_progress",
        "call_id": call.id,
        "name": call.name,
    }
    if space:
        found["namespace"] = space
    if kind == "custom":
        return {"type": "custom_tool_call", **found, "input": _free(call.arguments)}
    return {"type": "function_call", **found, "arguments": call.arguments}


def _free(arguments: str) -> str:
    """The text in the one argument of a tool that takes any text."""
    try:
        found = msgspec.json.decode(arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        return arguments
    return str(found.get("input", "")) if isinstance(found, dict) else arguments


class _Open:
    """An item while it is being said."""

    def __init__(self, index: int, call: ToolCall | None = None) -> None:
        self.index = index
        self.call = call
        self.pieces: list[str] = []

    @property
    def said(self) -> str:
        return "".join(self.pieces)


class ResponsesVoice:
    """Items begin as they come, and are all ended at the end."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._number = -1
        self._open: dict[int, _Open] = {}

    def begin(self) -> bytes:
        begun = response(self._answering, None)
        return self._event("response.created", response=begun) + self._event(
            "response.in_progress", response=begun
        )

    def say(self, delta: AnyDelta) -> bytes:
        match delta:
            case TextDelta(text=text):
                lead = b"" if TEXT in self._open else self._begin_text()
                item = self._open[TEXT]
                item.pieces.append(text)
                return lead + self._event(
                    "response.output_text.delta", **self._of(item), delta=text, logprobs=[]
                )
            case CallDelta():
                return self._call(delta)
            case _:
                return b""

    def _call(self, delta: CallDelta) -> bytes:
        lead = b""
        if delta.index not in self._open:
            call = ToolCall(id=delta.id, name=delta.name, arguments="")  # type: ignore[arg-type]
            item = self._open[delta.index] = _Open(len(self._open), call)
            shown = _called(self._answering, call, delta.index, done=False)
            lead = self._added(item, shown)
        item = self._open[delta.index]
        if not delta.arguments:
            return lead
        item.pieces.append(delta.arguments)
        if self._is_custom(item):
            return lead  # its text is inside the arguments: said when they are whole
        kind = "response.function_call_arguments.delta"
        return lead + self._event(kind, **self._place(item, delta.index), delta=delta.arguments)

    def _is_custom(self, item: _Open) -> bool:
        kinds = self._answering.given.get("_kinds", {})
        return item.call is not None and kinds.get(item.call.name, ("",))[0] == "custom"

    def _begin_text(self) -> bytes:
        item = self._open[TEXT] = _Open(len(self._open))
        return self._added(item, _message(self._answering, None)) + self._event(
            "response.content_part.added", **self._of(item), part=_text("")
        )

    def _added(self, item: _Open, shown: dict[str, Any]) -> bytes:
        return self._event("response.output_item.added", output_index=item.index, item=shown)

    def end(self, thought: Thought) -> bytes:
        said = b""
        whole = response(self._answering, thought)
        if not self._open and not thought.message.calls:
            said += self._begin_text()
        for number, item in self._open.items():
            said += self._done(item, number)
        whole["output"] = [self._item(item, number) for number, item in self._open.items()]
        kind = "response.completed" if whole["status"] == "completed" else "response.incomplete"
        return said + self._event(kind, response=whole)

    def _item(self, item: _Open, number: int) -> dict[str, Any]:
        if item.call is None:
            return _message(self._answering, item.said)
        call = msgspec.structs.replace(item.call, arguments=item.said)
        return _called(self._answering, call, number)

    def _done(self, item: _Open, number: int) -> bytes:
        shown = self._item(item, number)
        if item.call is None:
            where = self._of(item)
            kind = "response.output_text.done"
            said = self._event(kind, **where, text=item.said, logprobs=[])
            said += self._event("response.content_part.done", **where, part=_text(item.said))
        elif self._is_custom(item):
            kind, where = "response.custom_tool_call_input", self._place(item, number)
            said = self._event(f"{kind}.delta", **where, delta=shown["input"])
            said += self._event(f"{kind}.done", **where, input=shown["input"])
        else:
            kind, where = "response.function_call_arguments.done", self._place(item, number)
            said = self._event(kind, **where, name=item.call.name, arguments=item.said)
        done = self._event("response.output_item.done", output_index=item.index, item=shown)
        return said + done

    def _of(self, item: _Open) -> dict[str, Any]:
        id_ = f"msg{self._answering.id.removeprefix('resp')}"
        return {"item_id": id_, "output_index": item.index, "content_index": 0}

    def _place(self, item: _Open, number: int) -> dict[str, Any]:
        id_ = f"fc{self._answering.id.removeprefix('resp')}_{number}"
        return {"item_id": id_, "output_index": item.index}

    def fail(self, error: SysError) -> bytes:
        failed = response(self._answering, None)
        failed["status"] = "failed"
        failed["error"] = {"code": "server_error", "message": str(error)}
        return self._event("response.failed", response=failed)

    def _event(self, kind: str, **given: Any) -> bytes:
        self._number += 1
        event = {"type": kind, "sequence_number": self._number} | given
        return sse(encode(event), kind)
