"""Stored responses of OpenAI's API: one by its id, and what was said before it.

    Stored.response, input_items           the answer, also as a stream, and its input
    Stored.delete, cancel
    shown, listed, place_of                messages as items, page by page, and where one is

The id of a response or an item says where in which journal it is.  Nothing is kept anywhere else,
and no client sees another's.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import parse_qs

import anyio

from logos.abi.errors import Code, SysError
from logos.abi.events import Exited, Interrupted
from logos.abi.ids import Pid, Seq
from logos.abi.messages import AnyPart, Image, Message, Opaque, Options, Role, Text, ToolResult
from logos.abi.process import Signal
from logos.gateway.access import Client
from logos.gateway.aired import Aired, retold
from logos.gateway.ask import NO_CACHE, SSE, Ask
from logos.gateway.dialect import Answering, Json, encode, sources
from logos.gateway.faults import Refused, absent
from logos.gateway.items import (
    annotation,
    called,
    refusal_part,
    response,
    text_part,
    unanswered,
    worded,
)
from logos.gateway.past import Answered, Open
from logos.gateway.turn import Turns
from logos.kernel import Kernel

MICRO = 1_000_000

MOST_ITEMS = 100
ITEMS = 20
"""Of a list, when nobody says how many."""

CANCELLED = "its client cancelled the response"

PATIENCE_S = 10.0
"""How long the end of what is cancelled is waited for, and how often it is looked for."""
LOOK_S = 0.05

LONGEST = 18
"""Digits of a number in an id."""


class Stored:
    def __init__(self, kernel: Kernel, turns: Turns, aired: Aired) -> None:
        self._kernel = kernel
        self._past = turns.past
        self._talks = turns.talks
        self._aired = aired

    async def response(self, ask: Ask, client: Client, id_: str) -> None:
        asked = queried(ask.query)
        if asked.get("stream") == "true":
            await self._streamed(ask, client, id_, asked.get("starting_after"))
            return
        await ask.reply(200, encode(await self._shown(client, id_)))

    async def _streamed(self, ask: Ask, client: Client, id_: str, after: str | None) -> None:
        """Again, or what he has not heard of it.  Raise `invalid` for what nobody recorded."""
        if after is not None and not number(after):
            raise Refused("starting_after is the number of an event", "starting_after")
        found = await self._past.answer(client.name, *place(id_))  # it may be forgotten
        if (recording := self._aired.find(client.name, id_)) is not None:
            await recording.tell(ask, -1 if after is None else int(after))
            return
        if not isinstance(found, Answered):
            raise Refused("this response is not streamed", "stream", hint="get it without")
        answering = _answering(id_, found)
        await ask.begin(200, SSE, [NO_CACHE])
        said = retold(answering, found.thought, None if after is None else int(after))
        await ask.send(said, more=False)

    async def _shown(self, client: Client, id_: str) -> Json:
        found = await self._past.answer(client.name, *place(id_))
        answering = _answering(id_, found)
        if isinstance(found, Answered):
            return response(answering, found.thought)
        return unanswered(answering, *_ended(found.broken))

    async def input_items(self, ask: Ask, client: Client, id_: str) -> None:
        pid, seq = place(id_)
        said = await self._past.said(client.name, pid)
        await self._past.upto(client.name, pid, seq)  # it is there
        end = next(n for n, (began, _) in enumerate(said) if began == seq)
        await ask.reply(200, listed(shown(pid, said[:end]), ask.query))

    async def delete(self, ask: Ask, client: Client, id_: str) -> None:
        """What was answered is forgotten, with every copy of it in its journal."""
        pid, seq = place(id_)
        found = await self._past.thought(client.name, pid, seq)
        await self._kernel.forget(pid, [found.page], reason="a client deleted the response")
        if (talk := self._talks.of(pid)) is not None and talk.stands_at(seq):
            self._talks.drop(talk)
        await ask.reply(200, encode({"id": id_, "object": "response", "deleted": True}))

    async def cancel(self, ask: Ask, client: Client, id_: str) -> None:
        pid, seq = place(id_)
        found = await self._past.answer(client.name, pid, seq)
        if isinstance(found, Answered):
            raise Refused("this response is complete: it cannot be cancelled")
        if found.broken is None:
            await self._kernel.signal(pid, Signal.INT, CANCELLED)
            with anyio.move_on_after(PATIENCE_S):
                while isinstance(found, Open) and found.broken is None:
                    await anyio.sleep(LOOK_S)
                    found = await self._past.answer(client.name, pid, seq)
        await ask.reply(200, encode(await self._shown(client, id_)))


def _answering(id_: str, found: Answered | Open) -> Answering:
    options = found.options
    at = found.at // MICRO
    return Answering(id=id_, model=options.model, created=at, given=_given(options))


def _ended(broken: Interrupted | Exited | None) -> tuple[str, SysError | None]:
    match broken:
        case None:
            return "in_progress", None
        case Interrupted(code=Code.CANCELLED):
            return "cancelled", None
        case Interrupted():
            return "failed", SysError(broken.code, broken.message)
        case _:
            return "failed", SysError(broken.code or Code.STATE, broken.answer)


def place(id_: str) -> tuple[Pid, Seq]:
    """Where a response is.  Raise `not_found`."""
    kind, _, rest = id_.partition("_")
    pid, _, seq = rest.partition("_")
    if kind != "resp" or not (number(pid) and number(seq)):
        raise absent("response", id_)
    return Pid(int(pid)), Seq(int(seq))


def place_of(item: str) -> tuple[Pid, Seq]:
    """Where an item is.  Raise `not_found`."""
    words = item.split("_")
    if len(words) not in (3, 4) or not all(map(number, words[1:])):
        raise absent("item", item)
    return Pid(int(words[1])), Seq(int(words[2]))


def number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= LONGEST


def _given(options: Options) -> Json:
    tools = [
        {"type": "function", "name": t.name, "description": t.description, "parameters": t.schema}
        for t in options.tools
    ]
    found: Json = {
        "instructions": "\n\n".join(message.text for message in options.system) or None,
        "max_output_tokens": options.max_output,
        "temperature": options.temperature,
        "tools": tools,
    }
    return {name: value for name, value in found.items() if value is not None}


# -- items -------------------------------------------------------------------------------


def queried(query: bytes) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(query.decode("latin-1")).items()}


def listed(items: Sequence[Json], query: bytes) -> bytes:
    """One page: the newest first unless it is asked otherwise, as OpenAI has it.  Raise
    `invalid`."""
    asked = queried(query)
    order, limit = asked.get("order", "desc"), asked.get("limit", str(ITEMS))
    if order not in ("asc", "desc"):
        raise Refused("order is asc or desc", "order", "invalid_value")
    if not number(limit) or not 1 <= int(limit) <= MOST_ITEMS:
        raise Refused(f"limit is a number from 1 to {MOST_ITEMS}", "limit", "invalid_value")
    found = list(items) if order == "asc" else list(reversed(items))
    if after := asked.get("after"):
        ids = [item["id"] for item in found]
        if after not in ids:
            raise Refused(f"after: there is no item {after!r}", "after", "invalid_value")
        found = found[ids.index(after) + 1 :]
    page, rest = found[: int(limit)], found[int(limit) :]
    first, last = (page[0]["id"], page[-1]["id"]) if page else (None, None)
    told = {"object": "list", "data": page, "first_id": first, "last_id": last}
    return encode(told | {"has_more": bool(rest)})


def shown(pid: Pid, said: Iterable[tuple[Seq, Message]]) -> list[Json]:
    """Messages as a client sent or got them, the oldest first."""
    return [item for seq, message in said for item in _items(f"{pid}_{seq}", message)]


def _items(place: str, message: Message) -> list[Json]:
    if message.role is Role.ASSISTANT:
        return _answer(place, message)
    found: list[Json] = []
    rest: list[Json] = []
    for part in message.content:
        if isinstance(part, ToolResult):
            item = {"type": "function_call_output", "id": f"fco_{place}_{len(found)}"}
            answer = {"status": "completed", "call_id": part.id, "output": part.content}
            found.append(item | answer)
        elif (piece := _piece(part)) is not None:
            rest.append(piece)
    if rest or not found:
        item = {"type": "message", "id": f"msg_{place}", "status": "completed"}
        found.append(item | {"role": _role(message), "content": rest})
    return found


def _role(message: Message) -> str:
    return "user" if message.role is Role.TOOL else message.role.value


def _answer(place: str, message: Message) -> list[Json]:
    texts = [part for part in message.content if isinstance(part, Text)]
    notes = [annotation(raw) for raw in sources(message, "openai")]
    parts = [refusal_part(t.text) if t.refusal else text_part(t.text, notes) for t in texts]
    found = [worded(f"msg_{place}", parts)] if parts or not message.calls else []
    plain = Answering(id="", model="", created=0)
    return found + [called(plain, c, f"fc_{place}_{n}") for n, c in enumerate(message.calls)]


def _piece(part: AnyPart) -> Any:
    match part:
        case Text():
            return {"type": "input_text", "text": part.text}
        case Image():
            url = part.url or f"data:{part.media_type};base64,{part.data}"
            return {"type": "input_image", "image_url": url, "detail": "auto"}
        case Opaque(provider="openai"):
            return part.raw
        case _:
            return None
