"""What may come in, and how much."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logos.kernel.memory.gate import Candidates, choose, probabilities
from logos.kernel.memory.layout import HEADER_COST

EXAMPLES = 30

PAGES = st.lists(
    st.tuples(
        st.floats(-5, 5, width=32),
        st.integers(6, 300),
        st.integers(0, 6),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=30,
)


def candidates(pages: list[tuple[float, int, int, int]]) -> Candidates:
    scores = np.array([page[0] for page in pages], dtype=np.float32)
    costs, turns, groups = (
        np.array([page[i] for page in pages], dtype=np.int64) for i in (1, 2, 3)
    )
    return Candidates(scores, probabilities(scores, 1.0), costs, turns, turns % 3 + groups * 0)


@settings(max_examples=EXAMPLES)
@given(PAGES, st.integers(1, 2000), st.floats(0.05, 2))
def test_the_budget_holds(
    pages: list[tuple[float, int, int, int]], budget: int, mass: float
) -> None:
    found = candidates(pages)
    rows, used = choose(found, budget=budget, mass=mass)
    assert len(set(rows)) == len(rows)
    headers = HEADER_COST * len(set(found.groups[rows].tolist()))
    assert used == found.costs[rows].sum() + headers
    assert used <= budget


@settings(max_examples=EXAMPLES)
@given(PAGES)
def test_everything_comes_in_when_there_is_room(pages: list[tuple[float, int, int, int]]) -> None:
    found = candidates(pages)
    rows, _ = choose(found, budget=100_000, mass=2.0)
    assert sorted(rows) == list(range(len(pages)))


def test_it_stops_at_the_mass_or_where_more_is_not_worth_it() -> None:
    found = candidates([(5.0, 20, 1, 0), (0.0, 20, 2, 0), (0.0, 20, 3, 0)])
    assert choose(found, budget=1000, mass=0.9)[0] == [0]
    unsure = candidates([(0.2, 20, 1, 0), (0.1, 20, 2, 0), (0.0, 20, 3, 0)])
    assert len(choose(unsure, budget=1000, mass=0.999)[0]) == 3
    assert len(choose(unsure, budget=1000, mass=0.5)[0]) == 2
    long = candidates([(4.0, 20, 1, 0), (0.0, 2000, 2, 0), (0.0, 2000, 3, 0)])
    assert choose(long, budget=9000, mass=0.999)[0] == [0]


def test_a_turn_comes_in_whole_unless_it_is_too_long() -> None:
    found = candidates([(3.0, 100, 1, 0), (-3.0, 100, 1, 0), (0.0, 50, 2, 0)])
    assert sorted(choose(found, budget=400, mass=0.9)[0]) == [0, 1]
    assert sorted(choose(found, budget=200, mass=2.0)[0]) == [0, 2]


def test_likelihoods_sum_to_one() -> None:
    likely = probabilities(np.array([1.0, 2.0, -50.0], dtype=np.float32), 0.7)
    assert likely.sum() == pytest.approx(1.0)
    assert likely.argmax() == 1
