"""HTML -> text a person, or a model, can read.  Pure.

    readable   headings as `#`, items as `-`, links as [text](url), cells as `a | b`

Scripts, styles and navigation are left out; malformed HTML is read as far as it makes sense.
"""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin

_SILENT = frozenset({"script", "style", "noscript", "template", "svg", "iframe", "object"})
_AROUND = frozenset({"nav", "footer", "aside", "form", "button", "select"})
_BLOCKS = frozenset(
    {
        "p", "div", "section", "article", "main", "header", "ul", "ol", "dl", "dt", "dd", "table",
        "tr", "blockquote", "figure", "figcaption", "details", "summary", "address", "hr", "br",
        "h1", "h2", "h3", "h4", "h5", "h6", "li", "pre", "title", "body",
    }
)  # fmt: skip
_MARKS = {f"h{n}": "#" * n + " " for n in range(1, 7)} | {"title": "# ", "li": "- "}
_APART = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "table", "title", "blockquote"})


def readable(html: str, base: str = "") -> str:
    """`base` is the URL of the page, for its relative links."""
    for left_out in (_SILENT | _AROUND, _SILENT):
        parser = _Reader(base, left_out)
        parser.feed(html)
        parser.close()
        if text := parser.text():
            return text
    return ""


class _Reader(HTMLParser):
    def __init__(self, base: str, left_out: frozenset[str]) -> None:
        super().__init__(convert_charrefs=True)
        self._base = base
        self._left_out = left_out
        self._hidden: list[str] = []
        self._out: list[str] = []
        self._pre = 0
        self._links: list[tuple[str, int]] = []

    def text(self) -> str:
        text = re.sub(r"[ \t]+\n", "\n", "".join(self._out))
        return re.sub(r"\n{3,}", "\n\n", text).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._left_out:
            self._hidden.append(tag)
        if self._hidden:
            return
        if tag in _BLOCKS:
            self._break(2 if tag in _APART else 1)
        if mark := _MARKS.get(tag):
            self._out.append(mark)
        elif tag == "pre":
            self._pre += 1
        elif tag in {"td", "th"} and self._out and not self._out[-1].endswith("\n"):
            self._out.append(" | ")
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self._out)))
        elif tag == "img" and (described := dict(attrs).get("alt")):
            self._out.append(f"[{described}]")

    def handle_endtag(self, tag: str) -> None:
        if self._hidden:
            if tag in self._hidden:  # also closes what was left open inside it
                del self._hidden[self._hidden.index(tag) :]
            return
        if tag == "pre":
            self._pre = max(0, self._pre - 1)
        if tag in _BLOCKS:
            self._break(2 if tag in _APART else 1)
        elif tag == "a" and self._links:
            self._linked(*self._links.pop())

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        if self._pre:
            self._out.append(data)
            return
        words = re.sub(r"\s+", " ", data)
        if self._out and self._out[-1][-1:] in {"", "\n", " "}:
            words = words.lstrip()
        if words:
            self._out.append(words)

    def _linked(self, href: str, since: int) -> None:
        shown = "".join(self._out[since:]).strip()
        target = urljoin(self._base, href)
        if shown and not href.startswith("#") and target.startswith(("http://", "https://")):
            del self._out[since:]
            self._out.append(f"[{shown}]({target})")

    def _break(self, lines: int) -> None:
        if self._out:
            have = len(self._out[-1]) - len(self._out[-1].rstrip("\n"))
            if have < lines:
                self._out.append("\n" * (lines - have))
