"""How each provider spells an answer: a step of a script -> the bytes of its API."""

import json
from typing import Any, ClassVar, Protocol

import msgspec

from logos.abi.messages import Finish, Usage
from logos.drivers.model import Say


class Spelling(Protocol):
    def events(self, say: Say) -> list[bytes]: ...

    def whole(self, say: Say) -> bytes: ...


def _event(data: Any, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def _halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


class SpelledChat:
    """Chat Completions."""

    reasons: ClassVar = {
        Finish.STOP: "stop",
        Finish.CALLS: "tool_calls",
        Finish.LENGTH: "length",
        Finish.REFUSED: "content_filter",
    }

    def _why(self, say: Say) -> str:
        return self.reasons[say.reason or (Finish.CALLS if say.calls else Finish.STOP)]

    def _usage(self, usage: Usage) -> dict[str, Any]:
        return {
            "prompt_tokens": usage.input,
            "completion_tokens": usage.output,
            "total_tokens": usage.input + usage.output,
            "prompt_tokens_details": {"cached_tokens": usage.cached},
        }

    def _chunk(self, **fields: Any) -> bytes:
        base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        return _event(base | fields)

    def _delta(self, delta: dict[str, Any], why: str | None = None) -> bytes:
        return self._chunk(
            choices=[{"index": 0, "delta": delta, "finish_reason": why, "logprobs": None}],
            usage=None,
        )

    def events(self, say: Say) -> list[bytes]:
        events = [self._delta({"role": "assistant", "content": ""})]
        events += (self._delta({"content": piece}) for piece in say.pieces or (say.text,))
        for index, call in enumerate(say.calls):
            function: dict[str, Any] = {"name": call.name, "arguments": ""}
            first = {"index": index, "id": call.id, "type": "function", "function": function}
            events.append(self._delta({"tool_calls": [first]}))
            for half in _halves(call.arguments):
                piece = {"index": index, "function": {"arguments": half}}
                events.append(self._delta({"tool_calls": [piece]}))
        events.append(self._delta({}, self._why(say)))
        if say.usage:
            events.append(self._chunk(choices=[], usage=self._usage(say.usage)))
        return [*events, b"data: [DONE]\n\n"]

    def whole(self, say: Say) -> bytes:
        message: dict[str, Any] = {"role": "assistant", "content": say.text or None}
        if say.calls:
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in say.calls
            ]
        choice = {"index": 0, "message": message, "finish_reason": self._why(say)}
        answer = {"id": "c", "object": "chat.completion", "choices": [choice]}
        return json.dumps(
            answer | ({"usage": self._usage(say.usage)} if say.usage else {})
        ).encode()


class SpelledMessages:
    """Anthropic Messages."""

    reasons: ClassVar = {
        Finish.STOP: "end_turn",
        Finish.CALLS: "tool_use",
        Finish.LENGTH: "max_tokens",
        Finish.REFUSED: "refusal",
    }

    def _why(self, say: Say) -> str:
        return self.reasons[say.reason or (Finish.CALLS if say.calls else Finish.STOP)]

    def _usage(self, usage: Usage | None) -> dict[str, Any]:
        usage = usage or Usage()
        return {
            "input_tokens": usage.input - usage.cached - usage.written,
            "cache_read_input_tokens": usage.cached,
            "cache_creation_input_tokens": usage.written,
            "output_tokens": usage.output,
        }

    def _block(
        self, index: int, start: dict[str, Any], deltas: list[dict[str, Any]]
    ) -> list[bytes]:
        begin = {"type": "content_block_start", "index": index, "content_block": start}
        end = {"type": "content_block_stop", "index": index}
        return [
            _event(begin, "content_block_start"),
            *(
                _event(
                    {"type": "content_block_delta", "index": index, "delta": delta},
                    "content_block_delta",
                )
                for delta in deltas
            ),
            _event(end, "content_block_stop"),
        ]

    def events(self, say: Say) -> list[bytes]:
        message: dict[str, Any] = {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [],
            "stop_reason": None,
            "usage": self._usage(say.usage) | {"output_tokens": 1},
        }
        events = [
            _event({"type": "message_start", "message": message}, "message_start"),
            _event({"type": "ping"}, "ping"),
        ]
        if say.text or say.pieces:
            deltas = [{"type": "text_delta", "text": p} for p in say.pieces or (say.text,)]
            events += self._block(0, {"type": "text", "text": ""}, deltas)
        for index, call in enumerate(say.calls, start=1):
            start = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
            deltas = [
                {"type": "input_json_delta", "partial_json": half}
                for half in ("", *_halves(call.arguments))
            ]
            events += self._block(index, start, deltas)
        stop = {
            "type": "message_delta",
            "delta": {"stop_reason": self._why(say), "stop_sequence": None},
            "usage": {"output_tokens": say.usage.output if say.usage else 0},
        }
        events.append(_event(stop, "message_delta"))
        return [*events, _event({"type": "message_stop"}, "message_stop")]

    def whole(self, say: Say) -> bytes:
        content: list[dict[str, Any]] = [{"type": "text", "text": say.text}] if say.text else []
        content += (
            {
                "type": "tool_use",
                "id": c.id,
                "name": c.name,
                "input": msgspec.Raw(c.arguments.encode()),
            }
            for c in say.calls
        )
        return msgspec.json.encode(
            {
                "id": "m",
                "type": "message",
                "role": "assistant",
                "model": "m",
                "content": content,
                "stop_reason": self._why(say),
                "usage": self._usage(say.usage),
            }
        )
