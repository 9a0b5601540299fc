"""A model that says what it is told to say: for tests, and for demos without a key.

    Say         an answer: text, calls, or both
    Fail        an error instead of an answer
    Cut         an answer that breaks off, without Finished
    After       wait for something, then the step
    Scripted    plays a list of steps, or asks a function for the step to each request

Deterministic: no clock, no randomness, no I/O.
"""

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from dataclasses import dataclass

from logos.abi.driver import Profile
from logos.abi.errors import Code, SysError
from logos.abi.messages import (
    AnyDelta,
    CallDelta,
    Finish,
    Finished,
    Opaque,
    OpaqueDelta,
    ReasonDelta,
    Request,
    SourceDelta,
    TextDelta,
    ToolCall,
    Usage,
)
from logos.drivers.model.count import measure, text_tokens
from logos.drivers.model.prices import priced

PIECE = 16
"""Characters of a delta, where the step does not say."""


@dataclass(frozen=True, slots=True)
class Say:
    """`pieces` says how the text is streamed.  Without `usage` it is reckoned, without
    `reason` it follows from the calls.  `aloud` is what it says to itself before."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    opaque: tuple[Opaque, ...] = ()
    pieces: tuple[str, ...] = ()
    usage: Usage | None = None
    reason: Finish | None = None
    aloud: str = ""
    refusal: str = ""
    stop: str = ""
    sources: tuple[Opaque, ...] = ()


@dataclass(frozen=True, slots=True)
class Fail:
    error: SysError


@dataclass(frozen=True, slots=True)
class Cut:
    """`deltas` pieces of `say` arrive, then nothing more."""

    say: Say
    deltas: int = 1


@dataclass(frozen=True, slots=True)
class After:
    """`wait` is an Event's `wait`, or a Clock's `sleep_until` with its time bound."""

    wait: Callable[[], Awaitable[None]]
    then: "Step"


Step = Say | Fail | Cut | After


class Scripted:
    """Satisfies Model.  `requests` keeps what it was asked, in order."""

    def __init__(
        self,
        script: Iterable[Step | str] | Callable[[Request], Step],
        *,
        profile: Profile | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self._profile = profile or Profile(name="scripted")
        self._step = script if callable(script) else _played(script)

    @property
    def profile(self) -> Profile:
        return self._profile

    def count(self, request: Request) -> int:
        return measure(request)

    async def think(self, request: Request) -> AsyncGenerator[AnyDelta, None]:
        self.requests.append(request)
        step = self._step(request)
        while isinstance(step, After):
            await step.wait()
            step = step.then
        match step:
            case Fail():
                raise step.error
            case Cut():
                for delta in _deltas(step.say)[: step.deltas]:
                    yield delta
            case Say():
                for delta in _deltas(step):
                    yield delta
                yield self._finished(request, step)

    def _finished(self, request: Request, say: Say) -> Finished:
        usage = say.usage
        if usage is None:
            output = text_tokens(say.text + "".join(call.arguments for call in say.calls))
            usage = priced(Usage(input=measure(request), output=output), self._profile.price)
        reason = say.reason or (Finish.CALLS if say.calls else Finish.STOP)
        return Finished(reason=reason, usage=usage, stop=say.stop)

    async def aclose(self) -> None:
        """Nothing to close."""


def _played(script: Iterable[Step | str]) -> Callable[[Request], Step]:
    steps = deque(script)

    def following(request: Request) -> Step:
        del request
        if not steps:
            raise SysError(Code.MODEL, "the script is over", hint="give it one more step")
        step = steps.popleft()
        return Say(step) if isinstance(step, str) else step

    return following


def _deltas(say: Say) -> list[AnyDelta]:
    pieces = say.pieces or tuple(say.text[at : at + PIECE] for at in range(0, len(say.text), PIECE))
    return [
        *(ReasonDelta(text=piece) for piece in (say.aloud,) if piece),
        *(OpaqueDelta(content=opaque) for opaque in say.opaque),
        *(TextDelta(text=piece) for piece in pieces),
        *(SourceDelta(content=source) for source in say.sources),
        *(TextDelta(text=piece, refusal=True) for piece in (say.refusal,) if piece),
        *(
            CallDelta(index=index, id=call.id, name=call.name, arguments=call.arguments)
            for index, call in enumerate(say.calls)
        ),
    ]
