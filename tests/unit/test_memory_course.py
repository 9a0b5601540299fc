"""In what order things came up: what was said early in each conversation comes in."""

import numpy as np
import pytest

from logos.kernel.memory import Ask, Kind, Page, Pager, page_of
from logos.kernel.memory.course import earliest, openings
from logos.kernel.memory.query import read

CONVERSATIONS = 6
TURNS = 12


def chat() -> list[Page]:
    """Each opens with something fresh; the garden is spoken of over and over only later."""
    pages: list[Page] = []
    for number in range(CONVERSATIONS):
        for turn in range(TURNS):
            mine = turn % 2 == 0
            text = f"My garden plan, step {turn} of my garden: roses." if turn > 3 else ""
            text = text or f"I am thinking of beehives, fence {number} and the pond {turn}."
            pages.append(
                page_of(
                    len(pages) + 1,
                    text if mine else f"Here is advice about your garden, item {turn}.",
                    role="user" if mine else "assistant",
                    kind=Kind.CHAT,
                    group=str(number),
                    turn=len(pages) + 1,
                )
            )
    return pages


@pytest.mark.parametrize(
    ("question", "course"),
    [
        ("Can you list the order in which I brought up aspects of my garden?", True),
        ("In what order did I mention the trees?", True),
        ("List what I worried about, in order.", True),
        ("How has my plan for the garden evolved?", True),
        ("Summarise how the project progressed over time", True),
        ("What did I order for the garden?", False),
        ("List what I bought in order to build the fence.", False),
        ("How many items were in the last order?", False),
        ("How did you prune the roses?", False),
    ],
)
def test_the_form_of_the_question(question: str, *, course: bool) -> None:
    assert read(question).course is course


def test_places_are_counted_in_each_conversation() -> None:
    cols = Pager.rebuild(chat()).space.table.columns()
    place = openings(cols)
    assert place[:TURNS].tolist() == [0, -1, 1, -1, 2, -1, 3, -1, 4, -1, 5, -1]
    assert (place.reshape(CONVERSATIONS, TURNS) == place[:TURNS]).all()
    first = earliest(cols, np.ones(len(place), dtype=np.bool_))[:CONVERSATIONS]
    assert (place[first] == 0).all()


def test_an_order_is_answered_by_what_each_conversation_began_with() -> None:
    pager = Pager.rebuild(chat())
    ask = Ask(budget=CONVERSATIONS * 40, gate=False, mass=0.5)
    found = pager.fault("In what order did I bring up aspects of my garden?", ask)
    began = [page for page in found.pages if page.text.startswith("I am thinking")]
    assert {page.group for page in began} == {str(number) for number in range(CONVERSATIONS)}
    assert {page.role for page in found.pages} == {"user"}
    assert found.tokens <= ask.budget
    other = pager.fault("What is the plan for my garden?", ask)
    assert all("garden" in page.text for page in other.pages)


def test_where_people_talk_nothing_changes() -> None:
    pages = [
        page_of(i, f"Trip {i} to the lake", kind=Kind.PEOPLE, subject="Ann", turn=i, group="g")
        for i in range(1, 9)
    ]
    pager = Pager.rebuild(pages)
    ask = Ask(budget=60, gate=False, mass=2.0)
    found = pager.fault("In what order did Ann go to the lake, trip 8?", ask)
    assert 8 in {page.id for page in found.pages}
