"""Anthropic's stream of events.  Satisfies Voice.

Blocks come one after the other there, while a model may write two calls at once: what belongs to a
later block is kept until the one before it is complete.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from logos.abi.errors import SysError
from logos.abi.events import Thought
from logos.abi.messages import AnyDelta, CallDelta, Opaque, OpaqueDelta, TextDelta
from logos.gateway.dialect import Answering, encode, sse
from logos.gateway.faults import anthropic_error

TEXT = -1
NOTHING = -2


class MessagesVoice:
    def __init__(
        self, answering: Answering, last: Callable[[Thought], tuple[str, dict[str, Any]]]
    ) -> None:
        self._answering = answering
        self._last = last
        self._index = -1
        self._open = NOTHING  # TEXT, or the number of a call
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
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }
        return _event("message_start", message=message)

    def say(self, delta: AnyDelta) -> bytes:
        match delta:
            case TextDelta(text=text):
                lead = (
                    b"" if self._open == TEXT else self._start(TEXT, {"type": "text", "text": ""})
                )
                return lead + self._delta({"type": "text_delta", "text": text})
            case CallDelta():
                return self._call(delta)
            case OpaqueDelta(content=part) if part.provider == "anthropic":
                return self._opaque(part)
            case _:
                return b""

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
        said = self._start(NOTHING, {"type": "thinking", "thinking": "", "signature": ""})
        for kind, name in (("thinking_delta", "thinking"), ("signature_delta", "signature")):
            if block.get(name):
                said += self._delta({"type": kind, name: block[name]})
        return said + self._stop(force=True)

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
        reason, usage = self._last(thought)
        delta = {"stop_reason": reason, "stop_sequence": None}
        return said + _event("message_delta", delta=delta, usage=usage) + _event("message_stop")

    def fail(self, error: SysError) -> bytes:
        return sse(anthropic_error(error, ""), "error")


def _event(kind: str, **given: Any) -> bytes:
    return sse(encode({"type": kind} | given), kind)
