"""What a request continues when it does not repeat everything.

    Before.of(client, understood)        the conversation it continues
    Before.said(client, understood)      what it says, including items it only names
    Before.whole(client, understood)     both, message by message
    Before.compact(ask, client, _)       OpenAI's compaction

A conversation, a response or a compaction is named by its id and found in its journal.  A compacted
conversation is kept whole: the client sends less, and the window is bounded anyway.
"""

import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import NamedTuple

from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid, Seq
from logos.abi.messages import Message, Opaque, Usage
from logos.gateway.access import Client
from logos.gateway.ask import Ask
from logos.gateway.conversations import Conversations
from logos.gateway.dialect import Json, Understood, encode, named_in, typed
from logos.gateway.faults import Refused, absent
from logos.gateway.items import usage
from logos.gateway.prefix import Said
from logos.gateway.responses import COMPACTED, REFERENCE, REFERS, joined
from logos.gateway.stored import number, place, place_of, shown
from logos.gateway.turn import Turns
from logos.kernel import Turn

MICRO = 1_000_000


class After(NamedTuple):
    """`seed` of the conversation, or the messages `before`."""

    seed: bytes | None = None
    before: tuple[Message, ...] = ()
    named: bool = False


class _Compacted(NamedTuple):
    """The last event of a process that was told all of it, and where it stood then."""

    pid: Pid
    seq: Seq
    head: bytes


class Before:
    def __init__(
        self,
        turns: Turns,
        conversations: Conversations,
        understand: Callable[[bytes], Understood],
        now: Callable[[], int],
    ) -> None:
        self._turns = turns
        self._past = turns.past
        self._conversations = conversations
        self._understand = understand
        self._now = now

    async def of(self, client: Client, understood: Understood) -> After:
        """Raise `not_found`."""
        given = understood.given
        talk, previous = named_in(given, "conversation"), named_in(given, "previous_response_id")
        if talk is not None and previous is not None:
            said = "conversation or previous_response_id, not both"
            raise Refused(said, "conversation", "mutually_exclusive_parameters")
        if talk is not None:
            return After(await self._conversations.seed(client, talk), named=True)
        if (head := self._at_hand(client.name, understood)) is not None:
            return After(head)
        return After(before=await self._earlier(client, understood))

    def _at_hand(self, client: str, understood: Understood) -> bytes | None:
        """Where a process stands that is told only what is new."""
        if compacted := understood.given.get(COMPACTED):
            pid, _, head = _compacted(compacted)
            talk = self._turns.talks.of(pid)
            stands = talk is not None and not talk.busy and talk.head == head
        elif previous := named_in(understood.given, "previous_response_id"):
            with _named_so(previous):
                pid, seq = place(previous)
            talk = self._turns.talks.of(pid)
            stands = talk is not None and talk.stands_at(seq)
        else:
            return None
        return talk.head if talk is not None and stands and talk.owner == client else None

    async def _earlier(self, client: Client, understood: Understood) -> tuple[Message, ...]:
        given = understood.given
        if (talk := named_in(given, "conversation")) is not None:
            pid = await self._conversations.process(client, talk)
            return tuple(message for _, message in await self._past.said(client.name, pid))
        if compacted := given.get(COMPACTED):
            pid, seq, _ = _compacted(compacted)
            return tuple(await self._past.upto(client.name, pid, seq))
        if (previous := named_in(given, "previous_response_id")) is not None:
            with _named_so(previous):
                return tuple(await self._past.upto(client.name, *place(previous)))
        return ()

    async def said(self, client: Client, understood: Understood) -> Said:
        """Raise `not_found`."""
        if not understood.given.get(REFERS):
            return understood.said
        found: list[Message] = []
        named: set[tuple[Pid, Seq]] = set()
        for message in understood.said.since():
            part = message.content[0] if message.content else None
            if not (isinstance(part, Opaque) and part.provider == REFERENCE):
                found.append(message)
                continue
            item = typed(part.raw, str, "input")
            if (where := place_of(item)) not in named:  # one answer may be several items
                named.add(where)
                found += await self._item(client, item)
        return Said.of(joined(found))

    async def _item(self, client: Client, item: str) -> list[Message]:
        pid, seq = place_of(item)
        said = await self._past.said(client.name, pid)
        if not (found := [message for at, message in said if at == seq]):
            raise absent("item", item)
        return found

    async def whole(self, client: Client, understood: Understood) -> tuple[Message, ...]:
        earlier = await self._earlier(client, understood)
        return (*earlier, *(await self.said(client, understood)).since())

    async def compact(self, ask: Ask, client: Client, _: str) -> None:
        understood = self._understand(await ask.body())
        instructed = named_in(understood.given, "instructions") is not None
        system = understood.options.system[1 if instructed else 0 :]  # those are given again
        messages = (*system, *await self.whole(client, understood))
        if not messages:
            raise Refused("there is nothing to compact", "input")
        pid = await self._turns.open(client, secrets.token_bytes(32), Turn(messages))
        said = await self._past.said(client.name, pid)
        talk = self._turns.talks.of(pid)
        assert talk is not None
        seq = said[-1][0]
        item = {"type": "compaction", "id": f"cmp_{pid}_{seq}"}
        item["encrypted_content"] = f"{pid}_{seq}_{talk.head.hex()}"
        users = [one for one in shown(pid, said) if one.get("role") == "user"]
        found: Json = {"id": f"resp_{pid}_{seq}", "object": "response.compaction"}
        found |= {"created_at": self._now() // MICRO, "output": [*users, item]}
        await ask.reply(200, encode(found | {"usage": usage(Usage())}))


@contextmanager
def _named_so(previous: str) -> Generator[None]:
    """Here OpenAI has words of its own for what is not there."""
    try:
        yield
    except SysError as error:
        if error.code is not Code.NOT_FOUND:
            raise
        said, param = f"there is no response {previous!r}", "previous_response_id"
        raise Refused(said, param, "previous_response_not_found") from None


def _compacted(content: str) -> _Compacted:
    """Raise `invalid`."""
    pid, _, rest = content.partition("_")
    seq, _, head = rest.partition("_")
    try:
        if number(pid) and number(seq):
            return _Compacted(Pid(int(pid)), Seq(int(seq)), bytes.fromhex(head))
    except ValueError:
        pass
    raise Refused("this compaction was not made here", "input", "invalid_encrypted_content")
