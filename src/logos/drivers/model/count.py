"""Tokens of a request where no tokenizer is at hand.  Errs high.

    measure     characters of each kind -> tokens, for a tokenizer nobody has corrected for
    learned     the ratio of true to measured tokens, after one more answer
    Counter     the two together, for one model

Ordinary words give four letters a token, capitals, digits and signs far fewer, other
scripts one to three bytes.  The measure takes the dense end of each.  The ratio then pulls
it towards what this model's provider reports: up at once, down slowly, within bounds.
"""

import math
import string
from collections.abc import Callable, Iterable
from typing import NamedTuple

from logos.abi.messages import (
    AnyPart,
    Image,
    Message,
    Opaque,
    Request,
    Text,
    ToolCall,
    ToolResult,
    ToolSpec,
)
from logos.drivers.model.kept import Kept

LETTERS_A_TOKEN = 3.2
SIGNS_A_TOKEN = 1.3
BYTES_A_TOKEN = 2.0
IMAGE_TOKENS = 1600
MESSAGE_TOKENS = 5
TOOL_TOKENS = 12
REQUEST_TOKENS = 8

RATIO = (0.4, 3.0)
"""Further than this from the measure and the report is not to be trusted."""

EASE = 0.1
"""How far one answer pulls the ratio down."""

MARGIN = 1.05

_PLAIN = (string.ascii_lowercase + " \n").encode()
_ASCII = bytes(range(128))


class Look(NamedTuple):
    """Characters of each kind, in bytes, and tokens beside them."""

    plain: int
    signs: int
    wide: int
    tokens: int


def measure(
    request: Request, looks_of: Callable[[Iterable[Message]], Iterable[Look]] | None = None
) -> int:
    """Tokens of the request by the look of its characters."""
    messages = request.messages
    looks = [*(map(look_of, messages) if looks_of is None else looks_of(messages))]
    looks += map(_tool, request.tools)
    if not looks:
        return REQUEST_TOKENS
    plain, signs, wide, tokens = map(sum, zip(*looks, strict=True))
    return REQUEST_TOKENS + tokens + _tokens(plain, signs, wide)


def text_tokens(text: str) -> int:
    """Tokens of a text by the look of its characters."""
    return _tokens(*_look(text, 0)[:3])


def _tokens(plain: int, signs: int, wide: int) -> int:
    return math.ceil(plain / LETTERS_A_TOKEN + signs / SIGNS_A_TOKEN + wide / BYTES_A_TOKEN)


def _look(text: str, tokens: int) -> Look:
    data = text.encode("utf-8", "replace")
    rest = data.translate(None, _PLAIN)
    wide = 0 if text.isascii() else len(rest.translate(None, _ASCII))
    return Look(len(data) - len(rest), len(rest) - wide, wide, tokens)


def look_of(message: Message) -> Look:
    texts: list[str] = []
    tokens = MESSAGE_TOKENS + sum(_part(part, texts) for part in message.content)
    return _look("".join(texts), tokens)


def _part(part: AnyPart, texts: list[str]) -> int:
    match part:
        case Text():
            texts.append(part.text)
        case ToolCall():
            texts += (part.name, part.arguments)
            return TOOL_TOKENS
        case ToolResult():
            texts.append(part.content)
            return TOOL_TOKENS
        case Opaque():
            texts.append(bytes(part.raw).decode("utf-8", "replace"))
        case Image():
            return IMAGE_TOKENS
    return 0


def _tool(tool: ToolSpec) -> Look:
    schema = bytes(tool.schema).decode("utf-8", "replace")
    return _look(tool.name + tool.description + schema, TOOL_TOKENS)


def learned(ratio: float, measured: int, reported: int) -> float:
    """The next ratio.  Too low an estimate overflows a window, so it rises at once."""
    if measured <= 0 or reported <= 0:
        return ratio
    seen = min(max(reported / measured, RATIO[0]), RATIO[1])
    return seen if seen > ratio else ratio + EASE * (seen - ratio)


class Counter:
    """What is known of one model's tokenizer.  Starts at the measure itself."""

    def __init__(self) -> None:
        self.ratio = 1.0
        self._last: tuple[Request, int] | None = None
        self._looks = Kept(look_of)

    def count(self, request: Request) -> int:
        return math.ceil(self._measured(request) * self.ratio * MARGIN)

    def learn(self, request: Request, reported: int) -> None:
        self.ratio = learned(self.ratio, self._measured(request), reported)

    def _measured(self, request: Request) -> int:
        # A request is counted before the thought and again after it, with another `max_output`.
        last = self._last
        if (
            last is None
            or last[0].messages is not request.messages
            or last[0].tools is not request.tools
        ):
            self._last = last = (request, measure(request, self._looks))
        return last[1]
