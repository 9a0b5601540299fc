"""What both chat dialects ask of a prompt.

chat_faults(request)       calls are answered at once and in full; nothing else is a tool's
messages_faults(request)   turns alternate and begin with the user's; answers open the turn after their calls
"""

import json
from collections.abc import Iterator

import msgspec

from logos.abi.messages import Request
from logos.drivers.model import Endpoint
from logos.drivers.model.anthropic import Messages
from logos.drivers.model.openai import Chat


def chat_faults(request: Request) -> Iterator[str]:
    body = Chat(Endpoint(model="m")).fields(request, stream=False)
    due: list[str] = []
    for message in msgspec.json.decode(msgspec.json.encode(body["messages"])):
        if message["role"] == "tool":
            if message["tool_call_id"] not in due:
                yield "an answer nobody asked for"
            due = [id_ for id_ in due if id_ != message["tool_call_id"]]
            continue
        if due:
            yield "a call without its answer"
        due = [call["id"] for call in message.get("tool_calls", ())]
    if due:
        yield "a call without its answer at the end"


def messages_faults(request: Request) -> Iterator[str]:
    body = json.loads(Messages(Endpoint(model="m")).body(request, stream=False))
    due: set[str] = set()
    for n, turn in enumerate(body["messages"]):
        if turn["role"] != ("user", "assistant")[n % 2]:
            yield "turns do not alternate"
        kinds = [block["type"] for block in turn["content"]]
        answers = [b["tool_use_id"] for b in turn["content"] if b["type"] == "tool_result"]
        if kinds != sorted(kinds, key=lambda kind: kind != "tool_result") or set(answers) != due:
            yield f"answers {answers} to {due}"
        due = {b["id"] for b in turn["content"] if b["type"] == "tool_use"}
