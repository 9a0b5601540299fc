"""A model behind HTTP: what all dialects have in common.

    Dialect     how requests are encoded and answers decoded
    Assembly    an answer in the making
    Hosted      the driver

The pieces of text that arrive in one read are passed on as one delta: what is watched is
as quick as before, and what is not costs a tenth.
Invariant: Finished is passed on only for an answer that arrived whole.
"""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import msgspec

from logos.abi.driver import Profile
from logos.abi.errors import Code, SysError
from logos.abi.messages import AnyDelta, Finish, Finished, ReasonDelta, Request, TextDelta, Usage
from logos.drivers.model.connection import Broken, Hung
from logos.drivers.model.count import Counter
from logos.drivers.model.endpoint import Endpoint, profile
from logos.drivers.model.faults import broken
from logos.drivers.model.prices import priced
from logos.drivers.model.sse import Events, Whole, repaired
from logos.drivers.model.wire import Wire

CHARACTERS_A_TOKEN = 3
"""For the length of an answer whose server does not report usage."""

DONE = b"[DONE]"


class Trouble(Exception):  # noqa: N818 -- carried to the driver, which knows the key, and never out
    """The provider's own error object, where a piece of an answer should be."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self.raw = raw


class Assembly(Protocol):
    """`reason` is None until the provider has said why it stopped; `usage` until it has counted.
    `size` counts the characters that came; `taken`: some of the answer was passed on; `stop` is the
    sequence that ended it."""

    reason: Finish | None
    usage: Usage | None
    size: int
    done: bool
    taken: bool
    stop: str

    def feed(self, payload: bytes) -> None:
        """Take one event, or a whole answer.  Raise msgspec.DecodeError, Trouble."""
        ...

    def take(self) -> list[AnyDelta]:
        """What has come in since the last time."""
        ...

    def last(self) -> list[AnyDelta]:
        """What belongs before Finished."""
        ...


class Dialect(Protocol):
    path: str

    def headers(self, endpoint: Endpoint) -> Mapping[str, str]: ...

    def body(self, request: Request, *, stream: bool) -> bytes: ...

    def assembly(self) -> Assembly: ...


class Hosted:
    """A Model at an endpoint.  Belongs to one event loop; close it there."""

    def __init__(self, name: str, endpoint: Endpoint, dialect: Dialect) -> None:
        self._profile = profile(endpoint, name)
        self._endpoint = endpoint
        self._dialect = dialect
        self._counter = Counter()
        url = endpoint.url.rstrip("/") + dialect.path
        self._wire = Wire(endpoint, url, dialect.headers(endpoint), self._profile.concurrency)

    @property
    def profile(self) -> Profile:
        return self._profile

    def count(self, request: Request) -> int:
        return self._counter.count(request)

    async def think(self, request: Request) -> AsyncGenerator[AnyDelta, None]:
        """Stream one thought.  See Model."""
        body = self._dialect.body(request, stream=self._endpoint.stream)
        assembly = self._dialect.assembly()
        async with self._wire.post(body, request.headers) as answer:
            with self._line(assembly):
                events = Whole() if answer.json else Events()
                async for piece in answer:
                    for payload in events.feed(piece):
                        self._feed(assembly, payload)
                    for delta in assembly.take():
                        yield delta
                    if assembly.done:
                        break
                for payload in events.close():
                    self._feed(assembly, payload)
                await answer.rest()
        if assembly.reason is None:
            raise _half(assembly)
        for delta in (*assembly.take(), *assembly.last()):
            yield delta
        yield self._finished(request, assembly, assembly.reason)

    @contextmanager
    def _line(self, assembly: Assembly) -> Iterator[None]:
        """The line may break at any time.  After the provider has said why it stopped, the
        answer is whole whatever happens."""
        try:
            yield
        except Broken as broken_off:
            if assembly.reason is None:
                hung_up = isinstance(broken_off, Hung)
                raise (_half(assembly) if hung_up else self._wire.fault(broken_off)) from None

    def _feed(self, assembly: Assembly, payload: bytes, *, again: bool = False) -> None:
        try:
            assembly.feed(payload)
        except Trouble as trouble:
            raise broken(trouble.raw, self._endpoint.key) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if again:
                raise SysError(Code.MODEL, f"the model's answer is not one: {error}") from None
            self._feed(assembly, repaired(payload), again=True)

    def _finished(self, request: Request, assembly: Assembly, reason: Finish) -> Finished:
        usage = assembly.usage
        if usage is None:
            usage = Usage(input=self.count(request), output=-(-assembly.size // CHARACTERS_A_TOKEN))
        else:
            self._counter.learn(request, usage.input)
        usage = priced(usage, self._profile.price)
        return Finished(reason=reason, usage=usage, stop=assembly.stop)

    async def aclose(self) -> None:
        """Close the connections that are kept."""
        await self._wire.aclose()


def _half(assembly: Assembly) -> SysError:
    """An answer that broke off.  Before its first word it may be asked for again."""
    code = Code.MODEL if assembly.taken else Code.UNAVAILABLE
    return SysError(code, "the model's answer broke off before its end")


def joined(deltas: list[AnyDelta], text: list[str], aloud: list[str]) -> None:
    """Append the pieces of what it says to itself, if any, as one delta, and those of text as
    another."""
    if aloud:
        deltas.append(ReasonDelta(text="".join(aloud)))
        aloud.clear()
    if text:
        deltas.append(TextDelta(text="".join(text)))
        text.clear()
