"""What was spent in a span is the plain sum of the bills in it, however they come and whatever the clock does."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from logos.abi.messages import Usage
from logos.kernel.node.spent import MINUTE, SPANS, Amount, Spent

DAY = SPANS["day"]
NOW = 10 * DAY
"""In minutes."""

BILLS = st.tuples(
    st.just("bill"),
    st.one_of(st.integers(-3, 3), st.integers(-DAY - 90, 90)),
    st.integers(0, 9),
    st.integers(0, 9),
)
MOVES = st.tuples(
    st.just("move"), st.one_of(st.integers(-2, 5), st.integers(-90, 90), st.integers(-DAY, 2 * DAY))
)
ACTS = st.lists(
    st.one_of(BILLS, BILLS, MOVES, st.tuples(st.sampled_from(["ask", "prune"]))), max_size=30
)


@given(acts=ACTS)
def test_a_span_is_the_plain_sum_of_its_bills(acts: list[tuple[Any, ...]]) -> None:
    spent, now = Spent(), NOW
    kept: list[tuple[int, Amount]] = []
    for act in acts:
        match act:
            case "bill", ago, tokens, cost:
                spent.add((now + ago) * MINUTE + 7, Usage(input=tokens, cost=cost))
                kept.append((now + ago, Amount(tokens, cost)))
            case "move", by:
                now += by
            case ("prune",):
                kept = [one for one in kept if one[0] >= now - DAY]
                assert spent.prune(now * MINUTE) == bool(kept)
            case _:
                for name, span in SPANS.items():
                    counted = [bill for at, bill in kept if at > now - span]
                    plain = sum(b.tokens for b in counted), sum(b.cost for b in counted)
                    assert spent.over(now * MINUTE, name) == plain
    again = Spent()  # as the next life of a node counts them
    for at, bill in kept:
        again.add(at * MINUTE, Usage(output=bill.tokens, cost=bill.cost))
    for name in SPANS:
        assert again.over(now * MINUTE, name) == spent.over(now * MINUTE, name)


@given(
    bills=st.lists(st.tuples(st.integers(0, DAY - 1), st.integers(1, 9)), min_size=1, max_size=12),
    limit=st.integers(1, 60),
)
@settings(max_examples=40)
def test_when_it_is_free_no_more_than_the_limit_is_in_the_span(
    bills: list[tuple[int, int]], limit: int
) -> None:
    spent = Spent()
    for ago, tokens in bills:
        spent.add((NOW - ago) * MINUTE, Usage(input=tokens))
    if spent.over(NOW * MINUTE, "day").tokens < limit:
        return
    until = spent.free_at(NOW * MINUTE, "day", name="tokens", limit=limit)
    assert spent.over(until, "day").tokens < limit
    assert spent.over(until - MINUTE, "day").tokens >= limit


def test_what_is_set_aside_counts_until_it_is_given_back() -> None:
    spent = Spent()
    spent.set_aside(Usage(input=5, output=1, cost=3), 1)
    assert spent.over(NOW * MINUTE, "hour") == (6, 3)
    assert spent.prune(NOW * MINUTE)
    spent.set_aside(Usage(input=5, output=1, cost=3), -1)
    assert not spent.prune(NOW * MINUTE)
