"""Responses in the background: they continue whether or not anybody listens.

    Aired.begin(client, wanted, naming)      ask; a Recording of the answer, and its id
    Aired.find(client, id)                   the Recording in memory
    Recording.tell(ask, after)               its events after a number, as they arrive
    retold(answering, thought, after)        the events of an answer without a Recording

A returning listener names the last event it received.  Events are kept in memory; after a restart
the journal has the answer but not its pieces, so only its end is sent.
"""

import logging
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import anyio
import anyio.abc

from logos.abi.errors import Code, SysError
from logos.abi.events import Thought
from logos.abi.ids import INIT, Pid
from logos.gateway.access import Client
from logos.gateway.ask import NO_CACHE, SSE, Ask
from logos.gateway.dialect import WAITING, Answering, Dialect, Understood
from logos.gateway.events import ResponsesVoice
from logos.gateway.turn import Exchange, Turns, Wanted, deltas

log = logging.getLogger("logos.gateway")

MOST, MOST_BYTES = 256, 64 << 20
"""Recordings remembered, the latest."""

END = b"\n\n"


@dataclass(frozen=True, slots=True)
class Naming:
    """`created` is in seconds."""

    dialect: Dialect
    understood: Understood
    created: int

    def of(self, exchange: Exchange, aloud: str = "") -> Answering:
        return Answering(
            id=self.dialect.answer_id(exchange.pid, exchange.began),
            model=self.understood.model,
            created=self.created,
            aloud=aloud,
            given=self.understood.given,
        )


@dataclass(eq=False)
class Recording:
    """The n-th of `events` has the sequence number n."""

    owner: str
    every: float
    named: Answering | None = None
    pid: Pid = INIT
    error: Exception | None = None
    over: bool = False
    events: list[bytes] = field(default_factory=list)
    changed: anyio.Event = field(default_factory=anyio.Event)

    @property
    def size(self) -> int:
        return sum(map(len, self.events))

    def say(self, said: bytes = b"") -> None:
        self.events += split(said)
        self.changed.set()
        self.changed = anyio.Event()

    async def tell(self, ask: Ask, after: int = -1) -> None:
        async with ask.while_there():
            await ask.begin(200, SSE, [NO_CACHE])
            async for said in self._heard(after):
                await ask.send(said)
            await ask.send(b"", more=False)

    async def _heard(self, after: int) -> AsyncIterator[bytes]:
        """A comment when nothing came for `every` seconds."""
        told = after + 1
        while True:
            if told < len(self.events):
                fresh, told = self.events[told:], len(self.events)
                yield b"".join(fresh)
            elif self.over:
                return
            else:
                with anyio.move_on_after(self.every) as waited:
                    await self.changed.wait()
                if waited.cancelled_caught:
                    yield WAITING


class Aired:
    """`tasks` outlive a request."""

    def __init__(self, turns: Turns, tasks: anyio.abc.TaskGroup, every: float) -> None:
        self._turns = turns
        self._tasks = tasks
        self._every = every
        self._known: OrderedDict[str, Recording] = OrderedDict()

    async def begin(
        self, client: Client, wanted: Wanted, naming: Naming
    ) -> tuple[Recording, Answering]:
        """Raise SysError where it comes to no thought."""
        recording = Recording(client.name, self._every)
        self._tasks.start_soon(self._record, client, wanted, naming, recording)
        while (named := recording.named) is None:
            if recording.over:
                raise recording.error or SysError(Code.UNAVAILABLE, "the node stops")
            await recording.changed.wait()
        self._known[named.id] = recording
        self._forget()
        return recording, named

    def find(self, client: str, id_: str) -> Recording | None:
        found = self._known.get(id_)
        return found if found is not None and found.owner == client else None

    def _forget(self) -> None:
        room = MOST_BYTES
        for number, (id_, one) in enumerate(reversed(list(self._known.items()))):
            room -= one.size
            if number >= MOST or room < 0:
                del self._known[id_]

    async def _record(
        self, client: Client, wanted: Wanted, naming: Naming, recording: Recording
    ) -> None:
        try:
            async with self._turns.begin(client, wanted) as exchange:
                exchange.left = True
                recording.pid = exchange.pid
                await self._hear(exchange, naming, recording)
        except Exception as error:  # why: a bug in one answer must not end the others
            recording.error = error
            if not isinstance(error, SysError):
                log.exception("bug in an answer of process %d", recording.pid)
        finally:
            recording.over = True
            recording.say()

    async def _hear(self, exchange: Exchange, naming: Naming, recording: Recording) -> None:
        voice: ResponsesVoice | None = None
        try:
            async for item in exchange.items(self._every):
                if voice is None and exchange.began:
                    recording.named = naming.of(exchange)
                    voice = ResponsesVoice(recording.named)
                    recording.say(voice.begin())
                if voice is not None and item is not None:
                    said = voice.end(item) if isinstance(item, Thought) else voice.say(item)
                    recording.say(said)
        except SysError as error:
            if voice is None:
                raise
            recording.say(voice.fail(error))


def split(said: bytes) -> list[bytes]:
    """Into events."""
    return [event + END for event in said.split(END) if event]


def retold(answering: Answering, thought: Thought, after: int | None) -> bytes:
    """All of them, or the last alone, as the one after that."""
    events = _events(answering, thought, 0)
    if after is None:
        return b"".join(events)
    return _events(answering, thought, after + 2 - len(events))[-1]


def _events(answering: Answering, thought: Thought, first: int) -> list[bytes]:
    voice = ResponsesVoice(answering, first)
    said = [voice.begin(), *map(voice.say, deltas(thought)), voice.end(thought)]
    return split(b"".join(said))
