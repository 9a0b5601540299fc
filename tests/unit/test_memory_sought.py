"""A search on purpose: what it is kept within, and what is linked to a hit."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent, Linked, Remembered
from logos.abi.ids import Seq
from logos.kernel.memory import (
    Ask,
    Fault,
    Recall,
    Shelf,
    Sought,
    Why,
    bearing,
    joined,
    linked,
    page_of,
    page_text,
)

DAY = 86_400_000_000


def said(path: str, text: str, day: int, **fields: Any) -> Remembered:
    return Remembered(path=f"/mem/archive/{path}", text=text, time=day * DAY, **fields)


EVENTS: tuple[AnyEvent, ...] = (
    said("trips/lake", "The boat at the lake is called Heron.", 10, kind="people", subject="Ann"),
    said("trips/sea", "The boat at the sea is called Gull.", 20, kind="people", subject="Ben"),
    said("house/roof", "The boat shed needs a roof.", 30, kind="chat", role="user"),
    said("house/keys", "Keys hang behind the third plank.", 40),
    Linked(source="/mem/archive/house/roof", relation="see", target="/mem/archive/house/keys"),
)


@pytest.fixture
def held() -> tuple[Recall, Shelf]:
    recall, shelf = Recall(), Shelf()
    for seq, event in enumerate(EVENTS, 2):
        recall.add(Seq(seq), seq * DAY, event)
        shelf.apply(Seq(seq), seq * DAY, event)
    return recall, shelf


@pytest.mark.parametrize(
    ("within", "pages"),
    [
        ({}, {2, 3, 4, 5}),
        ({"path": "/mem/archive/trips"}, {2, 3}),
        ({"path": "/mem/archive/house/roof"}, {4}),
        ({"path": "/mem/archive/nowhere"}, set()),
        ({"by": "ann"}, {2}),
        ({"by": "user"}, {4}),
        ({"kind": "people"}, {2, 3}),
        ({"since": "1970-01-21"}, {3, 4, 5}),
        ({"until": "1970-01-21"}, {2}),
        ({"as_of": "1970-01-25"}, {2, 3}),
        ({"by": "Ben", "kind": "chat"}, set()),
    ],
)
def test_a_search_stays_within(
    held: tuple[Recall, Shelf], within: dict[str, str], pages: set[int]
) -> None:
    recall, shelf = held
    sought = Sought.given(within)
    ask = Ask(mass=2, gate=False, rules=sought.rules(shelf))
    found = recall.fault("What is the boat called?", ask)
    assert {page.source.seq for page in found.pages} == pages


def borne(recall: Recall, events: Sequence[AnyEvent], question: str) -> list[int]:
    """The pages that bear on it, of everything; their texts are in the events."""
    found = recall.fault(question, Ask(mass=2, gate=False))
    texts = [page_text(events[page.source.seq - 2]) for page in found.pages]
    filled = [
        msgspec.structs.replace(page, text=text)
        for page, text in zip(found.pages, texts, strict=True)
    ]
    left = bearing(replace(found, pages=tuple(filled)), question)
    return [page.source.seq for page in left.pages]


def test_what_has_nothing_to_do_with_the_question_stays_out(held: tuple[Recall, Shelf]) -> None:
    """However much room there is."""

    def found(question: str) -> set[int]:
        return set(borne(held[0], EVENTS, question))

    assert found("Which quarks are charmed?") == set()
    assert found("Where are the keys?") == {4, 5}  # of one folder
    assert found("What does Ben say about the sea?") == {2, 3}
    assert found("What was it?") == {2, 3, 4, 5}  # there is nothing to go by


def test_what_stands_beside_a_hit_comes_along() -> None:
    recall = Recall()
    chat = ("Where did we put the spare keys?", "Behind the third plank.", "Ah, thanks!", "Bye.")
    events = [said(f"talk/{n}", text, 1, group="talk") for n, text in enumerate(chat)]
    for seq, event in enumerate(events, 2):
        recall.add(Seq(seq), DAY + seq, event)
    assert borne(recall, events, "Where are the keys?") == [2, 3, 4]


def test_it_is_said_in_words() -> None:
    assert Sought.of("") == Sought()
    assert Sought.of("by:'Ann Lee' since:1970-01-02 kind:tool") == Sought(
        by="Ann Lee", since=DAY, kind="tool"
    )


@pytest.mark.parametrize("wrong", ["kind:song", "since:soon", "path:/etc", "whom:Ann", "by:'Ann"])
def test_what_cannot_be_meant_is_refused(wrong: str) -> None:
    with pytest.raises(SysError) as refused:
        Sought.of(wrong)
    assert refused.value.code is Code.INVALID


def test_what_is_linked_to_a_hit_comes_along(held: tuple[Recall, Shelf]) -> None:
    recall, shelf = held
    roof = Ask(gate=False, rules=Sought(path="/mem/archive/house/roof").rules(shelf))
    found = recall.fault("Does the shed need a roof?", roof)
    assert linked(shelf, found.pages) == {5}
    keys = Ask(gate=False, rules=Sought(path="/mem/archive/house/keys").rules(shelf))
    both = joined(found, recall.fault("Does the shed need a roof?", keys))
    assert [page.source.seq for page in both.pages] == [4, 5]
    assert joined(both, found) is both


def test_of_what_a_vector_found_the_likeliest_stay() -> None:
    """No page shares a word with the question; the first two hold nearly all of the probability."""
    pages = tuple(
        page_of(n, f"Number {n} of the list.", group="list", turn=n) for n in range(1, 30, 9)
    )
    likely = (0.7, 0.29, 0.006, 0.004)
    whys = tuple(Why(page.id, 1.0, one, ()) for page, one in zip(pages, likely, strict=True))
    found = Fault(pages, 40, abstained=False, confidence=1.0, mass=1.0, why=whys, meant=True)
    assert bearing(found, "Where is the harbour?").pages == pages[:2]
    assert bearing(replace(found, meant=False), "Where is the harbour?").pages == ()
