"""What memory brought back, as the window shows it: dated groups of lines with page and speaker.  Pure.

    is_memory   is this message of memory's making?
    remembered  its text -> chunks of sentences, one for each day
    moment      when something was, in the words of who said it and the day they said it

"Yesterday", said on the 8th of May, is the 7th.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from logos.drivers.model.reader.lines import Chunk, Line

_OPENS = "[memory:"
_DAY = re.compile(r"# (\d{4}-\d\d-\d\d|undated)")
_PIECE = re.compile(r"(\d+(?:/\d+)?(?:\+\d+)?) (.+?): (.*)")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_AGO = re.compile(
    r"\b(?:(a|an|one|two|three|four|five|six|seven|\d+) (day|week|month|year)s? ago"
    r"|last (day|night|week|weekend|month|year|" + "|".join(_WEEKDAYS) + r")"
    r"|(yesterday|today|tonight|tomorrow|this morning))\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"“A-Z0-9])")
_UNDATED = "undated"
_NUMBERS = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
}
_DAYS = {
    "yesterday": -1,
    "night": -1,
    "day": -1,
    "today": 0,
    "tonight": 0,
    "this morning": 0,
    "tomorrow": 1,
}


def is_memory(text: str) -> bool:
    return text.startswith(_OPENS)


def remembered(text: str) -> Iterator[Chunk]:
    lines: list[Line] = []
    said = who = ""
    for number, line in enumerate(text.splitlines()[1:], 1):
        if found := _DAY.fullmatch(line):
            if lines:
                yield tuple(lines)
            lines, said = [], "" if found[1] == "undated" else found[1]
        elif found := _PIECE.fullmatch(line):
            source, who = f"page {found[1]}", found[2].partition(" (")[0]
            lines += _sentences(Line(source, "", number, found[3], said or _UNDATED), who)
        elif lines and line.strip():
            last = lines[-1]
            lines += _sentences(Line(last.source, "", number, line.strip(), last.said), who)
    if lines:
        yield tuple(lines)


def _sentences(line: Line, who: str) -> Iterator[Line]:
    for part in _SENTENCE.split(line.text):
        if part.strip():
            yield Line(line.source, "", line.number, f"{who}: {part.strip()}", line.said)


def moment(text: str, said: str) -> str:
    """As people write it: 7 May 2023, May 2023, 2022; nothing when the day is not known."""
    if said == _UNDATED:
        return ""
    day = date.fromisoformat(said)
    if (found := _AGO.search(text)) is None:
        return _written(day)
    count, unit, last, near = found.groups()
    if near or last in _DAYS:
        return _written(day + timedelta(days=_DAYS[(near or last).lower()]))
    if last and last.lower() in _WEEKDAYS:
        back = (day.weekday() - _WEEKDAYS.index(last.lower()) - 1) % 7 + 1
        return _written(day - timedelta(days=back))
    return _before(day, (unit or last).lower(), _number(count))


def _number(count: str | None) -> int:
    if count is None:
        return 1
    return int(count) if count.isdigit() else _NUMBERS[count.lower()]


def _before(day: date, unit: str, count: int) -> str:
    match unit:
        case "year":
            return str(day.year - count)
        case "month":
            months = day.year * 12 + day.month - 1 - count
            return f"{date(months // 12, months % 12 + 1, 1):%B %Y}"
        case "day":
            return _written(day - timedelta(days=count))
        case _:
            return f"the {unit} before {_written(day)}"


def _written(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
