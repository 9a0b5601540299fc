"""The window: a fold like the state, so the same journal gives the same bytes; what leaves it is
named by a digest; it never has more than its room; and a call is never without its answer."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logos.abi import events as e
from logos.abi.agent import Agent
from logos.abi.calls import ReadPage
from logos.abi.driver import Effect
from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent
from logos.abi.ids import CallId, MailId, Seq
from logos.abi.limits import RESULT_TOKENS
from logos.abi.messages import (
    AnyPart,
    Finish,
    Image,
    Message,
    Opaque,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    said,
)
from logos.abi.paging import Place, Shown, Skeleton
from logos.abi.process import Signal
from logos.kernel.memory import Window, number, page_text, plan, render_result
from logos.kernel.memory.faults import held
from logos.kernel.memory.tokens import CHARS_A_TOKEN
from logos.kernel.memory.turns import Turn, bundles

SPAWNED = e.Spawned(agent=Agent(name="a", instructions="be good"), task="the task", at=1)
LEAST_ROOM = 900
"""Enough for the fixed parts of these journals, a digest, and the heads of what is newest."""


@dataclass
class Log:
    """A journal in the making, and its window."""

    events: list[AnyEvent] = field(default_factory=list)
    window: Window = field(default_factory=Window)

    def add(self, *events: AnyEvent) -> Seq:
        for event in events:
            self.events.append(event)
            self.window.apply(Seq(len(self.events)), event)
        return Seq(len(self.events))

    def fit(self, room: int) -> e.Compacted | None:
        if self.window.total <= room:
            return None
        event = plan(self.window, goal=room // 2, room=room)
        self.add(event)
        return event


def windowed(events: Sequence[AnyEvent]) -> Window:
    log = Log()
    log.add(*events)
    return log.window


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


def paged(page: int, text: str, start: int = 0) -> e.PagedIn:
    piece = Shown(page=Seq(page), start=start, end=start + len(text), text=text, role="user")
    return e.PagedIn(question="what was it?", pages=(piece,), confidence=0.9)


def told(text: str, id_: str) -> e.Told:
    """A client's turn: an answer that may come late, and words."""
    late = Message(role=Role.TOOL, content=(ToolResult(id=CallId(id_), content=text),))
    return e.Told(messages=(late, said(Role.USER, text)))


def news(n: int, text: str) -> AnyEvent:
    kinds: list[AnyEvent] = [
        e.Received(mail=MailId(1), text=text),
        e.Rang(text=text, next=9),
        e.Warned(text=text),
        e.Signalled(mail=MailId(2), signal=Signal.TERM),
        e.Signalled(mail=MailId(2), signal=Signal.STOP),
        e.Remembered(path="/mem/core/notes", text=text[:200]),
        e.Remembered(path="/mem/archive/x", text=text),
    ]
    return kinds[n % len(kinds)]


WORDS = st.integers(0, 300).map("word ".__mul__)


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Thoughts with calls whose answers come in any order, news in between, pages brought back,
    pins, and compactions."""
    log = Log()
    log.add(SPAWNED)
    for turn in range(draw(st.integers(0, 8))):
        if draw(st.booleans()):
            log.add(paged(draw(st.integers(1, 40)), draw(WORDS), 2 * turn))
        if draw(st.integers(0, 3)) == 0:
            log.add(e.Pinned(page=Seq(draw(st.integers(1, 9))), pinned=draw(st.booleans())))
        with suppress(SysError):  # what is pinned may be too much; see below
            log.fit(draw(st.integers(LEAST_ROOM, 4000)))
        log.add(e.Asked(model="m", tokens=1))
        ids = [f"{turn}.{n}" for n in range(draw(st.integers(0, 3)))]
        log.add(thought(draw(WORDS), *ids), *(called(i) for i in ids))
        for id_ in draw(st.permutations(ids)):
            if draw(st.booleans()):
                log.add(news(draw(st.integers(0, 6)), draw(WORDS)))
            log.add(answer(id_, draw(WORDS), fails=draw(st.booleans())))
        if draw(st.booleans()):
            log.add(news(draw(st.integers(0, 6)), draw(WORDS)))
        if draw(st.integers(0, 3)) == 0:
            log.add(told(draw(WORDS), "nobody"))
    return log


EXAMPLES = 12


@settings(max_examples=EXAMPLES)
@given(logs(), st.integers(0, 40))
def test_the_same_journal_gives_the_same_bytes(log: Log, cut: int) -> None:
    assert shown(windowed(log.events)) == shown(log.window)
    saved = msgspec.json.decode(msgspec.json.encode(windowed(log.events[:cut])), type=Window)
    for seq, event in list(enumerate(log.events, 1))[cut:]:
        saved.apply(Seq(seq), event)
    assert shown(saved) == shown(log.window)
    assert msgspec.json.encode(saved) == msgspec.json.encode(log.window)


@settings(max_examples=EXAMPLES)
@given(logs())
def test_a_call_has_its_answer_right_behind_it(log: Log) -> None:
    messages = log.window.messages("[left: little]")
    assert [m.role for m in messages[:2]] == [Role.SYSTEM, Role.USER]
    assert Role.SYSTEM not in [m.role for m in messages[1:]]
    assert all(message.content for message in messages)
    for here, after in zip(messages, [*messages[1:], None], strict=True):
        ids = [call.id for call in here.calls]
        if ids:
            assert after is not None
            assert after.role is Role.TOOL
            assert [p.id for p in after.content if isinstance(p, ToolResult)] == ids
        else:
            assert after is None or after.role is not Role.TOOL


@settings(max_examples=EXAMPLES)
@given(logs(), st.integers(LEAST_ROOM, 5000))
def test_a_compaction_makes_room_and_loses_nothing(log: Log, room: int) -> None:
    before = {key for turn in log.window.body for key in turn.keys if not turn.pieces}
    if any(set(turn.pages) & set(log.window.pins) for turn in log.window.body):
        with suppress(SysError):  # only what is pinned can be too much
            log.fit(room)
        return
    done = log.fit(room)
    window = log.window
    assert window.total <= room
    messages = window.messages()
    assert window.total >= sum(map(number, messages)) - len(messages)
    if done is None:
        return
    ranges = [
        range(int(first), int(last or first) + 1)
        for first, last in _ranges(window.digest)
    ]  # fmt: skip
    after = {key for turn in window.body for key in turn.keys}
    for page, _ in before - after:
        if not isinstance(log.events[page - 1], e.Remembered):
            assert any(page in one for one in ranges), f"nothing says where page {page} is"


def _ranges(digest: str) -> list[tuple[str, str]]:
    return re.findall(r"^pages? (\d+)(?:-(\d+))? ", digest, re.MULTILINE)


@settings(max_examples=EXAMPLES)
@given(logs())
def test_what_is_pinned_and_what_is_new_stays(log: Log) -> None:
    window = log.window
    body = [turn for turn in window.body if not turn.block and not turn.pieces]
    pinned = [part for turn in body for part in _pinned(turn, window.pins)]
    last = bundles(window.body)[-1:] if window.body else []
    ids = [call.id for turn in last for one in turn for call in one.message.calls]
    try:
        log.fit(LEAST_ROOM)
    except SysError:
        return
    messages = window.messages()
    assert messages[0].text == "be good"
    assert messages[1].text == "the task"
    kept = [part for message in messages for part in message.content]
    assert all(part in kept for part in pinned)
    assert {call.id for message in messages for call in message.calls} >= set(ids)


def _pinned(turn: Turn, pins: Sequence[Seq]) -> list[AnyPart]:
    """Of several answers in one turn those that are pinned; the others may be cut to their heads."""
    parts = list(turn.message.content)
    if turn.message.role is not Role.TOOL:
        return parts if set(turn.pages) & set(pins) else []
    return [part for page, part in zip(turn.pages, parts, strict=True) if page in pins]


@settings(max_examples=EXAMPLES)
@given(logs(), st.lists(st.tuples(st.integers(0, 6), WORDS), min_size=1, max_size=5))
def test_between_compactions_the_prompt_only_grows(log: Log, coming: list[tuple[int, str]]) -> None:
    """The bytes of a prompt are the beginning of the next one's."""
    if log.window.calls:
        return
    for kind, text in coming:
        before = log.window.messages()
        log.add(news(kind, text))
        assert log.window.messages()[: len(before)] == before
        log.add(e.Asked(model="m", tokens=1), thought(text))
        assert log.window.messages()[: len(before)] == before


def test_the_tail_is_last_and_kept_in_nothing() -> None:
    log = Log()
    log.add(SPAWNED, thought("hm"))
    assert log.window.messages("[left: 5]")[-1].text == "[left: 5]"
    assert log.window.messages()[-1].text == "hm"


def test_tool_results_leave_first_and_all_at_once() -> None:
    log = Log()
    log.add(SPAWNED)
    log.add(e.Received(mail=MailId(1), text="Mira pays for the boat house in Lisbon. " * 20))
    for n in range(20):
        log.add(thought("", f"{n}"), called(f"{n}"), answer(f"{n}", f"row {n} " * 200))
    done = log.fit(8000)
    assert done is not None
    assert Seq(2) not in done.out
    assert log.window.total <= 4000
    assert log.fit(8000) is None
    assert "fs" not in log.window.digest or "row" in log.window.digest


def test_a_page_that_was_wanted_stays() -> None:
    log = Log()
    log.add(SPAWNED)
    first = log.add(e.Received(mail=MailId(1), text="ok " * 300))
    for n in range(20):
        log.add(e.Received(mail=MailId(1), text=f"On May {n} Mira moved to Lisbon. " * 30))
    log.add(thought("hm"))
    log.add(e.PagedIn(question="ok", used=(Place(page=first),)), e.Asked(model="m", tokens=1))
    log.add(thought("hm"))
    done = log.fit(3000)
    assert done is not None
    assert len(done.out) > 5
    assert first not in done.out


def test_a_piece_that_is_there_is_not_brought_in_again() -> None:
    log = Log()
    log.add(SPAWNED, e.Received(mail=MailId(1), text="hello there"))
    there = Shown(page=Seq(2), text="hello there")
    assert held(log.window, [there]) == [True]
    piece = Shown(page=Seq(40), start=10, end=15, text="12345")
    assert held(log.window, [piece]) == [False]
    log.add(e.PagedIn(question="q", pages=(piece,)))
    assert held(log.window, [piece]) == [True]
    log.add(e.Compacted(unpaged=(piece.place,)))
    assert held(log.window, [piece]) == [False]
    assert len(log.window.messages()) == 3


def test_what_memory_read_showed_is_there_too() -> None:
    log = Log()
    call = ReadPage(page=7, offset=100)
    reading = e.Called(
        id=CallId("r"),
        name="memory.read",
        call=msgspec.Raw(msgspec.json.encode(call)),
        effect=Effect.KERNEL,
    )
    log.add(SPAWNED, thought("", "r"), reading, answer("r", "x" * 500))
    assert held(log.window, [Shown(page=Seq(7), start=200, end=300, text="x" * 100)]) == [True]
    assert held(log.window, [Shown(page=Seq(7), start=0, end=100, text="x" * 100)]) == [False]


def test_one_giant_page_is_shown_by_its_head() -> None:
    log = Log()
    log.add(SPAWNED, e.Received(mail=MailId(1), text="The report says this and that. " * 4000))
    done = log.fit(2000)
    assert done is not None
    [cut] = done.cut
    assert f"memory_read(page=2, offset={cut.kept})" in log.window.messages()[-1].text
    assert log.window.total <= 2000


def test_what_is_pinned_and_does_not_fit_is_an_error() -> None:
    log = Log()
    log.add(SPAWNED, e.Received(mail=MailId(1), text="word " * 3000), e.Pinned(page=Seq(2)))
    with pytest.raises(SysError, match="must stay") as caught:
        log.fit(2000)
    assert caught.value.code is Code.CONTEXT


def test_a_client_s_transcript_leaves_message_by_message() -> None:
    log = Log()
    turns = [said(Role.USER if n % 2 == 0 else Role.ASSISTANT, f"{n} " * 200) for n in range(20)]
    log.add(SPAWNED, e.Told(messages=tuple(turns)))
    done = log.fit(4000)
    assert done is not None
    assert done.parts
    assert not done.out
    assert log.window.messages()[-1] == turns[-1]


def test_a_client_may_name_two_calls_alike_and_answer_neither() -> None:
    alike = ToolCall(id=CallId("c"), name="look", arguments="{}")
    asked = Message(role=Role.ASSISTANT, content=(alike, alike))
    log = Log()
    log.add(SPAWNED, e.Told(messages=(asked, said(Role.USER, "and now?"))))
    *_, answered, last = log.window.messages()
    assert last.text == "and now?"
    assert [part.id for part in answered.content if isinstance(part, ToolResult)] == ["c", "c"]


def test_parts_that_are_no_text_are_carried_and_counted() -> None:
    picture = Image(data="AAAA")
    thinking = Opaque(provider="x", raw=msgspec.Raw(b'{"signature":"' + b"z" * 300 + b'"}'))
    message = Message(role=Role.ASSISTANT, content=(thinking, Text(text="so")))
    log = Log()
    before = log.window.total
    log.add(SPAWNED, e.Told(messages=(Message(role=Role.USER, content=(picture,)),)))
    log.add(e.Thought(message=message, usage=Usage(), finish=Finish.STOP))
    assert log.window.messages()[-2].content == (picture,)
    assert log.window.messages()[-1].content == (thinking, Text(text="so"))
    assert log.window.total - before > 1600 + 150


def test_a_core_block_moves_to_its_place_at_a_compaction() -> None:
    log = Log()
    log.add(SPAWNED)
    for n in range(8):
        log.add(thought(f"thought {n} " * 100))
    log.add(e.Remembered(path="/mem/core/goal", text="find the boat house"))
    before = log.window.messages()
    assert "find the boat house" in before[-1].text
    log.fit(1500)
    after = log.window.messages()
    assert "find the boat house" in after[2].text
    assert "find the boat house" not in after[-1].text
    assert shown(windowed(log.events)) == shown(log.window)


def test_what_was_forgotten_is_nowhere() -> None:
    log = Log()
    log.add(SPAWNED, e.Received(mail=MailId(1), text="the code is 4711"), thought("fine"))
    log.add(paged(40, "the code was 4711"), e.Remembered(path="/mem/core/k", text="4711"))
    log.add(e.Compacted(digest="pages 1-2 (1): 4711"))
    log.add(paged(41, "4711 again"))
    blank = msgspec.Raw(msgspec.json.encode(e.Compacted(digest="pages 1-2 (1): ")))
    left = (Skeleton(page=Seq(6), body=blank),)
    log.add(e.Forgot(pages=(Seq(2), Seq(40), Seq(41), Seq(5), Seq(6)), left=left))
    assert b"4711" not in shown(log.window)
    assert b"fine" in shown(log.window)


def test_a_long_answer_says_where_the_rest_is() -> None:
    text = "0123456789" * RESULT_TOKENS
    window = windowed([SPAWNED, thought("", "c"), called("c"), answer("c", text)])
    (part,) = window.messages()[-1].content
    assert isinstance(part, ToolResult)
    kept = RESULT_TOKENS * CHARS_A_TOKEN
    assert part.content.startswith(text[:kept] + "\n[page 4:")
    assert f"memory_read(page=4, offset={kept})" in part.content
    assert held(window, [Shown(page=Seq(4), start=0, end=100, text="x")]) == [True]
    assert held(window, [Shown(page=Seq(4), start=kept, end=kept + 100, text="x")]) == [False]


def test_the_estimate_learns_from_what_the_model_counted() -> None:
    log = Log()
    log.add(SPAWNED)
    for counted in (1500, 900, 900):
        log.add(e.Asked(model="m", tokens=1, estimated=1000))
        usage = Usage(input=counted)
        log.add(e.Thought(message=said(Role.ASSISTANT, "x"), usage=usage, finish=Finish.STOP))
    assert 1.3 < log.window.ratio < 1.5
    log.add(e.Asked(model="another", tokens=1, estimated=1000))
    assert log.window.ratio == 1.0


@pytest.mark.parametrize(
    ("raw", "text"), [(b'"as it is\\n"', "as it is\n"), (b'{"a":1}', '{"a":1}'), (b"null", "null")]
)
def test_how_a_result_is_read(raw: bytes, text: str) -> None:
    assert render_result(msgspec.Raw(raw)) == text


def test_a_page_is_the_text_of_its_event() -> None:
    assert page_text(e.Received(mail=MailId(1), text="hello")) == "[message] hello"
    assert page_text(thought("so it is", "c")) == "so it is"
