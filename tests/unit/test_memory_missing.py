"""What of a question is nowhere near the page that answers it best."""

import pytest

from logos.kernel.memory.missing import missing
from logos.kernel.memory.page import Kind, Page, page_of
from logos.kernel.memory.query import read
from logos.kernel.memory.space import Space, rebuild

TALK = [
    "I walked along the harbour for an hour.",
    "The gulls were loud this morning.",
    "We adopted a puppy from the shelter in Alder Street.",
    "The shelter was crowded.",
    "He sleeps in a basket by the stove.",
    "My brother repairs clocks for a living.",
]
PUPPY = 2


def page(number: int, text: str) -> Page:
    return page_of(number, text, kind=Kind.PEOPLE, subject="Ann", group="monday", turn=number)


SPACE = rebuild(page(number, text) for number, text in enumerate(TALK, 1))


def asked(question: str, row: int = PUPPY, space: Space = SPACE) -> tuple[float, float, float]:
    return missing(space, read(question, ["Ann"]), row)


def test_nothing_is_missing_of_what_was_said() -> None:
    assert asked("When did Ann adopt a puppy from the shelter?") == (0.0, 0.0, 0.0)


def test_a_word_that_was_never_used_is_unheard_and_absent() -> None:
    unheard, absent, _ = asked("When did Ann adopt a walrus from the shelter?")
    assert unheard == absent == pytest.approx(1.0)


def test_something_of_its_kind_stands_there_instead() -> None:
    assert asked("When did Ann adopt a kitten from the shelter?")[2] > 0
    assert asked("When did Ann adopt a violin from the shelter?")[2] == 0


def test_a_word_that_is_elsewhere_is_absent_but_not_unheard() -> None:
    unheard, absent, _ = asked("Whose clocks were at the shelter?")
    assert unheard == 0
    assert absent > 0


def test_only_the_same_conversation_is_near() -> None:
    away = rebuild(
        page_of(number, text, kind=Kind.PEOPLE, subject="Ann", group=str(number), turn=number)
        for number, text in enumerate(TALK, 1)
    )
    question = "Was the shelter crowded with a puppy?"
    assert asked(question)[1] == 0
    assert asked(question, space=away)[1] > 0
