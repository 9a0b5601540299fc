"""A word of a question that nobody used is read as the one it is a slip away from."""

from array import array
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logos.abi.ids import Seq
from logos.kernel.memory import Ask, Kind, Page, Pager, Source, found_text, page_of
from logos.kernel.memory.packed import Terms
from logos.kernel.memory.slips import one_slip
from logos.kernel.memory.sought import bearing

words = st.text("abc", min_size=1, max_size=7)
asked = st.text("abc", min_size=3, max_size=7)


def by_hand(word: str) -> set[str]:
    """Every word one slip away, over the letters above."""
    parts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    less = {a + b[1:] for a, b in parts if b}
    more = {a + letter + b for a, b in parts for letter in "abc"}
    swapped = {a + b[1] + b[0] + b[2:] for a, b in parts if len(b) > 1}
    return (less | more | swapped) - {word}


def lines(known: set[str]) -> tuple[bytes, "array[int]"]:
    starts = array("i", [0])
    for word in sorted(known):
        starts.append(starts[-1] + len(word) + 1)
    return "".join(f"{word}\n" for word in sorted(known)).encode(), starts


@given(st.sets(words, max_size=40), asked)
def test_slips_are_those_of_one_letter(known: set[str], word: str) -> None:
    assert set(one_slip(*lines(known), word)) == known & by_hand(word)


@given(st.sets(words, min_size=1, max_size=30), st.sets(words, max_size=9), asked)
def test_words_that_came_late_are_looked_at(early: set[str], late: set[str], word: str) -> None:
    terms = Terms()
    for each in sorted(early):
        terms.number(each)
    terms.settle()
    for each in sorted(late):
        terms.number(each)
    assert set(terms.slips(word)) == (early | late) & by_hand(word)


def talk() -> list[Page]:
    texts = [f"On day {n} we had soup with the neighbours." for n in range(40)]
    texts[7] = "We went to the festival by the harbour."
    texts[20] = "Our house needs a new roof."
    return [
        page_of(n, text, subject="Ann", kind=Kind.PEOPLE, group="talk", turn=n)
        for n, text in enumerate(texts, 1)
    ]


@pytest.mark.parametrize("word", ["festival", "fesitval", "festivl", "festivaal"])
def test_a_misspelled_question_finds_the_page_and_shows_it(word: str) -> None:
    question = f"What about the {word}?"
    found = bearing(Pager.rebuild(talk()).fault(question, Ask(budget=40, gate=False)), question)
    assert "harbour" in found_text(question, found)


@pytest.mark.parametrize(
    ("term", "meant"),
    [
        ("festiv", "festiv"),
        ("fesitv", "festiv"),
        ("ruof", "ruof"),
        ("feztiv", "feztiv"),
        ("harb0ur", "harb0ur"),
        ("mountain", "mountain"),
    ],
)
def test_only_an_unknown_word_of_some_length_is_read_as_another(term: str, meant: str) -> None:
    assert Pager.rebuild(talk()).space.words.meant(term) == meant


@pytest.mark.parametrize(("asked", "said"), [("garden", "gardn"), ("kitten", "mitten")])
def test_another_word_is_no_slip(asked: str, said: str) -> None:
    """The first is a word of the lists of this room; the second has another letter in place of one."""
    pages = [*talk(), page_of(99, f"I lost a {said}.", subject="Ann", kind=Kind.PEOPLE, turn=99)]
    assert asked in Pager.rebuild(pages).fault(f"Where is the {asked}?").terms


def test_what_was_said_later_spells_nothing() -> None:
    texts = ["We had soup.", "The festival was loud."]
    pager = Pager.rebuild(
        page_of(n, text, turn=n, source=Source(seq=Seq(n))) for n, text in enumerate(texts, 1)
    )
    ask = Ask(budget=100, gate=False)
    assert "festiv" in pager.fault("the fesitval", ask).terms
    assert "fesitv" in pager.fault("the fesitval", replace(ask, upto=Seq(1))).terms
