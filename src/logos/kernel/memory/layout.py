"""How pages look in the window.

    line, header    what one page, and one conversation, adds to the text
    render          pages -> text, in the order they were said
    line_cost, HEADER_COST

A conversation has its date once; a line has the page's id, which is also how it is cited, and who
spoke.  A line of a page that looks like the start of another page is indented, so that no page can
put words into the mouth of another.

Invariant: the estimate of the rendered text is at most the sum of the costs.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from logos.kernel.memory.page import Page

HEADER_COST = 10
_FORGED = re.compile(r"^(?=#\s|\d+[ :])", re.MULTILINE)
_SUPERSEDED = " (superseded)"


def render(pages: Iterable[Page]) -> str:
    out: list[str] = []
    last: Page | None = None
    for page in sorted(pages, key=lambda page: (page.time or 0, page.id)):
        if last is None or (page.kind, page.group) != (last.kind, last.group):
            out.append(header(page))
        elif page.turn and page.turn == last.turn and page.id == last.id + 1:
            out[-1] = out[-1].removesuffix("\n") + _shielded(page.text) + "\n"
            last = page
            continue
        out.append(line(page))
        last = page
    return "".join(out)


def header(page: Page) -> str:
    if page.time is None:
        return "# undated\n"
    return f"# {datetime.fromtimestamp(page.time / 1e6, UTC):%Y-%m-%d}\n"


def line(page: Page) -> str:
    return f"{_prefix(page)}{_shielded(page.text)}\n"


def line_cost(page: Page) -> int:
    """What `line` costs: the page, its id, who spoke, a colon and the end of the line."""
    who = page.subject or page.role
    return page.tokens + len(str(page.id)) // 4 + len(who) // 10 + (8 if page.valid_to else 5)


def _prefix(page: Page) -> str:
    who = page.subject or page.role or page.kind
    old = _SUPERSEDED if page.valid_to is not None else ""
    return f"{page.id} {who}{old}: "


def _shielded(text: str) -> str:
    first, newline, rest = text.partition("\n")
    return first + newline + _FORGED.sub(" ", rest)
