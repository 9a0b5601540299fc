"""What text costs, without a tokenizer.

    estimate    tokens of a text, a little high on purpose
    rough       a bound that costs nothing
    learned     how a model's own count corrects an estimate

The figures below were fitted to the cl100k vocabulary on English prose, Markdown and source
code: over whole conversations the estimate is some 3 % high, and a budget kept by it
is kept in truth.  A caller who knows the backend's own count gives that instead.
"""

import re
from functools import lru_cache

_UNIT = re.compile(
    r"'(?:s|t|re|ve|ll|d|m)\b|[A-Za-z]+| ?[0-9]+|[^\S\n]{2,}|\n+|[!-/:-@\[-`{-~]+|[^\sA-Za-z0-9]"
)


def estimate(text: str) -> int:
    """About what `text` costs; 0 only for the empty text."""
    total = sum(map(_COSTS.__getitem__, _UNIT.findall(text)))
    return int(total * 1.03 + 0.999) if total else int(bool(text))


@lru_cache(maxsize=1 << 16)
def _cost(unit: str) -> float:
    size = len(unit)
    first = unit[0]
    if first.isalpha() and first.isascii():
        return _WORD[size] if size < len(_WORD) else size / 2.5
    if unit[-1].isdigit() and unit.isascii():
        return (size + 2) // 3 + 0.2 if first != " " else (size + 1) // 3 + 1.0
    if first == "\n":
        return 0.8
    if first.isspace():
        return 1.1
    if first.isascii():
        return 1.0 if first == "'" and unit[-1].isalpha() else 0.55 + 0.25 * size
    return 1.3 if first.isalpha() else 2.0


class _Costs(dict[str, float]):
    """Of units met lately: prose repeats itself."""

    def __missing__(self, unit: str) -> float:
        if len(self) >= _KEPT:
            self.clear()
        cost = self[unit] = _cost(unit)
        return cost


_KEPT = 1 << 16
_COSTS = _Costs()

_WORD = (
    0.0,
    1.03,
    1.03,
    1.03,
    1.03,
    1.04,
    1.06,
    1.08,
    1.1,
    1.2,
    1.25,
    1.25,
    1.3,
    1.4,
    1.6,
    1.9,
    2.2,
)


CHARS_A_TOKEN = 3
"""Errs to the safe side for prose and code."""

RATIO = (0.4, 3.0)
"""Further than this from the estimate and a report is not to be trusted."""

EASE = 0.1


def rough(text: str) -> int:
    """What a text costs at most, at once."""
    return len(text) // CHARS_A_TOKEN + 4


def learned(ratio: float, estimated: int, counted: int) -> float:
    """What the model counted over what was estimated: up at once, down slowly."""
    if estimated <= 0 or counted <= 0:
        return ratio
    seen = min(max(counted / estimated, RATIO[0]), RATIO[1])
    return seen if seen > ratio else ratio + EASE * (seen - ratio)
