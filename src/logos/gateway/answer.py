"""A turn over HTTP: from a client's request to its answer, whole or as a stream.

    Talking.converse(ask, client, dialect)

Errors are reported by status until the first word of an answer was sent, and inside the stream
afterwards. If the first word takes longer than a proxy would wait, a comment is sent, and again
every few seconds.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import msgspec

from logos.abi.errors import SysError
from logos.abi.events import Thought
from logos.abi.messages import ReasonDelta
from logos.gateway.access import Client
from logos.gateway.aired import Aired, Naming
from logos.gateway.ask import NO_CACHE, SSE, Ask
from logos.gateway.before import After, Before
from logos.gateway.dialect import WAITING, Dialect, Resolve, Understood, Voice, encode
from logos.gateway.faults import Refused
from logos.gateway.items import unanswered
from logos.gateway.turn import Exchange, Turns, Wanted

SESSIONS = ("x-logos-process", "x-claude-code-session-id", "session-id", "thread-id")
"""Headers that keep one client's conversations apart."""

OFF = "off"
"""As the value of x-logos-process: a request by itself, whose messages reach the model as they
are."""

HANDED_ON = ("anthropic-beta", "anthropic-version", "openai-beta")
"""Headers for a provider of the client's own dialect."""

MICRO = 1_000_000

PID = b"x-logos-pid"


class Clock(NamedTuple):
    """The time in microseconds; the seconds after which a client that waits hears of it."""

    now: Callable[[], int]
    every: float


class Talking:
    def __init__(
        self, turns: Turns, before: Before, aired: Aired, resolve: Resolve, clock: Clock
    ) -> None:
        self._turns = turns
        self._before = before
        self._aired = aired
        self._resolve = resolve
        self._now, self._every = clock

    async def converse(self, ask: Ask, client: Client, dialect: Dialect) -> None:
        understood = dialect.understand(await ask.body(), self._resolve)
        after = await self._before.of(client, understood)
        understood = replace(understood, said=await self._before.said(client, understood))
        wanted = self._wanted(ask, client, understood, after)
        if not (wanted.before or wanted.said):
            raise Refused("there is nothing to answer", "input", hint="send a message")
        naming = Naming(dialect, understood, self._now() // MICRO)
        if understood.background:
            await self._in_background(ask, client, naming, wanted)
            return
        async with self._turns.begin(client, wanted) as exchange:
            ask.extra.append((PID, str(exchange.pid).encode()))
            answer = _Answer(ask, naming, exchange, self._every)
            failure: SysError | None = None
            async with ask.while_there():
                try:
                    await answer.give()
                except SysError as error:
                    failure = error
        if failure is not None:
            raise failure

    async def _in_background(
        self, ask: Ask, client: Client, naming: Naming, wanted: Wanted
    ) -> None:
        recording, named = await self._aired.begin(client, wanted, naming)
        ask.extra.append((PID, str(recording.pid).encode()))
        if naming.understood.stream:
            await recording.tell(ask)
        else:
            await ask.reply(200, encode(unanswered(named, "queued")))

    def _wanted(self, ask: Ask, client: Client, understood: Understood, after: After) -> Wanted:
        options = understood.options
        if understood.forward:
            given = {name: ask.headers[name] for name in HANDED_ON if name in ask.headers}
            options = msgspec.structs.replace(options, headers=given)
        if ask.headers.get(SESSIONS[0]) == OFF:
            options = msgspec.structs.replace(options, bare=True)
        return Wanted(
            understood.said,
            options,
            after.seed or _seed(ask, client),
            again=ask.headers.get("x-stainless-retry-count", "0") != "0",
            named=after.named,
            before=after.before,
            speaks=understood.speaks,
        )


def _seed(ask: Ask, client: Client) -> bytes:
    said = [client.name, *(ask.headers.get(name, "") for name in SESSIONS)]
    return hashlib.sha256("\0".join(said).encode()).digest()


class _Answer:
    """One answer on its way to a client."""

    def __init__(self, ask: Ask, naming: Naming, exchange: Exchange, every: float) -> None:
        self._ask = ask
        self._naming = naming
        self._exchange = exchange
        self._every = every

    async def give(self) -> None:
        if self._naming.understood.stream:
            await self._streamed()
        else:
            await self._whole()

    async def _whole(self) -> None:
        aloud: list[str] = []
        async for item in self._exchange.items(self._every):
            if isinstance(item, ReasonDelta):
                aloud.append(item.text)
            elif isinstance(item, Thought):
                answering = self._naming.of(self._exchange, "".join(aloud))
                await self._ask.reply(200, self._naming.dialect.whole(answering, item))

    async def _streamed(self) -> None:
        voice: Voice | None = None
        said: list[bytes] = []
        try:
            async for item in self._exchange.items(self._every):
                if item is None:
                    await self._pass_on([voice.wait() if voice else WAITING])
                    continue
                if voice is None:
                    voice = self._voice(usage=self._naming.understood.usage)
                    said.append(voice.begin())
                said.append(voice.end(item) if isinstance(item, Thought) else voice.say(item))
                if not self._exchange.more:
                    await self._pass_on(said)
        except SysError as error:
            if not self._ask.begun:
                raise
            said.append((voice or self._voice(usage=False)).fail(error))
        await self._pass_on(said)
        await self._ask.send(b"", more=False)

    def _voice(self, *, usage: bool) -> Voice:
        return self._naming.dialect.voice(self._naming.of(self._exchange), usage=usage)

    async def _pass_on(self, said: list[bytes]) -> None:
        if not self._ask.begun:
            await self._ask.begin(200, SSE, [NO_CACHE])
        if data := b"".join(said):
            await self._ask.send(data)
        said.clear()
