"""Anthropic's stream of events.  Satisfies Voice.

There, blocks come one after the other, while a model may write two calls at once: pieces of a later
block are kept until the block before it is complete.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from logos.abi.errors import SysError
from logos.abi.events import Thought
from logos.abi.messages import (
    AnyDelta,
    CallDelta,
    Opaque,
    OpaqueDelta,
    ReasonDelta,
    SourceDelta,
    TextDelta,
)
from logos.gateway.dialect import Answering, Json, encode, sse
from logos.gateway.faults import anthropic_error

TEXT = -1
NOTHING = -2
ALOUD = -3


class MessagesVoice:
    def __init__(self, answering: Answering, last: Callable[[Thought], tuple[Json, Json]]) -> None:
        self._answering = answering
        self._shows = bool(answering.given.get("_aloud"))
        self._last = last
        self._index = -1
        self._open = NOTHING  # TEXT, ALOUD, or the number of a call
        self._later: dict[int, list[CallDelta]] = {}

    def begin(self) -> bytes:
        message: dict[str, Any] = {
            "id": self._answering.id,
            "type": "message",
            "role": "assistant",
            "model": self._answering.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": _NOTHING_YET,
        }
        return _event("message_start", message=message) + PING

    def wait(self) -> bytes:
        return PING

    def say(self, delta: AnyDelta) -> bytes:
        match delta:
            case TextDelta(text=text):
                lead = (
                    b"" if self._open == TEXT else self._start(TEXT, {"type": "text", "text": ""})
                )
                return lead + self._delta({"type": "text_delta", "text": text})
            case SourceDelta(content=source) if source.provider == "anthropic":
                return self._cited(source)
            case ReasonDelta(text=text) if self._shows:
                lead = b"" if self._open == ALOUD else self._start(ALOUD, thinking(""))
                return lead + self._delta({"type": "thinking_delta", "thinking": text})
            case CallDelta():
                return self._call(delta)
            case OpaqueDelta(content=part) if part.provider == "anthropic":
                return self._opaque(part)
            case _:
                return b""

    def _cited(self, source: Opaque) -> bytes:
        lead = b"" if self._open == TEXT else self._start(TEXT, {"type": "text", "text": ""})
        return lead + self._delta({"type": "citations_delta", "citation": source.raw})

    def _call(self, delta: CallDelta) -> bytes:
        if self._open >= 0 and delta.index != self._open:
            self._later.setdefault(delta.index, []).append(delta)
            return b""
        said = b""
        if self._open != delta.index:
            block = {"type": "tool_use", "id": delta.id, "name": delta.name, "input": {}}
            said = self._start(delta.index, block)
        if delta.arguments:
            said += self._delta({"type": "input_json_delta", "partial_json": delta.arguments})
        return said

    def _opaque(self, part: Opaque) -> bytes:
        block = msgspec.json.decode(part.raw)
        if block.get("type") != "thinking":
            return self._start(NOTHING, block) + self._stop(force=True)
        said = b""
        if self._open != ALOUD:  # else its words were said as they came
            said = self._start(ALOUD, thinking(""))
            if words := block.get("thinking"):
                said += self._delta({"type": "thinking_delta", "thinking": words})
        if signature := block.get("signature"):
            said += self._delta({"type": "signature_delta", "signature": signature})
        return said + self._stop()

    def _start(self, what: int, block: dict[str, Any]) -> bytes:
        said = self._stop()
        self._open = what
        self._index += 1
        return said + _event("content_block_start", index=self._index, content_block=block)

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return _event("content_block_delta", index=self._index, delta=delta)

    def _stop(self, *, force: bool = False) -> bytes:
        if self._open == NOTHING and not force:
            return b""
        self._open = NOTHING
        return _event("content_block_stop", index=self._index)

    def end(self, thought: Thought) -> bytes:
        said = self._stop()
        for pieces in (self._later.pop(n) for n in sorted(self._later)):
            said += b"".join(self._call(piece) for piece in pieces) + self._stop()
        delta, usage = self._last(thought)
        return said + _event("message_delta", delta=delta, usage=usage) + _event("message_stop")

    def fail(self, error: SysError) -> bytes:
        return sse(anthropic_error(error, ""), "error")


def thinking(text: str) -> Json:
    return {"type": "thinking", "thinking": text, "signature": ""}


def thinks(block: Any) -> bool:
    if isinstance(block, msgspec.Raw):
        block = msgspec.json.decode(block)
    return block.get("type") in ("thinking", "redacted_thinking")


def _event(kind: str, **given: Any) -> bytes:
    return sse(encode({"type": kind} | given), kind)


PING = _event("ping")

_NOTHING_YET = dict.fromkeys(
    (
        "input_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "output_tokens",
    ),
    0,
)
"""It is known, and said, at the end."""
