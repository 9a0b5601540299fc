"""Files of people -> texts to remember.  Pure but for the libraries that parse.

    parts(name, data)        what a file says: a name and a text for each part of it
    conversation(data)       lines of JSON with a speaker and a text -> who said what, when

A file that is no text has no parts.  What is not UTF-8 for the most part is taken for Windows' Latin (cp1252),
unless it says otherwise.  PDF needs the extra `import` (pypdf).
"""

import csv
import importlib
import io
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any, NamedTuple

from logos.abi.errors import Code, SysError
from logos.abi.events import Remembered
from logos.abi.lines import decode

_MILLISECONDS = 1e11
"""So many seconds is the year 5138: what is more was counted in milliseconds."""

PART_CHARS = 200_000
"""A longer text becomes several parts, cut at line ends, else at commas or spaces."""

_HTML = frozenset({"html", "htm", "xhtml"})
_CHARSET = re.compile(rb"""<meta[^>]+charset=["']?([\w-]+)""", re.IGNORECASE)
_HEAD_BYTES = 2048
_UTF16 = frozenset({b"\xff\xfe", b"\xfe\xff"})


class Part(NamedTuple):
    """`name` is empty where the file is all of it."""

    name: str
    text: str


def parts(name: str, data: bytes) -> list[Part]:
    """Raise `unavailable` where a library is missing, `invalid` for a file that it cannot read."""
    kind = name.lower().rpartition(".")[2]
    if kind == "pdf":
        return _pdf(name, data)
    text = _text(data, html=kind in _HTML)
    if not text.strip():
        return []
    if kind in _HTML:
        text = html_text(text)
    elif kind in ("csv", "tsv"):
        text = table_text(text)
    return list(_cut(text))


def _text(data: bytes, *, html: bool) -> str:
    """Empty for what is no text."""
    if data[:2] in _UTF16 or b"\0" in data:
        return decode(data) or ""
    named = _CHARSET.search(data[:_HEAD_BYTES]) if html else None
    for charset in filter(None, ("utf-8-sig", named and named[1].decode())):
        try:
            return data.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
    loosely = data.decode("utf-8", "replace")
    others = len(loosely) - len(loosely.encode("ascii", "ignore"))
    damaged = 2 * loosely.count("\ufffd") <= others
    return (damaged and decode(data)) or data.decode("cp1252", "replace")


def _cut(text: str) -> Iterator[Part]:
    if len(text) <= PART_CHARS:
        yield Part("", text)
        return
    at = number = 0
    while at < len(text):
        most = at + PART_CHARS
        ends = (text.rfind(mark, at, most) + 1 for mark in "\n, ")
        end = len(text) if most >= len(text) else next(filter(None, ends), most)
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
    except Exception as error:  # why: a file that is broken, or locked, fails in it anyhow
        raise SysError(Code.INVALID, f"it cannot be read: {error}") from error
    return [Part(f"page-{n:04}", text) for n, text in enumerate(pages, 1) if text.strip()]


def table_text(text: str) -> str:
    """Each row with the names of its columns, so that a row can be found and read by itself."""
    first = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=None), delimiter=delimiter))
    except csv.Error:
        return text  # it is a text still
    head, *body = [row for row in rows if row] or [[]]
    return "\n".join([delimiter.join(head), *(_row(head, row) for row in body)]) if body else text


def _row(head: Sequence[str], row: Sequence[str]) -> str:
    cells = [" ".join(cell.split()) for cell in row]
    named = itertools.zip_longest(head[: len(cells)], cells, fillvalue="")
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in named if cell)


class _Words(HTMLParser):
    SILENT = frozenset({"script", "style", "template", "noscript"})
    APART = frozenset(
        {"p", "div", "br", "li", "tr", "table", "section", "article", "pre", "blockquote", "title",
         "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "dt", "dd", "hr", "header", "footer",
         "main", "nav", "aside", "address", "figure", "figcaption", "caption", "details", "summary",
         "form", "fieldset", "legend", "option", "body"}
    )  # fmt: skip
    BESIDE = frozenset({"td", "th"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._silent += tag in self.SILENT
        if tag in self.APART:
            self.said.append("\n")
        elif tag in self.BESIDE:
            self.said.append(" ")

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
    """Seconds or milliseconds since 1970, or a date and time, -> microseconds; None: none of them."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        scale = 1_000 if abs(value) >= _MILLISECONDS else 1_000_000
        return round(value * scale) if abs(value) < 1000 * _MILLISECONDS else None
    if not isinstance(value, str) or not value:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000_000)
