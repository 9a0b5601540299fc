"""The fold of what a process keeps: nothing is overwritten, everything says when it held."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logos.abi.errors import Code, SysError
from logos.abi.events import Linked, Remembered
from logos.abi.ids import Seq
from logos.kernel.memory import Shelf, place, shared, slug

FACT = "/mem/facts/mira/city"
NOTE = "/mem/archive/notes/1"


def shelf(*events: Remembered | Linked) -> Shelf:
    made = Shelf()
    for n, event in enumerate(events, 1):
        made.apply(Seq(n), n * 10, event)
    return made


def fact(text: str, source: str = "", since: int | None = None) -> Remembered:
    return Remembered(path=FACT, text=text, kind="fact", source=source, valid_from=since)


def texts(kept: Shelf, path: str, as_of: int | None = None) -> list[str | None]:
    return [version.text for version in kept.standing(path, as_of)]


def test_a_newer_fact_closes_the_older_and_both_stay_readable() -> None:
    kept = shelf(fact("Lisbon", since=100), fact("Porto", since=200))
    assert texts(kept, FACT) == ["Porto"]
    assert texts(kept, FACT, 150) == ["Lisbon"]
    assert texts(kept, FACT, 200) == ["Porto"]
    assert texts(kept, FACT, 99) == []
    assert [(v.since, v.until) for v in kept.history(FACT)] == [(100, 200), (200, None)]


def test_what_is_said_late_about_earlier_closes_nothing_newer() -> None:
    kept = shelf(fact("Porto", since=200), fact("Lisbon", since=100))
    assert texts(kept, FACT) == ["Porto"]
    assert texts(kept, FACT, 150) == ["Lisbon"]


def test_sources_that_differ_contradict_until_somebody_decides() -> None:
    kept = shelf(fact("Lisbon", "mail"), fact("Porto", "Jon"), fact("Lisbon", "Ann"))
    assert texts(kept, FACT) == ["Lisbon", "Porto", "Lisbon"]
    assert [v.contradicts for v in kept.standing(FACT)] == [(2,), (1, 3), (2,)]
    kept.apply(Seq(4), 40, fact("Porto", "mail"))
    assert [v.contradicts for v in kept.standing(FACT)] == [(3,), (2, 4), (3,)]
    kept.apply(Seq(5), 50, fact("Faro"))
    assert texts(kept, FACT) == ["Faro"]
    assert kept.standing(FACT)[0].contradicts == ()


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from("abc"), st.sampled_from("xyz"))))
def test_a_fact_of_a_source_holds_from_its_time_to_that_of_its_next(
    said: Sequence[tuple[int, str, str]],
) -> None:
    kept = shelf(*(fact(text, source, since) for since, source, text in said))
    for moment in range(11):
        model = {}
        ordered = sorted(enumerate(said), key=lambda one: (one[1][0], one[0]))
        for _, (since, source, text) in ordered:
            if since <= moment:
                model[source] = text
        assert sorted(map(str, texts(kept, FACT, moment))) == sorted(model.values())
        for version in kept.standing(FACT, moment):
            others = [v for v in kept.standing(FACT, moment) if v.text != version.text]
            assert {v.seq for v in others} == set(version.contradicts)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=3), st.booleans())))
def test_of_anything_else_the_last_word_stands_whoever_says_it(
    said: Sequence[tuple[str, str, bool]],
) -> None:
    kept = shelf(*(Remembered(path=f"/kv/{k}", text=t, ends=e, source=t) for k, t, e in said))
    for key in "abc":
        mine = [(text, ends) for k, text, ends in said if k == key]
        stands = [mine[-1][0]] if mine and not mine[-1][1] else []
        assert texts(kept, f"/kv/{key}") == stands
        one = kept.one(f"/kv/{key}")
        assert [one.text] * (one is not None) == stands if one else stands == []
        assert kept.changes(f"/kv/{key}") == len(mine)
        assert [v.seq for v in kept.history(f"/kv/{key}")] == sorted(
            n for n, (k, _, _) in enumerate(said, 1) if k == key
        )


def test_an_end_that_was_said_ends_it() -> None:
    kept = shelf(Remembered(path=FACT, text="Rome", kind="fact", valid_from=5, valid_to=8))
    assert (texts(kept, FACT), texts(kept, FACT, 7), texts(kept, FACT, 8)) == ([], ["Rome"], [])


def test_undo_goes_back_one_by_one() -> None:
    path = "/mem/core/goal"
    kept = shelf(*(Remembered(path=path, text=text) for text in "abc"))
    seen = []
    for n in (4, 5):
        before = kept.before(path)
        assert before is not None
        seen.append(before.text)
        kept.apply(Seq(n), n, Remembered(path=path, text=before.text or "", restores=before.seq))
    assert seen == ["b", "a"]
    assert kept.before(path) is None
    kept.apply(Seq(6), 6, Remembered(path=path, text="d"))
    assert [v.text for v in [kept.before(path)] if v] == ["a"]


def test_below_a_folder_is_what_stands_there() -> None:
    kept = shelf(
        Remembered(path="/mem/archive/a/1", text="x"),
        Remembered(path="/mem/archive/ab", text="y"),
        Remembered(path="/mem/archive/a/2", text="z"),
        Remembered(path="/mem/archive/a/2", ends=True),
    )
    assert [v.path for v in kept.below("/mem/archive/a")] == ["/mem/archive/a/1"]
    assert [v.head for v in kept.below("/mem/archive")] == ["x", "y"]
    assert kept.pages("/mem/archive/a") == [1, 3, 4]


def test_edges_are_walked_from_near_to_far() -> None:
    def edge(source: str, target: str, relation: str = "cites", *, removed: bool = False) -> Linked:
        return Linked(source=source, relation=relation, target=target, removed=removed)

    kept = shelf(edge("a", "b"), edge("b", "c"), edge("c", "d"), edge("a", "e", "knows"))
    assert [(far, e.target) for far, e in kept.walk("a", steps=2)] == [(1, "b"), (1, "e"), (2, "c")]
    assert [e.target for _, e in kept.walk("a", ["cites"], steps=9)] == ["b", "c", "d"]
    assert [e.source for _, e in kept.walk("d", steps=1)] == ["c"]
    assert len(kept.walk("a", most=2, steps=9)) == 2
    kept.apply(Seq(9), 9, edge("a", "b", removed=True))
    assert [e.target for e in kept.edges("a")] == ["e"]
    assert kept.edges("b")[0].target == "c"


def test_every_edge_is_walked_once_also_between_the_same_two_and_in_a_ring() -> None:
    ring = [("a", "cites", "b"), ("a", "answers", "b"), ("b", "cites", "c"), ("c", "cites", "a")]
    kept = shelf(*(Linked(source=s, relation=r, target=t) for s, r, t in ring), loop("a"))
    walked = [(far, (e.source, e.relation, e.target)) for far, e in kept.walk("a", steps=9)]
    assert walked == [(1, ring[0]), (1, ring[1]), (1, ring[3]), (1, ("a", "is", "a")), (2, ring[2])]


def test_a_page_and_the_entry_it_is_have_the_same_edges() -> None:
    path = "/mem/archive/a"
    kept = shelf(
        Remembered(path=path, text="x"),
        Linked(source="1", relation="cites", target="/mem/archive/b"),
        Linked(source="/mem/archive/c", relation="cites", target=path),
        Linked(source=path, relation="is", target="1"),
    )
    for node in (path, "1"):
        assert [(e.relation, e.target) for e in kept.edges(node)] == [
            ("cites", "/mem/archive/b"),
            ("cites", path),
            ("is", "1"),
        ]
    assert len(kept.walk(path)) == 3
    assert [e.source for e in kept.edges("/mem/archive/b")] == ["1"]


def loop(node: str) -> Linked:
    return Linked(source=node, relation="is", target=node)


@pytest.mark.parametrize(
    "path", ["/mem/core/a", NOTE, FACT, "/mem/todo", "/kv/a/b", "/mem/team/a", "mem/team/facts/a/b"]
)
def test_paths_that_memory_has(path: str) -> None:
    assert place(path) == "/" + path.lstrip("/")


@pytest.mark.parametrize(
    "path",
    ["/", "/home/a", "/mem", "/mem/core", "/mem/core/a/b", "/mem/facts/a", "/kv", "/mem/archive",
     "/mem/team", "/mem/todo/x", "/mem/archive/../../etc", "/mem/archive/a\nb", "/kv/" + "x" * 999],
)  # fmt: skip
def test_paths_that_memory_has_not(path: str) -> None:
    with pytest.raises(SysError) as caught:
        place(path)
    assert caught.value.code is Code.INVALID


def test_a_space_has_its_own_paths_under_its_name() -> None:
    assert shared("/mem/archive/a") == ("", "/mem/archive/a")
    assert shared("/kv/a") == ("", "/kv/a")
    assert shared("/mem/team/a/b") == ("team", "/mem/archive/a/b")
    assert shared("/mem/team/facts/a/b") == ("team", "/mem/facts/a/b")
    assert shared("/mem/team") == ("team", "/mem/archive")


def test_a_segment_of_any_words() -> None:
    assert slug("Mira's  Favourite City!") == "mira-s-favourite-city"
    assert slug("...") == "-"
