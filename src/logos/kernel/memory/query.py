"""What a question gives away before anything is looked up.

    read    a question -> Query: its terms, the kinds it asks for, whom it names, and when
    ASKS    what a question may ask for, by its form

Invariant: the subject's name is not among the terms; who spoke is asked of the table, not of the text.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from logos.kernel.memory.course import COURSE
from logos.kernel.memory.paths import slug
from logos.kernel.memory.text import kinds, ordinary, spans, terms, wanted

_ANSWERER = re.compile(
    r"\b(?:did|have|had|do) you\b|\byour (?:recommend|suggest|advice)"
    r"|\byou (?:recommend|suggest|explain|advis|provid|propos|help)",
    re.IGNORECASE,
)

_STEPS = re.compile(
    r"\bhow (?:did|do|have|has|was|were)\b"
    r"|\bwhat (?:steps|approach|process|method|strategy|plan)\b",
    re.IGNORECASE,
)

ASKS = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "when": r"\bwhen\b|\bwhat (?:date|day|year|month|time)\b|\bhow long ago\b",
        "number": r"\bhow (?:many|much|long|often|old|far|frequently)\b",
        "who": r"\bwho(?:m|se)?\b",
        "where": r"\bwhere\b|\b(?:what|which) (?:city|country|state|place)\b",
        "why": r"\bwhy\b|\breasons?\b",
        "guess": r"\b(?:would|might|could|likely|considered)\b",
        "how": r"\bhow (?:does|do|did|has|have|is|was)\b",
        "several": r"\b(?:what|which) (?:\w+ )?\w+s (?:has|have|did|does|do|are|were)\b",
        "shown": r"\b(?:photo|picture|image|share[sd]?|painting|show)\b",
    }.items()
}

_ASKED = 4_000
"""Characters of a question within which it asks for the course of things; more is what it is about."""

_SHORT = 3
"""Letters a short form of a name has at least."""


@dataclass(frozen=True, slots=True)
class Query:
    """`wanted` are kinds of things the question asks for, `related` those it mentions; `subjects`
    the known subjects it names; `spans` intervals of microseconds it speaks of; `answerer`: it asks
    what the assistant itself said; `steps`: how something was gone about; `course`: in what order things came
    up, or how they went on; `asks` are names of ASKS."""

    terms: tuple[str, ...]
    wanted: tuple[str, ...]
    related: tuple[str, ...]
    subjects: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    answerer: bool
    steps: bool = False
    course: bool = False
    asks: frozenset[str] = frozenset()


def read(
    question: str,
    subjects: Iterable[str] = (),
    *,
    subject: str | None = None,
    years: range = range(0),
    meant: Callable[[str], str] = str,
) -> Query:
    """`subject` says whom the question is about when the caller knows better; `meant` reads a term that is
    misspelled."""
    named = [subject] if subject else [name for name in subjects if _names(question, name)]
    spelt = set(map(slug, named))
    named += [name for name in subjects if spelt and slug(name) in spelt and name not in named]
    mine = {term for name in named for term in terms(name)}
    said = (term for term in terms(question) if term not in mine)
    found = [term if ordinary(term) else meant(term) for term in said]
    asked = wanted(found)
    return Query(
        terms=tuple(found),
        wanted=tuple(asked),
        related=tuple(kind for kind in kinds(found) if kind not in asked),
        subjects=tuple(named),
        spans=tuple(spans(question, years)),
        answerer=bool(_ANSWERER.search(question)),
        steps=bool(_STEPS.search(question)),
        course=bool(COURSE.search(question, 0, _ASKED)),
        asks=frozenset(name for name, form in ASKS.items() if form.search(question)),
    )


def _names(question: str, name: str) -> bool:
    """Whether `name`, its first word, or a short form of it stands in the question."""
    first = name.split(maxsplit=1)[0] if name.split() else name
    if re.search(rf"\b{re.escape(first)}s?\b", question):
        return True
    return any(
        len(word) >= _SHORT and first.startswith(word)
        for word in re.findall(r"\b[A-Z][a-z]+\b", question)
    )
