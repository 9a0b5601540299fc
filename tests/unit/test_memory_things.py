"""Who asks for things of a kind hears of each before there is more of the same."""

import numpy as np
import pytest

from logos.kernel.memory import Ask, Kind, Page, Pager, page_of
from logos.kernel.memory.query import read
from logos.kernel.memory.text import things
from logos.kernel.memory.things import EACH, each_thing

QUESTION = "Which sports does Ann do?"
TENNIS = 12


def talk(kind: Kind) -> list[Page]:
    """Tennis over and over, and once, by the way, rowing."""
    texts = [f"I love that sport, tennis, match {n} was great sport." for n in range(TENNIS)]
    texts += ["On Sundays the others went out, so I went rowing with my uncle near the old mill."]
    texts += [f"The soup of day {n} was too salty." for n in range(20)]
    return [
        page_of(
            number, text, subject="Ann", kind=kind, group="talk", turn=number, role="user" * (kind is Kind.CHAT)
        )
        for number, text in enumerate(texts, 1)
    ]  # fmt: skip


@pytest.mark.parametrize(("kind", "moved"), [(Kind.PEOPLE, 2), (Kind.CHAT, 0), (Kind.DOCUMENT, 0)])
def test_one_page_of_each_thing_is_moved_between_people(kind: Kind, moved: int) -> None:
    space = Pager.rebuild(talk(kind)).space
    rows = np.arange(len(space))
    scores = np.linspace(1, 0, len(rows), dtype=np.float32)
    query = read(QUESTION, ["Ann"])
    found = each_thing(space, query, rows, scores, np.ones(len(rows), dtype=np.bool_))
    assert np.flatnonzero(found != scores).tolist() == [0, TENNIS][:moved]
    assert np.allclose(found[found != scores] - scores[found != scores], EACH)


def test_what_may_not_come_in_stands_for_nothing() -> None:
    space = Pager.rebuild(talk(Kind.PEOPLE)).space
    rows = np.arange(2, len(space))
    open_ = rows != 2
    scores = np.zeros(len(rows), dtype=np.float32)
    found = each_thing(space, read(QUESTION, ["Ann"]), rows, scores, open_)
    assert rows[found > 0].tolist() == [3, TENNIS]


def test_a_question_for_no_kind_of_thing_moves_nothing() -> None:
    space = Pager.rebuild(talk(Kind.PEOPLE)).space
    rows = np.arange(len(space))
    scores = np.zeros(len(rows), dtype=np.float32)
    query = read("What about the uncle?")
    assert each_thing(space, query, rows, scores, np.ones(len(rows), dtype=np.bool_)) is scores


def test_the_other_thing_comes_in_before_the_last_of_the_same() -> None:
    """There is room for eight pages of thirteen that speak of sports; twelve of them fit better."""
    texts = [f"Another weekend at the club: my sport, tennis, match {n}." for n in range(TENNIS)]
    texts += [f"The soup of day {n} was too salty." for n in range(20)]
    texts += ["Rowing is such a great sport when the others are out."]
    pager = Pager.rebuild(
        page_of(n, text, subject="Ann", kind=Kind.PEOPLE, group="talk", turn=n)
        for n, text in enumerate(texts, 1)
    )
    found = pager.fault(
        "Which sports does Ann do on weekends?", Ask(budget=180, mass=2.0, gate=False)
    )
    said = " ".join(page.text for page in found.pages)
    assert "Rowing" in said
    assert "tennis" in said


def test_things_are_the_words_that_belong_to_a_kind() -> None:
    assert {"tenni", "kayak"} <= things(["sport"])
    assert things(["nothing of the sort"]) == frozenset()
