"""An older statement that a later one says differently, and what is none."""

import pytest

from logos.abi.ids import Pid, Seq
from logos.abi.paging import Place, Shown
from logos.kernel.memory.faults import marked
from logos.kernel.memory.later import Statement, overtaken
from logos.kernel.memory.layout import brought_back

ASKED = "How many packets does my seed library hold?"
OLD = "My seed library has 45 packets now, sorted by month."
NEW = "I have brought the seed library to 52 packets, all sorted by month."


def said(*texts: str, speaker: str = "user") -> list[Statement]:
    return [Statement((number,), (speaker,), text) for number, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("asked", "old", "new"),
    [
        (ASKED, OLD, NEW),
        ("When is my appointment with the dentist?",
         "The dentist's appointment is on April 21.", "They moved the dentist's appointment to April 23."),
        ("When do I see the dentist?",
         "I see the dentist on the 21st of April, 2026.", "I'm to see the dentist on April 23, 2026 now."),
        ("What is the coverage of the parser tests?",
         "Coverage of the parser tests is at 65%.", "Coverage of the parser tests has reached 78%."),
        ("How many goats do I look after?",
         "I look after three goats at the farm.", "At the farm I look after five goats now."),
        ("When is my call with the bank?",
         "The call with the bank is at 3 pm.", "The call with the bank is now at 11:30 am."),
        ("On which day do I take out the compost?",
         "I take the compost out on Mondays: each Monday.", "I take out the compost on Thursday now."),
        ("How many apprentices do I mention on the page of my workshop?",
         "I am fond of those 4 youngsters, and I mention what they built on the page of my workshop.",
         "The number of apprentices I mention has grown to 6. How do I put that on the page?"),
    ],
)  # fmt: skip
def test_another_value_of_what_is_asked_for_overtakes(asked: str, old: str, new: str) -> None:
    assert overtaken(said(old, new), asked) == {0: 1}


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (OLD, OLD),
        (OLD, "My seed library is sorted by month."),
        (OLD, "The train to the coast took 52 minutes."),
        ("The seed library opened in 2019.", "My seed library moved in 2021."),
        ("My seed library runs version 2.3.1 now.", "My seed library has version 2.4.0 now."),
        (OLD, " ".join(f"{n} packets in row {n}." for n in range(20, 40))),
    ],
)
def test_the_same_value_or_another_thing_does_not(one: str, two: str) -> None:
    assert overtaken(said(one, two), ASKED) == {}


@pytest.mark.parametrize("asked", ["", "Who built the boat?", "What did I buy on the coast?"])
def test_nor_does_what_was_not_asked_for(asked: str) -> None:
    assert overtaken(said(OLD, NEW), asked) == {}


def test_of_a_long_message_it_is_the_question_that_counts() -> None:
    long = (
        "The train was late, and the coast was grey. We walked all the same, and had soup later. "
    )
    assert overtaken(said(OLD, NEW), long + ASKED) == {0: 1}
    trains = said("My train to the coast had 40 seats.", "My train to the coast had 30 seats now.")
    assert overtaken(trains, long + ASKED) == {}


def test_only_the_same_speaker_and_only_what_came_later() -> None:
    mine, other = said(OLD)[0], Statement((1,), ("somebody",), NEW)
    assert overtaken([mine, other], ASKED) == {}
    backwards = [Statement((5,), ("user",), OLD), Statement((1,), ("user",), NEW)]
    assert overtaken(backwards, "How many packets has the seed library?") == {1: 0}
    same = [Statement((1,), ("user",), OLD), Statement((1,), ("user",), NEW)]
    assert overtaken(same, ASKED) == {}


def test_the_last_of_several_is_named() -> None:
    third = "I have brought the seed library to 60 packets, all sorted by month."
    assert overtaken(said(OLD, NEW, third), ASKED) == {0: 2, 1: 2}


def test_the_clearest_says_which_holds() -> None:
    """What the newer statement is not about does not overtake it."""
    other = "The library of the town has 900 novels now."
    assert overtaken(said(OLD, NEW, other), ASKED) == {0: 1}


def test_what_was_said_right_after_about_the_same_is_overtaken_with_it() -> None:
    more = "Thanks! I think the packets of the seed library are fine as they are."
    there = [
        Statement((2,), ("user",), OLD, "monday"),
        Statement((4,), ("user",), more, "monday"),
        Statement((40,), ("user",), NEW, "sunday"),
    ]
    assert overtaken(there, ASKED) == {0: 2, 1: 2}
    assert overtaken([there[0], Statement((4,), ("user",), more, "sunday"), there[2]], ASKED) == {
        0: 2
    }
    assert overtaken([there[0], Statement((9,), ("user",), more, "monday"), there[2]], ASKED) == {
        0: 2
    }


def test_the_window_says_so_and_keeps_the_words() -> None:
    pieces = [
        Shown(page=Seq(7), text=OLD, role="user"),
        Shown(page=Seq(19), pid=Pid(4), text=NEW, role="user"),
    ]
    same = [pieces[0], Shown(page=Seq(19), text=NEW, role="user")]
    assert [one.later for one in marked(pieces, ASKED)] == [None, None]  # another process's user
    assert [one.later for one in marked(same, ASKED)] == [Place(page=Seq(19)), None]
    text = brought_back(marked(same, ASKED))
    assert f"7 user (earlier; see also 19, said later): {OLD}" in text
    assert f"19 user: {NEW}" in text


def test_an_answer_of_the_assistant_is_left_alone() -> None:
    pieces = [
        Shown(page=Seq(7), text=OLD, role="assistant"),
        Shown(page=Seq(19), text=NEW, role="assistant"),
    ]
    assert marked(pieces, ASKED) == pieces
