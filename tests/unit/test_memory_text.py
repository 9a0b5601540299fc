"""Words, kinds and dates."""

from datetime import UTC, datetime

from logos.kernel.memory.query import read
from logos.kernel.memory.text import kinds, spans, terms, traits, wanted


def test_a_subject_is_the_same_however_it_is_written() -> None:
    known = ["mira", "Mira", "Jon", "the-venue", "The venue"]
    assert read("Where does Mira live?", known).subjects == ("Mira", "mira")
    assert read("What does The venue cost?", known).subjects == ("The venue", "the-venue")
    assert read("What is new?", known).subjects == ()


def test_forms_of_a_word_meet() -> None:
    assert terms("She went swimming") == terms("go swim")
    assert terms("my kids") == terms("the children")
    assert terms("the and of") == []


def test_identifiers_are_found_by_their_parts() -> None:
    assert set(terms("user name")) <= set(terms("getUserName user_name"))
    assert terms("v0.6.2") == ["v0.6.2"]


def test_scripts_without_spaces_become_pairs() -> None:
    assert terms("日本語") == ["日本", "本語"]


def test_a_kind_is_asked_for_by_name_and_met_by_member() -> None:
    asked = wanted(terms("Which sports does she like?"))
    assert set(asked) & set(kinds(terms("I went kayaking")))
    assert not set(asked) & set(kinds(terms("The invoice is due")))


def _day(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1_000_000


def test_dates() -> None:
    years = range(2022, 2024)
    third = (_day(2023, 7, 3), _day(2023, 7, 4))
    for text in ("on 3 July 2023", "July 3rd, 2023", "the 3rd of July, 2023", "2023-07-03"):
        assert spans(text, years) == [third], text
    assert len(spans("in July", years)) == 2
    assert spans("it may rain", years) == []
    assert spans("31 June 2023", years) == []
    assert spans("in 2021", years) == [(_day(2021, 1, 1), _day(2022, 1, 1))]


def test_a_question_says_whom_it_is_about() -> None:
    query = read("What did Mel's brother paint?", ["Melanie", "Bob"])
    assert query.subjects == ("Melanie",)
    assert read("What did Bob paint?", ["Melanie", "Bob"]).terms == ("paint",)
    assert read("What was painted?", ["Melanie"], subject="Bob").subjects == ("Bob",)
    assert read("How did you recommend doing it?").answerer


def test_traits_count_what_they_name() -> None:
    found = traits("Yesterday I won 3 medals in Paris! Always use metric. [image: a medal] OK?")
    assert (found.temporal, found.numbers, found.self, found.past) == (1, 1, 1, 1)
    assert (found.proper, found.attached, found.standing, found.questions) == (1, 1, 1, 1)
