"""Answers of OpenAI's Responses: items, and the whole they are part of.  events.py streams them.

response(answering, thought)    the whole answer; without a thought, one that has begun
reasoned, worded, called        the items: reasoning, text, and calls
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from logos.abi.errors import SysError
from logos.abi.events import Thought
from logos.abi.messages import Finish, ToolCall, Usage
from logos.gateway.dialect import Answering, Json, sources, spoken
from logos.gateway.faults import openai_code

DEFAULTS: Json = {
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

CUT = {Finish.LENGTH: "max_output_tokens", Finish.REFUSED: "content_filter"}
"""Why an answer is not complete."""


def response(answering: Answering, thought: Thought | None) -> Json:
    cut = None if thought is None else CUT.get(thought.finish)
    given = {k: v for k, v in answering.given.items() if not k.startswith("_")}
    return {
        "id": answering.id,
        "object": "response",
        "created_at": answering.created,
        "status": "in_progress" if thought is None else "incomplete" if cut else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": cut} if cut else None,
        "model": answering.model,
        "output": [] if thought is None else _output(answering, thought),
        "usage": None if thought is None else usage(thought.usage),
        **DEFAULTS,
        **given,
    }


def unanswered(answering: Answering, status: str, error: SysError | None = None) -> Json:
    """One in the background that is not there: yet, or ever."""
    found = response(answering, None) | {"background": True, "status": status}
    if error is not None:
        found["error"] = {"code": openai_code(error), "message": error.message}
    return found


def usage(used: Usage) -> Json:
    return {
        "input_tokens": used.input,
        "input_tokens_details": {
            "cached_tokens": used.cached,
            "cache_write_tokens": used.written,
        },
        "output_tokens": used.output,
        "output_tokens_details": {"reasoning_tokens": used.reasoning},
        "total_tokens": used.tokens,
    }


def _output(answering: Answering, thought: Thought) -> list[Json]:
    message = thought.message
    found = [reasoned(item_id(answering, "rs"), answering.aloud)] if answering.aloud else []
    text, refusal = spoken(message)
    if text or refusal or not message.calls:
        notes = [annotation(raw) for raw in sources(message, "openai")]
        parts = [text_part(text, notes)] if text or not refusal else []
        parts += [refusal_part(refusal)] if refusal else []
        found.append(worded(item_id(answering, "msg"), parts))
    found += (
        called(answering, call, item_id(answering, "fc", n)) for n, call in enumerate(message.calls)
    )
    return found


def item_id(answering: Answering, kind: str, number: int | None = None) -> str:
    id_ = f"{kind}{answering.id.removeprefix('resp')}"
    return id_ if number is None else f"{id_}_{number}"


def reasoned(id_: str, text: str | None) -> Json:
    """None: it has just begun."""
    return {
        "type": "reasoning",
        "id": id_,
        "status": _status(text),
        "summary": [],
        "content": [] if text is None else [reason_part(text)],
    }


def worded(id_: str, parts: list[Json] | None) -> Json:
    """None: it has just begun."""
    return {
        "type": "message",
        "id": id_,
        "status": _status(parts),
        "role": "assistant",
        "content": parts or [],
    }


def _status(said: object) -> str:
    return "in_progress" if said is None else "completed"


def text_part(text: str, notes: Sequence[Json] = ()) -> Json:
    return {"type": "output_text", "text": text, "annotations": notes, "logprobs": []}


def annotation(raw: msgspec.Raw) -> Json:
    """Chat Completions put what it is about into a field of the name of its type."""
    found: Json = msgspec.json.decode(raw, type=dict[str, Any])
    kind = str(found.get("type", ""))
    about = found.get(kind)
    return {"type": kind} | about if isinstance(about, dict) else found


def refusal_part(text: str) -> Json:
    return {"type": "refusal", "refusal": text}


def reason_part(text: str) -> Json:
    return {"type": "reasoning_text", "text": text}


def kind_of(answering: Answering, name: str) -> tuple[str, str]:
    """The kind of tool that a model called, and its name space."""
    kind, space = answering.given.get("_kinds", {}).get(name, ("function", ""))
    return kind, space


def called(answering: Answering, call: ToolCall, id_: str, *, done: bool = True) -> Json:
    kind, space = kind_of(answering, call.name)
    found = {
        "id": id_,
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
