"""The request, read as a story: what was asked, what was done, what came of it.

    read         Request -> Transcript
    Done         one call with its result
    page_named   the page a stub or a line of the digest names

A task is what the first user message says, and each later letter; it begins anew after an answer.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from logos.abi.messages import Message, Request, Role, ToolCall, ToolResult
from logos.drivers.model.reader.memory import is_memory

_LETTER = re.compile(r"\[message[^\]]*\]\s*")
_PAGE = re.compile(r"\bpages?\s*(?:=|#|:)?\s*(\d+)", re.IGNORECASE)
_STUB = re.compile(r"\[page (\d+): \d+ tokens paged out")


@dataclass(frozen=True, slots=True)
class Done:
    tool: str
    arguments: dict[str, object]
    content: str
    error: bool

    @property
    def key(self) -> str:
        return key(self.tool, self.arguments)


@dataclass(frozen=True, slots=True)
class Transcript:
    """`asks` are the words of the current task; `recent` is where in `done` it begins.
    `notices` are words of the kernel: digests, warnings; `memories` what it brought back."""

    asks: tuple[str, ...]
    done: tuple[Done, ...]
    recent: int
    tools: frozenset[str]
    notices: tuple[str, ...]
    letters: tuple[str, ...]
    memories: tuple[str, ...] = ()

    @property
    def ending(self) -> bool:
        """Was the process told to wrap up?"""
        return any(re.search(r"\bwrap up\b|\bterm\b", notice) for notice in self.notices[-1:])


def read(request: Request) -> Transcript:
    asks: list[str] = []
    done: list[Done] = []
    notices: list[str] = []
    letters: list[str] = []
    memories: list[str] = []
    recent = 0
    answered = False
    open_calls: dict[str, ToolCall] = {}
    for message in request.messages:
        if message.role is Role.ASSISTANT:
            open_calls |= {call.id: call for call in message.calls}
            answered = not message.calls
        elif message.role is Role.TOOL:
            done += _results(message, open_calls)
        elif message.role is Role.USER:
            if is_memory(message.text):
                memories.append(message.text)
                continue
            said = _LETTER.sub("", message.text, count=1).strip()
            letter = _LETTER.match(message.text) is not None
            if letter:
                letters.append(said)
            if not letter and (said.startswith("[") or (asks and not answered)):
                notices.append(said)
                continue
            if answered:
                asks, recent, answered = [], len(done), False
                notices = []
            asks.append(said)
    return Transcript(
        asks=tuple(asks),
        done=tuple(done),
        recent=recent,
        tools=frozenset(tool.name for tool in request.tools),
        notices=tuple(notices),
        letters=tuple(letters),
        memories=tuple(memories),
    )


def key(tool: str, arguments: dict[str, object]) -> str:
    return f"{tool} {json.dumps(arguments, sort_keys=True)}"


def page_named(text: str) -> int | None:
    """The page whose stub this is."""
    return int(found[1]) if (found := _STUB.match(text.strip())) else None


def pages_in(text: str) -> Iterator[tuple[int, str]]:
    """Every line that names a page, with its number."""
    for line in text.splitlines():
        for found in _PAGE.finditer(line):
            yield int(found[1]), line


def _results(message: Message, calls: dict[str, ToolCall]) -> Iterator[Done]:
    for part in message.content:
        if isinstance(part, ToolResult) and (call := calls.get(part.id)):
            yield Done(call.name, _decoded(call.arguments), part.content, part.error)


def _decoded(text: str) -> dict[str, object]:
    try:
        arguments = json.loads(text or "{}")
    except ValueError:
        return {}
    return arguments if isinstance(arguments, dict) else {}
