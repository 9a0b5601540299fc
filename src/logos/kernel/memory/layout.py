"""How pages look in the window.

    line, header    what one page, and one conversation, adds to the text
    render          pages -> text, in the order they were said
    line_cost, HEADER_COST
    earlier         how a statement is marked that a later one says differently
    brought_back    pieces that were paged in -> the message that holds them

A conversation has its date once; a line has the page's id, which is also how it is cited, and who
spoke.  A line of a page that looks like the start of another page is indented, so that no page can
put words into the mouth of another.

Invariant: the estimate of the rendered text is at most the sum of the costs.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from logos.abi.paging import Place, Shown
from logos.kernel.memory.page import Page

HEADER_COST = 10
_FORGED = re.compile(r"^(?=#\s|\d+(?:/\d+)?(?:\+\d+)?[ :])", re.MULTILINE)
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


BROUGHT_BACK = "[memory: said before, and may matter here; the numbers are pages]"
NOTHING_CAME = "[memory: nothing that was said before seems to answer this]"


def brought_back(pieces: Sequence[Shown]) -> str:
    """In the order they were said.  Pieces of one page that follow one another are joined."""
    out = [BROUGHT_BACK]
    last: Shown | None = None
    for piece in sorted(pieces, key=lambda one: (one.time or 0, one.pid, one.page, one.start)):
        if last is None or (last.pid, last.group, _day(last)) != (
            piece.pid,
            piece.group,
            _day(piece),
        ):
            out.append(_header(piece.time))
        elif (piece.pid, piece.page, piece.start) == (last.pid, last.page, last.end):
            out[-1] += _shielded(piece.text)
            last = piece
            continue
        out.append(_piece(piece))
        last = piece
    return "\n".join(line.strip() for line in out)


def _piece(piece: Shown) -> str:
    where = f"{piece.pid}/{piece.page}" if piece.pid else f"{piece.page}"
    part = f"+{piece.start}" if piece.start else ""
    old = _SUPERSEDED if piece.valid_to is not None else ""
    if not old and piece.later is not None:
        old = f" ({earlier(piece.later)})"
    who = piece.subject or piece.role
    return f"{where}{part} {who}{old}: {_shielded(piece.text)}"


def earlier(later: Place) -> str:
    """What is said of a statement that was overtaken."""
    where = f"{later.pid}/{later.page}" if later.pid else f"{later.page}"
    return f"earlier; see also {where}, said later"


def _day(piece: Shown) -> int:
    return -1 if piece.time is None else piece.time // 86_400_000_000


def header(page: Page) -> str:
    return _header(page.time)


def _header(time: int | None) -> str:
    if time is None:
        return "# undated\n"
    return f"# {datetime.fromtimestamp(time / 1e6, UTC):%Y-%m-%d}\n"


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
