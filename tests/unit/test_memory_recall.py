"""Events become pages: what is said, what is remembered, what is superseded and forgotten."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logos.abi.agent import Agent
from logos.abi.driver import Effect
from logos.abi.events import Called, Forgot, Received, Remembered, Returned, Spawned
from logos.abi.ids import CallId, MailId, Seq
from logos.kernel.memory import Ask, Recall, Rules, Shelf

EXAMPLES = 50
OPEN = Ask(budget=400, gate=False, mass=2.0)
AT = 1_700_000_000_000_000


def recall(*events: Any) -> Recall:
    out = Recall()
    for seq, event in enumerate(events, 1):
        out.add(Seq(seq), AT + seq, event)
    return out


def fact(text: str, **fields: Any) -> Remembered:
    return Remembered(path="/mem/facts/ann/home", text=text, kind="fact", subject="Ann", **fields)


def seqs(space: Recall, question: str = "Where does Ann live?", ask: Ask = OPEN) -> list[int]:
    return [page.source.seq for page in space.fault(question, ask).pages]


def as_of(at: int) -> Ask:
    return Ask(budget=400, gate=False, mass=2.0, rules=Rules(at=at))


def test_a_newer_fact_at_a_path_supersedes_the_older() -> None:
    space = recall(fact("Ann lives in Porto."), fact("Ann lives in Lisbon."))
    assert seqs(space) == [2]
    old = Ask(budget=400, gate=False, mass=2.0, rules=Rules(old=True))
    assert seqs(space, ask=old) == [1, 2]


def test_what_held_then_is_found_as_of_then() -> None:
    space = recall(
        fact("Ann lives in Porto.", valid_from=10), fact("Ann lives in Lisbon.", valid_from=50)
    )
    assert [seqs(space, ask=as_of(at)) for at in (9, 10, 49, 50)] == [[], [1], [1], [2]]


def test_news_of_the_past_does_not_close_the_present() -> None:
    space = recall(
        fact("Ann lives in Lisbon.", valid_from=50), fact("Ann lives in Porto.", valid_from=10)
    )
    assert seqs(space) == [1]
    assert seqs(space, ask=as_of(20)) == [2]


STATEMENTS = st.lists(
    st.tuples(
        st.integers(1, 6),  # since when
        st.sampled_from(["", "Bob", "Carol"]),  # who says so
        st.one_of(st.none(), st.integers(1, 8)),  # until when, as was said
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=EXAMPLES)
@given(STATEMENTS, st.sampled_from(["/mem/facts/ann/home", "/mem/archive/ann"]))
def test_a_search_and_a_shelf_agree_on_what_held_when(
    statements: list[tuple[int, str, int | None]], path: str
) -> None:
    events = [
        Remembered(path=path, text=f"Town {n}.", source=who, valid_from=since, valid_to=until)
        for n, (since, who, until) in enumerate(statements)
    ]
    space, shelf = recall(*events), Shelf()
    for seq, event in enumerate(events, 1):
        shelf.apply(Seq(seq), AT + seq, event)
    held = {page.source.seq: page.valid_to for page in space.space.pages()}
    assert held == {version.seq: version.until for version in shelf.history(path)}


def test_what_ends_is_no_longer_true() -> None:
    assert seqs(recall(fact("Ann lives in Porto."), fact("", ends=True))) == []


def test_what_is_forgotten_is_found_no_more() -> None:
    space = recall(fact("Ann lives in Porto."), Forgot(pages=(Seq(1),)))
    assert seqs(space) == []
    assert len(space) == 0


def test_turns_of_a_conversation_keep_who_said_them() -> None:
    said = (("Ann", "I baked sourdough bread."), ("Bob", "I baked a cake."))
    space = recall(
        *(
            Remembered(
                path=f"/mem/archive/said/{n}", text=text, kind="people", subject=who, group="s1"
            )
            for n, (who, text) in enumerate(said)
        )
    )
    found = space.fault("What did Ann bake?", OPEN)
    assert [(page.subject, page.group, page.source.seq) for page in found.pages] == [
        ("Ann", "s1", 1)
    ]


def test_values_of_programs_are_not_searched() -> None:
    assert len(recall(Remembered(path="/kv/home", text="Ann lives in Porto."))) == 0


def test_a_kind_nobody_knows_is_a_document() -> None:
    space = recall(Remembered(path="/mem/archive/x", text="Ann lives in Porto.", kind="rumour"))
    assert [page.kind for page in space.fault("Where does Ann live?", OPEN).pages] == ["document"]


def test_what_memory_brought_back_is_not_taken_in() -> None:
    call = Called(
        id=CallId("c1_0"), name="memory.search", call=msgspec.Raw(b"{}"), effect=Effect.PURE
    )
    answer = Returned(id=CallId("c1_0"), value=msgspec.Raw(b'"Ann lives in Porto."'))
    told = Received(mail=MailId(1), text="Ann lives in Porto.")
    assert len(recall(call, answer)) == 0
    assert len(recall(call, answer, told)) == 1


@pytest.mark.parametrize("cut", range(6))
def test_packing_in_between_changes_nothing(cut: int) -> None:
    events: list[Any] = [
        Spawned(agent=Agent(name="a"), task="Find a home for Ann.", at=AT),
        fact("Ann lives in Porto."),
        fact("Ann lives in Lisbon."),
        Received(mail=MailId(1), text="Ann bought a boat in Faro. " * 40),
        Forgot(pages=(Seq(2),)),
    ]
    whole = recall(*events)
    parts = Recall()
    for seq, event in enumerate(events, 1):
        if seq == cut:
            parts = Recall.unpack(parts.pack())
        parts.add(Seq(seq), AT + seq, event)
    parts = Recall.unpack(parts.pack())
    question = "Where does Ann live and what did she buy?"
    assert parts.fault(question, OPEN) == whole.fault(question, OPEN)
    assert parts.pack() == whole.pack()
