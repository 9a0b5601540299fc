"""What the model sees.  Pure: the window is a fold of the journal, like the process.

    Window.apply(seq, event)   one more event
    Window.messages(tail)      the messages, in order; same journal, same bytes
    Window.news()              what has come since the last thought
    Window.holds(shown)        is this piece in the window already?

Order: the system text and the task; the core blocks; the digest of what is out; turns as they
happened, and pages that were brought back where they came back; the tail, which is not kept.
The fold decides nothing: what leaves is what a Compacted says, so between two of them the window
only grows at its end.  Answers are shown in the order of the calls, however they came.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from logos.abi.calls import ReadPage, SearchMemory, name
from logos.abi.events import (
    AnyEvent,
    Asked,
    Called,
    Compacted,
    Failed,
    Forgot,
    PagedIn,
    Pinned,
    Remembered,
    Returned,
    Spawned,
    Thought,
)
from logos.abi.ids import CallId, Seq
from logos.abi.limits import RESULT_TOKENS
from logos.abi.messages import Message, Role, ToolResult, said
from logos.abi.paging import Cut, Place, Shown, Skeleton
from logos.kernel.memory.layout import NOTHING_CAME, brought_back
from logos.kernel.memory.telling import number, page_text, render_result
from logos.kernel.memory.tokens import CHARS_A_TOKEN, estimate, learned, rough
from logos.kernel.memory.turns import (
    GONE,
    Piece,
    Turn,
    blank,
    bundles,
    found_in,
    shorten,
    without,
)

__all__ = ["Piece", "Turn", "Window", "bundles", "page_text", "render_result"]

EASE = 0.1
"""How far one request moves what a request is thought to add."""

QUESTION_CHARS = 2000
"""Of the newest messages, as a question to memory."""

LINE_TOKENS = 5
"""Of a brought-back piece, beside its text."""

FOREVER = 1 << 62
_READ, _SEARCH = name(ReadPage), name(SearchMemory)
SLACK = 8
"""Characters of white space at the ends of a piece that an answer may have left out."""

BEGIN = said(Role.USER, "[kernel] Begin.")
CORE = "/mem/core/"
TODO = "/mem/todo"
NO_ANSWER = "[no answer yet]"


class Window(msgspec.Struct):
    """`total` is an estimate in tokens, `ratio` what the model's own count was last, over it.
    `requests` counts thoughts asked for, `growth` what each added; `out` the turns that have left,
    `stored` what was remembered; `todo` is recited; `fresh`: something has come that memory was not asked about."""

    head: list[Turn] = []
    core: dict[str, tuple[Seq, str]] = {}
    digest: str = ""
    compacted: Seq = Seq(0)
    body: list[Turn] = []
    total: int = 0
    calls: list[CallId] = []
    asked: dict[CallId, Called] = {}
    answers: dict[CallId, tuple[Seq, ToolResult]] = {}
    held: list[Turn] = []
    pins: list[Seq] = []
    requests: int = 0
    added: int = 0
    growth: float = 0.0
    out: int = 0
    stored: int = 0
    todo: tuple[Seq, str] = (Seq(0), "")
    estimated: int = 0
    model: str = ""
    ratio: float = 1.0
    fresh: bool = True

    def apply(self, seq: Seq, event: AnyEvent) -> None:
        fold = _FOLDS.get(type(event))
        if fold is not None:
            fold(self, seq, event)
        elif text := page_text(event):
            self._tell(_said(seq, text))

    def messages(self, tail: str = "") -> tuple[Message, ...]:
        out = [turn.message for turn in self.head]
        out += filter(None, (self._core(), self._digest()))
        out += (turn.message for turn in self.body)
        if self.calls:
            out.append(self._unanswered())
        if tail:
            out.append(said(Role.USER, tail))
        first = next((n for n, one in enumerate(out) if one.role is not Role.SYSTEM), len(out))
        if first == len(out) or out[first].role is not Role.USER:
            out.insert(first, BEGIN)
        return tuple(out)

    def news(self) -> tuple[str, bool]:
        """What has come since the last thought, and whether it was said to the process: then what
        calls have returned beside it does not count."""
        words: list[str] = []
        results: list[str] = []
        for turn in reversed([*self.head, *self.body]):
            if turn.message.role is Role.ASSISTANT:
                break
            if turn.message.role is Role.TOOL:
                texts = [p.content for p in turn.message.content if isinstance(p, ToolResult)]
                results.append("\n".join(text[:QUESTION_CHARS] for text in texts))
            elif turn.message.role is Role.USER and not turn.pieces and not turn.block:
                words.append(turn.message.text)
        newest = reversed(words or results)
        return "\n".join(newest)[-QUESTION_CHARS:], bool(words)

    def holds(self, piece: Shown) -> bool:
        end = piece.end or piece.start + len(piece.text)
        return any(
            start <= piece.start and end <= stop + SLACK
            for start, stop in self._ranges(piece.place)
        )

    def _ranges(self, place: Place) -> Iterator[tuple[int, int]]:
        """The parts of a page that are here."""
        for turn in (*self.head, *self.body):
            for piece in turn.pieces:
                shown = piece.shown
                if (shown.pid, shown.page) == (place.pid, place.page):
                    yield shown.start, shown.end or FOREVER
            if place.pid == 0 and not turn.pieces:
                if place.page in turn.pages:
                    yield 0, turn.heads.get(place.page, (FOREVER, 0))[0]
                yield from ((a, b) for page, a, b in turn.ranges if page == place.page)

    # -- what the events do ----------------------------------------------------------------

    def begin(self, seq: Seq, event: Spawned) -> None:
        for role, text in (
            (Role.SYSTEM, event.agent.instructions or event.agent.name),
            (Role.USER, event.task),
        ):
            if text or role is Role.SYSTEM:
                message = said(role, text)
                self.head.append(Turn(pages=(seq,), message=message, tokens=number(message)))
                self.total += self.head[-1].tokens

    def ask(self, seq: Seq, event: Asked) -> None:
        del seq
        self.requests += 1
        moved = EASE if self.growth else 1.0
        self.growth += moved * (self.added - self.growth) if self.requests > 1 else 0.0
        self.added = 0
        self.estimated = event.estimated
        if event.model != self.model:
            self.model, self.ratio = event.model, 1.0

    def think(self, seq: Seq, event: Thought) -> None:
        message = event.message
        self.ratio = learned(self.ratio, self.estimated, event.usage.input)
        self.calls = [call.id for call in message.calls]
        self._add(Turn(pages=(seq,), message=message, tokens=number(message), pair=seq))
        self.fresh = False

    def call(self, seq: Seq, event: Called) -> None:
        del seq
        if event.name in (_READ, _SEARCH):
            self.asked[event.id] = event

    def returned(self, seq: Seq, event: Returned) -> None:
        self._answer(seq, ToolResult(id=event.id, content=page_text(event)))

    def failed(self, seq: Seq, event: Failed) -> None:
        self._answer(seq, ToolResult(id=event.id, content=page_text(event), error=True))

    def pin(self, seq: Seq, event: Pinned) -> None:
        del seq
        self.pins = [pin for pin in self.pins if pin != event.page]
        self.pins += [event.page] if event.pinned else []

    def page_in(self, seq: Seq, event: PagedIn) -> None:
        for place in event.used:
            self._use(place)
        if event.by is not None:
            return  # its answer shows them
        self.fresh = False
        pieces = [
            Piece(shown=shown, tokens=LINE_TOKENS + estimate(shown.text), used=self.requests)
            for shown in event.pages
        ]
        if pieces:
            message = said(Role.USER, brought_back(event.pages))
        elif "?" in event.question and not event.used:
            message = said(Role.USER, NOTHING_CAME)
        else:
            return
        fresh = self.fresh
        self._tell(Turn(pages=(seq,), message=message, tokens=number(message), pieces=pieces))
        self.fresh = fresh

    def _use(self, place: Place) -> None:
        """Somebody wanted it: it stays longer."""
        for turn in self.body:
            here = [p for p in turn.pieces if p.shown.place == place]
            if not here and (turn.pieces or place.pid or place.page not in turn.pages):
                continue
            for one in here or [turn]:
                one.uses += 1
                one.used = self.requests

    def compact(self, seq: Seq, event: Compacted) -> None:
        out, unpaged = set(event.out), set(event.unpaged)
        kept: list[Turn] = []
        for bundle in bundles(self.body):
            if out.issuperset(page for turn in bundle for page in turn.pages):
                self.out += len(bundle)
            else:
                kept += bundle
        self.body = kept
        self._drop(unpaged)
        for cut in event.cut:
            self._cut(cut)
        for turn in self.body:
            if turn.block:
                self.core[turn.block] = (turn.pages[0], turn.message.text)
        self.body = [turn for turn in self.body if not turn.block]
        self.digest, self.compacted = event.digest, seq
        self._count()

    def _count(self) -> None:
        parts = filter(None, (self._core(), self._digest()))
        self.total = sum(turn.tokens for turn in (*self.head, *self.body)) + sum(map(number, parts))

    def _drop(self, places: set[Place]) -> None:
        """Brought-back pieces leave."""
        self.body = [left for turn in self.body if (left := without(turn, places)) is not None]

    def _cut(self, cut: Cut) -> None:
        for turn in self.body:
            if cut.page in turn.pages and not turn.pieces:
                shorten(turn, cut)

    # -- turns -----------------------------------------------------------------------------

    def remember(self, seq: Seq, event: Remembered) -> None:
        """A core block is said where it was written, and in its place from the next compaction on."""
        if event.path == TODO:
            self.todo = (seq, event.text)
        elif event.path.startswith(CORE):
            block = event.path.removeprefix(CORE)
            text = "(nothing any more)" if event.ends else event.text
            message = said(Role.USER, f"[core {block}]\n{text}")
            self._tell(Turn(pages=(seq,), message=message, tokens=number(message), block=block))
        else:
            self.stored += 1

    def forget(self, seq: Seq, event: Forgot) -> None:
        """What is forgotten is nowhere in the window, whatever its events are read as now."""
        del seq
        pages = set(event.pages)
        if self.compacted in pages:
            self.digest = next(
                (_digest_of(one) for one in event.left if one.page == self.compacted), ""
            )
        if self.todo[0] in pages:
            self.todo = (Seq(0), "")
        for block, (page, _) in self.core.items():
            if page in pages:
                self.core[block] = (page, f"[core {block}]\n{GONE}")
        places = {one.shown.place for turn in self.body for one in turn.pieces}
        self._drop({place for place in places if not place.pid and place.page in pages})
        for turn in (*self.head, *self.body):
            if pages.intersection(turn.pages):
                blank(turn, pages)
        self._count()

    def _tell(self, turn: Turn) -> None:
        """News must not come between a call and its answer: it waits until all have come."""
        if self.calls:
            self.held.append(turn)
        else:
            self._add(turn)

    def _add(self, turn: Turn) -> None:
        turn.used = self.requests
        self.body.append(turn)
        self.total += turn.tokens
        self.added += turn.tokens
        self.fresh = True

    def _answer(self, seq: Seq, result: ToolResult) -> None:
        if result.id not in self.calls:
            return
        self.answers[result.id] = (seq, result)
        if not all(id_ in self.answers for id_ in self.calls):
            return
        turn = Turn(pages=(), message=said(Role.TOOL, ""), tokens=0)
        turn.pair = self.body[-1].pair
        parts: list[ToolResult] = []
        for id_ in self.calls:
            page, part = self.answers[id_]
            turn.pages += (page,)
            self._show(id_, part, turn)
            parts.append(part)
        turn.message = Message(role=Role.TOOL, content=tuple(parts))
        for page, part in zip(turn.pages, parts, strict=True):
            if rough(part.content) > RESULT_TOKENS:
                shorten(turn, Cut(page=page, kept=RESULT_TOKENS * CHARS_A_TOKEN))
        turn.tokens = number(turn.message)
        self.calls, self.answers = [], {}
        self._add(turn)
        held, self.held = self.held, []
        for one in held:
            self._add(one)

    def _show(self, id_: CallId, part: ToolResult, turn: Turn) -> None:
        """An answer of memory shows pages: they are here, and were wanted."""
        called = self.asked.pop(id_, None)
        if called is None or part.error:
            return
        if called.name == _READ:
            call = msgspec.json.decode(called.call, type=ReadPage)
            found = [(Seq(call.page), call.offset, call.offset + len(part.content))]
        else:
            found = list(found_in(part.content))
        turn.ranges = [*turn.ranges, *found]
        for page, start, _ in found:
            self._use(Place(page=page, start=start))

    def _unanswered(self) -> Message:
        """Calls that nobody has answered when the next thought begins."""
        empty = (Seq(0), ToolResult(id=CallId(""), content=NO_ANSWER))
        parts = (
            msgspec.structs.replace(self.answers.get(id_, empty)[1], id=id_) for id_ in self.calls
        )
        return Message(role=Role.TOOL, content=tuple(parts))

    def _core(self) -> Message | None:
        if not self.core:
            return None
        return said(Role.USER, "\n".join(text for _, (_, text) in sorted(self.core.items())))

    def _digest(self) -> Message | None:
        return said(Role.USER, self.digest) if self.digest else None


def _digest_of(left: Skeleton) -> str:
    event = msgspec.json.decode(left.body, type=AnyEvent)
    return event.digest if isinstance(event, Compacted) else ""


def _said(seq: Seq, text: str) -> Turn:
    message = said(Role.USER, text)
    return Turn(pages=(seq,), message=message, tokens=number(message))


_FOLDS: dict[type[Any], Callable[[Window, Seq, Any], None]] = {
    Spawned: Window.begin,
    Asked: Window.ask,
    Thought: Window.think,
    Called: Window.call,
    Returned: Window.returned,
    Failed: Window.failed,
    PagedIn: Window.page_in,
    Compacted: Window.compact,
    Pinned: Window.pin,
    Remembered: Window.remember,
    Forgot: Window.forget,
}
