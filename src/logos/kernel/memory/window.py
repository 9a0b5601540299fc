"""What the model sees.  Pure: the window is a fold of the journal, like the process.

    Window.apply(seq, event)   one more event
    Window.fit(room)           page out what does not fit into so many tokens
    Window.messages()          the messages, in order; same journal, same bytes
    page_text(event)           the exact text of the page that is this event

A page is what one event put into the window, and its number is that event's.  It leaves the
window as a whole and a stub takes its place, which names the page; nothing is lost and
nothing is rewritten.  Order: the system text, the task, then turns as they happened.  A call
and its answer stay together: answers are shown in the order of the calls, however they came.
"""

import msgspec

from logos.abi.events import (
    AnyEvent,
    Asked,
    Failed,
    Rang,
    Received,
    Remembered,
    Returned,
    Signalled,
    Spawned,
    Thought,
    Told,
    Warned,
)
from logos.abi.ids import CallId, Pid, Seq
from logos.abi.limits import RESULT_TOKENS
from logos.abi.messages import (
    AnyPart,
    Image,
    Message,
    Opaque,
    Role,
    Text,
    ToolCall,
    ToolResult,
    said,
)
from logos.abi.process import Signal

CHARS_A_TOKEN = 3
"""Errs to the safe side for prose and code."""

RECENT = 4
"""The newest turns, which stay resident whatever the room."""

LOW_MARK = 0.5
"""A batch of evictions goes down to this share of the room, so that the next is far away."""


class Turn(msgspec.Struct):
    """One message of the window; `pages` has the event of each part, or one for them all.
    `tokens` is an estimate."""

    pages: tuple[Seq, ...]
    message: Message
    tokens: int
    out: bool = False


class Window(msgspec.Struct):
    turns: list[Turn] = []
    total: int = 0
    calls: list[CallId] = []
    answers: dict[CallId, tuple[Seq, ToolResult]] = {}
    held: list[Turn] = []

    def apply(self, seq: Seq, event: AnyEvent) -> None:
        match event:
            case Spawned():
                self._say(seq, said(Role.SYSTEM, event.agent.instructions or event.agent.name))
                if event.task:
                    self._say(seq, said(Role.USER, event.task))
            case Asked(room=room):
                self.fit(room)
            case Thought(message=message):
                self.calls = [call.id for call in message.calls]
                self._say(seq, message)
            case Returned(id=id_):
                self._answer(seq, ToolResult(id=id_, content=page_text(event)))
            case Failed(id=id_):
                self._answer(seq, ToolResult(id=id_, content=page_text(event), error=True))
            case Told(messages=messages):
                for message in messages:
                    self._hear(seq, message)
            case _:
                kept = isinstance(event, Remembered)  # in memory, not in the window
                if not kept and (text := page_text(event)):
                    self._tell(
                        Turn(pages=(seq,), message=said(Role.USER, text), tokens=tokens(text))
                    )

    def messages(self) -> tuple[Message, ...]:
        return tuple(_stub(turn) if turn.out else turn.message for turn in self.turns)

    def fit(self, room: int) -> None:
        """Page out the oldest answers, then the oldest words, down to the low mark."""
        if not room or self.total <= room:
            return
        goal = int(room * LOW_MARK)
        body = self.turns[2:-RECENT]
        for kinds in ((Role.TOOL,), (Role.USER, Role.ASSISTANT)):
            for turn in body:
                if self.total <= goal:
                    return
                shrunk = _size(_stub(turn))
                if not turn.out and turn.message.role in kinds and shrunk < turn.tokens:
                    turn.out = True
                    self.total -= turn.tokens - shrunk
                    turn.tokens = shrunk

    def pages_out(self) -> list[Seq]:
        return [page for turn in self.turns if turn.out for page in turn.pages]

    def _hear(self, seq: Seq, message: Message) -> None:
        """What a client says stands as it was said: its model cannot read the rest of a page.
        It may answer calls late, twice, never, or of a thought nobody had."""
        if message.role is Role.TOOL:
            for part in message.content:
                if isinstance(part, ToolResult) and part.id in self.calls:
                    self._answered(seq, part)
                elif isinstance(part, ToolResult):
                    self._tell(_turn(seq, said(Role.USER, f"[result of {part.id}] {part.content}")))
            return
        for id_ in [id_ for id_ in self.calls if id_ not in self.answers]:
            self._answered(seq, ToolResult(id=id_, content="(no result was given)", error=True))
        if message.role is Role.ASSISTANT:
            self.calls = [call.id for call in message.calls]
        self._say(seq, message)

    def _say(self, page: Seq, message: Message) -> None:
        self._add(_turn(page, message))

    def _tell(self, turn: Turn) -> None:
        """News must not come between a call and its answer: it waits until all have come."""
        if self.calls:
            self.held.append(turn)
        else:
            self._add(turn)

    def _add(self, turn: Turn) -> None:
        self.turns.append(turn)
        self.total += turn.tokens

    def _answer(self, seq: Seq, result: ToolResult) -> None:
        if result.id not in self.calls:
            return  # the program of a hosted process asked for it, and no model
        content = result.content
        if tokens(content) > RESULT_TOKENS:
            kept = content[: RESULT_TOKENS * CHARS_A_TOKEN]
            rest = (
                f"\n[page {seq}: {len(content)} characters, the first {len(kept)} are above; "
                f"memory_read(page={seq}, offset={len(kept)}) brings the rest]"
            )
            result = msgspec.structs.replace(result, content=kept + rest)
        self._answered(seq, result)

    def _answered(self, seq: Seq, result: ToolResult) -> None:
        self.answers[result.id] = (seq, result)
        if all(id_ in self.answers for id_ in self.calls):
            pages, results = zip(*(self.answers[id_] for id_ in self.calls), strict=True)
            self.calls, self.answers = [], {}
            message = Message(role=Role.TOOL, content=results)
            self._add(Turn(pages=pages, message=message, tokens=_size(message)))
            held, self.held = self.held, []
            for turn in held:
                self._add(turn)


def _turn(page: Seq, message: Message) -> Turn:
    return Turn(pages=(page,), message=message, tokens=_size(message))


def page_text(event: AnyEvent) -> str:
    """What this event puts into the window, whole; empty: nothing."""
    match event:
        case Spawned(task=text) | Thought(message=Message(text=text)):
            return text
        case Returned(value=value):
            return render_result(value)
        case Remembered(text=text):
            fact = event.kind == "fact" and text
            return f"{event.subject} {event.relation}: {text}" if fact else text
        case Told(messages=messages):
            return "\n".join(map(_plain, messages))
        case Failed():
            return f"{event.code}: {event.message}" + (f" ({event.hint})" if event.hint else "")
        case _:
            return _news(event)


def _plain(message: Message) -> str:
    results = (part.content for part in message.content if isinstance(part, ToolResult))
    return "\n".join(filter(None, (message.text, *results)))


def render_result(value: msgspec.Raw) -> str:
    """A result as the model reads it: a text as it is, anything else as JSON."""
    decoded = msgspec.json.decode(value)
    return decoded if isinstance(decoded, str) else bytes(value).decode()


def tokens(text: str) -> int:
    return len(text) // CHARS_A_TOKEN + 4


def _size(message: Message) -> int:
    total = 0
    for part in message.content:
        match part:
            case Text(text=text):
                total += tokens(text)
            case ToolCall():
                total += tokens(part.name + part.arguments)
            case ToolResult():
                total += tokens(part.content)
            case Image() | Opaque():
                total += 1000  # an image: what the vendors charge for a middle-sized one
    return total


def _stub(turn: Turn) -> Message:
    """What stands for a page that is out.  The calls of a message stay: their answers need them."""
    parts: list[AnyPart] = []
    if turn.message.role is Role.TOOL:
        for page, part in zip(turn.pages, turn.message.content, strict=True):
            assert isinstance(part, ToolResult)
            label = _label(page, tokens(part.content))
            content = min(label, part.content, key=len)  # what is short stays as it is
            parts.append(msgspec.structs.replace(part, content=content))
    else:
        label = _label(turn.pages[0], _size(turn.message))
        parts = [Text(text=label), *turn.message.calls]
    return Message(role=turn.message.role, content=tuple(parts))


def _label(page: Seq, size: int) -> str:
    return f"[page {page}: {size} tokens paged out; memory_read(page={page}) brings it back]"


def _news(event: AnyEvent) -> str:
    match event:
        case Received(answers=None):
            return f"[message{_from(event.sender)}] {event.text}"
        case Rang(text=text):
            return f"[timer] {text}"
        case Warned(text=text):
            return f"[kernel] {text}"
        case Signalled(signal=Signal.TERM):
            return (
                "[kernel] You are asked to end. Answer now with what you have; make no more calls."
            )
        case Signalled(signal=Signal.ALARM):
            return "[kernel] Alarm."
        case _:
            return ""


def _from(sender: Pid | None) -> str:
    return "" if sender is None else f" from process {sender}"
