"""OpenAI's Responses that are kept: one by its id, conversations and their items.

    Stored.after(client, understood)    where a request goes on that names a response or conversation
    Stored.response, input_items        what was answered, and to what
    Stored.create, conversation, items  conversations by name

The id of a response says where it is in which journal; a conversation's is only a name that its
process carries.  Nothing here is kept anywhere else, and nobody sees another's.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid, Seq
from logos.abi.messages import Message, Role, Text, ToolResult
from logos.gateway.access import Client
from logos.gateway.ask import Ask
from logos.gateway.dialect import Answering, encode, typed
from logos.gateway.items import response
from logos.gateway.responses import ConversationRequest, messages_of
from logos.gateway.turn import Turns

MICRO = 1_000_000


class After(NamedTuple):
    """`seed` of the conversation, or the messages `before`."""

    seed: bytes | None = None
    before: Sequence[Message] = ()
    named: bool = False


class Stored:
    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._past = turns.past
        self._talks = turns.talks

    async def after(self, client: str, given: Mapping[str, Any]) -> After:
        """Raise `not_found`."""
        if (named := _text(given.get("conversation"))) is not None:
            return After(named_seed(client, named), named=True)
        if (previous := _text(given.get("previous_response_id"))) is not None:
            pid, seq = place(previous)
            talk = self._talks.of(pid)
            if talk is not None and talk.owner == client and talk.stands_at(seq):
                return After(talk.head)
            return After(before=await self._past.upto(client, pid, seq))
        return After()

    async def response(self, ask: Ask, client: Client, id_: str) -> None:
        found = await self._past.thought(client.name, *place(id_))
        answering = Answering(id=id_, model=found.options.model, created=found.at // MICRO)
        await ask.reply(200, encode(response(answering, found.thought)))

    async def input_items(self, ask: Ask, client: Client, id_: str) -> None:
        pid, seq = place(id_)
        messages = await self._past.upto(client.name, pid, seq)
        await ask.reply(200, _listed([_item(m, n) for n, m in enumerate(messages[:-1])]))

    async def create(self, ask: Ask, client: Client, _: str) -> None:
        asked = typed(await ask.body() or b"{}", ConversationRequest, "the body")
        id_ = f"conv_{secrets.token_hex(16)}"
        if items := messages_of(asked.items):
            await self._turns.open(client, named_seed(client.name, id_), items)
        await ask.reply(200, encode(_conversation(id_)))

    async def conversation(self, ask: Ask, client: Client, id_: str) -> None:
        del client
        await ask.reply(200, encode(_conversation(id_)))

    async def items(self, ask: Ask, client: Client, id_: str) -> None:
        await self._turns.remember(client)
        talk = self._talks.named(named_seed(client.name, id_))
        messages: list[Message] = []
        if talk is not None:
            messages = [message async for _, message in self._past.items(client.name, talk.pid)]
        await ask.reply(200, _listed([_item(m, n) for n, m in enumerate(messages)]))


def named_seed(client: str, conversation: str) -> bytes:
    return hashlib.sha256(f"{client}\0conversation\0{conversation}".encode()).digest()


def place(id_: str) -> tuple[Pid, Seq]:
    """Where a response is.  Raise `not_found`."""
    kind, _, rest = id_.partition("_")
    pid, _, seq = rest.partition("_")
    if kind != "resp" or not (pid.isdecimal() and seq.isdecimal()) or len(rest) > len("9" * 36):
        raise SysError(Code.NOT_FOUND, f"there is no response {id_!r}")
    return Pid(int(pid)), Seq(int(seq))


def _text(raw: msgspec.Raw | None) -> str | None:
    if raw is None or bytes(raw) == b"null":
        return None
    value: Any = typed(raw, Any, "conversation")
    if isinstance(value, dict):
        value = value.get("id")
    if not isinstance(value, str):
        raise SysError(Code.INVALID, "conversation and previous_response_id are ids")
    return value


def _conversation(id_: str) -> dict[str, Any]:
    return {"id": id_, "object": "conversation", "created_at": 0, "metadata": {}}


def _listed(items: list[dict[str, Any]]) -> bytes:
    first, last = (items[0]["id"], items[-1]["id"]) if items else (None, None)
    listed = {"object": "list", "data": items, "has_more": False}
    return encode(listed | {"first_id": first, "last_id": last})


def _item(message: Message, number: int) -> dict[str, Any]:
    """As a client would have sent it; a message with calls is shown by the first of its parts."""
    part = message.content[0] if message.content else Text(text="")
    if isinstance(part, ToolResult):
        found = {"type": "function_call_output", "call_id": part.id, "output": part.content}
        return {"id": f"item_{number}", "status": "completed"} | found
    if message.calls and not message.text:
        call = message.calls[0]
        found = {"call_id": call.id, "name": call.name, "arguments": call.arguments}
        return {"type": "function_call", "id": f"item_{number}", "status": "completed"} | found
    mine = message.role is Role.ASSISTANT
    text: dict[str, Any] = {"type": "output_text" if mine else "input_text", "text": message.text}
    if mine:
        text["annotations"] = []
    return {
        "type": "message",
        "id": f"item_{number}",
        "status": "completed",
        "role": message.role.value,
        "content": [text],
    }
