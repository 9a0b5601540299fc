"""OpenAI's Responses as a stream of events.

ResponsesVoice    satisfies Voice

Reasoning, text and refusals come one after the other: each item ends where the next begins.  Calls
may be written side by side, so they end at the end.
"""

from enum import StrEnum
from typing import Any

from msgspec.structs import replace

from logos.abi.errors import SysError
from logos.abi.events import Thought
from logos.abi.ids import CallId
from logos.abi.messages import (
    AnyDelta,
    CallDelta,
    ReasonDelta,
    SourceDelta,
    TextDelta,
    ToolCall,
)
from logos.gateway.dialect import WAITING, Answering, Json, encode, sse
from logos.gateway.faults import openai_code
from logos.gateway.items import (
    annotation,
    called,
    item_id,
    kind_of,
    reason_part,
    reasoned,
    refusal_part,
    response,
    text_part,
    worded,
)


class _Kind(StrEnum):
    """The value is how its events begin."""

    REASON = "response.reasoning_text"
    TEXT = "response.output_text"
    REFUSAL = "response.refusal"
    CALL = "response.function_call_arguments"
    CUSTOM = "response.custom_tool_call_input"


_PARTS = {_Kind.REASON: reason_part, _Kind.TEXT: text_part, _Kind.REFUSAL: refusal_part}
_FIELD = {_Kind.REASON: "text", _Kind.TEXT: "text", _Kind.REFUSAL: "refusal"}
_IDS = {_Kind.REASON: "rs", _Kind.TEXT: "msg", _Kind.REFUSAL: "msg"}


class _Item:
    """One that was begun."""

    def __init__(self, kind: _Kind, index: int, id_: str, call: ToolCall | None = None) -> None:
        self.kind, self.index, self.id, self.call = kind, index, id_, call
        self.pieces: list[str] = []
        self.notes: list[Json] = []
        self.done = False

    @property
    def said(self) -> str:
        return "".join(self.pieces)

    @property
    def part(self) -> Json:
        noted = {"annotations": self.notes} if self.kind is _Kind.TEXT else {}
        return _PARTS[self.kind](self.said) | noted

    @property
    def where(self) -> Json:
        place = {"item_id": self.id, "output_index": self.index}
        return place if self.call else place | {"content_index": 0}


class ResponsesVoice:
    def __init__(self, answering: Answering, first: int = 0) -> None:
        """`first` is the number of the first event."""
        self._answering = answering
        self._number = first - 1
        self._items: list[_Item] = []
        self._calls: dict[int, _Item] = {}

    def begin(self) -> bytes:
        begun = response(self._answering, None)
        return self._event("response.created", response=begun) + self._event(
            "response.in_progress", response=begun
        )

    def wait(self) -> bytes:
        return WAITING

    def say(self, delta: AnyDelta) -> bytes:
        match delta:
            case TextDelta(text=text):
                return self._words(_Kind.REFUSAL if delta.refusal else _Kind.TEXT, text)
            case SourceDelta(content=source) if source.provider == "openai":
                return self._note(annotation(source.raw))
            case ReasonDelta(text=text):
                return self._words(_Kind.REASON, text)
            case CallDelta():
                return self._call(delta)
            case _:
                return b""

    def _words(self, kind: _Kind, text: str) -> bytes:
        lead = b""
        last = self._items[-1] if self._items else None
        if last is None or last.done or last.kind is not kind:
            lead, last = self._begin_words(kind)
        last.pieces.append(text)
        also: Json = {"logprobs": []} if kind is _Kind.TEXT else {}
        return lead + self._event(f"{kind}.delta", **last.where, delta=text, **also)

    def _note(self, note: Json) -> bytes:
        """About the text that is being said."""
        last = self._items[-1] if self._items else None
        if last is None or last.done or last.kind is not _Kind.TEXT:
            return b""
        told = {"annotation_index": len(last.notes), "annotation": note}
        last.notes.append(note)
        return self._event("response.output_text.annotation.added", **last.where, **told)

    def _begin_words(self, kind: _Kind) -> tuple[bytes, _Item]:
        index = len(self._items)
        id_ = item_id(self._answering, _IDS[kind])
        if any(item.id == id_ for item in self._items):
            id_ = f"{id_}_{index}"
        said = self._rest()
        item = _Item(kind, index, id_)
        self._items.append(item)
        shown = reasoned(id_, None) if kind is _Kind.REASON else worded(id_, None)
        said += self._event("response.output_item.added", output_index=index, item=shown)
        part = _PARTS[kind]("")
        return said + self._event("response.content_part.added", **item.where, part=part), item

    def _call(self, delta: CallDelta) -> bytes:
        said = b""
        item = self._calls.get(delta.index)
        if item is None:
            said = self._rest()
            item = self._begin_call(delta)
            shown = self._shown(item, done=False)
            said += self._event("response.output_item.added", output_index=item.index, item=shown)
        if not delta.arguments:
            return said
        item.pieces.append(delta.arguments)
        if item.kind is _Kind.CUSTOM:
            return said  # its text is inside the arguments: said when they are whole
        return said + self._event(f"{item.kind}.delta", **item.where, delta=delta.arguments)

    def _begin_call(self, delta: CallDelta) -> _Item:
        kind, _ = kind_of(self._answering, delta.name)
        call = ToolCall(id=CallId(delta.id), name=delta.name, arguments="")
        id_ = item_id(self._answering, "fc", len(self._calls))
        place = len(self._items)
        item = _Item(_Kind.CUSTOM if kind == "custom" else _Kind.CALL, place, id_, call)
        self._items.append(item)
        self._calls[delta.index] = item
        return item

    def _rest(self) -> bytes:
        """The end of what was being said."""
        said = b""
        for item in self._items:
            if item.call is None and not item.done:
                said += self._done(item)
        return said

    def end(self, thought: Thought) -> bytes:
        said = b""
        if not self._items:
            said, _ = self._begin_words(_Kind.TEXT)
        for item in self._items:
            said += b"" if item.done else self._done(item)
        whole = response(self._answering, thought)
        whole["output"] = [self._shown(item) for item in self._items]
        kind = "response.completed" if whole["status"] == "completed" else "response.incomplete"
        return said + self._event(kind, response=whole)

    def _shown(self, item: _Item, *, done: bool = True) -> Json:
        if item.call is not None:
            call = replace(item.call, arguments=item.said)
            return called(self._answering, call, item.id, done=done)
        if item.kind is _Kind.REASON:
            return reasoned(item.id, item.said)
        return worded(item.id, [item.part])

    def _done(self, item: _Item) -> bytes:
        item.done = True
        shown, kind = self._shown(item), item.kind
        if item.call is None:
            also: Json = {"logprobs": []} if kind is _Kind.TEXT else {}
            told = {_FIELD[kind]: item.said} | also
            said = self._event(f"{kind}.done", **item.where, **told)
            said += self._event("response.content_part.done", **item.where, part=item.part)
        elif kind is _Kind.CUSTOM:
            said = self._event(f"{kind}.delta", **item.where, delta=shown["input"])
            said += self._event(f"{kind}.done", **item.where, input=shown["input"])
        else:
            told = {"name": item.call.name, "arguments": item.said}
            said = self._event(f"{kind}.done", **item.where, **told)
        ended = self._event("response.output_item.done", output_index=item.index, item=shown)
        return said + ended

    def fail(self, error: SysError) -> bytes:
        """In a stream that has begun; otherwise the status says it."""
        failed = response(self._answering, None)
        failed["status"] = "failed"
        failed["error"] = {"code": openai_code(error), "message": str(error)}
        failed["output"] = [self._shown(item) for item in self._items if item.done]
        return self._event("response.failed", response=failed)

    def _event(self, kind: str, **given: Any) -> bytes:
        self._number += 1
        event = {"type": kind, "sequence_number": self._number} | given
        return sse(encode(event), kind)
