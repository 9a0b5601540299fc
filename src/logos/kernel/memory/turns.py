"""The turns of a window: what they are made of, and how they shrink.  Pure.

Turn, Piece     one message of the window; a piece that was brought back
bundles         turns that leave together: a call and its answers
without         a turn without some of its pieces
shorten         only the head of a page stays, and where the rest is
blank           a turn without what was forgotten
answers_in      a message of tools, answer by answer
found_in        the pages an answer of memory.search shows
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec

from logos.abi.ids import Seq
from logos.abi.messages import AnyPart, Message, Role, Text, ToolCall, ToolResult, said
from logos.abi.paging import Cut, Place, Shown
from logos.kernel.memory.layout import brought_back
from logos.kernel.memory.telling import number

GONE = "[forgotten]"
_FOUND = re.compile(r"^\[page (\d+), from character (\d+),.*\]\n", re.MULTILINE)


class Piece(msgspec.Struct):
    """A brought-back piece.  `used` is the number of the request it was last wanted for."""

    shown: Shown
    tokens: int
    uses: int = 1
    used: int = 0


class Turn(msgspec.Struct):
    """One message of the window.  `pages` has the event of each part, or one for them all, and
    `parts` which message of it, where it brought several.  `pair` is the same for a call and its
    answers.  `pieces` were brought back, and are the message.  `ranges` are parts of pages that are
    shown, where it is not `pages`; `heads` how many characters of a page are, and how many it has.
    `block` is the core block it edits."""

    pages: tuple[Seq, ...]
    message: Message
    tokens: int
    parts: tuple[int, ...] = ()
    pair: int = 0
    uses: int = 0
    used: int = 0
    pieces: list[Piece] = []
    ranges: list[tuple[Seq, int, int]] = []
    heads: dict[Seq, tuple[int, int]] = {}
    block: str = ""

    @property
    def keys(self) -> list[tuple[Seq, int]]:
        return list(zip(self.pages, self.parts or (0,) * len(self.pages), strict=True))


def turn_of(page: Seq, message: Message, part: int = 0) -> Turn:
    parts = (part,) if part else ()
    return Turn(pages=(page,), message=message, tokens=number(message), parts=parts)


def bundles(body: Iterable[Turn]) -> list[list[Turn]]:
    """Turns that leave together, in order."""
    numbered = enumerate(body)
    found = groupby(numbered, lambda one: (one[1].pair, 0) if one[1].pair else (0, one[0] + 1))
    return [[turn for _, turn in group] for _, group in found]


def without(turn: Turn, unpaged: set[Place]) -> Turn | None:
    """The turn without these pieces; None: nothing is left of it."""
    kept = [piece for piece in turn.pieces if piece.shown.place not in unpaged]
    if len(kept) == len(turn.pieces):
        return turn
    if not kept:
        return None
    message = said(Role.USER, brought_back([piece.shown for piece in kept]))
    return msgspec.structs.replace(turn, pieces=kept, message=message, tokens=number(message))


def shorten(turn: Turn, cut: Cut) -> None:
    parts = list(turn.message.content)
    for n, (owner, part) in enumerate(_owned(turn.message)):
        if turn.keys[owner] != (cut.page, cut.part):
            continue
        if isinstance(part, ToolResult):
            text = _headed(turn, cut, part.content)
            parts[n] = msgspec.structs.replace(part, content=text)
        elif isinstance(part, Text):
            parts[n] = Text(text=_headed(turn, cut, part.text))
    turn.message = msgspec.structs.replace(turn.message, content=tuple(parts))
    turn.tokens = number(turn.message)


def _headed(turn: Turn, cut: Cut, content: str) -> str:
    """The first characters, and where the rest is."""
    page, kept = cut.page, cut.kept
    whole = turn.heads[page][1] if page in turn.heads else len(content)
    turn.heads = turn.heads | {page: (kept, whole)}
    rest = kept + (turn.ranges[0][1] if cut.part and turn.ranges else 0)
    return content[:kept] + (
        f"\n[page {page}: {whole} characters, the first {kept} are above; "
        f"memory_read(page={page}, offset={rest}) brings the rest]"
    )


def found_in(answer: str) -> Iterator[tuple[Seq, int, int]]:
    """The pages an answer of memory.search shows."""
    heads: Sequence[re.Match[str]] = list(_FOUND.finditer(answer))
    ends = [*(head.start() for head in heads[1:]), len(answer)] if heads else []
    for head, end in zip(heads, ends, strict=True):
        start = int(head[2])
        yield Seq(int(head[1])), start, start + len(answer[head.end() : end].rstrip())


def answers_in(message: Message) -> Iterator[tuple[ToolResult, tuple[AnyPart, ...]]]:
    """Of a message of tools: each answer, and what follows it and belongs to it."""
    parts = message.content
    starts = [n for n, part in enumerate(parts) if isinstance(part, ToolResult)]
    for start, end in zip(starts, [*starts[1:], len(parts)], strict=True):
        first = parts[start]
        assert isinstance(first, ToolResult)
        yield first, parts[start + 1 : end]


def _owned(message: Message) -> Iterator[tuple[int, AnyPart]]:
    """Each part with the number of the page it is of."""
    owner = -1
    for part in message.content:
        owner += isinstance(part, ToolResult)
        yield max(owner, 0), part


def blank(turn: Turn, pages: set[Seq]) -> None:
    parts: list[AnyPart] = []
    for owner, part in _owned(turn.message):
        if turn.pages[owner] not in pages:
            parts.append(part)
        elif isinstance(part, ToolResult):
            parts.append(msgspec.structs.replace(part, content=GONE))
        elif isinstance(part, ToolCall):
            parts.append(msgspec.structs.replace(part, arguments="{}"))
        elif isinstance(part, Text):
            parts.append(Text(text=GONE))
    turn.message = Message(role=turn.message.role, content=tuple(parts) or (Text(text=GONE),))
    turn.tokens = number(turn.message)
    turn.pieces, turn.heads = [], {p: n for p, n in turn.heads.items() if p not in pages}
