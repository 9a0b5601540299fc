"""An older statement that a later one says differently, and what is none."""

import pytest

from logos.abi.ids import Pid, Seq
from logos.abi.paging import Place, Shown
from logos.kernel.memory.faults import marked
from logos.kernel.memory.later import Statement, overtaken
from logos.kernel.memory.layout import brought_back

OLD = "My seed library has 45 packets now, sorted by month."
NEW = "I have brought the seed library to 52 packets, all sorted by month."


def said(*texts: str, speaker: str = "user") -> list[Statement]:
    return [Statement((number,), (speaker,), text) for number, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (OLD, NEW),
        ("The dentist's appointment is on April 21.", "They moved the dentist's appointment to April 23."),
        ("Coverage of the parser tests is at 65%.", "Coverage of the parser tests has reached 78%."),
        ("I look after three goats at the farm.", "At the farm I look after five goats now."),
        ("The call with the bank is at 3 pm.", "The call with the bank is now at 11 am."),
    ],
)  # fmt: skip
def test_another_value_of_the_same_thing_overtakes(old: str, new: str) -> None:
    assert overtaken(said(old, new)) == {0: 1}


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (OLD, OLD),
        (OLD, "My seed library is sorted by month."),
        (OLD, "The train to the coast took 52 minutes."),
        ("I paid 30 for the ticket and 12 for lunch.", "The ticket: 30, as I said; lunch was 12."),
        ("We met in 2019 at the lake.", "We met in 2021 at the lake."),
        (OLD, " ".join(f"{n} packets in row {n}." for n in range(20, 40))),
    ],
)
def test_the_same_value_or_another_thing_does_not(one: str, two: str) -> None:
    assert overtaken(said(one, two)) == {}


def test_only_the_same_speaker_and_only_what_came_later() -> None:
    mine, other = said(OLD)[0], Statement((1,), ("somebody",), NEW)
    assert overtaken([mine, other]) == {}
    assert overtaken([Statement((5,), ("user",), OLD), Statement((1,), ("user",), NEW)]) == {1: 0}
    assert overtaken([Statement((1,), ("user",), OLD), Statement((1,), ("user",), NEW)]) == {}


def test_the_last_of_several_is_named() -> None:
    third = "The seed library has 60 packets now, sorted by month."
    assert overtaken(said(OLD, NEW, third)) == {0: 2, 1: 2}


def test_the_window_says_so_and_keeps_the_words() -> None:
    pieces = [
        Shown(page=Seq(7), text=OLD, role="user"),
        Shown(page=Seq(19), pid=Pid(4), text=NEW, role="user"),
    ]
    same = [pieces[0], Shown(page=Seq(19), text=NEW, role="user")]
    assert [one.later for one in marked(pieces)] == [None, None]  # another process's user
    assert [one.later for one in marked(same)] == [Place(page=Seq(19)), None]
    text = brought_back(marked(same))
    assert f"7 user (earlier; see also 19, said later): {OLD}" in text
    assert f"19 user: {NEW}" in text


def test_an_answer_of_the_assistant_is_left_alone() -> None:
    pieces = [
        Shown(page=Seq(7), text=OLD, role="assistant"),
        Shown(page=Seq(19), text=NEW, role="assistant"),
    ]
    assert marked(pieces) == pieces
