"""What the model sees.  Pure: the window is a fold of the journal, like the process.

    Window.apply(seq, event)   one more event
    Window.messages(tail)      the messages, in order; same journal, same bytes

Order: the system text and the task; the core blocks; the digest of what is out; turns as they
happened, and pages that were brought back where they came back; the tail, which is not kept.
The fold decides nothing: what leaves is what a Compacted says, so between two of them the window
only grows at its end.  Answers are shown in the order of the calls, however they came.
"""

from collections.abc import Callable, Iterator
from itertools import chain, count
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
    Told,
)
from logos.abi.ids import CallId, Seq
from logos.abi.limits import RESULT_TOKENS
from logos.abi.messages import AnyPart, Message, Role, Text, ToolResult, said
from logos.abi.paging import Cut, Place, Refused, Skeleton
from logos.kernel.memory.layout import NOTHING_CAME, brought_back
from logos.kernel.memory.paths import CORE, TODO
from logos.kernel.memory.telling import number, page_text, plain, render_result
from logos.kernel.memory.tokens import CHARS_A_TOKEN, estimate, learned, rough
from logos.kernel.memory.turns import (
    GONE,
    Piece,
    Turn,
    answers_in,
    blank,
    bundles,
    found_in,
    shorten,
    turn_of,
    without,
)

__all__ = ["Piece", "Turn", "Window", "bundles", "page_text", "render_result"]

EASE = 0.1
"""How far one request moves what a request is thought to add."""

LINE_TOKENS = 5
"""Of a brought-back piece, beside its text."""

_READ, _SEARCH = name(ReadPage), name(SearchMemory)
BEGIN = said(Role.USER, "[kernel] Begin.")
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
    answers: dict[CallId, tuple[Seq, int, tuple[AnyPart, ...]]] = {}
    paired: int = 0
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
    refused: tuple[Refused, ...] = ()

    def apply(self, seq: Seq, event: AnyEvent) -> None:
        fold = _FOLDS.get(type(event))
        if fold is not None:
            fold(self, seq, event)
        elif text := page_text(event):
            self._tell(turn_of(seq, said(Role.USER, text)))

    def messages(self, tail: str = "") -> tuple[Message, ...]:
        out = [turn.message for turn in self.head]
        out += filter(None, (self.core_message(), self.digest_message()))
        out += [turn.message for turn in self.body]
        if self.calls:
            out.append(self._unanswered())
        if tail:
            out.append(said(Role.USER, tail))
        first = next((n for n, one in enumerate(out) if one.role is not Role.SYSTEM), len(out))
        if first == len(out) or out[first].role is not Role.USER:
            out.insert(first, BEGIN)
        return tuple(out)

    # -- what the events do ----------------------------------------------------------------

    def begin(self, seq: Seq, event: Spawned) -> None:
        for role, text in (
            (Role.SYSTEM, event.agent.instructions or event.agent.name),
            (Role.USER, event.task),
        ):
            if text or role is Role.SYSTEM:
                self.head.append(turn_of(seq, said(role, text)))
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
        self._propose(message, turn_of(seq, message))
        self.fresh = False

    def _propose(self, message: Message, turn: Turn) -> None:
        self.paired += 1
        self.calls = [call.id for call in message.calls]
        turn.pair = self.paired
        self._add(turn)

    def tell(self, seq: Seq, event: Told) -> None:
        numbers = count(1)
        at = 0
        for message in event.messages:
            size = len(plain(message))
            self._hear((seq, at, at + size), message, numbers)
            at += size + 1

    def _hear(self, where: tuple[Seq, int, int], message: Message, numbers: Iterator[int]) -> None:
        """What a client says stands as it was said: its model cannot read the rest of a page.
        It may answer calls late, twice, never, or of a thought nobody had."""
        seq = where[0]
        if message.role is Role.TOOL:
            for result, more in answers_in(message):
                if result.id in self.calls:
                    self._answered((seq, next(numbers)), result, *more)
                else:
                    words = Text(text=f"[result of {result.id}] {result.content}")
                    late = Message(role=Role.USER, content=(words, *more))
                    self._tell(turn_of(seq, late, next(numbers)))
            return
        for id_ in dict.fromkeys(id_ for id_ in self.calls if id_ not in self.answers):
            none = ToolResult(id=id_, content="(no result was given)", error=True)
            self._answered((seq, next(numbers)), none)
        turn = turn_of(seq, message, next(numbers))
        turn.ranges = [where]
        if message.role is Role.ASSISTANT:
            self._propose(message, turn)
        else:
            self._add(turn)

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
        self.refused = event.refused
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
            wanted: list[Piece] | list[Turn] = here or [turn]
            for one in wanted:
                one.uses += 1
                one.used = self.requests

    def compact(self, seq: Seq, event: Compacted) -> None:
        out, unpaged = set(event.out), set(event.unpaged)
        parts = {(one.page, one.part) for one in event.parts}
        kept: list[Turn] = []
        for bundle in bundles(self.body):
            keys = [key for turn in bundle for key in turn.keys]
            if all(key in parts or key[0] in out for key in keys):
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
        extra = filter(None, (self.core_message(), self.digest_message()))
        self.total = sum(turn.tokens for turn in (*self.head, *self.body)) + sum(map(number, extra))

    def _drop(self, places: set[Place]) -> None:
        """Brought-back pieces leave."""
        self.body = [left for turn in self.body if (left := without(turn, places)) is not None]

    def _cut(self, cut: Cut) -> None:
        for turn in self.body:
            if (cut.page, cut.part) in turn.keys and not turn.pieces:
                shorten(turn, cut)

    # -- turns -----------------------------------------------------------------------------

    def remember(self, seq: Seq, event: Remembered) -> None:
        """A core block is said where it was written, and in its place from the next compaction on."""
        if event.path == TODO:
            self.todo = (seq, event.text)
        elif event.path.startswith(f"{CORE}/"):
            block = event.path.removeprefix(f"{CORE}/")
            text = "(nothing any more)" if event.ends else event.text
            turn = turn_of(seq, said(Role.USER, f"[core {block}]\n{text}"))
            turn.block = block
            self._tell(turn)
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
        if result.id in self.calls:
            self._answered((seq, 0), result)

    def _answered(self, key: tuple[Seq, int], result: ToolResult, *more: AnyPart) -> None:
        self.answers[result.id] = (*key, (result, *more))
        if not all(id_ in self.answers for id_ in self.calls):
            return
        pages, parts, results = zip(*(self.answers[id_] for id_ in self.calls), strict=True)
        message = Message(role=Role.TOOL, content=tuple(chain(*results)))
        turn = Turn(pages=pages, message=message, tokens=0, parts=parts, pair=self.paired)
        self.calls, self.answers = [], {}
        for page, part, (answer, *_) in zip(pages, parts, results, strict=True):
            self._show(answer, turn)
            if not part and rough(answer.content) > RESULT_TOKENS:
                shorten(turn, Cut(page=page, kept=RESULT_TOKENS * CHARS_A_TOKEN))
        turn.tokens = number(turn.message)
        self._add(turn)
        held, self.held = self.held, []
        for one in held:
            self._add(one)

    def _show(self, part: ToolResult, turn: Turn) -> None:
        """An answer of memory shows pages: they are here, and were wanted."""
        called = self.asked.pop(part.id, None)
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
        parts = (
            self.answers[id_][2]
            if id_ in self.answers
            else (ToolResult(id=id_, content=NO_ANSWER),)
            for id_ in self.calls
        )
        return Message(role=Role.TOOL, content=tuple(chain(*parts)))

    def core_message(self) -> Message | None:
        if not self.core:
            return None
        return said(Role.USER, "\n".join(text for _, (_, text) in sorted(self.core.items())))

    def digest_message(self) -> Message | None:
        return said(Role.USER, self.digest) if self.digest else None


def _digest_of(left: Skeleton) -> str:
    event = msgspec.json.decode(left.body, type=AnyEvent)
    return event.digest if isinstance(event, Compacted) else ""


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
    Told: Window.tell,
}
