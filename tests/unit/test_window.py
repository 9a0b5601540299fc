"""The window: a fold like the state, so the same journal gives the same bytes; what leaves it
leaves a stub that names the page; and a call is never without its answer."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logos.abi import events as e
from logos.abi.agent import Agent
from logos.abi.driver import Effect
from logos.abi.errors import Code
from logos.abi.events import AnyEvent
from logos.abi.ids import CallId, MailId, Seq
from logos.abi.limits import RESULT_TOKENS
from logos.abi.messages import (
    Finish,
    Message,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)
from logos.abi.process import Signal
from logos.kernel.memory import Window, page_text, render_result
from logos.kernel.memory.window import CHARS_A_TOKEN, RECENT

SPAWNED = e.Spawned(agent=Agent(name="a", instructions="be good"), task="the task", at=1)


def windowed(events: Sequence[AnyEvent]) -> Window:
    window = Window()
    for seq, event in enumerate(events, 1):
        window.apply(Seq(seq), event)
    return window


def shown(window: Window) -> bytes:
    return msgspec.json.encode(window.messages())


def thought(text: str, *ids: str) -> e.Thought:
    calls = tuple(ToolCall(id=CallId(i), name="fs_read", arguments='{"path":"x"}') for i in ids)
    message = Message(role=Role.ASSISTANT, content=(Text(text=text), *calls))
    return e.Thought(message=message, usage=Usage(), finish=Finish.STOP)


def called(id_: str) -> e.Called:
    return e.Called(id=CallId(id_), name="fs.read", call=msgspec.Raw(b"{}"), effect=Effect.PURE)


def answer(id_: str, text: str, *, fails: bool = False) -> AnyEvent:
    if fails:
        return e.Failed(id=CallId(id_), code=Code.TOOL, message=text, hint="do better")
    return e.Returned(id=CallId(id_), value=msgspec.Raw(msgspec.json.encode(text)))


def news(n: int, text: str) -> AnyEvent:
    kinds: list[AnyEvent] = [
        e.Received(mail=MailId(1), text=text),
        e.Rang(text=text, next=9),
        e.Warned(text=text),
        e.Signalled(mail=MailId(2), signal=Signal.TERM),
        e.Signalled(mail=MailId(2), signal=Signal.STOP),
    ]
    return kinds[n % 5]


WORDS = st.integers(0, 300).map("word ".__mul__)


@st.composite
def journals(draw: st.DrawFn) -> list[AnyEvent]:
    """Thoughts with calls whose answers come in any order, with news in between."""
    events: list[AnyEvent] = [SPAWNED]
    for turn in range(draw(st.integers(0, 8))):
        events.append(e.Asked(model="m", tokens=1, room=draw(st.sampled_from([0, 0, 900, 5000]))))
        ids = [f"{turn}.{n}" for n in range(draw(st.integers(0, 3)))]
        events += [thought(draw(WORDS), *ids), *(called(i) for i in ids)]
        for id_ in draw(st.permutations(ids)):
            if draw(st.booleans()):
                events.append(news(draw(st.integers(0, 4)), draw(WORDS)))
            events.append(answer(id_, draw(WORDS), fails=draw(st.booleans())))
        if draw(st.booleans()):
            events.append(news(draw(st.integers(0, 4)), draw(WORDS)))
    return events


@settings(max_examples=12)
@given(journals(), st.integers(0, 30), st.integers(1, 6000))
def test_the_same_journal_gives_the_same_bytes(events: list[AnyEvent], cut: int, room: int) -> None:
    once, again = windowed(events), windowed(events)
    assert shown(once) == shown(again)
    saved = msgspec.json.decode(msgspec.json.encode(windowed(events[:cut])), type=Window)
    for seq, event in list(enumerate(events, 1))[cut:]:
        saved.apply(Seq(seq), event)
    assert shown(saved) == shown(once)
    once.fit(room)
    again.fit(room)
    assert shown(once) == shown(again)
    before = shown(once)
    once.fit(room)
    assert shown(once) == before


@settings(max_examples=12)
@given(journals(), st.integers(1, 6000))
def test_a_call_has_its_answer_right_behind_it(events: list[AnyEvent], room: int) -> None:
    window = windowed(events)
    window.fit(room)
    messages = window.messages()
    for here, after in zip(messages, [*messages[1:], None], strict=True):
        ids = [call.id for call in here.calls]
        if ids:
            assert after is not None
            assert after.role is Role.TOOL
            assert [p.id for p in after.content if isinstance(p, ToolResult)] == ids
        else:
            assert after is None or after.role is not Role.TOOL


@settings(max_examples=12)
@given(journals(), st.integers(1, 6000))
def test_fitting_keeps_the_count_and_loses_nothing(events: list[AnyEvent], room: int) -> None:
    window = windowed(events)
    before = window.total
    window.fit(room)
    assert window.total == sum(turn.tokens for turn in window.turns)
    assert window.total <= before
    assert windowed_total(window) == window.total
    if window.total > room:  # then there is nothing left that would help
        candidates = window.turns[2:-RECENT]
        probe = windowed(events)
        probe.fit(1)
        assert probe.pages_out() == window.pages_out() or not candidates
    text = shown(window).decode()
    for page in window.pages_out():
        whole = page_text(events[page - 1])
        named = f"[page {page}:" in text and f"memory_read(page={page})" in text
        assert msgspec.json.encode(whole).decode()[1:-1] in text or (named and whole)


def windowed_total(window: Window) -> int:
    """What the messages as shown would measure."""
    fresh = Window()
    for message in window.messages():
        fresh._say(Seq(1), message)
    return fresh.total


@settings(max_examples=12)
@given(journals())
def test_what_is_pinned_and_what_is_new_stays(events: list[AnyEvent]) -> None:
    window = windowed(events)
    window.fit(1)
    assert [m.text for m in window.messages()[:2]] == ["be good", "the task"]
    assert not any(turn.out for turn in window.turns[-RECENT:])


def test_room_is_made_in_one_batch() -> None:
    events: list[AnyEvent] = [SPAWNED]
    for n in range(20):
        events += [thought("", f"{n}"), called(f"{n}"), answer(f"{n}", "x" * 3000)]
    window = windowed(events)
    window.fit(15_000)
    assert window.total <= 7_500
    rest = shown(window)
    window.fit(15_000)
    assert shown(window) == rest


def test_a_stub_says_how_large_its_page_is_not_itself() -> None:
    events: list[AnyEvent] = [
        SPAWNED,
        thought("w" * 9000),
        *(thought("short") for _ in range(RECENT)),
    ]
    window = windowed(events)
    window.fit(100)
    assert window.messages()[2].text.startswith("[page 2: 3004 tokens paged out")


def test_short_messages_are_not_replaced_by_longer_stubs() -> None:
    window = windowed([SPAWNED, *(thought("ok") for _ in range(50))])
    window.fit(10)
    assert window.pages_out() == []


def test_a_long_answer_says_where_the_rest_is() -> None:
    text = "0123456789" * RESULT_TOKENS
    window = windowed([SPAWNED, thought("", "c"), called("c"), answer("c", text)])
    (part,) = window.messages()[-1].content
    assert isinstance(part, ToolResult)
    kept = RESULT_TOKENS * CHARS_A_TOKEN
    assert part.content.startswith(text[:kept] + "\n[page 4:")
    assert f"memory_read(page=4, offset={kept})" in part.content


@pytest.mark.parametrize(
    ("raw", "text"), [(b'"as it is\\n"', "as it is\n"), (b'{"a":1}', '{"a":1}'), (b"null", "null")]
)
def test_how_a_result_is_read(raw: bytes, text: str) -> None:
    assert render_result(msgspec.Raw(raw)) == text
