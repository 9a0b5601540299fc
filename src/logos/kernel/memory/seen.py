"""The window as people look at it: its parts in order, what each costs, and why it is there.  Pure.

view    a window -> its lines
"""

import msgspec

from logos.abi.ids import Seq
from logos.abi.messages import Message, Role
from logos.abi.paging import Shown
from logos.kernel.memory.telling import number
from logos.kernel.memory.turns import Turn
from logos.kernel.memory.window import Window


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One message.  `part` is text, core, digest or body; `uses` counts how often it was wanted
    since it came; `request` is the thought it last was wanted for, or came before.  `brought` are the
    pieces of pages that were brought back, with their scores and reasons."""

    part: str
    message: Message
    tokens: int
    pages: tuple[Seq, ...] = ()
    uses: int = 0
    request: int = 0
    pinned: bool = False
    shortened: dict[Seq, tuple[int, int]] = {}
    brought: tuple[Shown, ...] = ()

    @property
    def role(self) -> Role:
        return self.message.role


def view(window: Window) -> tuple[Seen, ...]:
    fixed = zip(("core", "digest"), (window.core_message(), window.digest_message()), strict=True)
    return (
        *(_seen("text", turn, window) for turn in window.head),
        *(Seen(part=part, message=one, tokens=number(one)) for part, one in fixed if one),
        *(_seen("body", turn, window) for turn in window.body),
    )


def _seen(part: str, turn: Turn, window: Window) -> Seen:
    pieces = [piece.shown for piece in turn.pieces]
    pages = {piece.page for piece in pieces if not piece.pid} if pieces else set(turn.pages)
    return Seen(
        part=part,
        message=turn.message,
        tokens=turn.tokens,
        pages=() if pieces else turn.pages,
        uses=max((piece.uses for piece in turn.pieces), default=turn.uses),
        request=turn.used,
        pinned=part == "text" or bool(pages & set(window.pins)),
        shortened=turn.heads,
        brought=tuple(pieces),
    )
