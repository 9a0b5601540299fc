"""The nearest valid thing to a wrong name, argument, id, path or address.  Pure.

    nearest(wrong, known)   the closest of what is known, and a sentence for the caller
    skeleton(text)          what a reader sees: look-alike letters folded, invisible ones gone

Invariant: a suggestion is only ever a hint.  Nothing is corrected in silence, because a
value one letter off is what an attacker would register.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import islice, pairwise

MOST = 500
"""How many candidates are looked at."""

_TWINS = str.maketrans(
    {
        "а": "a", "с": "c", "е": "e", "о": "o", "р": "p", "х": "x", "у": "y", "і": "i", "ѕ": "s",  # noqa: RUF001
        "ј": "j", "ԁ": "d", "ո": "n", "ɡ": "g", "ı": "i", "ⅼ": "l", "α": "a", "ο": "o", "ν": "v",  # noqa: RUF001
        "ρ": "p", "τ": "t", "υ": "u", "κ": "k", "В": "b", "Н": "h", "К": "k", "М": "m", "Т": "t",  # noqa: RUF001
        "0": "o", "1": "l", "|": "l",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Near:
    """`value` is "" when nothing is close.  `twin`: it looks the same and is not."""

    value: str = ""
    twin: bool = False

    @property
    def hint(self) -> str:
        if not self.value:
            return ""
        if self.twin:
            return f"it only looks like {self.value!r}: the characters differ"
        return f"did you mean {self.value!r}?"


def nearest(wrong: str, known: Iterable[str], *, at_least: float = 0.6) -> Near:
    """The candidate most like `wrong`, if one is like enough."""
    seen = skeleton(wrong)
    if not seen:
        return Near()
    best, score = "", at_least
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(seen)
    for candidate in islice(known, MOST):
        if candidate == wrong:
            return Near(value=candidate)
        other = skeleton(candidate)
        if other == seen:
            return Near(value=candidate, twin=wrong.casefold() != candidate.casefold())
        if _alike(seen, other):
            matcher.set_seq1(other)
            ratio = matcher.ratio()
            if ratio >= score:
                best, score = candidate, ratio
    return Near(value=best)


def _alike(a: str, b: str) -> bool:
    """Cheap enough for every candidate: a third of the pairs of letters in common."""
    left, right = _pairs(a), _pairs(b)
    return 3 * len(left & right) >= min(len(left), len(right))


@lru_cache(maxsize=4_096)
def _pairs(text: str) -> frozenset[str]:
    return frozenset(map("".join, pairwise(text))) or frozenset(text)


@lru_cache(maxsize=4_096)
def skeleton(text: str) -> str:
    """What a reader sees."""
    if text.isascii() and "xn--" not in text:
        return text.translate(_TWINS).casefold()
    if "xn--" in text:
        text = ".".join(_unpuny(part) for part in text.split("."))
    flat = unicodedata.normalize("NFKD", text)
    kept = "".join(c for c in flat if unicodedata.category(c) not in ("Cf", "Mn", "Cc"))
    return kept.translate(_TWINS).casefold()


def _unpuny(part: str) -> str:
    if not part.startswith("xn--"):
        return part
    try:
        return part[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError):
        return part
