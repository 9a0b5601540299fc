"""A line of what was read, and where it stands.

Line    a text and its source
Chunk   lines that stood together
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """`path` is the file, or "" when `source` is no file; `source` is what is cited; `said` is the day on
    which somebody said it, where that is known."""

    source: str
    path: str
    number: int
    text: str
    said: str = ""


Chunk = tuple[Line, ...]
