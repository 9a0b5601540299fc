"""What is forgotten is gone from every event that held it, and each is still the event it was."""

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from logos.abi import events as e
from logos.abi.agent import Agent
from logos.abi.driver import Effect
from logos.abi.events import AnyEvent
from logos.abi.ids import CallId, MailId, Seq
from logos.abi.messages import Finish, Message, Role, Text, ToolCall, Usage
from logos.abi.paging import Shown
from logos.kernel.memory import Shelf, forgotten
from logos.kernel.process import fold

SECRET = "The code of the safe is nine three seven one."
ENCODE = msgspec.json.Encoder(order="deterministic").encode
DECODER: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def rows(events: Sequence[AnyEvent]) -> list[tuple[Seq, str, bytes]]:
    return [
        (Seq(n), str(event.__struct_config__.tag), ENCODE(event))
        for n, event in enumerate(events, 1)
    ]


def after(events: Sequence[AnyEvent], *pages: int) -> list[AnyEvent]:
    """As the journal is read from then on."""
    left = {one.page: one for one in forgotten(rows(events), [Seq(n) for n in pages])}
    return [
        DECODER.decode(left[Seq(n)].body) if n in left else event
        for n, event in enumerate(events, 1)
    ]


def said(events: Sequence[AnyEvent]) -> str:
    return "\n".join(ENCODE(event).decode() for event in events)


def thought(text: str, *calls: ToolCall) -> e.Thought:
    message = Message(role=Role.ASSISTANT, content=(Text(text=text), *calls))
    return e.Thought(message=message, usage=Usage(input=3, output=2), finish=Finish.STOP)


def call(id_: str, name: str, arguments: dict[str, Any], value: Any) -> list[AnyEvent]:
    tool = ToolCall(
        id=CallId(id_),
        name=name.replace(".", "_"),
        arguments=msgspec.json.encode(arguments).decode(),
    )
    raw = msgspec.Raw(msgspec.json.encode({"call": name} | arguments))
    return [
        e.Asked(model="m", tokens=9),
        thought("I look", tool),
        e.Called(id=CallId(id_), name=name, call=raw, effect=Effect.KERNEL),
        e.Returned(id=CallId(id_), value=msgspec.Raw(msgspec.json.encode(value))),
    ]


SPAWNED = e.Spawned(agent=Agent(name="a", instructions="Be kind."), task="Keep secrets.", at=1)
KEPT = e.Remembered(path="/mem/archive/safe", text=SECRET, subject="safe", source="Mira")
STORY: list[AnyEvent] = [
    SPAWNED,
    *call("a", "memory.remember", {"text": SECRET, "path": "/mem/archive/safe"}, "ok"),
    KEPT,
    *call("b", "memory.search", {"question": "code?"}, f"[page 6]\n{SECRET[:30]}\nother"),
    *call("c", "fs.read", {"path": "/mem/archive/safe"}, f"1\t{SECRET}\n2\tmore"),
    *call("d", "fs.read", {"path": "/home/note"}, f"he said: {SECRET} And left."),
    e.PagedIn(question="q", pages=(Shown(page=Seq(6), text=SECRET), Shown(page=Seq(1), text="t"))),
    e.Compacted(digest=f"6: {SECRET[:28]}…\n1: keep secrets"),
    e.Received(mail=MailId(1), text="hello"),
]


def test_no_copy_is_left_and_what_is_no_copy_stays() -> None:
    left = after(STORY, 6)
    text = said(left)
    assert "nine three" not in text
    assert "The code of the safe" not in text
    for kept in (
        "Keep secrets.",
        "Be kind.",
        "And left.",
        "hello",
        "other",
        "keep secrets",
        "more",
    ):
        assert kept in text
    assert fold(left).status is fold(STORY).status
    assert [type(event) for event in left] == [type(event) for event in STORY]


def test_what_a_model_wrote_of_a_page_goes_with_it() -> None:
    told = e.Compacted(digest="[digest]\npages 5-7: he told the code\npage 8: a cake was baked")
    [*_, left] = after([*STORY, told], 6)
    assert isinstance(left, e.Compacted)
    assert left.digest == "[digest]\npage 8: a cake was baked"


def test_a_shelf_that_forgot_is_a_shelf_of_what_was_left() -> None:
    forgot = e.Forgot(pages=(Seq(6),), left=tuple(forgotten(rows(STORY), [Seq(6)])))
    one, other = Shelf(), Shelf()
    for n, event in enumerate([*STORY, forgot], 1):
        one.apply(Seq(n), n, event)
    for n, event in enumerate([*after(STORY, 6), forgot], 1):
        other.apply(Seq(n), n, event)
    assert one == other
    assert one.one("/mem/archive/safe") is None
    assert one.history("/mem/archive/safe")[0].source == ""


def test_what_was_forgotten_before_is_carried_and_forgotten_again() -> None:
    quote = thought(f"{SECRET} And the dog is called Bartholomew the Great.")
    dog = e.Received(mail=MailId(2), text="And the dog is called Bartholomew the Great.")
    story: list[AnyEvent] = [SPAWNED, KEPT, e.Asked(model="m", tokens=1), quote, dog]
    first = forgotten(rows(story), [Seq(2)])
    forgot = e.Forgot(pages=tuple(one.page for one in first), left=tuple(first))
    read = [*after(story, 2), forgot]
    assert "Bartholomew" in said([forgot])
    second = forgotten(rows(read), [Seq(5)])
    again = e.Forgot(pages=tuple(one.page for one in second), left=tuple(second))
    assert "Bartholomew" not in said([again])
    assert {6, 5, 4, 2} <= set(again.pages)
    [old] = [one for one in second if one.page == 6]
    assert DECODER.decode(old.body) == e.Forgot(pages=forgot.pages)


def test_short_words_are_forgotten_only_where_they_stand_alone() -> None:
    story: list[AnyEvent] = [
        SPAWNED,
        e.Remembered(path="/mem/archive/pin", text="9371"),
        e.Received(mail=MailId(1), text="order 93712"),
        e.Received(mail=MailId(2), text="9371"),
    ]
    left = after(story, 2)
    assert [event.text for event in left[2:] if isinstance(event, e.Received)] == [
        "order 93712",
        "[forgotten]",
    ]


@given(st.sets(st.integers(1, len(STORY))))
def test_whatever_is_forgotten_the_journal_folds(pages: set[int]) -> None:
    left = after(STORY, *pages)
    assert [type(event) for event in left] == [type(event) for event in STORY]
    assert fold(left).status is fold(STORY).status


@given(st.text(min_size=16, max_size=60).filter(lambda t: len(t.strip()) >= 16))
def test_whatever_the_text_is_it_is_gone(text: str) -> None:
    story = [SPAWNED, *call("a", "memory.remember", {"text": text}, {"kept": [text]})]
    story.append(e.Remembered(path="/mem/archive/x", text=text))
    left = after(story, len(story))
    assert text.strip() not in "\n".join(
        _strings([msgspec.json.decode(ENCODE(one)) for one in left])
    )


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value, *_strings(_opened(value))] if value[:1] in ("{", "[") else [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [one for part in value for one in _strings(part)] if isinstance(value, list) else []


def _opened(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
