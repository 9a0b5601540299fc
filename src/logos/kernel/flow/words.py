"""The principal's own words, taken apart once per message.  Pure.

    Words.of(*texts)        all that the principal said to this task
    .says(kind, value)      does the value stand there, whole?
    .refers(key)            does the principal speak of the object with this key?
    .selectors              largest, latest, most ...: an extreme the kernel may work out
    .acts                   words that can be what is to be done
    .each(noun)             all users, each channel, everybody
    .prefixes               "starting with X"
    .delegates              "do what the list says": the acts themselves are left to a document

Invariant: a value is said only as a whole token of its kind.  A part of a longer link, address
or number is not said, and neither is anything shorter than two characters.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from logos.kernel.flow.lexicon import acts
from logos.kernel.flow.value import (
    NAME,
    SHORT,
    STOP,
    Kind,
    among,
    cents,
    content_words,
    find,
    host,
    numbers,
    stem,
    words,
)

Extreme = Literal["max", "min", "newest", "oldest"]

_EXTREMES: dict[str, Extreme] = {
    **dict.fromkeys(
        among(
            "largest biggest highest most maximum longest greatest top best heaviest dearest priciest"
        ),
        "max",
    ),
    **dict.fromkeys(
        among("smallest lowest least fewest cheapest shortest minimum worst lightest"), "min"
    ),
    **dict.fromkeys(among("latest newest last"), "newest"),
    **dict.fromkeys(among("oldest earliest first soonest"), "oldest"),
}
_TWO: dict[str, Extreme] = {
    "most recent": "newest",
    "least recent": "oldest",
    "most expensive": "max",
    "least expensive": "min",
    "best rated": "max",
    "top rated": "max",
    "highest rated": "max",
    "worst rated": "min",
    "lowest rated": "min",
    "best priced": "min",
    "lowest priced": "min",
    "highest priced": "max",
}
"""Extremes of two words: the second says of what."""

_DELEGATES = re.compile(
    r"\b(?:do|follow|carry out|execute|complete|perform|handle|act on|take care of|work through)\b"
    r"(?:(?!\bfollowing\b)[^.!?:]){0,40}"
    r"\b(?:instructions?|tasks?|steps|actions?|errands?|chores|to-?do(?:s| list)?|requests?|"
    r"(?:what|whatever|everything|as|all) (?:[\w'@./-]+ ){1,6}?(?:says?|asks?|wants?|requests?|tells?|demands?))\b",
    re.IGNORECASE,
)
_INLINE = re.compile(r"\bfollowing\b[^.!?]{0,60}:", re.IGNORECASE)
_EACH = re.compile(r"\b(?:all|each|every|everyone|everybody)\b((?:\W+[\w'-]+){0,4})", re.IGNORECASE)
_INDEFINITE = re.compile(
    r"\b(?:an?|any|some|one of the|recommend|suggest)\s+(?:[\w'-]+\s+){0,3}?([a-z]{3,})\b",
    re.IGNORECASE,
)
_PREFIX = re.compile(
    r"\b(?:start(?:s|ing)?|begin(?:s|ning)?)\s+with\s+(?:the\s+(?:word|letter|prefix)\s+)?['\"]?([\w-]{2,})",
    re.IGNORECASE,
)
_QUOTED = re.compile(
    r"'([^'\n]{2,300})'(?![A-Za-z])|\"([^\"\n]{2,300})\"|`([^`\n]{2,300})`|“([^”\n]{2,300})”"
)
_ASKS_LINK = re.compile(r"\b(?:links?|urls?|hyperlinks?)\b", re.IGNORECASE)
_ASKS_ADDRESS = re.compile(
    r"\b(?:e-?mail address(?:es)?|addresses|contact (?:details|information|info)|phone)\b",
    re.IGNORECASE,
)
_ASKS_ACCOUNT = re.compile(r"\b(?:ibans?|account numbers?|bank details)\b", re.IGNORECASE)

_SECRET = 4
_ORDERS = among(
    "add answer ask book buy cancel change check congrat copy create delete do download edit fill find follow "
    "forward get give hello hey hi invite join kindly list look make message move note open pay perform "
    "please post put read remind remove rename reply resolve schedule search send set share show sort summarize "
    "summarise tell thank transfer update use visit write congrats"
)
"""Words a request begins with: they name nobody, whatever a member calls himself."""


@dataclass(frozen=True, slots=True)
class Words:
    text: str
    folded: str
    values: frozenset[tuple[Kind, str]]
    plain: tuple[Decimal, ...]
    percent: tuple[Decimal, ...]
    all: frozenset[str]
    acts: frozenset[str]
    content: frozenset[str]
    names: frozenset[str]
    quoted: tuple[str, ...]
    selectors: dict[str, Extreme]
    prefixes: tuple[str, ...]
    eachs: frozenset[str]
    delegates: bool
    asks: frozenset[Kind]
    sites: frozenset[str]
    indefinite: frozenset[str]
    own: frozenset[tuple[Kind, str]] = field(default=frozenset())

    @staticmethod
    def of(*texts: str, own: frozenset[tuple[Kind, str]] = frozenset()) -> "Words":
        """`own` are the principal's own accounts and addresses, known from configuration."""
        text = "\n".join(texts)
        plain, percent = numbers(text)
        low = words(text)
        return Words(
            text=text,
            folded=text.casefold(),
            values=frozenset(find(text)),
            plain=tuple(plain),
            percent=tuple(percent),
            all=frozenset(stem(w) for w in low) | frozenset(low),
            acts=acts(_QUOTED.sub(" ", text)),
            content=frozenset(content_words(text)),
            names=frozenset(
                w.lower()
                for w in re.findall(r"\b[A-Z][a-zA-Z]{2,}\b", text)
                if w.lower() not in STOP
            ),
            quoted=tuple(
                part.strip() for match in _QUOTED.findall(text) for part in match if part.strip()
            ),
            selectors=_selectors(low),
            prefixes=tuple(dict.fromkeys(m.lower() for m in _PREFIX.findall(text))),
            eachs=_eachs(_QUOTED.sub(" ", text)),
            delegates=bool(_DELEGATES.search(_INLINE.sub(" ", text))),
            asks=_asks(text),
            sites=frozenset(
                host(v) for k, v in (*find(text), *own) if k is Kind.URL and "@" not in host(v)
            ),
            indefinite=frozenset(
                stem(m.lower()) for m in _INDEFINITE.findall(_QUOTED.sub(" ", text))
            ),
            own=own,
        )

    def says(self, kind: Kind, value: str, of: str = "") -> bool:  # noqa: PLR0911  # one for each kind
        """Does the principal name this value?  `value` is in normal spelling."""
        match kind:
            case Kind.URL | Kind.DATE:
                return (kind, value) in self.values
            case Kind.ADDRESS | Kind.ACCOUNT:
                if (kind, value) in self.values:
                    return True
                typed = "@" in value or any(c.isdigit() for c in value)
                return not typed and self.phrase(value)
            case Kind.AMOUNT:
                return any(str(cents(n)) == value for n in self.plain)
            case Kind.ID if value.isdigit():
                return self._numbered(value, of)
            case Kind.SECRET:
                return len(value) >= _SECRET and self.phrase(value, exact=True)
            case Kind.PATH:
                return (kind, value) in self.values or (len(value) >= NAME and self.phrase(value))
            case Kind.HANDLE:
                return value not in _ORDERS and self.phrase(value)
            case _:
                return self.phrase(value)

    def phrase(self, value: str, *, exact: bool = False) -> bool:
        """Does it stand there between word boundaries?  One character never does; nor does a
        word that only holds a sentence together."""
        low = value.strip().casefold()
        if len(low) < SHORT or (low in STOP and low not in self._quoted_words()):
            return False
        text, wanted = (self.text, value.strip()) if exact else (self.folded, low)
        if wanted not in text:
            return False
        start = 0
        while (at := text.find(wanted, start)) >= 0:
            before, after = text[at - 1 : at], text[at + len(wanted) :][:2]
            if (
                _edge(before, wanted[0])
                and _ends(after, wanted[-1])
                and not self._inside(at, wanted)
            ):
                return True
            start = at + 1
        return False

    def refers(self, key: str) -> int:
        """How many words of the key the principal says, if he says enough of them to mean it."""
        meant = content_words(key)
        if not meant or meant <= _ORDERS:
            return 0
        if (len(key) >= NAME and self.phrase(key)) or any(_holds(key, q) for q in self.quoted):
            return len(meant) + 1
        stemmed = key.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        if stemmed != key and len(stemmed) >= NAME and self.phrase(stemmed):
            return len(meant)
        return len(meant) if meant <= self.content else 0

    def speaks_of(self, key: str) -> bool:
        """Is the key there word for word, and more than one word or in quotation marks?"""
        many = len(words(key)) > 1 or any(key.casefold() == q.casefold() for q in self.quoted)
        return many and self.phrase(key)

    def overlap(self, text: str) -> int:
        return len(content_words(text) & self.content)

    def each(self, noun: str) -> bool:
        return "*" in self.eachs or stem(noun.lower()) in self.eachs if noun else False

    def calls(self, tool: str) -> bool:
        """Does the principal name the tool itself: call `measure`?"""
        name = re.escape(tool.casefold())
        order = (
            rf"\b(?:call|use|run|invoke)(?: the)?(?: tool| function)? ([`'\"]?){name}\1(?![\w-])"
        )
        return re.search(order, self.folded) is not None

    def mentions(self, noun: str) -> bool:
        return bool(noun) and all(stem(w) in self.all for w in words(noun))

    def _numbered(self, value: str, of: str) -> bool:
        """A bare number is an id only where the principal calls it one."""
        nouns = "|".join(["id", "no", "number", "#", *([re.escape(of)] if of else [])])
        return (
            re.search(rf"(?:{nouns})\.?:?\s*['\"#]?{re.escape(value)}(?![\w.]\d|\d)", self.folded)
            is not None
        )

    def _inside(self, at: int, wanted: str) -> bool:
        """Is the match only a part of a link, an address or an account?"""
        if any((kind, wanted) in self.values for kind in (Kind.URL, Kind.ADDRESS, Kind.ACCOUNT)):
            return False
        left = max(self.folded.rfind(c, 0, at) for c in " \n\t'\"(")
        token = re.match(r"[^\s'\")]*", self.folded[left + 1 :])
        whole = token.group().rstrip(".,;:!?") if token else ""
        if whole == wanted or " " in wanted:
            return False
        return any(kind in (Kind.URL, Kind.ADDRESS, Kind.ACCOUNT) for kind, _ in find(whole))

    def _quoted_words(self) -> set[str]:
        return {q.casefold() for q in self.quoted}


def _edge(before: str, first: str) -> bool:
    return not before or not first.isalnum() or not (before.isalnum() or before in "_@")


def _ends(after: str, last: str) -> bool:
    """A dot or a hyphen ends a word unless more of the word follows."""
    if not after or not last.isalnum():
        return True
    if after[0].isalnum() or after[0] in "_@":
        return False
    return not (after[0] in ".-" and after[1:2].isalnum())


def _holds(key: str, quoted: str) -> bool:
    return len(quoted) > NAME and quoted.casefold() in key.casefold()


def _selectors(low: list[str]) -> dict[str, Extreme]:
    found: dict[str, Extreme] = {}
    before = ""
    for word in low:
        both = f"{before} {word}"
        if both in _TWO:
            found.pop(before, None)
            found[both] = _TWO[both]
        elif word in _EXTREMES:
            found[word] = _EXTREMES[word]
        before = word
    return found


def _eachs(text: str) -> frozenset[str]:
    found: set[str] = set()
    for match in _EACH.finditer(text):
        head = match.group().split()[0].lower()
        if head in ("everyone", "everybody"):
            found.add("user")
        found.update(stem(w) for w in words(match.group(1)) if w not in STOP)
    return frozenset(found)


def _asks(text: str) -> frozenset[Kind]:
    """Kinds of value the principal wants passed on."""
    pairs = ((Kind.URL, _ASKS_LINK), (Kind.ADDRESS, _ASKS_ADDRESS), (Kind.ACCOUNT, _ASKS_ACCOUNT))
    return frozenset(kind for kind, pattern in pairs if pattern.search(text))
