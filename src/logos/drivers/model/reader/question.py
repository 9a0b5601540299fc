"""What a question asks for.  Pure.

asked       text -> Question: its kind, the names it is about, its other words
value       Question, text -> the answer's core in that text ("" if it is not there)
terms       text -> stems
patterns    Question -> regular expressions to search the workspace for
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from logos.drivers.model.reader.steps import removal, since


class Kind(StrEnum):
    SINCE = "since"
    REMOVAL = "removal"
    WHEN = "when"
    COUNT = "count"
    PLACE = "place"
    WHO = "who"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Question:
    """`names` are identifiers, which an answer must be about; `words` stems that should occur."""

    text: str
    kind: Kind
    names: tuple[str, ...]
    words: tuple[str, ...]
    paths: tuple[str, ...] = ()


_STOP_WORDS = """a about above after again all also am an and any are as at be because been before being below
    between both but by can could did do does doing down during each every few for from further had
    has have having he her here hers him his how i if in into instead is it its just let me more most
    my no nor not now of off on once one only or other our out over own please said same say says she
    should so some such tell than that the their them then there these they this those through to too
    under until up use used using very was way we were what when where which while who whom why will
    with would you your file files folder workspace module python since version answer exactly name
    called many much kind sort according document documents text page pages"""
_STOP = frozenset(_STOP_WORDS.split())
_NAME = re.compile(
    r"`([^`]+)`|\b(\w+(?:\.\w+)*\(\))|(?<![\w.])([A-Za-z]\w*(?:\.[A-Za-z]\w+)+)"
    r"|\b([A-Za-z]\w*_\w+|_\w+)\b|\b([A-Z][a-z]+(?:[A-Z][a-z0-9]+)+)\b"
)
_PLACES = re.compile(r"`?/home(?:/[\w.@+-]+)*`?")
_DATE = re.compile(
    r"\b(?:(?:19|20)\d\d(?:-\d\d(?:-\d\d)?)?|\d{1,2}:\d\d|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|\d+\.\d+(?:\.\d+)?|tomorrow|today|yesterday"
    r"|(?:january|february|march|april|may|june|july|august|september|october|november|december)"
    r"(?:\s+\d{1,2})?)\b",
    re.IGNORECASE,
)
_COUNT = re.compile(
    r"\b(\d[\d,.]*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred"
    r"|thousand)\b",
    re.IGNORECASE,
)


def asked(text: str) -> Question:
    kind = _kind(text)
    paths = tuple(path.strip("`").rstrip(".") for path in _PLACES.findall(text))
    about = _PLACES.sub(" ", text)
    names = tuple(
        dict.fromkeys(
            name.removesuffix("()")
            for found in _NAME.findall(about)
            for name in found
            if name and re.search(r"\w{2}", name)
        )
    )
    rest = _NAME.sub(" ", about)
    words = tuple(word for word in dict.fromkeys(terms(rest)))
    if kind is Kind.REMOVAL:
        words = tuple(word for word in words if not word.startswith("remov"))
    return Question(text.strip(), kind, names, words, paths)


def value(question: Question, text: str) -> str:
    match question.kind:
        case Kind.SINCE:
            return since(text)
        case Kind.REMOVAL:
            return removal(text)
        case Kind.WHEN:
            return found[0] if (found := _DATE.search(text)) else ""
        case Kind.COUNT:
            return found[0] if (found := _COUNT.search(text)) else ""
        case Kind.WHO:
            known = {*_STOP, *question.text.lower().split()}
            names = re.findall(r"\b[A-Z][a-z]+\b", text)
            return " ".join(name for name in names if name.lower() not in known)
        case Kind.PLACE | Kind.PLAIN:
            return text.strip()


def terms(text: str) -> list[str]:
    return [
        stem(word)
        for word in re.findall(r"[^\W\d_]+|\d+(?:\.\d+)*", text.lower())
        if word not in _STOP and (len(word) > 1 or word.isdigit())
    ]


def stem(word: str) -> str:
    if word.startswith("defin"):
        return "def"  # what code calls it
    for ending in (
        "ations",
        "ation",
        "ingly",
        "ions",
        "ing",
        "ion",
        "ers",
        "ies",
        "ed",
        "er",
        "es",
        "ly",
        "s",
        "e",
    ):
        if word.endswith(ending) and len(word) - len(ending) >= 3:  # noqa: PLR2004
            return word.removesuffix(ending)
    return word


def last_part(name: str) -> str:
    """`locale.getdefaultlocale` is found where it is only called getdefaultlocale."""
    return re.split(r"[./\s]", name.strip("./ "))[-1] or name


def patterns(question: Question) -> list[str]:
    """From narrow to wide."""
    if question.names:
        return [rf"\b{re.escape(last_part(name))}\b" for name in question.names]
    words = sorted(question.words, key=lambda word: (-len(word), word))
    if not words:
        return []
    single = [rf"(?i)\b{re.escape(word)}" for word in words[:3]]
    if len(words) == 1:
        return single
    first, second = map(re.escape, words[:2])
    return [rf"(?i)\b{first}.*\b{second}|\b{second}.*\b{first}", *single]


def _kind(text: str) -> Kind:
    lower = text.lower()
    if re.search(r"\bremov\w*|\bgone\b|\bdropped\b", lower) and re.search(
        r"\bwhen\b|\bversion\b|\brelease\b", lower
    ):
        return Kind.REMOVAL
    if re.search(
        r"\bsince (?:when|which|what)\b|\b(?:which|what) (?:python )?(?:version|release)", lower
    ):
        return Kind.SINCE
    if re.match(
        r"\W*(?:when|on (?:which|what) (?:day|date)|(?:at )?what time|(?:in )?(?:which|what) year)\b",
        lower,
    ):
        return Kind.WHEN
    if re.search(r"\bhow (?:many|much)\b", lower):
        return Kind.COUNT
    if re.match(
        r"\W*(?:(?:in )?(?:which|what) (?:\w+ )?(?:file|module|folder|document)s?|where)\b", lower
    ):
        return Kind.PLACE
    return Kind.WHO if re.match(r"\W*(?:by )?who(?:m|se)?\b", lower) else Kind.PLAIN
