"""What leaves the window, and what a compaction keeps."""

from hypothesis import given, settings
from hypothesis import strategies as st

from logos.kernel.memory import Kind, Resident, keep, load, marks, memorability, page_of, victims
from logos.kernel.memory.space import rebuild

EXAMPLES = 30

WINDOW = st.lists(
    st.builds(
        Resident,
        page=st.integers(0, 10_000),
        tokens=st.integers(1, 500),
        kind=st.sampled_from(list(Kind)),
        uses=st.integers(1, 5),
        used=st.integers(0, 50),
        pinned=st.booleans(),
        pair=st.sampled_from(["", "", "a", "b"]),
    ),
    max_size=25,
    unique_by=lambda each: each.page,
)


@settings(max_examples=EXAMPLES)
@given(WINDOW, st.integers(0, 4000), st.data())
def test_what_must_stay_stays(window: list[Resident], need: int, data: st.DataObject) -> None:
    ids = [each.page for each in window]
    demanded = data.draw(st.sets(st.sampled_from(ids))) if ids else set()
    out = victims(window, need=need, demanded=demanded)
    by_id = {each.page: each for each in window}
    assert len(set(out)) == len(out)
    assert not demanded & set(out)
    assert not any(by_id[id_].pinned for id_ in out)
    for name in ("a", "b"):
        together = {each.page for each in window if each.pair == name}
        assert together <= set(out) or not together & set(out)
    freed = sum(by_id[id_].tokens for id_ in out)
    bound = {each.page for each in window if each.pinned or each.page in demanded}
    stuck = {by_id[id_].pair for id_ in bound} - {""}
    free = sum(each.tokens for each in window if each.page not in bound and each.pair not in stuck)
    assert freed >= min(need, free)


def test_tool_results_go_before_words_and_the_least_used_first() -> None:
    window = [
        Resident(page=1, tokens=10, uses=1, used=1),
        Resident(page=2, tokens=10, uses=5, used=9, kind=Kind.TOOL, pair="c"),
        Resident(page=3, tokens=10, uses=2, used=2),
        Resident(page=4, tokens=10, uses=2, used=8),
        Resident(page=5, tokens=10, uses=1, used=3, pair="c"),
    ]
    assert victims(window, need=20) == (2, 5)
    assert victims(window, need=45) == (2, 5, 1, 3, 4)
    assert victims(window, need=0) == ()


@settings(max_examples=EXAMPLES)
@given(st.integers(1000, 200_000), st.floats(0.1, 10), st.floats(0.01, 10), st.integers(1, 5000))
def test_marks_leave_room(budget: int, uncached: float, cached: float, growth: int) -> None:
    found = marks(budget, uncached=uncached, cached=cached, growth=growth)
    assert found.high == budget
    assert budget * 2 // 5 <= found.low <= budget * 3 // 4 + 1


def test_dear_rewrites_are_made_seldom() -> None:
    dear = marks(20_000, uncached=10, cached=1, growth=500)
    cheap = marks(20_000, uncached=1.5, cached=1, growth=500)
    assert dear.low < cheap.low


@settings(max_examples=EXAMPLES)
@given(st.dictionaries(st.integers(0, 50), st.integers(1, 100), min_size=1), st.integers(0, 2000))
def test_a_compaction_fits_and_keeps_what_is_pinned(tokens: dict[int, int], budget: int) -> None:
    pinned = min(tokens)
    worth = {id_: (id_ * 7 % 11) / 11 for id_ in tokens}
    kept = keep(tokens, worth, budget=budget, pinned=[pinned])
    assert pinned in kept
    assert sum(tokens[id_] for id_ in kept) <= max(budget, tokens[pinned])


def test_news_is_more_memorable_than_thanks() -> None:
    space = rebuild(
        [
            page_of(1, "Wow, that sounds great! Thanks.", kind=Kind.PEOPLE, subject="Ann"),
            page_of(2, "Last week I adopted a puppy in Lisbon.", kind=Kind.PEOPLE, subject="Bob"),
        ]
    )
    thanks, news = memorability(space.table.columns(), load())
    assert news > thanks
