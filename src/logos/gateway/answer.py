"""A turn over HTTP: from a client's request to its answer, whole or as a stream.

    Talking.converse(ask, client, dialect)

A client hears of an error by its status until the first word of an answer was said, and inside
the stream afterwards.  The first word is not waited for longer than a proxy would: then a comment
goes out, and again every few seconds, until there is something to say.
"""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from logos.abi.errors import Code, SysError
from logos.abi.events import Thought
from logos.abi.messages import ReasonDelta
from logos.gateway.access import Client
from logos.gateway.ask import SSE, Ask
from logos.gateway.conversations import Conversations
from logos.gateway.dialect import WAITING, Answering, Dialect, Resolve, Understood, Voice, encode
from logos.gateway.items import unanswered
from logos.gateway.stored import After, Stored, named_in
from logos.gateway.turn import Exchange, Turns, Wanted

SESSIONS = ("x-logos-process", "x-claude-code-session-id", "session-id", "thread-id")
"""Headers that keep one client's conversations apart."""

OFF = "off"
"""As the value of x-logos-process: a request by itself, whose messages reach the model as they are."""

HANDED_ON = ("anthropic-beta", "anthropic-version", "openai-beta")
"""Headers for a provider of the client's own dialect."""

MICRO = 1_000_000


class Kept(NamedTuple):
    """Responses and conversations that have names."""

    stored: Stored
    conversations: Conversations


class Talking:
    def __init__(
        self, turns: Turns, kept: Kept, resolve: Resolve, now: Callable[[], int], every: float
    ) -> None:
        self._turns = turns
        self._stored, self._conversations = kept
        self._resolve = resolve
        self._now = now
        self._every = every

    async def converse(self, ask: Ask, client: Client, dialect: Dialect) -> None:
        understood = dialect.understand(await ask.body(), self._resolve)
        after = await self._after(client, understood)
        wanted = self._wanted(ask, client, understood, after)
        if not (wanted.before or wanted.said):
            raise SysError(Code.INVALID, "there is nothing to answer", hint="send a message")
        async with self._turns.begin(client, wanted) as exchange:
            ask.extra.append((b"x-logos-pid", str(exchange.pid).encode()))
            answer = _Answer(ask, dialect, understood, exchange, self._every)
            answer.created = self._now() // MICRO
            failure: SysError | None = None
            async with ask.while_there():
                try:
                    await answer.give()
                except SysError as error:
                    failure = error
        if failure is not None:
            raise failure

    async def _after(self, client: Client, understood: Understood) -> After:
        """Where it goes on.  Raise `not_found`."""
        given = understood.given
        if (talk := named_in(given, "conversation")) is not None:
            if named_in(given, "previous_response_id") is not None:
                raise SysError(Code.INVALID, "conversation or previous_response_id, not both")
            return After(await self._conversations.seed(client, talk), named=True)
        if (previous := named_in(given, "previous_response_id")) is not None:
            return await self._stored.after(client.name, previous)
        return After()

    def _wanted(self, ask: Ask, client: Client, understood: Understood, after: After) -> Wanted:
        options = understood.options
        if understood.forward:
            given = {name: ask.headers[name] for name in HANDED_ON if name in ask.headers}
            options = replace(options, headers=given)
        if ask.headers.get(SESSIONS[0]) == OFF:
            options = replace(options, bare=True)
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

    def __init__(
        self, ask: Ask, dialect: Dialect, understood: Understood, exchange: Exchange, every: float
    ) -> None:
        self._ask = ask
        self._dialect = dialect
        self._understood = understood
        self._exchange = exchange
        self._every = every
        self.created = 0

    async def give(self) -> None:
        if self._understood.background:
            await self._exchange.leave()
            begun = unanswered(self._answering(), "queued")
            await self._ask.reply(200, encode(begun))
        elif self._understood.stream:
            await self._streamed()
        else:
            await self._whole()

    async def _whole(self) -> None:
        aloud: list[str] = []
        async for item in self._exchange.items(self._every):
            if isinstance(item, ReasonDelta):
                aloud.append(item.text)
            elif isinstance(item, Thought):
                answering = self._answering("".join(aloud))
                await self._ask.reply(200, self._dialect.whole(answering, item))

    def _answering(self, aloud: str = "") -> Answering:
        exchange = self._exchange
        return Answering(
            id=self._dialect.answer_id(exchange.pid, exchange.began),
            model=self._understood.model,
            created=self.created,
            aloud=aloud,
            given=self._understood.given,
        )

    async def _streamed(self) -> None:
        voice: Voice | None = None
        said: list[bytes] = []
        try:
            async for item in self._exchange.items(self._every):
                if item is None:
                    await self._pass_on([voice.wait() if voice else WAITING])
                    continue
                if voice is None:
                    usage = self._understood.usage
                    voice = self._dialect.voice(self._answering(), usage=usage)
                    said.append(voice.begin())
                said.append(voice.end(item) if isinstance(item, Thought) else voice.say(item))
                if not self._exchange.more:
                    await self._pass_on(said)
        except SysError as error:
            if not self._ask.begun:
                raise
            last = voice or self._dialect.voice(self._answering(), usage=False)
            said.append(last.fail(error))
        await self._pass_on(said)
        await self._ask.send(b"", more=False)

    async def _pass_on(self, said: list[bytes]) -> None:
        if not self._ask.begun:
            await self._ask.begin(200, SSE, [(b"cache-control", b"no-cache")])
        if data := b"".join(said):
            await self._ask.send(data)
        said.clear()
