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
    def heads(self) -> list[bytes]:
        return chain(SEED, self.said.since())


def talk(turns: int) -> list[str]:
    return [word.format(n) for n in range(turns) for word in ("question {}", "answer {}")]


def test_what_comes_again_in_the_same_bytes_is_not_read_again() -> None:
    heads = Heads()
    first = Client(*talk(20), "more")
    heads.keep(SEED, first.said, first.heads)
    again = Client(*talk(20), "more", "answer", "and more")
    found = heads.known(SEED, again.said)
    assert found is not None
    assert not {f"question {n}" for n in range(17)} & set(again.read)
    chained, messages = found
    assert [message.text for message in messages] == ["answer", "and more"]
    assert chained[0] == first.heads[-1]
    assert chained[-1] == again.heads[-1]


def test_a_mark_that_moves_hides_only_the_last_turns() -> None:
    heads = Heads()
    texts: list[str] = []
    for turn in range(6):
        texts += [f"question {turn}"]
        # the last two questions have a mark
        marked = Client(*texts[:-3], *(f"{one} *" if one[0] == "q" else one for one in texts[-3:]))
        found = heads.known(SEED, marked.said)
        if turn >= 4:
            assert found is not None
            assert found[0][-1] == marked.heads[-1]
        heads.keep(SEED, marked.said, found[0] if found else marked.heads)
        texts += [f"answer {turn}"]


@pytest.mark.parametrize("place", range(9))
def test_other_bytes_are_read(place: int) -> None:
    """Wherever they are, what is found is what the whole chain says."""
    heads = Heads()
    first = Client(*talk(4), "more")
    heads.keep(SEED, first.said, first.heads)
    texts = [*talk(4), "more", "answer", "and more"]
    texts[place] += "!"
    for changed in (texts, [*texts[:place], *texts[place + 1 :]]):
        client = Client(*changed)
        found = heads.known(SEED, client.said)
        assert found is None or found[0][-1] == client.heads[-1]
        assert found is None or place > 4
        assert found is not None or place < 8


def test_nobody_finds_what_another_said() -> None:
    heads = Heads()
    first = Client("one")
    heads.keep(SEED, first.said, first.heads)
    assert heads.known(SEED, Client("one", "answer", "two").said)
    assert heads.known(bytes(32), Client("one", "answer", "two").said) is None


def test_what_is_remembered_is_bounded() -> None:
    heads = Heads(most=1)
    for text in ("one", "two"):
        client = Client(text)
        heads.keep(SEED, client.said, client.heads)
    assert heads.known(SEED, Client("one", "answer", "x").said) is None
    assert heads.known(SEED, Client("two", "answer", "x").said)
