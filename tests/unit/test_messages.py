"""Deltas spell a message, however they were cut."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from logos.abi.messages import (
    AnyDelta,
    CallDelta,
    Finish,
    Finished,
    Opaque,
    OpaqueDelta,
    Role,
    Text,
    TextDelta,
    Usage,
    gather,
    said,
)

END = Finished(reason=Finish.STOP, usage=Usage(input=1, output=2))


def cut(text: str, sizes: list[int]) -> list[str]:
    """The same text in pieces."""
    pieces, at = [], 0
    for size in sizes:
        pieces.append(text[at : at + size])
        at += size
    return [*pieces, text[at:]]


SIZES = st.lists(st.integers(0, 4), max_size=6)


@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=3), SIZES)
def test_the_pieces_make_the_whole(text: str, arguments: list[str], sizes: list[int]) -> None:
    deltas: list[AnyDelta] = [TextDelta(text=piece) for piece in cut(text, sizes)]
    streams = [
        [
            CallDelta(
                index=n,
                id=f"id{n}" if not k else "",
                name=f"f{n}" if not k else "",
                arguments=piece,
            )
            for k, piece in enumerate(cut(argument, sizes))
        ]
        for n, argument in enumerate(arguments)
    ]
    for at in range(max(map(len, streams), default=0)):  # the calls come side by side
        deltas += [stream[at] for stream in reversed(streams) if at < len(stream)]
    message, finished = gather([*deltas, END])
    assert finished is END
    assert message.role is Role.ASSISTANT
    assert message.text == text
    assert [(c.id, c.name, c.arguments) for c in message.calls] == [
        (f"id{n}", f"f{n}", argument) for n, argument in enumerate(arguments)
    ]


def test_a_stream_without_its_end_is_not_finished() -> None:
    message, finished = gather([TextDelta(text="half")])
    assert finished is None
    assert message.text == "half"
    assert gather([]) == (
        said(Role.ASSISTANT, "x").__class__(role=Role.ASSISTANT, content=()),
        None,
    )


def test_a_call_without_an_id_gets_one() -> None:
    message, _ = gather([CallDelta(index=2, name="f", arguments="{}")])
    assert message.calls[0].id == "call_2"


def test_what_only_its_provider_understands_is_kept_byte_for_byte() -> None:
    opaque = Opaque(provider="p", raw=msgspec.Raw(b'{"z": 1,  "a":2}'))
    message, _ = gather([OpaqueDelta(content=opaque), TextDelta(text="x"), END])
    assert message.content == (opaque, Text(text="x"))
    again = msgspec.json.decode(msgspec.json.encode(message), type=type(message))
    assert isinstance(again.content[0], Opaque)
    assert bytes(again.content[0].raw) == b'{"z": 1,  "a":2}'


def test_usage_adds_up() -> None:
    both = Usage(input=1, output=2, cached=3, written=4, cost=5) + Usage(input=10, cost=50)
    assert both == Usage(input=11, output=2, cached=3, written=4, cost=55)
    assert both.tokens == 13
