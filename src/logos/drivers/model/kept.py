"""What was made of a message before.

Kept(make)     make(message) of each, once while the same object comes again

A conversation's messages come again with each of its thoughts, and they never change.  What is kept
is bounded by the size of its messages; what came first goes first.
"""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from logos.abi.messages import Image, Message, Opaque, Text, ToolCall, ToolResult

T = TypeVar("T")

MOST_BYTES = 32 << 20

OVERHEAD = 500
"""Bytes of keeping anything."""


class Kept(Generic[T]):
    def __init__(self, make: Callable[[Message], T], most: int = MOST_BYTES) -> None:
        self._make = make
        self._most = most
        self._taken = 0
        self._made: dict[int, tuple[Message, T, int]] = {}

    def __call__(self, messages: Iterable[Message]) -> list[T]:
        known = self._made.get  # by identity: a message lives as long as what is kept of it
        return [
            found[1] if (found := known(id(message))) is not None else self._first(message)
            for message in messages
        ]

    def _first(self, message: Message) -> T:
        made, size = self._make(message), _size(message) + OVERHEAD
        if size > self._most:
            return made
        self._made[id(message)] = (message, made, size)
        self._taken += size
        while self._taken > self._most:
            self._taken -= self._made.pop(next(iter(self._made)))[2]
        return made


def _size(message: Message) -> int:
    size = 0
    for part in message.content:
        match part:
            case Text(text=text) | ToolResult(content=text) | ToolCall(arguments=text):
                size += len(text)
            case Image(data=data):
                size += len(data)
            case Opaque(raw=raw):
                size += len(bytes(raw))
    return size
