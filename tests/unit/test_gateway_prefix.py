"""A conversation is recognised by what was said, however a client wrote it."""

import hashlib

import msgspec
import pytest

from logos.abi.ids import CallId
from logos.abi.messages import AnyPart, Image, Message, Role, Text, ToolCall, ToolResult
from logos.gateway.prefix import Heads, Said, chain, extend

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


class Client:
    """What it sends, and which of it was read."""

    def __init__(self, *texts: str) -> None:
        self.read: list[str] = []
        self.texts = texts
        raws = [msgspec.Raw(msgspec.json.encode(text)) for text in texts]
        self.said = Said(raws, self._read)

    def _read(self, place: int, raw: msgspec.Raw) -> list[Message]:
        assert msgspec.json.decode(raw) == self.texts[place]
        self.read.append(self.texts[place])
        role = Role.ASSISTANT if self.texts[place].startswith("answer") else Role.USER
        return [Message(role=role, content=(Text(text=self.texts[place]),))]

    @property
    def head(self) -> bytes:
        return chain(SEED, self.said.since())[-1]


def test_what_comes_again_in_the_same_bytes_is_not_read_again() -> None:
    heads = Heads()
    first = Client("one", "answer to none", "two")
    heads.keep(SEED, first.said, first.head)
    again = Client("one", "answer to none", "two", "answer", "three", "four")
    found = heads.since_answer(SEED, again.said)
    assert found is not None
    assert set(again.read) == {"answer", "three", "four"}
    chained, messages = found
    assert [message.text for message in messages] == ["answer", "three", "four"]
    assert chained[0] == first.head
    assert chained[-1] == again.head


@pytest.mark.parametrize(
    "texts",
    [
        ("One", "answer to none", "two", "answer", "three"),
        ("one", "answer to none", "two", "more", "answer", "three"),
        ("one", "answer to none", "two", "three"),
        ("one",),
    ],
)
def test_other_bytes_are_read(texts: tuple[str, ...]) -> None:
    heads = Heads()
    first = Client("one", "answer to none", "two")
    heads.keep(SEED, first.said, first.head)
    assert heads.since_answer(SEED, Client(*texts).said) is None


def test_nobody_finds_what_another_said() -> None:
    heads = Heads()
    first = Client("one")
    heads.keep(SEED, first.said, first.head)
    assert heads.since_answer(SEED, Client("one", "answer", "two").said)
    assert heads.since_answer(bytes(32), Client("one", "answer", "two").said) is None


def test_what_is_remembered_is_bounded() -> None:
    heads = Heads(most=1)
    for text in ("one", "two"):
        client = Client(text)
        heads.keep(SEED, client.said, client.head)
    assert heads.since_answer(SEED, Client("one", "answer", "x").said) is None
    assert heads.since_answer(SEED, Client("two", "answer", "x").said)
