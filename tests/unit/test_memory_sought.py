"""A search on purpose: what it is kept within, and what is linked to a hit."""

from typing import Any

import pytest

from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent, Linked, Remembered
from logos.abi.ids import Seq
from logos.kernel.memory import Ask, Recall, Shelf, Sought, joined, linked

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
