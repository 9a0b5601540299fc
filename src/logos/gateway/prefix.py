"""Which conversation does a request go on with?  Pure.

    chain(seed, messages)     a hash for each length of the conversation, the seed's first
    extend(head, message)     one message more

A client sends everything again with each turn.  What it sends is compared by what it says, not by
its bytes: libraries leave out what is empty, join pieces of text and write JSON anew.
"""

import hashlib
from collections.abc import Iterable

import msgspec

from logos.abi.messages import AnyPart, Image, Message, Opaque, Role, Text, ToolCall, ToolResult


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
