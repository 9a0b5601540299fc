"""Values: what kinds there are, when two spellings are the same value, and how to find values
in text.  Pure.

    Kind             what an argument or a field of a result stands for
    normal(k, v)     the one spelling under which values of a kind are compared; "" if it is none
    guides(text)     every link, address and account in a text
    find(text)       those, and every path and date
    numbers(text)    the plain numbers and the percentages in a text
    words(text)      its words in lower case;  content_words: those that mean something
    plain_string(v)  a scalar argument as text

Invariant: two different destinations never have the same normal spelling.  Nothing is folded
that a reader could not tell apart at a destination: no Unicode folding, no guessing.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum


class Kind(StrEnum):
    """Kinds of arguments and of fields of results.

    Destinations and identities, where a wrong value is an incident:
        address   reaches a person from outside: e-mail, phone
        account   a bank account or another place money goes to
        url       a place on the network
        handle    a member of a closed set the server keeps: a user, a channel, a group
        id        names one object by a key
        name      names one object by its title
        path      names a file
        secret    a password or key
        command   code that will run
    Quantities:
        amount    money, or another number that matters
        date      a date or time
        choice    one of a fixed list, or yes and no
    Words:
        selector  a search text or filter of a read
        text      short text that becomes state: a title, a street, a name
        content   free text that people or programs will read
    """

    ADDRESS = "address"
    ACCOUNT = "account"
    URL = "url"
    HANDLE = "handle"
    ID = "id"
    NAME = "name"
    PATH = "path"
    SECRET = "secret"  # noqa: S105  # a kind of value
    COMMAND = "command"
    AMOUNT = "amount"
    DATE = "date"
    CHOICE = "choice"
    SELECTOR = "selector"
    TEXT = "text"
    CONTENT = "content"


FREE = frozenset({Kind.SELECTOR, Kind.TEXT, Kind.CONTENT})
"""Kinds that hold free text; all others hold one value."""

PLACES = frozenset({Kind.ADDRESS, Kind.ACCOUNT, Kind.URL, Kind.HANDLE})
"""Kinds that say where something goes."""

SHORT = 2
"""Nothing shorter is ever matched in text."""
NAME = 3
"""Nothing shorter is taken for a name."""


def among(text: str) -> frozenset[str]:
    """A set of words, written as one line."""
    return frozenset(text.split())


ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:@/]+@[^\s<>()\[\]\"',;:@/]+\.[^\s<>()\[\]\"',;:@/.!?]+")
ACCOUNT = re.compile(
    r"\b[A-Z]{2}\d{2}(?:[A-Z0-9]{10,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,4})?)\b"
)
URL = re.compile(r"(?:[a-z][a-z0-9+.-]*://|www\.)[^\s<>\"'`|]+", re.IGNORECASE)
DOMAIN = re.compile(
    r"(?<![\w@/.-])(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:com|net|org|io|co|info|biz|app|dev|ai|me|xyz|"
    r"site|online|top|club|shop|link|page|web|tech|store|live|news|ru|cn|uk|de|ch|fr|eu|it|es|nl|us|in|"
    r"br|jp|tk|ml|ga|cf|gq|to|ly|gg|tv|cc|ws)(?:/[^\s<>\"'`|]*)?(?![\w@-])",
    re.IGNORECASE,
)
PATH = re.compile(r"(?<![\w@/.-])(?:[\w.~-]*/)*[\w~][\w.~-]*\.[A-Za-z][A-Za-z0-9]{0,4}\b(?![\w@/])")
DATE = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b")
NUMBER = re.compile(
    r"(?<![\w.,-])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\w])|(?<![\w.,-])-?\d+(?:\.\d+)?(?!\w)"
)
ESCAPED = re.compile(r"\\[ntr]")
"""White space as a tool that quotes its answer twice writes it."""
GLUED = re.compile(r"^((?:[a-z]+://)?[\w.-]+\.[a-z]{2,})\.[A-Z][a-z]*$")
"""A link at the end of a sentence whose successor follows without a space."""
_CURLY = "\u2019"
WORD = re.compile(rf"[^\W_]+(?:['{_CURLY}][^\W_]+)?")

STOP = among(
    "a about above after again all also am an and any are as at be because been before being but by can "
    "could did do does doing done each for from further get give had has have having he her here hers hey "
    "hi him his how i if i'd i'll i'm i've in into is isn't it it's its just let like make may me might "
    "more my need next no not now of off on once only or other our out over own please same she should so "
    "some such than thanks that the their them then there these they they've this those through to too "
    "under until up us very want was we we've were what when where which while who whom why will with "
    "would yes you you'd you'll you're you've your"
)


def normal(kind: Kind, value: object) -> str:  # noqa: PLR0911  # one for each kind
    """The spelling under which values of this kind are compared.  "" if it is not one."""
    text = plain_string(value).strip()
    match kind:
        case Kind.URL:
            return _url(text)
        case Kind.ADDRESS:
            return text.removeprefix("mailto:").lower()
        case Kind.ACCOUNT:
            compact = text.replace(" ", "").upper()
            return compact if ACCOUNT.fullmatch(compact) else text.casefold()
        case Kind.AMOUNT:
            return _amount(text)
        case Kind.DATE:
            return _date(text)
        case Kind.HANDLE:
            return text.removeprefix("#").removeprefix("@").lower()
        case Kind.PATH:
            return text.removeprefix("./")
        case _:
            return text


def find(text: str) -> Iterator[tuple[Kind, str]]:
    """The typed values in a text, in normal spelling."""
    text = ESCAPED.sub(" ", text)
    yield from guides(text)
    for match in PATH.finditer(ADDRESS.sub(" ", URL.sub(" ", _pointed(text)))):
        yield Kind.PATH, normal(Kind.PATH, match.group())
    for match in DATE.finditer(text):
        yield Kind.DATE, _date(match.group())


def guides(text: str) -> Iterator[tuple[Kind, str]]:
    """Links, addresses and accounts: what leads a reader somewhere."""
    for match in ACCOUNT.finditer(text):
        yield Kind.ACCOUNT, normal(Kind.ACCOUNT, match.group())
    text = _pointed(text)
    for match in URL.finditer(text):
        yield Kind.URL, _url(GLUED.sub(r"\1", match.group()))
    for match in ADDRESS.finditer(text):
        yield Kind.ADDRESS, normal(Kind.ADDRESS, match.group())
    for match in DOMAIN.finditer(ADDRESS.sub(" ", URL.sub(" ", text))):
        yield Kind.URL, _url(match.group())


def _pointed(text: str) -> str:
    """The tokens that can hold a link, an address or a file name: the patterns are slow on
    prose."""
    return " ".join(t for t in text.split() if "." in t or "@" in t or ":/" in t)


def numbers(text: str) -> tuple[list[Decimal], list[Decimal]]:
    """(plain numbers, percentages).  Digits inside links, addresses, accounts, file names and
    dates are not numbers."""
    text = ESCAPED.sub(" ", text)
    for pattern in (URL, ADDRESS, ACCOUNT, DATE, DOMAIN, PATH):
        text = pattern.sub(" ", text)
    plain: list[Decimal] = []
    percent: list[Decimal] = []
    for match in NUMBER.finditer(text):
        after = text[match.end() : match.end() + 9].lstrip().lower()
        number = Decimal(match.group().replace(",", ""))
        (percent if after.startswith(("%", "percent")) else plain).append(number)
    return plain, percent


def words(text: str) -> list[str]:
    return [unquoted(match.group()) for match in WORD.finditer(text)]


def unquoted(word: str) -> str:
    """In lower case, with the plain apostrophe."""
    return word.replace(_CURLY, "'").lower()


def content_words(text: str) -> set[str]:
    """The words that say what it is about, without endings that only grammar wants."""
    return {stem(w) for w in words(text) if w not in STOP and len(w) > 1}


def stem(word: str) -> str:
    """Enough English to see that `rents` and `rent's` are `rent`."""
    word = word.removesuffix("'s")
    if len(word) > SHORT + SHORT and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > NAME and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def plain_string(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _url(text: str) -> str:
    """Scheme and host in lower case; a scheme of http or https, a final slash and punctuation
    that belongs to the sentence are not part of it."""
    text = text.rstrip(".,;:!?*_")
    while text.endswith((")", "]", "}")) and not _balanced(text):
        text = text[:-1].rstrip(".,;:!?*_")
    scheme, colon, rest = text.partition("://")
    if not colon:
        scheme, rest = "https", text
    host = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    prefix = "" if scheme.lower() in ("http", "https") else f"{scheme.lower()}://"
    return prefix + (host.lower() + rest[len(host) :]).rstrip("/") if host else ""


def _balanced(text: str) -> bool:
    return all(text.count(a) >= text.count(b) for a, b in ("()", "[]", "{}"))


def _amount(text: str) -> str:
    try:
        number = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return ""
    if not number.is_finite() or abs(number) > Decimal("1e15"):
        return ""
    return str(cents(number))


def host(url: str) -> str:
    """The host of a link in normal spelling."""
    return re.split(r"[/?#\\]", url.rsplit("://", 1)[-1], maxsplit=1)[0]


def cents(number: Decimal) -> Decimal:
    return number.quantize(Decimal("0.01"))


def _date(text: str) -> str:
    match = DATE.match(text)
    if match is None:
        return text.casefold()
    try:
        day = date(*(int(part) for part in match.groups())).isoformat()
    except ValueError:
        return text.casefold()
    return day + text[match.end() :].replace("T", " ").rstrip()
