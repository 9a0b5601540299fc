"""One turn of a conversation: tell the process, hear its answer.

    Turns.begin(...)        find or start the process, tell it, and give the Exchange
    Turns.open(...)         start a conversation in which nothing is asked yet
    Exchange.items(every)   deltas, and the Thought at the end; None when nothing came for a while

Whatever happens to the client, the index ends up in agreement with the journal: a client that
leaves early interrupts the thought, whose outcome is awaited.
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

import anyio
import msgspec

from logos.abi.agent import Agent
from logos.abi.errors import Code, SysError
from logos.abi.events import Asked, Exited, Interrupted, Thought
from logos.abi.ids import Pid, Seq
from logos.abi.messages import (
    AnyDelta,
    CallDelta,
    Message,
    Opaque,
    OpaqueDelta,
    Options,
    Role,
    SourceDelta,
    Text,
    TextDelta,
    ToolCall,
)
from logos.abi.process import Signal
from logos.gateway.access import Client, agent_name
from logos.gateway.dialect import NAMED, encode
from logos.gateway.faults import Refused
from logos.gateway.line import Happened, Heard, Line
from logos.gateway.past import Past
from logos.gateway.prefix import Heads, Said, chain, extend
from logos.gateway.talks import Talk, Talks
from logos.kernel import Kernel, Payer, Turn

SETTLE_S = 10.0
"""How long the end of an interrupted thought is waited for."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """`seed` keeps conversations apart that must not meet, or is where one stands.  `again`: a
    client library repeats what it got no answer to.  `named`: only what is new is said.  `before`
    is what another response was about, which this one goes on with.  `speaks`: the dialect of the
    model that will answer, which does not know what only another has."""

    said: Said
    options: Options
    seed: bytes
    again: bool = False
    named: bool = False
    speaks: str = ""
    before: Sequence[Message] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        return (*self.before, *self.said.since())


class Found(NamedTuple):
    """A conversation, and what it has not heard yet."""

    talk: Talk
    rest: Sequence[Message]


class Exchange:
    """`began` is the event that began the thought, once it is known.  `left`: its client does not
    wait, so the thought goes on without one."""

    def __init__(self, line: Line, talk: Talk) -> None:
        self.pid = talk.pid
        self.began = Seq(0)
        self.thought: Thought | None = None
        self.over = False
        self.left = False
        self._line = line
        self._heard = False
        self._answer = talk.answer

    async def items(self, every: float) -> AsyncIterator[AnyDelta | Thought | None]:
        """Raise SysError as the thought failed."""
        if self._answer is not None:  # it was asked before, and answered
            self.over = True
            self.began, known = self._answer
            for delta in deltas(known):
                yield delta
            yield known
        while not self.over:
            item = await self._line.next(every)
            match item:
                case None:
                    yield None
                case Heard(began, delta):
                    self.began, self._heard = began, True
                    yield delta
                case Happened():
                    thought = self._happened(item)
                    elsewhere = thought if not self._heard else None  # it was thought there
                    for delta in deltas(elsewhere) if elsewhere else ():
                        yield delta
                    if thought or self.left:  # nothing to say: it is asked now
                        yield thought

    @property
    def more(self) -> bool:
        """Whether the next item is there already."""
        return self._line.waiting

    def _happened(self, item: Happened) -> Thought | None:
        match item.event:
            case Asked():
                self.began = item.seq
            case Thought() as thought:
                self.thought, self.over = thought, True
                return thought
            case Interrupted(lost=False) as broken:
                self.over = True
                raise SysError(broken.code, broken.message, retry_after_s=broken.again_s)
            case Exited() as exited:
                self.over = True
                raise SysError(exited.code or Code.STATE, exited.answer)
            case _:
                pass
        return None

    async def settle(self) -> None:
        """Until it is known how the thought ended."""
        with anyio.move_on_after(SETTLE_S):
            while not self.over:
                item = await self._line.next(SETTLE_S)
                if isinstance(item, Happened):
                    try:
                        self._happened(item)
                    except SysError:
                        return


class Turns:
    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.talks = Talks()
        self._heads = Heads()
        self.past = Past(kernel)
        self._known: set[str] = set()
        self._looking = anyio.Lock()

    @asynccontextmanager
    async def begin(self, client: Client, wanted: Wanted) -> AsyncGenerator[Exchange]:
        await self._remember(client, wanted)
        named = self.talks.named(wanted.seed) if wanted.named else None
        if named is not None and named.busy:
            raise locked()
        head, found = self._found(wanted)
        if wanted.again and (talk := self.talks.answered(head)) and talk.answer:
            yield Exchange(Line(self._kernel), talk)
            return
        line = Line(self._kernel)
        try:
            under_way = await self._under_way(head, line) if wanted.again else None
            talk = under_way or await self._tell(client, wanted, found, line)
            talk.owner, talk.busy = client.name, True
            self._stands(talk, head)
            exchange = Exchange(line, talk)
            try:
                yield exchange
            finally:
                await self._end(exchange, talk, line)
        finally:
            line.close()

    def _found(self, wanted: Wanted) -> tuple[bytes, Found | None]:
        """The hash of all that was said, and the conversation that has heard the most of it."""
        seed, said = wanted.seed, wanted.said
        plain = not (wanted.named or wanted.before or wanted.options.bare)
        if plain and (known := self._heads.known(seed, said)) is not None:
            heads, messages = known
            talk, length = self.talks.find(heads)
            if talk is not None:
                self._heads.keep(seed, said, heads)
                return heads[-1], Found(talk, messages[length:])
        named = self.talks.named(seed) if wanted.named else None
        heads = chain(named.head if named else seed, wanted.messages)
        if plain:
            self._heads.keep(seed, said, heads)
        talk, length = self.talks.find(heads) if not wanted.options.bare else (None, 0)
        return heads[-1], None if talk is None else Found(talk, wanted.messages[length:])

    async def _under_way(self, head: bytes, line: Line) -> Talk | None:
        """A node died when it was asked this, and it is being asked again: that is the answer."""
        talk = self.talks.answered(head)
        if talk is None or talk.busy:
            return None
        talk.busy = True
        try:
            if await line.join(talk.pid):
                return talk
        except BaseException:
            talk.busy = False
            raise
        talk.busy = False
        line.close()
        return None

    def _stands(self, talk: Talk, head: bytes, answer: tuple[Seq, Thought] | None = None) -> None:
        self.talks.drop(talk)
        talk.answer = answer
        talk.asked = talk.asked if answer else head
        if not talk.once:
            self.talks.stands(talk, head)

    async def open(self, client: Client, seed: bytes, turn: Turn) -> Pid:
        pid = await self._started(client, seed, turn, lambda _: None)
        talk = Talk(pid, owner=client.name, seed=seed)
        self.talks.stands(talk, chain(seed, turn.messages)[-1])
        return pid

    def heard(self, talk: Talk, messages: Sequence[Message]) -> None:
        """It was told these."""
        head = chain(talk.head, messages)[-1]
        self.talks.drop(talk)
        talk.asked, talk.answer = head, None
        self.talks.stands(talk, head)

    async def _remember(self, client: Client, wanted: Wanted) -> None:
        """After a restart a client that comes back is found in the journals, once."""
        if client.name in self._known:
            return
        if wanted.named or wanted.again or any(map(_answered, wanted.messages)):
            await self.remember(client)

    async def remember(self, client: Client) -> None:
        """Where the client's conversations stand is known when this returns."""
        async with self._looking:
            if client.name in self._known:
                return
            for talk in await self.past.talks(client.name):
                talk.owner = client.name
                if self.talks.of(talk.pid) is None:
                    self.talks.stands(talk, talk.head)
            self._known.add(client.name)

    async def _tell(self, client: Client, wanted: Wanted, found: Found | None, line: Line) -> Talk:
        before: list[Message] = []
        digest = hashlib.sha256(encode(wanted.options)).digest()
        if found is not None:
            talk = found.talk
            options = None if talk.options == digest else wanted.options
            turn = Turn(_bearable(found.rest, wanted), options)
            line.meet(talk.pid, talk.seen)
            try:
                await self._kernel.tell(talk.pid, turn)
            except SysError as error:
                if error.code not in (Code.STATE, Code.NOT_FOUND):
                    raise
                line.close()  # it has ended: what it was told before goes to another
                self.talks.drop(talk)
                if len(found.rest) == len(wanted.messages):  # which the client does not say again
                    before = [said for _, said in await self.past.said(client.name, talk.pid)]
            else:
                talk.options = digest
                return talk
        once = wanted.options.bare
        turn = Turn(_bearable((*before, *wanted.messages), wanted), wanted.options)
        pid = await self._started(client, wanted.seed, turn, line.meet, resident=not once)
        return Talk(pid, options=digest, seed=wanted.seed, once=once)

    async def _started(
        self,
        client: Client,
        seed: bytes,
        turn: Turn,
        meet: Callable[[Pid], object],
        *,
        resident: bool = True,
    ) -> Pid:
        agent = Agent(
            name=agent_name(client.name),
            description=seed.hex(),
            program="gateway",
            resident=resident,
        )
        by = Payer(client.name, client.accounts)
        return await self._kernel.converse(agent, turn, limits=client.limits, by=by, meet=meet)

    async def _end(self, exchange: Exchange, talk: Talk, line: Line) -> None:
        with anyio.CancelScope(shield=True):
            if not (exchange.over or exchange.left):
                await self._interrupt(exchange.pid)
                await exchange.settle()
        talk.busy, talk.seen = False, line.seen
        if not exchange.over:
            self.talks.drop(talk)
        elif exchange.thought is not None:
            head = extend(talk.asked, exchange.thought.message)
            self._stands(talk, head, (exchange.began, exchange.thought))

    async def _interrupt(self, pid: Pid) -> None:
        try:
            await self._kernel.signal(pid, Signal.INT, "the client left")
        except SysError as error:
            if error.code not in (Code.STATE, Code.NOT_FOUND):
                raise


def locked() -> Refused:
    said = "a response is being made in this conversation"
    return Refused(said, word="conversation_locked", code=Code.CONFLICT, hint="ask again soon")


def _bearable(messages: Sequence[Message], wanted: Wanted) -> tuple[Message, ...]:
    """Raise `invalid` for what a person shows and the model would never see."""
    for message in messages:
        for part in message.content if message.role is Role.USER else ():
            if isinstance(part, Opaque) and part.provider not in (NAMED, wanted.speaks):
                kind = msgspec.json.decode(part.raw, type=_Typed).type
                raise Refused(
                    f"this model cannot be shown content of the type {kind!r}",
                    hint="its provider speaks another dialect: send it as text or as an image",
                )
    return tuple(messages)


class _Typed(msgspec.Struct):
    type: str = ""


def _answered(message: Message) -> bool:
    return message.role is Role.ASSISTANT


def deltas(thought: Thought) -> list[AnyDelta]:
    """A whole thought as a stream."""
    found: list[AnyDelta] = []
    calls = 0
    for part in thought.message.content:
        match part:
            case Text(text=text):
                found.append(TextDelta(text=text, refusal=part.refusal))
                found += (SourceDelta(content=source) for source in part.sources)
            case ToolCall():
                found.append(
                    CallDelta(index=calls, id=part.id, name=part.name, arguments=part.arguments)
                )
                calls += 1
            case Opaque():
                found.append(OpaqueDelta(content=part))
            case _:
                pass
    return found
