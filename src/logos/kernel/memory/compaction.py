"""What a compaction takes out of a window.  Pure.

    plan(window, ...)     the Compacted that brings it down to `goal` tokens
    digest_bound          how long a digest may be
    leaving               what a Compacted takes out, as text
    retold                the same Compacted with lines of a model in its digest

Protected are pinned pages, what was wanted for the coming thought, and the newest turns.  Where that
is more than there is room for, the newest turns are given up but for what came since the last thought,
and of that only heads stay.  What is pinned, the system text and the task are never touched:
when they alone do not fit, nobody can think, and `context` is raised.

Invariant: after the plan is folded the window has at most `room` tokens, by its own estimate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.events import Compacted
from logos.abi.ids import Seq
from logos.abi.messages import Message, Role, Text, ToolResult
from logos.abi.paging import Cut, Part
from logos.kernel.memory.digest import Leaving, digest, rewritten
from logos.kernel.memory.page import Kind, Page, page_of
from logos.kernel.memory.policy import Resident, victims, worths
from logos.kernel.memory.telling import LEAD, MESSAGE_TOKENS
from logos.kernel.memory.tokens import estimate
from logos.kernel.memory.turns import Piece, Turn, bundles
from logos.kernel.memory.window import Window

RECENT = 4
"""The newest turns stay while there is room for anything else."""

BROUGHT_SHARE = 0.75
"""Of what stays: more than that brought-back pages may only have where the rest leaves it."""

DIGEST_SHARE = 0.04
DIGEST_TOKENS = (160, 2000)
"""At least, whatever the share, and at most."""

LEAST_HEAD = 200
"""Characters of a page whose rest is cut off."""

NOTE_TOKENS = 60
"""What says where the rest of a cut page is."""

ANSWERED = 0.1
"""Of the turns, answers of the model: with fewer it listens to people."""

SPEAKERS = {Role.USER: "user", Role.ASSISTANT: "assistant"}


def digest_bound(room: int) -> int:
    least, most = DIGEST_TOKENS
    return int(min(max(least, room * DIGEST_SHARE), most, room / 2))


@dataclass(frozen=True, slots=True)
class _Unit:
    """What leaves together: a bundle of turns, or one brought-back piece."""

    tokens: int
    newest: int
    turns: tuple[Turn, ...] = ()
    piece: Piece | None = None


@dataclass(frozen=True, slots=True)
class _Need:
    """So many tokens, while the `newest` turns stay, and with `demanded` what was just wanted."""

    tokens: int
    newest: int
    demanded: bool


def plan(window: Window, *, goal: int, room: int, recent: int = RECENT) -> Compacted:
    """Down to `goal` where that can be, and to `room` in any case."""
    units = _units(window)
    bound = digest_bound(room)
    fixed = window.total - sum(unit.tokens for unit in units)
    fixed -= MESSAGE_TOKENS + estimate(window.digest) if window.digest else 0
    fixed += MESSAGE_TOKENS + bound
    worth = _worth(units, _talk(window))
    unthought = _unthought(window)
    out: set[int] = set()
    for newest, aim in ((max(recent, unthought), goal), (unthought, room), (1, room)):
        if (left := fixed + _size(units, out)) > aim:
            here = _Need(left - aim, newest, demanded=aim == goal)
            out |= _victims(window, units, worth, out, here)
    left = fixed + _size(units, out)
    cuts = _cuts(window, [unit for n, unit in enumerate(units) if n not in out], left - room)
    gone = [unit for n, unit in enumerate(units) if n in out]
    keys = [key for unit in gone for turn in unit.turns for key in turn.keys]
    return Compacted(
        out=tuple(page for page, part in keys if not part),
        parts=tuple(Part(page=page, part=part) for page, part in keys if part),
        digest=digest(window.digest, _leaving(gone), bound=bound),
        unpaged=tuple(unit.piece.shown.place for unit in gone if unit.piece is not None),
        cut=tuple(cuts),
    )


def leaving(window: Window, event: Compacted) -> list[Leaving]:
    """Of the window it is planned on."""
    out, parts = set(event.out), {(one.page, one.part) for one in event.parts}
    gone = [
        _Unit(sum(turn.tokens for turn in bundle), 0, tuple(bundle))
        for bundle in bundles(window.body)
        if not bundle[0].block
        and not bundle[0].pieces
        and all(key in parts or key[0] in out for turn in bundle for key in turn.keys)
    ]
    return _leaving(gone)


def retold(window: Window, event: Compacted, told: Sequence[str], *, room: int) -> Compacted:
    """`told` stands in place of what models said so far."""
    old = rewritten(window.digest, told)
    text = digest(old, leaving(window, event), bound=digest_bound(room))
    return msgspec.structs.replace(event, digest=text)


def _units(window: Window) -> list[_Unit]:
    units: list[_Unit] = []
    end = len(window.body)
    at = 0
    for bundle in bundles(window.body):
        at += len(bundle)
        if bundle[0].block:
            continue  # it is folded into the core
        if bundle[0].pieces:
            units += [_Unit(p.tokens, end - at, piece=p) for p in bundle[0].pieces]
        else:
            units.append(_Unit(sum(t.tokens for t in bundle), end - at, tuple(bundle)))
    return units


def _size(units: Sequence[_Unit], out: set[int]) -> int:
    return sum(unit.tokens for n, unit in enumerate(units) if n not in out)


def _victims(
    window: Window,
    units: Sequence[_Unit],
    worth: dict[int, float],
    out: set[int],
    wanted: _Need,
) -> set[int]:
    """Units that leave to make so many tokens free."""
    need = wanted.tokens
    resident = [
        Resident(
            page=n,
            tokens=unit.tokens,
            kind=_kind(unit),
            uses=unit.piece.uses if unit.piece else max(turn.uses for turn in unit.turns),
            used=unit.piece.used if unit.piece else max(turn.used for turn in unit.turns),
            worth=worth.get(n, 0.0),
            pinned=_protected(window, unit, wanted),
        )
        for n, unit in enumerate(units)
        if n not in out
    ]
    brought = [one for one in resident if units[one.page].piece is not None]
    rest = [one for one in resident if units[one.page].piece is None]
    stays = sum(one.tokens for one in resident) - need
    most = max(int(stays * BROUGHT_SHARE), stays - sum(one.tokens for one in rest))
    found = set(victims(brought, need=min(need, sum(one.tokens for one in brought) - most)))
    freed = sum(units[n].tokens for n in found)
    found |= set(victims(rest, need=need - freed))
    freed = sum(units[n].tokens for n in found)
    return found | set(
        victims([one for one in brought if one.page not in found], need=need - freed)
    )


def _unthought(window: Window) -> int:
    """Turns since the last thought began, with its calls: nobody has thought about them yet."""
    for n, turn in enumerate(reversed(window.body), 1):
        if turn.message.role is Role.ASSISTANT:
            return n
    return len(window.body)


def _protected(window: Window, unit: _Unit, wanted: _Need) -> bool:
    now = window.requests if wanted.demanded else -1
    if unit.piece is not None:
        place = unit.piece.shown.place
        return unit.piece.used == now or (not place.pid and place.page in window.pins)
    return unit.newest < wanted.newest or any(
        (turn.uses and turn.used == now) or set(turn.pages) & set(window.pins)
        for turn in unit.turns
    )


def _kind(unit: _Unit) -> Kind:
    if any(turn.message.role is Role.TOOL for turn in unit.turns):
        return Kind.TOOL
    return Kind.CHAT


def _talk(window: Window) -> Kind:
    """What kind of talk this is: of people, where hardly anybody answers; else as talk is on the whole."""
    answers = sum(turn.message.role is Role.ASSISTANT for turn in window.body)
    return Kind.PEOPLE if answers < ANSWERED * len(window.body) else Kind.DOCUMENT


def _worth(units: Sequence[_Unit], kind: Kind) -> dict[int, float]:
    """Of words that nobody wanted yet; what a tool returned is as good as it is recent."""
    pages: list[Page] = []
    for n, unit in enumerate(units):
        if unit.turns and _kind(unit) is not Kind.TOOL:
            turn = unit.turns[0]
            role = SPEAKERS.get(turn.message.role, "")
            text = LEAD.sub("", turn.message.text)
            pages.append(page_of(n, text, tokens=turn.tokens, kind=kind, role=role))
    return worths(pages) if pages else {}


def _leaving(gone: Sequence[_Unit]) -> list[Leaving]:
    """Brought-back pieces are in the digest already, where they come from."""
    return [
        Leaving(
            pages=tuple(page for turn in unit.turns for page in turn.pages),
            tokens=unit.tokens,
            text="\n".join(_texts(turn.message) for turn in unit.turns),
            named="\n".join(call.arguments for turn in unit.turns for call in turn.message.calls),
        )
        for unit in gone
        if unit.turns
    ]


def _texts(message: Message) -> str:
    return "\n".join(
        part.text if isinstance(part, Text) else part.content
        for part in message.content
        if isinstance(part, Text | ToolResult)
    )


def _cuts(window: Window, units: Sequence[_Unit], excess: int) -> list[Cut]:
    """Heads of the longest pages in place of the pages, until `excess` tokens are free."""
    texts = {
        key: text
        for unit in units
        for turn in unit.turns
        for key, text in _whole(turn)
        if key[0] not in window.pins and len(text) > LEAST_HEAD
    }
    long = sorted(((estimate(text), key) for key, text in texts.items()), reverse=True)
    cuts: list[Cut] = []
    for tokens, key in long:
        if excess <= 0:
            break
        kept, left = _head(texts[key], tokens - excess - NOTE_TOKENS)
        if (saved := tokens - NOTE_TOKENS - left) > 0:
            cuts.append(Cut(page=key[0], kept=kept, part=key[1]))
            excess -= saved
    if excess > 0:
        raise SysError(
            Code.CONTEXT,
            f"what must stay in the window is {excess} tokens longer than its room",
            hint="unpin pages, shorten the instructions or the task, or take a larger model",
        )
    return cuts


def _head(text: str, tokens: int) -> tuple[int, int]:
    """How many characters cost at most so many tokens, and what they cost."""
    kept = len(text)
    while (cost := estimate(text[:kept])) > tokens and kept > LEAST_HEAD:
        kept = max(LEAST_HEAD, min(kept * max(tokens, 1) // cost, kept * 9 // 10))
    return kept, cost


def _whole(turn: Turn) -> list[tuple[tuple[Seq, int], str]]:
    """The pages of a turn, as far as the window shows them."""
    parts = turn.message.content
    if turn.message.role is Role.TOOL:
        texts = [part.content for part in parts if isinstance(part, ToolResult)]
        return list(zip(turn.keys, texts, strict=True))
    return [(turn.keys[0], part.text) for part in parts if isinstance(part, Text)][:1]
