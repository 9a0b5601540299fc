"""OpenAI's conversations: creating, showing, filing and deleting them and their items.

    Conversations.seed(client, id)              the position that a request naming one continues from
    Conversations.process(client, id)           the process whose journal has it
    Conversations.create, show, file, delete    one by its id
    Conversations.items, item, add, drop        what was said

The id names the process it began in and a key by which it is found later, in that process or in one
that followed.  Everything is kept in journals only, and no client sees another's.
"""

import hashlib
import secrets
from typing import Annotated, NamedTuple

import anyio
import msgspec
from msgspec import Meta

from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid, Seq
from logos.gateway.access import Client
from logos.gateway.ask import Ask
from logos.gateway.dialect import BODY, Json, encode, typed
from logos.gateway.faults import Refused, absent
from logos.gateway.past import DELETED
from logos.gateway.responses import Item, messages_of
from logos.gateway.stored import listed, number, place_of, shown
from logos.gateway.talks import Talk
from logos.gateway.turn import Turns, locked
from logos.kernel import Kernel, Turn

PATIENCE_S = 10.0
"""How long a change is waited for until it is in the journal."""

SAID = ("told", "thought")
"""Events that have what was said."""

MICRO = 1_000_000

Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]],
    Meta(max_length=16),
]


class ConversationRequest(msgspec.Struct):
    items: list[Item] | None = None
    metadata: Metadata | None = None


class ConversationUpdate(msgspec.Struct):
    metadata: Metadata | None


class ItemsRequest(msgspec.Struct):
    items: Annotated[list[Item], Meta(min_length=1, max_length=20)]


class _Id(NamedTuple):
    """`pid` is where it began."""

    pid: Pid
    seed: bytes


class Conversations:
    def __init__(self, kernel: Kernel, turns: Turns) -> None:
        self._kernel = kernel
        self._turns = turns
        self._past = turns.past

    async def seed(self, client: Client, id_: str) -> bytes:
        """Raise `not_found`."""
        await self._talk(client, id_)
        return _read(client, id_).seed

    async def process(self, client: Client, id_: str) -> Pid:
        """Where it is now.  Raise `not_found`."""
        return (await self._talk(client, id_)).pid

    async def create(self, ask: Ask, client: Client, _: str) -> None:
        asked = typed(await ask.body() or b"{}", ConversationRequest, BODY)
        name = secrets.token_hex(12)
        turn = Turn(tuple(messages_of(asked.items, "items")), metadata=asked.metadata)
        pid = await self._turns.open(client, _seed(client, name), turn)
        id_ = f"conv_{pid}_{name}"
        await ask.reply(200, await self._shown(client, id_, pid))

    async def show(self, ask: Ask, client: Client, id_: str) -> None:
        talk = await self._talk(client, id_)
        await ask.reply(200, await self._shown(client, id_, talk.pid))

    async def file(self, ask: Ask, client: Client, id_: str) -> None:
        asked = typed(await ask.body(), ConversationUpdate, BODY)
        talk = await self._talk(client, id_)
        await self._tell(talk, Turn((), metadata=asked.metadata or {}))
        await ask.reply(200, await self._shown(client, id_, talk.pid))

    async def delete(self, ask: Ask, client: Client, id_: str) -> None:
        """All that was said is forgotten."""
        talk = await self._talk(client, id_)
        for pid in {_read(client, id_).pid, talk.pid}:
            events = self._kernel.records.events(pid)
            pages = [told.row.seq async for told in events if told.row.kind in SAID]
            await self._kernel.forget(pid, pages, reason=DELETED)
        self._turns.talks.drop(talk)
        said = {"id": id_, "object": "conversation.deleted", "deleted": True}
        await ask.reply(200, encode(said))

    async def items(self, ask: Ask, client: Client, id_: str) -> None:
        talk = await self._talk(client, id_)
        await ask.reply(200, listed(await self._items(client, talk.pid), ask.query))

    async def item(self, ask: Ask, client: Client, id_: str) -> None:
        id_, item = id_.split("/")
        talk = await self._talk(client, id_)
        await ask.reply(200, encode(_one(await self._items(client, talk.pid), item)))

    async def add(self, ask: Ask, client: Client, id_: str) -> None:
        asked = typed(await ask.body(), ItemsRequest, BODY)
        talk = await self._talk(client, id_)
        known = len(await self._items(client, talk.pid))
        if talk.busy:
            raise locked()
        messages = tuple(messages_of(asked.items, "items"))
        await self._tell(talk, Turn(messages, silent=True))
        self._turns.heard(talk, messages)
        items = await self._items(client, talk.pid)
        await ask.reply(200, listed(items[known:], b"order=asc&limit=100"))

    async def drop(self, ask: Ask, client: Client, id_: str) -> None:
        id_, item = id_.split("/")
        talk = await self._talk(client, id_)
        items = await self._items(client, talk.pid)
        _one(items, item)
        seq = place_of(item)[1]
        if sum(place_of(one["id"])[1] == seq for one in items) > 1:
            said = "this item was said in one with others, and is forgotten with all of them only"
            raise Refused(said, hint="delete the response, or the conversation")
        await self._kernel.forget(talk.pid, [await self._page(client, talk.pid, seq)])
        await ask.reply(200, await self._shown(client, id_, talk.pid))

    async def _page(self, client: Client, pid: Pid, seq: Seq) -> Seq:
        """The event that has it: an answer's id is that of the event before it."""
        try:
            return (await self._past.thought(client.name, pid, seq)).page
        except SysError as error:
            if error.code is not Code.NOT_FOUND:
                raise
            return seq

    async def _talk(self, client: Client, id_: str) -> Talk:
        """Raise `not_found`."""
        began, seed = _read(client, id_)
        await self._turns.remember(client)
        talk = self._turns.talks.named(seed) or await self._past.talk(client.name, began)
        if talk is None or talk.seed != seed:
            raise absent("conversation", id_)
        talk.owner = client.name
        if self._turns.talks.of(talk.pid) is None and not talk.busy:
            self._turns.talks.stands(talk, talk.head)
        return talk

    async def _tell(self, talk: Talk, turn: Turn) -> None:
        """In the journal when this returns."""
        heard = anyio.Event()
        stop = self._kernel.attend(talk.pid, lambda *_: heard.set(), ("told",))
        try:
            await self._kernel.tell(talk.pid, turn)
            with anyio.fail_after(PATIENCE_S):
                await heard.wait()
        except TimeoutError:
            raise SysError(Code.TIMEOUT, "it is being answered", hint="try again") from None
        finally:
            stop()

    async def _shown(self, client: Client, id_: str, pid: Pid) -> bytes:
        filed = await self._past.filed(client.name, pid)
        shown: Json = {"id": id_, "object": "conversation", "created_at": filed.at // MICRO}
        return encode(shown | {"metadata": filed.metadata})

    async def _items(self, client: Client, pid: Pid) -> list[Json]:
        return shown(pid, await self._past.said(client.name, pid))


def _one(items: list[Json], id_: str) -> Json:
    for item in items:
        if item["id"] == id_:
            return item
    raise absent("item", id_)


def _seed(client: Client, name: str) -> bytes:
    return hashlib.sha256(f"{client.name}\0conversation\0{name}".encode()).digest()


def _read(client: Client, id_: str) -> _Id:
    """Raise `not_found`."""
    kind, _, rest = id_.partition("_")
    pid, _, name = rest.partition("_")
    if kind != "conv" or not (number(pid) and name):
        raise absent("conversation", id_)
    return _Id(Pid(int(pid)), _seed(client, name))
