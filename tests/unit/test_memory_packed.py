"""Arrays and names as data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logos.kernel.memory.packed import Terms, narrow, pack, unpack, view

EXAMPLES = 50

NAMES = st.lists(st.text("abcäß漢", min_size=1, max_size=4), max_size=30)


@settings(max_examples=EXAMPLES)
@given(st.lists(NAMES, max_size=4))
def test_terms_are_numbered_like_a_dictionary_would(batches: list[list[str]]) -> None:
    terms = Terms()
    held: dict[str, int] = {}
    for names in batches:
        for name in names:
            assert terms.get(name) == held.get(name)
            assert terms.number(name) == held.setdefault(name, len(held))
        moved = terms.settle().tolist()
        assert sorted(moved) == list(range(len(held)))
        held = {name: moved[number] for name, number in held.items()}
        assert sorted(held, key=held.__getitem__) == sorted(held)
        assert {name: terms.get(name) for name in held} == held
        read = Terms(terms.text())
        assert {name: read.get(name) for name in held} == held
        assert terms.get("none") is None
        assert read.get("none") is None
        assert len(terms) == len(read) == len(held)


@pytest.mark.parametrize("most", [0, 127, 128, -129, 2**15, -(2**31), 2**40])
def test_numbers_come_back_from_the_narrowest_type(most: int) -> None:
    array = np.array([[0, 1], [most, 2]])
    packed = pack(array)
    assert np.array_equal(unpack(packed, np.int64), array)
    assert np.array_equal(view(packed), array)
    assert narrow(array).itemsize * 8 >= int(most).bit_length()


def test_an_empty_array_keeps_its_shape() -> None:
    assert unpack(pack(np.zeros((0, 7), dtype=np.int32)), np.int32).shape == (0, 7)
