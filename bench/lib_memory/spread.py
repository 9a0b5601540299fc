"""How far a figure would lie on other conversations of the same kind.

    spread(rows, figures, names)   for each figure its standard error over conversations (jackknife)

`figures` makes them of rows, each of which knows its conversation.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar


class Told(Protocol):
    @property
    def conversation(self) -> str: ...

    @property
    def source(self) -> str: ...


T = TypeVar("T", bound=Told)


def spread(
    rows: Sequence[T], figures: Callable[[list[T]], Mapping[str, Any]], names: Iterable[str]
) -> dict[str, float]:
    """A conversation whose absence changes nothing is none of those that the figure is over."""
    names = list(names)
    whole = figures(list(rows))
    without = {
        left: figures([each for each in rows if each.conversation != left])
        for left in sorted({each.conversation for each in rows})
    }
    source = {each.conversation: each.source for each in rows}
    out = {}
    for name in names:
        moved = {source[left] for left, found in without.items() if found[name] != whole[name]}
        values = [found[name] for left, found in without.items() if source[left] in moved]
        if len(values) > 1:
            mean = sum(values) / len(values)
            squares = sum((value - mean) ** 2 for value in values)
            out[name] = round(math.sqrt((len(values) - 1) / len(values) * squares), 4)
    return out
