"""Which conversation does a request continue?  Pure.

    chain(seed, messages)     a hash for each length of the conversation, the seed's first
    extend(head, message)     the hash after one more message
    Said                      what a client says, decoded only from where it is needed
    Heads                     positions of conversations, by the bytes they were sent in

A client repeats everything with each turn.  Messages are compared by content, not by bytes:
libraries leave out empty fields, join pieces of text and re-encode JSON.  But most clients repeat
the same bytes, and equal bytes have equal content: then only what follows is decoded.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain as joined
from typing import TypeAlias

import msgspec

from logos.abi.messages import AnyPart, Image, Message, Opaque, Role, Text, ToolCall, ToolResult

MOST = 20_000
"""Prefixes remembered: 150 bytes each."""

MARKED = 3
"""Answers back that the same bytes are looked for: marks for a provider's cache move with each
turn, and what stands before the last few of them has none."""

Read: TypeAlias = Callable[[int, msgspec.Raw], Sequence[Message]]
"""The messages of one, and its place.  Raise `invalid`."""


class Said:
    """`raws` are the messages as they came; one of them may be several of ours, or none.  `first`
    is how many there were before them."""

    def __init__(self, raws: Sequence[msgspec.Raw], read: Read, first: int = 0) -> None:
        self._raws = raws
        self._first = first
        self._read = read
        self._known: list[Sequence[Message] | None] = [None] * len(raws)
        self._keys: dict[int, bytes] = {}

    @classmethod
    def of(cls, messages: Sequence[Message]) -> "Said":
        """What was read before."""
        said = cls((), lambda _, __: ())
        said._known = [messages]
        return said

    @property
    def repeatable(self) -> bool:
        """Whether its bytes are known."""
        return bool(self._raws)

    def __bool__(self) -> bool:
        return any(self._at(place) for place in range(len(self._known)))

    def since(self, place: int = 0) -> tuple[Message, ...]:
        """The messages of what came there and later."""
        return tuple(joined.from_iterable(map(self._at, range(place, len(self._known)))))

    def answers(self) -> list[int]:
        """The places of the last answers that are repeated, the first of them first."""
        found: list[int] = []
        for place in range(len(self._raws) - 1, 0, -1):
            if any(message.role is Role.ASSISTANT for message in self._at(place)):
                found.insert(0, place)
                if len(found) == MARKED:
                    break
        return found

    def keys(self, seed: bytes) -> dict[int, bytes]:
        """The hash of the bytes of all that came before each of those places, and of all bytes."""
        if not self._keys:
            digest, done = hashlib.sha256(seed), 0
            for place in (*self.answers(), len(self._raws)):
                digest.update(b"\0".join((b"", *self._raws[done:place])))
                self._keys[place], done = digest.digest(), place
        return self._keys

    def _at(self, place: int) -> Sequence[Message]:
        found = self._known[place]
        if found is None:
            found = self._known[place] = self._read(self._first + place, self._raws[place])
        return found


class Heads:
    """A memory of `chain` and nothing else: what is not in it is computed."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._heads: OrderedDict[bytes, bytes] = OrderedDict()

    def known(self, seed: bytes, said: Said) -> tuple[list[bytes], Sequence[Message]] | None:
        """The end of the chain from where it is remembered, and the messages that are hashed in
        it."""
        keys = said.keys(seed) if said.repeatable else {}
        for place in reversed(list(keys)[:-1]):
            if (head := self._heads.get(keys[place])) is not None:
                messages = said.since(place)
                return chain(head, messages), messages
        return None

    def keep(self, seed: bytes, said: Said, heads: Sequence[bytes]) -> None:
        """They are the end of the chain."""
        keys = said.keys(seed) if said.repeatable else {}
        for place, key in keys.items():
            if (later := len(said.since(place))) < len(heads):
                self._heads[key] = heads[-1 - later]
                self._heads.move_to_end(key)
        while len(self._heads) > self._most:
            self._heads.popitem(last=False)


def chain(seed: bytes, messages: Iterable[Message]) -> list[bytes]:
    heads = [seed]
    for message in messages:
        heads.append(extend(heads[-1], message))
    return heads


def extend(head: bytes, message: Message) -> bytes:
    content = message.content
    if len(content) == 1 and isinstance(content[0], Text):  # most are; the same bytes at once
        said = content[0].text.strip().encode("utf-8", "surrogatepass")
        return hashlib.sha256(b"%b%b\0%b" % (head, message.role.encode(), said)).digest()
    digest = hashlib.sha256(head)
    digest.update(message.role.encode())
    digest.update(b"\0" + message.text.strip().encode("utf-8", "surrogatepass"))
    for part in message.content:
        for field in _fields(part, message.role):
            digest.update(b"\0" + field.encode("utf-8", "surrogatepass"))
    return digest.digest()


def _fields(part: AnyPart, role: Role) -> tuple[str, ...]:
    match part:
        case ToolCall():
            return ("call", part.id, part.name, _canonical(part.arguments))
        case ToolResult():
            return ("result", part.id, part.content.strip())
        case Image():
            return ("image", part.url or hashlib.sha256(part.data.encode()).hexdigest())
        case Opaque() if role is not Role.ASSISTANT:  # a model's thinking is often left out
            return ("opaque", bytes(part.raw).decode("utf-8", "replace"))
        case Text() | Opaque():
            return ()


def _canonical(arguments: str) -> str:
    try:
        value = msgspec.json.decode(arguments or "{}")
        return msgspec.json.encode(value, order="sorted").decode()
    except (msgspec.DecodeError, RecursionError):
        return arguments
