"""What an event says in the window.  Pure.

    page_text      the exact text of the page that is this event; empty: it puts nothing there
    render_result  an answer of a call as the model reads it
    plain          the texts of a message
    number         what a message costs, by estimate

A page is what one event put into the window, and its number is that event's.
"""

import re

import msgspec

from logos.abi.events import (
    AnyEvent,
    Failed,
    Rang,
    Received,
    Remembered,
    Returned,
    Signalled,
    Spawned,
    Thought,
    Told,
    Warned,
)
from logos.abi.ids import Pid
from logos.abi.messages import AnyPart, Image, Message, Opaque, Text, ToolCall, ToolResult
from logos.abi.process import Signal
from logos.kernel.memory.tokens import estimate

MESSAGE_TOKENS = 5
CALL_TOKENS = 12
IMAGE_TOKENS = 1600
"""What the vendors charge for a large one."""
OPAQUE_BYTES_A_TOKEN = 2

LEAD = re.compile(r"^\[(?:message[^\]]*|timer|kernel)\] ")
"""What says where news came from."""


def page_text(event: AnyEvent) -> str:
    match event:
        case Spawned(task=text) | Thought(message=Message(text=text)):
            return text
        case Returned(value=value):
            return render_result(value)
        case Remembered(text=text):
            fact = event.kind == "fact" and text
            return f"{event.subject} {event.relation}: {text}" if fact else text
        case Told(messages=messages):
            return "\n".join(map(plain, messages))
        case Failed():
            return f"{event.code}: {event.message}" + (f" ({event.hint})" if event.hint else "")
        case _:
            return _news(event)


def plain(message: Message) -> str:
    results = (part.content for part in message.content if isinstance(part, ToolResult))
    return "\n".join(filter(None, (message.text, *results)))


def render_result(value: msgspec.Raw) -> str:
    """A text as it is, anything else as JSON."""
    decoded = msgspec.json.decode(value)
    return decoded if isinstance(decoded, str) else bytes(value).decode()


def number(message: Message) -> int:
    return MESSAGE_TOKENS + sum(map(_part, message.content))


def _part(part: AnyPart) -> int:
    match part:
        case Text(text=text):
            return estimate(text)
        case ToolCall():
            return CALL_TOKENS + estimate(part.name) + estimate(part.arguments)
        case ToolResult():
            return CALL_TOKENS + estimate(part.content)
        case Image():
            return IMAGE_TOKENS
        case Opaque():
            return len(part.raw) // OPAQUE_BYTES_A_TOKEN


def _news(event: AnyEvent) -> str:
    match event:
        case Received(answers=None):
            return f"[message{_from(event.sender)}] {event.text}"
        case Rang(text=text):
            return f"[timer] {text}"
        case Warned(text=text):
            return f"[kernel] {text}"
        case Signalled(signal=Signal.TERM):
            return (
                "[kernel] You are asked to end. Answer now with what you have; make no more calls."
            )
        case Signalled(signal=Signal.ALARM):
            return "[kernel] Alarm."
        case _:
            return ""


def _from(sender: Pid | None) -> str:
    return "" if sender is None else f" from process {sender}"
