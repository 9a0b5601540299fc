"""Provider-neutral chat: what a process says to a model and what comes back.

    Message     one turn: a role and parts
    Options     what a client requests of the model besides its messages
    Request     what one thought sends: messages, tools, limits
    Delta       what streams back: text, pieces of calls, and one Finished at the end
    Usage       tokens and money of one thought
    gather      deltas -> the message they add up to

Tool arguments stay the text the model wrote: it may be broken JSON, and then the gate
says so.  Parts we do not understand (a provider's reasoning blocks) are carried as
`Opaque` and given back unchanged to the provider they came from.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from logos.abi.ids import CallId


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Part(msgspec.Struct, frozen=True, kw_only=True, tag_field="part", tag=str.lower):
    """Base of all parts of a message."""


class Text(Part, frozen=True, kw_only=True, omit_defaults=True):
    """`refusal`: the model declines to answer.  `sources` is what the text is taken from, as its
    provider says."""

    text: str
    refusal: bool = False
    sources: tuple["Opaque", ...] = ()


class Image(Part, frozen=True, kw_only=True):
    """`data` is base64; empty when `url` is given.  `detail` is how closely a client wants the
    image examined, where its API has such a field."""

    media_type: str = "image/png"
    data: str = ""
    url: str = ""
    detail: str | msgspec.UnsetType = msgspec.UNSET


class ToolCall(Part, frozen=True, kw_only=True):
    """The model proposes a call.  `arguments` is JSON text as the model wrote it."""

    id: CallId
    name: str
    arguments: str


class ToolResult(Part, frozen=True, kw_only=True):
    """The answer to the ToolCall of the same id."""

    id: CallId
    content: str
    error: bool = False


class Opaque(Part, frozen=True, kw_only=True):
    """A part only `provider` understands, kept byte for byte."""

    provider: str
    raw: msgspec.Raw


AnyPart = Text | Image | ToolCall | ToolResult | Opaque


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    role: Role
    content: tuple[AnyPart, ...]

    @property
    def text(self) -> str:
        """The text parts, joined."""
        if len(self.content) == 1 and isinstance(first := self.content[0], Text):
            return first.text
        return "".join(p.text for p in self.content if isinstance(p, Text))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(p for p in self.content if isinstance(p, ToolCall))


def said(role: Role, text: str) -> Message:
    """A message of one text part."""
    return Message(role=role, content=(Text(text=text),))


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as the model sees it.  `schema` is a JSON Schema of its arguments."""

    name: str
    description: str
    schema: msgspec.Raw


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One thought.  `max_output` is in tokens; `extra` (body fields) and `headers` go to the
    provider unchanged."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_output: int = 4096
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    extra: dict[str, msgspec.Raw] = {}
    headers: dict[str, str] = {}


class Options(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a client of the gateway requests, until it requests something else.  `system` precedes
    the window; `extra` and `headers` go to the provider unchanged.  `bare`: nothing is paged, and
    what does not fit is refused."""

    bare: bool = False
    model: str = ""
    system: tuple[Message, ...] = ()
    tools: tuple[ToolSpec, ...] = ()
    max_output: int | None = None
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    extra: dict[str, msgspec.Raw] = {}
    headers: dict[str, str] = {}


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens of one thought.  `cached` is the part of `input` read from a prefix cache and
    `written` the part written to one; `reasoning` is the part of `output` spent on reasoning.
    `cost` is in nano-dollars (1e-9 USD)."""

    input: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0
    cost: int = 0
    reasoning: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input=self.input + other.input,
            output=self.output + other.output,
            cached=self.cached + other.cached,
            written=self.written + other.written,
            cost=self.cost + other.cost,
            reasoning=self.reasoning + other.reasoning,
        )

    @property
    def tokens(self) -> int:
        return self.input + self.output


class Delta(msgspec.Struct, frozen=True, kw_only=True, tag_field="delta", tag=str.lower):
    """Base of what a model streams."""


class TextDelta(Delta, frozen=True, kw_only=True):
    text: str
    refusal: bool = False


class ReasonDelta(Delta, frozen=True, kw_only=True):
    """A model's reasoning on its way to an answer: streamed, and not kept.  What its provider needs
    to get back also comes as an Opaque."""

    text: str


class CallDelta(Delta, frozen=True, kw_only=True):
    """A piece of the `index`-th call of this message.  `id` and `name` come with the first
    piece; `arguments` pieces are concatenated."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class OpaqueDelta(Delta, frozen=True, kw_only=True):
    """A whole opaque part, in its place."""

    content: Opaque


class Finish(StrEnum):
    """Why a thought ended.  `paused`: its provider continues when the message is sent back."""

    STOP = "stop"
    CALLS = "calls"
    LENGTH = "length"
    REFUSED = "refused"
    PAUSED = "paused"


class SourceDelta(Delta, frozen=True, kw_only=True):
    """What the text so far is taken from."""

    content: Opaque


class Finished(Delta, frozen=True, kw_only=True):
    """The last delta of a complete thought.  A stream without it is broken.  `stop` is the stop
    sequence that ended it, where the provider reports one."""

    reason: Finish
    usage: Usage
    stop: str = ""


AnyDelta = TextDelta | ReasonDelta | CallDelta | OpaqueDelta | SourceDelta | Finished


def gather(deltas: Iterable[AnyDelta]) -> tuple[Message, Finished | None]:
    """The assistant message that the deltas add up to, and how it ended (None: it did not)."""
    parts: list[AnyPart] = []
    text: list[str] = []
    refusal: list[str] = []
    sources: list[Opaque] = []
    calls: dict[int, list[str]] = {}
    finished: Finished | None = None
    for delta in deltas:
        match delta:
            case TextDelta():
                (refusal if delta.refusal else text).append(delta.text)
            case ReasonDelta():
                pass
            case CallDelta():
                piece = calls.setdefault(delta.index, ["", "", ""])
                piece[0] = piece[0] or delta.id
                piece[1] = piece[1] or delta.name
                piece[2] += delta.arguments
            case OpaqueDelta():
                parts.append(delta.content)
            case SourceDelta():
                sources.append(delta.content)
            case Finished():
                finished = delta
    if joined := "".join(text):
        parts.append(Text(text=joined, sources=tuple(sources)))
    if joined := "".join(refusal):
        parts.append(Text(text=joined, refusal=True))
    parts += (
        ToolCall(id=CallId(id_ or f"call_{index}"), name=name, arguments=arguments)
        for index, (id_, name, arguments) in sorted(calls.items())
    )
    return Message(role=Role.ASSISTANT, content=tuple(parts)), finished
