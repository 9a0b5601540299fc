"""The Model: a request in, deltas out.

    Reader.profile   free, any number of thoughts at once
    Reader.think     the next calls, or the answer
    Reader.count     an estimate of tokens that errs high

The same request always gives the same deltas.
"""

import hashlib
import json
from collections.abc import AsyncGenerator, Iterator

import msgspec

from logos.abi.driver import Profile
from logos.abi.errors import Code, SysError
from logos.abi.messages import (
    AnyDelta,
    CallDelta,
    Finish,
    Finished,
    Request,
    TextDelta,
    Usage,
)
from logos.drivers.model.reader.decide import Decision, decide
from logos.drivers.model.reader.follow import Wanted
from logos.drivers.model.reader.transcript import read

_PIECE = 400


class Reader:
    def __init__(self, *, window: int = 32_000, name: str = "builtin/reader") -> None:
        self._profile = Profile(name=name, window=window, max_output=8_192)

    @property
    def profile(self) -> Profile:
        return self._profile

    async def think(self, request: Request) -> AsyncGenerator[AnyDelta, None]:
        tokens = self.count(request)
        if tokens > self._profile.window:
            raise SysError(
                Code.CONTEXT,
                f"{tokens} tokens do not fit into a window of {self._profile.window}",
                hint="send less",
            )
        decision = decide(read(request))
        for delta in _deltas(decision, request, tokens):
            yield delta

    async def aclose(self) -> None:
        """Nothing is held."""

    def count(self, request: Request) -> int:
        size = sum(len(msgspec.json.encode(message)) for message in request.messages)
        size += sum(len(msgspec.json.encode(tool)) for tool in request.tools)
        return _tokens(size) + 8


def _deltas(decision: Decision, request: Request, tokens: int) -> Iterator[AnyDelta]:
    """The text in pieces, then the calls; no more of either than may be put out."""
    left = request.max_output
    whole = decision.text.encode()
    text = whole[: left * 3].decode("utf-8", "ignore")
    for first in range(0, len(text), _PIECE):
        yield TextDelta(text=text[first : first + _PIECE])
    used = _tokens(len(text.encode()))
    calls = 0
    for index, wanted in enumerate(decision.calls):
        arguments = json.dumps(wanted[1], ensure_ascii=False)
        cost = _tokens(len(arguments.encode())) + 8
        if index and used + cost > left:
            break
        used += cost
        calls += 1
        yield CallDelta(index=index, id=_id(request, index, wanted), name=wanted[0])
        yield CallDelta(index=index, arguments=arguments)
    reason = Finish.STOP if len(text.encode()) == len(whole) else Finish.LENGTH
    yield Finished(reason=Finish.CALLS if calls else reason, usage=Usage(input=tokens, output=used))


def _id(request: Request, index: int, wanted: Wanted) -> str:
    """Different for every call of a process, and the same when a thought is thought again."""
    story = msgspec.json.encode((len(request.messages), request.messages[-1:], index, wanted))
    return f"call_{hashlib.sha256(story).hexdigest()[:16]}"


def _tokens(size: int) -> int:
    """Bytes to tokens: English has about four in one, code three."""
    return (size + 2) // 3
