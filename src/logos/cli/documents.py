"""Files of people -> texts to remember.  Pure but for the libraries that parse.

    parts(name, data)        what a file says: a name and a text for each part of it
    conversation(data)       lines of JSON with a speaker and a text -> who said what, when

A file that is no text has no parts.  PDF needs the extra `import` (pypdf).
"""

import csv
import importlib
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any, NamedTuple

from logos.abi.errors import Code, SysError
from logos.abi.events import Remembered
from logos.abi.lines import decode

PART_CHARS = 200_000
"""A longer text becomes several parts, cut at line ends."""


class Part(NamedTuple):
    """`name` is empty where the file is all of it."""

    name: str
    text: str


def parts(name: str, data: bytes) -> list[Part]:
    """Raise `unavailable` where a library is missing, `invalid` for a file that it cannot read."""
    kind = name.lower().rpartition(".")[2]
    if kind == "pdf":
        return _pdf(name, data)
    text = decode(data)
    if text is None or not text.strip():
        return []
    if kind in ("html", "htm", "xhtml"):
        text = html_text(text)
    elif kind in ("csv", "tsv"):
        text = table_text(text, "\t" if kind == "tsv" else ",")
    return list(_cut(text))


def _cut(text: str) -> Iterator[Part]:
    if len(text) <= PART_CHARS:
        yield Part("", text)
        return
    at = number = 0
    while at < len(text):
        end = text.rfind("\n", at, at + PART_CHARS) + 1 or at + PART_CHARS
        end = len(text) if at + PART_CHARS >= len(text) else end
        number += 1
        yield Part(f"part-{number:04}", text[at:end])
        at = end


def _pdf(name: str, data: bytes) -> list[Part]:
    try:
        pypdf = importlib.import_module("pypdf")
    except ImportError as error:
        raise SysError(
            Code.UNAVAILABLE, f"{name} is a PDF", hint="install pypdf, or logos[import]"
        ) from error
    try:
        pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages]
    except pypdf.errors.PyPdfError as error:
        raise SysError(Code.INVALID, f"{name} cannot be read: {error}") from error
    return [Part(f"page-{n:04}", text) for n, text in enumerate(pages, 1) if text.strip()]


def table_text(text: str, delimiter: str) -> str:
    """Each row with the names of its columns, so that a row can be found and read by itself."""
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    head, body = rows[0], rows[1:]
    lines = [
        "; ".join(f"{name}: {cell}" for name, cell in zip(head, row, strict=False) if cell)
        for row in body
    ]
    return "\n".join([delimiter.join(head), *lines]) if body else text


class _Words(HTMLParser):
    SILENT = frozenset({"script", "style", "template", "noscript"})
    APART = frozenset(
        {"p", "div", "br", "li", "tr", "table", "section", "article", "pre", "blockquote", "title",
         "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dt", "dd", "hr"}
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._silent += tag in self.SILENT
        if tag in self.APART:
            self.said.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - (tag in self.SILENT))
        if tag in self.APART:
            self.said.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.said.append(data)


def html_text(text: str) -> str:
    """What a reader sees: paragraphs apart, no scripts."""
    words = _Words()
    words.feed(text)
    words.close()
    lines = (" ".join(line.split()) for line in "".join(words.said).split("\n"))
    return "\n\n".join(line for line in lines if line)


def conversation(name: str, data: bytes) -> list[Remembered]:
    """One entry for each line; none if these are no lines of a conversation."""
    said: list[Remembered] = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
        except ValueError:
            return []
        if not isinstance(one, dict) or not isinstance(one.get("text"), str):
            return []
        said.append(_said(name, number, one))
    return said


def _said(name: str, number: int, one: dict[str, Any]) -> Remembered:
    speaker, role = str(one.get("speaker", "")), str(one.get("role", ""))
    return Remembered(
        path=f"{number:06}",
        text=one["text"],
        kind="people" if speaker else "chat",
        subject=speaker,
        role=role or "user",
        time=_time(one.get("time")),
        group=str(one.get("conversation", name)),
    )


def _time(value: Any) -> int | None:
    """Seconds since 1970, or a date and time, -> microseconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return round(value * 1_000_000)
    if not isinstance(value, str) or not value:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000_000)
