"""What words say, cheaply: terms for the index, names, numbers and dates.

    terms      text -> normalised terms, in order
    kinds      terms -> the kinds of things they are; `wanted`: the kinds a question asks for
    things     kinds -> the terms that belong to them
    ordinary   words that are no slip for another
    traits     text -> the few counts the scorer looks at
    proper     names written in the middle of a sentence
    spans      the days, months or years a question names, as intervals of microseconds

Terms are lower-cased, freed of stop words, brought from irregular to base form and stemmed
(Snowball).  Chinese, Japanese and Korean, which write no spaces, become pairs of characters.
Everything here is a function of its argument alone.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import Stemmer  # type: ignore[import-not-found]

from logos.kernel.memory.lexicon import KINDS
from logos.kernel.memory.words import BASE, STOP

_WORD = re.compile(r"[^\W_]+(?:['\u2019][a-z]+)?(?:[.,:](?=\d)\d+)*")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_STEMMER = Stemmer.Stemmer("english")


@lru_cache(maxsize=1 << 16)
def _term(word: str) -> tuple[str, ...]:
    """The terms one word as written stands for."""
    plain = re.split("['\u2019]", word, maxsplit=1)[0]
    if _WIDE.search(plain):
        return tuple(plain[i : i + 2] for i in range(max(1, len(plain) - 1)))
    lower = plain.lower()
    if lower in STOP:
        return ()
    terms = [_STEMMER.stemWord(BASE.get(lower, lower))]
    parts = [part.lower() for part in _CAMEL.split(plain)]
    if len(parts) > 1:
        terms += [_STEMMER.stemWord(part) for part in parts if len(part) > 1]
    return tuple(terms)


def terms(text: str) -> list[str]:
    return [term for word in _WORD.findall(text) for term in _term(word)]


@lru_cache(maxsize=1)
def _kinds() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """stem -> kinds it belongs to, stem -> kinds it asks for."""
    belongs: dict[str, list[str]] = {}
    asks: dict[str, list[str]] = {}
    for line in KINDS.strip().splitlines():
        names, _, members = line.partition("|")
        kind = names.split()[0]
        for name in terms(names):
            asks.setdefault(name, []).append(kind)
        for member in terms(members):
            belongs.setdefault(member, []).append(kind)
    return (
        {stem: tuple(dict.fromkeys(kinds)) for stem, kinds in belongs.items()},
        {stem: tuple(dict.fromkeys(kinds)) for stem, kinds in asks.items()},
    )


def kinds(found: list[str]) -> list[str]:
    """The kinds of things that terms belong to, each once."""
    belongs = _kinds()[0]
    return list(dict.fromkeys(kind for term in found for kind in belongs.get(term, ())))


def wanted(found: list[str]) -> list[str]:
    """The kinds of things that the terms of a question ask for, each once."""
    asks = _kinds()[1]
    return list(dict.fromkeys(kind for term in found for kind in asks.get(term, ())))


def ordinary(term: str) -> bool:
    """Is it a word, whether or not anybody here has used it?"""
    return any(term in known for known in (*_kinds(), _irregular()))


@lru_cache(maxsize=1)
def _irregular() -> frozenset[str]:
    return frozenset(_STEMMER.stemWords([*BASE.values()]))


def things(wanted: Iterable[str]) -> frozenset[str]:
    """The terms that belong to any of these kinds."""
    members = _members()
    return frozenset(term for kind in wanted for term in members.get(kind, ()))


@lru_cache(maxsize=1)
def _members() -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for stem, found in _kinds()[0].items():
        for kind in found:
            out.setdefault(kind, []).append(stem)
    return out


_TEMPORAL = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|last|next|ago|week(?:end)?s?|months?|years?|morning|evening"
    r"|night|recently|just|since|(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march"
    r"|april|may|june|july|august|september|october|november|december|(?:19|20)\d\d"
    r"|\d{1,2}(?:st|nd|rd|th))\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\b(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|twice|once|several|couple|few"
    r"|dozen|hundred)\b",
    re.IGNORECASE,
)
_PROPER = re.compile(r"(?<=[a-z,;:] )[\"“']?([A-Z][\w'\u2019&-]+(?: [A-Z][\w'\u2019&-]+)*)")
_SELF = re.compile(r"\b(?:I|my|me|we|our|I'm|I've|I'd)\b")
_PAST = re.compile(
    r"\b(?:\w+ed|went|got|took|made|bought|began|met|won|lost|saw|found|gave|told|came|had|was)\b"
)
_SOCIAL = re.compile(
    r"\b(?:thanks|thank|congrats|congratulations|great|awesome|wow|cool|luck|sounds|bye|hey|hi|amazing)\b",
    re.IGNORECASE,
)
_ATTACHED = re.compile(r"\[(?:image|photo|picture|video|audio|file)\b", re.IGNORECASE)
_STANDING = re.compile(
    r"\b(?:always|never|prefer|preferences?|from now on|rather than|whenever|don't ever"
    r"|please (?:use|keep|avoid|include|do not|don't))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Traits:
    """What a text is like, whatever it is about."""

    temporal: int
    numbers: int
    proper: int
    questions: int
    self: int
    past: int
    social: int
    attached: int
    standing: int


_WORDS = re.compile(r"\w+")
_BITS = 32
_ONE = (1 << _BITS) - 1
_OF_WORDS = (_TEMPORAL, _NUMBER, _SELF, _PAST, _SOCIAL)
"""Each matches whole words only, so that words can be looked up one by one."""
_PHRASE = frozenset(
    [
        "always",
        "never",
        "prefer",
        "preference",
        "preferences",
        "from",
        "rather",
        "whenever",
        "don",
        "please",
    ]
)
"""One of these begins each match of _STANDING."""


@lru_cache(maxsize=1 << 16)
def _flags(word: str) -> int:
    """Which of _OF_WORDS match, each in bits of its own, and whether a phrase may begin."""
    found = sum(bool(one.fullmatch(word)) << (_BITS * n) for n, one in enumerate(_OF_WORDS))
    return found + ((word.lower() in _PHRASE) << (_BITS * len(_OF_WORDS)))


def traits(text: str) -> Traits:
    counts = sum(map(_flags, _WORDS.findall(text)))
    temporal, numbers, self, past, social, standing = (
        counts >> (_BITS * n) & _ONE for n in range(len(_OF_WORDS) + 1)
    )
    return Traits(
        temporal=temporal,
        numbers=numbers,
        proper=len(_PROPER.findall(text)),
        questions=text.count("?") + text.count("\uff1f"),
        self=self,
        past=past,
        social=social,
        attached=len(_ATTACHED.findall(text)) if "[" in text else 0,
        standing=len(_STANDING.findall(text)) if standing else 0,
    )


def proper(text: str) -> list[str]:
    return _PROPER.findall(text)


_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?P<year>\d{4})-(?P<number>\d{2})-(?P<day>\d{2})\b",
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {_MONTH}\b\.?,?(?: (?P<year>\d{{4}}))?",
        rf"\b{_MONTH}\.? (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (?P<year>\d{{4}}))?",
        rf"\b{_MONTH}\b\.?,?(?: (?:of )?(?P<year>\d{{4}}))?",
        r"\b(?P<year>(?:19|20)\d\d)\b",
    )
)
MICROSECONDS = 1_000_000
DAY = 86_400 * MICROSECONDS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def spans(text: str, years: range) -> list[tuple[int, int]]:
    """Intervals `[start, end)`.  A date without a year may lie in any of `years`."""
    found: list[tuple[int, int]] = []
    rest = text
    for pattern in _DATES:
        for match in pattern.finditer(rest):
            found += _intervals(match, years)
        rest = pattern.sub(" ", rest)
    return found


def _intervals(match: re.Match[str], years: range) -> list[tuple[int, int]]:
    parts = match.groupdict()
    name, day = parts.get("month"), parts.get("day")
    if name == "may" and day is None and not parts.get("year"):
        return []  # the verb
    month = int(parts.get("number") or 0)
    if name:
        month = next(i for i, full in enumerate(_MONTHS, 1) if full.startswith(name[:3].lower()))
    out = []
    for year in [int(parts["year"])] if parts.get("year") else years:
        try:
            start = datetime(year, month or 1, int(day or 1), tzinfo=UTC)
        except ValueError:
            continue  # 31 June, or 29 February of most years
        if day:
            end = start + timedelta(days=1)
        elif month:
            end = (start + timedelta(days=32)).replace(day=1)
        else:
            end = start.replace(year=year + 1)
        out.append((_micros(start), _micros(end)))
    return out


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
