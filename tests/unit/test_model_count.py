"""Tokens without a tokenizer: high at first, then what the provider reports."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logos.abi.ids import CallId
from logos.abi.messages import (
    Image,
    Message,
    Opaque,
    Request,
    Role,
    Text,
    ToolCall,
    ToolResult,
    ToolSpec,
    said,
)
from logos.drivers.model import Counter, measure
from logos.drivers.model.count import IMAGE_TOKENS, RATIO, learned, text_tokens

ENGLISH = "The quick brown fox jumps over the lazy dog, and nobody has ever asked it why. "


def asking(text: str) -> Request:
    return Request(model="m", messages=(said(Role.USER, text),))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        # What a byte-pair vocabulary of 100,000 makes of them, reckoned by hand.
        (ENGLISH, 18),
        ("def f(x: int) -> int:\n    return x * 2 + 1\n", 18),
        ('{"path": "/home/a.txt", "range": [1, 20]}', 17),
        ("世界和平与发展", 8),
        ("😀😀😀", 6),
        ("2026-11-21T06:52:12", 13),
    ],
)
def test_the_measure_is_high_but_not_absurd(text: str, tokens: int) -> None:
    assert tokens <= text_tokens(text) <= 2.5 * tokens


@given(st.text(), st.text())
def test_more_text_is_never_less(one: str, two: str) -> None:
    assert text_tokens(one) <= text_tokens(one + two) <= text_tokens(one) + text_tokens(two)


def test_every_part_counts() -> None:
    bare = measure(asking(""))
    parts = (
        Text(text="hello"),
        Opaque(provider="p", raw=msgspec.Raw(b'{"x":1}')),
        ToolCall(id=CallId("a"), name="f", arguments="{}"),
        ToolResult(id=CallId("a"), content="x"),
    )
    for part in parts:
        request = Request(model="m", messages=(Message(role=Role.USER, content=(part,)),))
        assert measure(request) > bare
    image = Message(role=Role.USER, content=(Image(data="A" * 100_000),))
    assert measure(Request(model="m", messages=(image,))) == bare + IMAGE_TOKENS
    tool = ToolSpec(name="f", description="x", schema=msgspec.Raw(b"{}"))
    assert measure(msgspec.structs.replace(asking(""), tools=(tool,))) > bare


@given(
    ratio=st.floats(*RATIO),
    reports=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=8),
)
def test_the_ratio_stays_in_its_bounds(ratio: float, reports: list[tuple[int, int]]) -> None:
    for measured, reported in reports:
        ratio = learned(ratio, measured, reported)
        assert RATIO[0] <= ratio <= RATIO[1]


def test_the_ratio_rises_at_once_and_falls_slowly() -> None:
    assert learned(1.0, 100, 150) == 1.5
    assert 0.5 < learned(1.0, 100, 50) < 1.0
    assert learned(1.0, 100, 0) == 1.0


@given(true=st.floats(0.5, 2.5))
def test_it_finds_the_true_ratio_and_never_falls_short_on_the_way(true: float) -> None:
    counter, request = Counter(), asking(ENGLISH * 20)
    reported = int(measure(request) * true)
    counter.learn(request, reported)
    for _ in range(60):
        assert counter.count(request) >= reported
        counter.learn(request, reported)
    assert counter.count(request) <= reported * 1.1 + 2
