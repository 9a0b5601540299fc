"""A conversation is recognised by what was said, however a client wrote it."""

import hashlib

import pytest

from logos.abi.ids import CallId
from logos.abi.messages import AnyPart, Image, Message, Role, Text, ToolCall, ToolResult
from logos.gateway.prefix import chain, extend

SEED = hashlib.sha256(b"seed").digest()


def one(*parts: AnyPart, role: Role = Role.USER) -> bytes:
    return extend(SEED, Message(role=role, content=parts))


def call(arguments: str) -> ToolCall:
    return ToolCall(id=CallId("c"), name="f", arguments=arguments)


def test_pieces_of_a_text_are_the_text() -> None:
    assert one(Text(text="hello there")) == one(Text(text="hello "), Text(text="there"))
    assert one(Text(text=" hello\n")) == one(Text(text="hello"))
    assert one() == one(Text(text=""))


def test_arguments_are_compared_by_what_they_mean() -> None:
    assert one(call('{"a": 1, "b": 2}')) == one(call('{"b":2,"a":1}'))
    assert one(call("not json")) != one(call("{}"))


@pytest.mark.parametrize(
    "other",
    [
        one(Text(text="hello!")),
        one(Text(text="hello"), role=Role.ASSISTANT),
        one(Text(text="hello"), call("{}")),
        one(Text(text="hello"), Image(url="https://x.example/a.png")),
        one(ToolResult(id=CallId("c"), content="hello")),
        extend(hashlib.sha256(b"another").digest(), Message(role=Role.USER, content=())),
    ],
)
def test_what_differs_is_another(other: bytes) -> None:
    assert one(Text(text="hello")) != other


def test_half_a_character_is_no_reason_to_fail() -> None:
    assert one(Text(text="\ud800")) != one(Text(text="?"))


def test_a_chain_has_a_head_for_each_length() -> None:
    said = [Message(role=Role.USER, content=(Text(text=text),)) for text in "abc"]
    heads = chain(SEED, said)
    assert heads[0] == SEED
    assert heads[:3] == chain(SEED, said[:2])
    assert len(set(heads)) == 4
