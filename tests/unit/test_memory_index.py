"""The index agrees with a dictionary of term counts, however it was filled."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logos.kernel.memory.index import KERNEL, REACH, Index, Row

EXAMPLES = 30

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]
ROWS = st.lists(
    st.builds(
        Row,
        terms=st.lists(st.sampled_from(WORDS), max_size=6),
        group=st.integers(0, 2),
        spread=st.booleans(),
    ),
    min_size=1,
    max_size=20,
)


def naive(rows: list[Row], gone: set[int], question: list[str]) -> tuple[list[float], list[float]]:
    """BM25 of rows and of windows, by the book."""
    counts = [Counter() if i in gone else Counter(row.terms) for i, row in enumerate(rows)]
    windows: list[Counter[str]] = []
    for i, row in enumerate(rows):
        window: Counter[str] = Counter()
        stream = [j for j, other in enumerate(rows) if other.spread and other.group == row.group]
        near = stream if row.spread else [i]
        at = near.index(i)
        for j in near[max(0, at - REACH) : at + REACH + 1]:
            for term, count in counts[j].items():
                window[term] += count * KERNEL[near.index(j) - at + REACH]
        windows.append(window)
    alive = len(rows) - len(gone)

    def bm25(docs: list[Counter[str]], k1: float, b: float) -> list[float]:
        mean = max(sum(sum(doc.values()) for doc in docs) / max(alive, 1), 1e-9)
        out = []
        for doc in docs:
            norm = k1 * (1 - b + b * sum(doc.values()) / mean)
            score = 0.0
            for term in question:
                df = sum(term in each for each in counts)
                idf = math.log(1 + (alive - df + 0.5) / (df + 0.5))
                score += idf * doc[term] * (k1 + 1) / (doc[term] + norm) if doc[term] else 0.0
            out.append(score)
        return out

    return bm25(counts, 0.9, 0.6), bm25(windows, 1.2, 0.5)


@settings(max_examples=EXAMPLES)
@given(ROWS, st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), st.data())
def test_scores_agree_with_the_book(
    rows: list[Row], question: list[str], data: st.DataObject
) -> None:
    gone = data.draw(st.sets(st.integers(0, len(rows) - 1), max_size=len(rows) - 1))
    index = Index()
    cut = data.draw(st.integers(0, len(rows)))
    index.add(rows[:cut])
    index.score(question)
    index.add(rows[cut:])
    if gone:
        index.drop(sorted(gone))
    own, window = naive(rows, gone, question)
    found = index.score(question)
    alive = [i for i in range(len(rows)) if i not in gone]
    assert found.own[alive] == pytest.approx([own[i] for i in alive], abs=1e-4)
    assert found.window[alive] == pytest.approx([window[i] for i in alive], abs=1e-4)
    assert not found.own[sorted(gone)].any()
    assert len(index) == len(alive)


def test_how_rows_were_added_does_not_matter() -> None:
    random = np.random.default_rng(0)
    rows = [Row([WORDS[i] for i in random.integers(0, 6, 5)], 0, spread=True) for _ in range(1500)]
    whole, single = Index(), Index()
    whole.add(rows)
    for row in rows:
        single.add([row])
    a, b = whole.score(["alpha", "beta"]), single.score(["alpha", "beta"])
    assert np.array_equal(a.own, b.own)
    assert np.array_equal(a.window, b.window)


def test_what_is_dropped_is_in_no_posting() -> None:
    index = Index()
    index.add([Row(["secret", "plan"], 0), Row(["plan"], 0)])
    index.drop([0])
    assert not index.holds("secret")
    assert index.rows("plan").tolist() == [1]


def test_an_unknown_term_counts_against_the_question() -> None:
    index = Index()
    index.add([Row(["plan"], 0)] * 3)
    found = index.score(["plan", "nowhere"])
    assert found.mass > index.idf("plan")
    assert found.hit.max() == pytest.approx(index.idf("plan"))


@settings(max_examples=EXAMPLES)
@given(ROWS, st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), st.data())
def test_what_came_later_is_as_if_it_had_never_come(
    rows: list[Row], question: list[str], data: st.DataObject
) -> None:
    size = data.draw(st.integers(0, len(rows)))
    sorted_in = data.draw(st.booleans())
    gone = sorted(data.draw(st.sets(st.integers(0, len(rows) - 1), max_size=len(rows) - 1)))
    whole, first = Index(), Index()
    whole.add(rows)
    first.add(rows[:size])
    if sorted_in:
        whole.pack()
    if gone:
        whole.drop(gone)
    if any(row < size for row in gone):
        first.drop([row for row in gone if row < size])
    cut = whole.before(size, len(first))
    found, meant = cut.score(question), first.score(question)
    for name in ("own", "window", "hit", "rare"):
        assert getattr(found, name).tolist() == getattr(meant, name).tolist()
    assert found.mass == meant.mass
    for word in WORDS:
        assert cut.idf(word) == first.idf(word)
        assert cut.holds(word) == first.holds(word)
        assert cut.rows(word).tolist() == first.rows(word).tolist()
    assert whole.score(question).own.shape == (len(rows),)
