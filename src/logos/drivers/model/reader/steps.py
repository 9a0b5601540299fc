"""What a task asks for, step by step.

    Step       one of the classes below
    Plan       the steps of a task, its questions, and whether to report results
    Template   how a match becomes a line

Data only: language.py makes it, follow.py carries it out.
"""

import re
from dataclasses import dataclass, field

DEFAULT_TEMPLATE = "- PATH:LINE: TEXT"
_FIELDS = re.compile(r"\b(PATH|FILE|LINE|TEXT|MATCH|VERSION|SINCE|REMOVAL|REMOVED|NUMBER)\b")


@dataclass(frozen=True, slots=True)
class Call:
    """One call whose arguments the task spells out."""

    tool: str
    arguments: dict[str, object] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Search:
    pattern: str
    path: str
    files: str


@dataclass(frozen=True, slots=True)
class ReadAround:
    """Read the surroundings of `count` of the matches of the last search."""

    count: int


@dataclass(frozen=True, slots=True)
class AppendEach:
    """One line in `path` for each match of the last search."""

    path: str
    template: str


@dataclass(frozen=True, slots=True)
class CallEach:
    """One call for each match; text arguments are templates."""

    tool: str
    arguments: dict[str, object] = field(hash=False)


@dataclass(frozen=True, slots=True)
class WriteResult:
    """Write the answers, or the matches, to a file."""

    path: str
    answers: bool


@dataclass(frozen=True, slots=True)
class WaitChildren:
    """Wait for every child started so far."""


Step = Call | Search | ReadAround | AppendEach | CallEach | WriteResult | WaitChildren


@dataclass(frozen=True, slots=True)
class Plan:
    steps: tuple[Step, ...]
    questions: tuple[str, ...]
    unclear: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    path: str
    line: int
    text: str


def fill(template: str, match: Match, number: int) -> str:
    values = {
        "PATH": match.path,
        "FILE": match.path.rpartition("/")[2],
        "LINE": str(match.line),
        "TEXT": match.text.strip(),
        "MATCH": match.text.strip(),
        "VERSION": since(match.text) or "unknown",
        "SINCE": since(match.text) or "unknown",
        "REMOVAL": removal(match.text) or "unknown",
        "REMOVED": removal(match.text) or "unknown",
        "NUMBER": str(number),
    }
    return _FIELDS.sub(lambda found: values[found[1]], template)


_SINCE = re.compile(
    r"\b(?:since|in|as of|from)\s+(?:(?:version|python|release|v)\s*){0,2}(\d+(?:\.\d+)+)",
    re.IGNORECASE,
)
_REMOVAL = re.compile(
    r"\b(?:remov|gone|dropp?ed)\w*\W+(?:[A-Za-z]+\W+){0,6}?(\d+(?:\.\d+)+)"
    r"|\bremove\s*=\s*\(\s*(\d+)\s*,\s*(\d+)",
    re.IGNORECASE,
)


def since(text: str) -> str:
    """The version since which, as the text says it; "" if it does not."""
    return found[1] if (found := _SINCE.search(_without_removal(text))) else ""


def removal(text: str) -> str:
    """The version in which something is removed, as the text says it."""
    found = _REMOVAL.search(text)
    if found is None:
        return ""
    return found[1] or f"{found[2]}.{found[3]}"


def _without_removal(text: str) -> str:
    return _REMOVAL.sub(" ", text)
