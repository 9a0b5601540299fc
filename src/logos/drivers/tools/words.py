"""Find tools by what they do: words of a question against names and descriptions.  Pure.

    ranked(question, offers, limit)   the best, best first

BM25 over names, descriptions and names of arguments, in the words' stems; a tool whose name has
a word of the question counts for more.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from logos.abi.tools import Offer

K1, B = 1.2, 0.75
IN_NAME = 2.5
"""How often a word of the name counts."""

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "by",
        "for",
        "from",
        "in",
        "into",
        "is",
        "it",
        "of",
        "on",
        "or",
        "that",
        "the",
        "this",
        "to",
        "with",
    ]
)
_SAME = {
    "remove": "delete",
    "erase": "delete",
    "make": "create",
    "add": "create",
    "new": "create",
    "show": "get",
    "fetch": "get",
    "look": "get",
    "find": "search",
    "modify": "update",
    "change": "update",
    "edit": "update",
}


def ranked(question: str, offers: Sequence[Offer], limit: int) -> list[Offer]:
    wanted = set(_words(question))
    if not wanted or not offers:
        return []
    bags = [_bag(offer.name, offer.description, bytes(offer.schema)) for offer in offers]
    seen = Counter(word for bag in bags for word in bag)
    usual = sum(sum(bag.values()) for bag in bags) / len(bags)
    scores = [
        (_score(wanted, bag, seen, len(bags), usual), offer)
        for bag, offer in zip(bags, offers, strict=True)
    ]
    best = sorted((s for s in scores if s[0] > 0), key=lambda s: (-s[0], s[1].name))
    return [offer for _, offer in best[:limit]]


def _score(
    wanted: Iterable[str], bag: Counter[str], seen: Counter[str], many: int, usual: float
) -> float:
    length = sum(bag.values())
    score = 0.0
    for word in wanted:
        if often := bag.get(word, 0):
            rare = math.log(1 + (many - seen[word] + 0.5) / (seen[word] + 0.5))
            score += rare * often * (K1 + 1) / (often + K1 * (1 - B + B * length / usual))
    return score


@lru_cache(maxsize=4096)
def _bag(name: str, description: str, schema: bytes) -> Counter[str]:
    bag: Counter[str] = Counter(_words(description))
    decoded: Any = msgspec.json.decode(schema)
    properties = decoded.get("properties") if isinstance(decoded, dict) else None
    if isinstance(properties, dict):
        bag.update(_words(" ".join(map(str, properties))))
    for word in _words(name):
        bag[word] += round(IN_NAME)
    return bag


def _words(text: str) -> list[str]:
    words = (w.lower() for w in _WORD.findall(text))
    return [_SAME.get(s, s) for w in words if w not in _STOP for s in (_stem(w),)]


def _stem(word: str) -> str:
    for end, instead in (
        ("ies", "y"),
        ("sses", "ss"),
        ("ing", ""),
        ("ed", ""),
        ("es", "e"),
        ("s", ""),
    ):
        if word.endswith(end) and len(word) - len(end) >= 3 and not word.endswith("ss"):  # noqa: PLR2004
            return word[: len(word) - len(end)] + instead
    return word
