"""Events come out the same however their bytes were cut."""

from hypothesis import given, settings
from hypothesis import strategies as st

from logos.drivers.model.sse import Events, Whole, repaired

#: What JSON text of a provider looks like: no line break, no space at its ends.
PAYLOADS = st.lists(
    st.text(max_size=8).map(lambda s: repr(s).encode("utf-8", "replace")), max_size=5
)


@settings(max_examples=60)
@given(PAYLOADS, st.sampled_from([b"\n", b"\r\n"]), st.integers(1, 40))
def test_events_survive_any_cut(payloads: list[bytes], line: bytes, size: int) -> None:
    data = b"".join(
        b": note" + line + b"event: x" + line + b"data: " + p + line + line for p in payloads
    )
    events = Events()
    heard = [e for at in range(0, len(data), size) for e in events.feed(data[at : at + size])]
    assert heard == payloads
    assert events.close() == []


def test_data_over_several_lines_is_one_event() -> None:
    assert Events().feed(b"data: a\ndata:b\n\n") == [b"a\nb"]


def test_a_last_event_without_its_blank_line_comes_at_the_close() -> None:
    events = Events()
    assert events.feed(b"data: [DONE]\n") == []
    assert events.close() == [b"[DONE]"]


def test_half_a_line_is_no_event() -> None:
    events = Events()
    assert events.feed(b'data: {"a"') == []
    assert events.close() == []


def test_a_whole_answer_comes_at_the_close() -> None:
    answer = Whole()
    assert answer.feed(b"{") + answer.feed(b"}") == []
    assert answer.close() == [b"{}"]


def test_only_lone_surrogates_are_replaced() -> None:
    assert repaired(rb'"\ud83d\ude00"') == rb'"\ud83d\ude00"'
    assert repaired(rb'"\ud83d x \ude00"') == rb'"\ufffd x \ufffd"'
    assert repaired(rb'"\\ud83d \n"') == rb'"\\ud83d \n"'
    assert repaired(b'"\xff"') == '"\ufffd"'.encode()
