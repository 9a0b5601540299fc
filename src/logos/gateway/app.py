"""The gateway as an ASGI application: routes, clients, errors, answers.

    App(machine)     called by the server for each request

No request is answered before its client is known.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import Any

import anyio.abc

from logos.abi.errors import Code, SysError
from logos.abi.ids import INIT
from logos.boot import Machine
from logos.gateway import faults
from logos.gateway.access import Access, Client
from logos.gateway.aired import Aired
from logos.gateway.answer import Clock, Talking
from logos.gateway.ask import Ask, Gone, Receive, Scope, Send
from logos.gateway.before import Before
from logos.gateway.chat import Chat
from logos.gateway.conversations import Conversations
from logos.gateway.description import document
from logos.gateway.dialect import Dialect, Understood, Upstream, encode
from logos.gateway.faults import NO_MODEL, Refused
from logos.gateway.messages import Messages
from logos.gateway.responses import Responses
from logos.gateway.stored import Stored
from logos.gateway.turn import Turns
from logos.gateway.vectors import Vectors

log = logging.getLogger("logos.gateway")

CHAT, MESSAGES, RESPONSES = Chat(), Messages(), Responses()

NOT_SO, UPGRADE = 405, 426

Handler = Callable[[Ask, Client, str], Awaitable[None]]
"""The last is the id in the path, or two with a slash between them."""


class App:
    def __init__(self, machine: Machine, keepalive_s: float, tasks: anyio.abc.TaskGroup) -> None:
        """`tasks` outlive a request."""
        self._models = machine.models
        self._vault = machine.vault
        self._kernel = kernel = machine.kernel
        turns = Turns(kernel)
        aired = Aired(turns, tasks, keepalive_s)
        stored, talks = Stored(kernel, turns, aired), Conversations(kernel, turns)
        self._access = Access(kernel)
        self._before = before = Before(turns, talks, self._compacting, kernel.now)
        clock = Clock(kernel.now, keepalive_s)
        self._talking = Talking(turns, before, aired, self._resolve, clock)
        self._life = secrets.token_hex(4)
        self._numbers = count(1)
        self._routes: dict[tuple[str, ...], Handler] = {
            ("POST", "chat", "completions"): self._converse(CHAT),
            ("POST", "messages"): self._converse(MESSAGES),
            ("POST", "responses"): self._converse(RESPONSES),
            ("POST", "messages", "count_tokens"): self._count(MESSAGES),
            ("POST", "responses", "input_tokens"): self._count(RESPONSES),
            ("POST", "responses", "compact"): before.compact,
            ("GET", "responses", "*"): stored.response,
            ("GET", "responses", "*", "input_items"): stored.input_items,
            ("DELETE", "responses", "*"): stored.delete,
            ("POST", "responses", "*", "cancel"): stored.cancel,
            ("POST", "conversations"): talks.create,
            ("GET", "conversations", "*"): talks.show,
            ("POST", "conversations", "*"): talks.file,
            ("DELETE", "conversations", "*"): talks.delete,
            ("GET", "conversations", "*", "items"): talks.items,
            ("POST", "conversations", "*", "items"): talks.add,
            ("GET", "conversations", "*", "items", "*"): talks.item,
            ("DELETE", "conversations", "*", "items", "*"): talks.drop,
            ("POST", "embeddings"): Vectors(kernel, machine.models).embed,
            ("GET", "models"): self._list_models,
            ("GET", "models", "*"): self._one_model,
            ("GET", "openapi.json"): _described,
            ("GET", "health"): _hello,
            ("GET", "api", "hello"): _hello,  # which Claude Code asks first
        }

    @property
    def routes(self) -> Sequence[tuple[str, ...]]:
        """Method and path; `*` is an id."""
        return list(self._routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        ask = Ask(scope, receive, send, f"req_{self._life}{next(self._numbers):08x}")
        try:
            await self._serve(ask)
        except Gone:
            return

    async def _serve(self, ask: Ask) -> None:
        """This is where an error becomes an answer."""
        try:
            await self._dispatch(ask)
        except SysError as error:
            await self._refuse(ask, error)
        except Gone:
            raise
        except Exception as error:  # why: a bug in one request must not take the others down
            if isinstance(error, ExceptionGroup) and error.split(Gone)[0]:
                raise Gone from None
            log.exception("bug in %s %s (%s)", ask.method, ask.path, ask.id)
            bug = SysError(Code.INTERNAL, f"a bug: {type(error).__name__}: {error}")
            # in no process's journal, so in that of the first
            await self._kernel.send(INIT, f"gateway: {ask.method} {ask.path} ({ask.id}): {bug}")
            ask.extra.append((b"x-logos-pid", str(INIT).encode()))
            await self._refuse(ask, bug)

    async def _refuse(self, ask: Ask, error: SysError) -> None:
        if ask.begun:
            return  # whoever began it has said so
        error.message, error.hint = map(self._vault.text, (error.message, error.hint))
        speaks = self._speaks(ask)
        body = speaks.error(error, ask.id)
        await ask.reply(speaks.status(error), body, headers=faults.headers(error))

    async def _dispatch(self, ask: Ask) -> None:
        client = await self._access.client(ask)
        if ask.headers.get("upgrade", "").lower() == "websocket":
            raise Refused("this is spoken over HTTP", status=UPGRADE)
        words = ask.path.removeprefix("/v1").strip("/").split("/")
        handler, id_ = self._route("GET" if ask.method == "HEAD" else ask.method, words)
        if handler is None:
            await self._unknown(ask, words)
            return
        await handler(ask, client, id_)

    async def _unknown(self, ask: Ask, words: list[str]) -> None:
        known = [m for m in ("GET", "POST", "DELETE") if self._route(m, words)[0] is not None]
        said = f"there is no {ask.method} {ask.path}"
        if not known:
            raise Refused(said, code=Code.NOT_FOUND, hint="see /openapi.json")
        error = Refused(said, hint=f"it takes {' and '.join(known)}")
        allow = (b"allow", ", ".join(known).encode())
        await ask.reply(NOT_SO, self._speaks(ask).error(error, ask.id), headers=[allow])

    def _speaks(self, ask: Ask) -> Dialect:
        return MESSAGES if "messages" in ask.path or "anthropic-version" in ask.headers else CHAT

    def _route(self, method: str, words: list[str]) -> tuple[Handler | None, str]:
        if (exact := self._routes.get((method, *words))) is not None:
            return exact, ""
        for pattern, handler in self._routes.items():
            if len(pattern) == len(words) + 1 and "*" in pattern and pattern[0] == method:
                pairs = list(zip(pattern[1:], words, strict=True))
                if all(one in ("*", word) for one, word in pairs):
                    return handler, "/".join(word for one, word in pairs if one == "*")
        if method == "GET" and words[0] == "models" and len(words) > 1:
            return self._one_model, "/".join(words[1:])  # names of ours have a slash
        return None, ""

    def _resolve(self, name: str) -> Upstream:
        return Upstream(*self._models.resolve(name))

    def _compacting(self, body: bytes) -> Understood:
        return RESPONSES.understand(body, self._resolve)

    def _converse(self, dialect: Dialect) -> Handler:
        async def converse(ask: Ask, client: Client, _: str) -> None:
            await self._talking.converse(ask, client, dialect)

        return converse

    def _count(self, dialect: Dialect) -> Handler:
        async def counted(ask: Ask, client: Client, _: str) -> None:
            understood = dialect.understand(await ask.body(), self._resolve)
            said = await self._before.whole(client, understood)
            tokens = await self._models.count(understood.options, said)
            found: dict[str, Any] = {"input_tokens": tokens}
            if dialect is RESPONSES:
                found = {"object": "response.input_tokens"} | found
            await ask.reply(200, encode(found))

        return counted

    async def _list_models(self, ask: Ask, client: Client, _: str) -> None:
        del client
        theirs = "anthropic-version" in ask.headers
        shown = [_shown(name, anthropic=theirs) for name in self._models.names()]
        ends = {"first_id": None, "last_id": None}
        if shown:
            ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]}
        listed = {"object": "list", "data": shown, "has_more": False}
        await ask.reply(200, encode(listed | ends if theirs else listed))

    async def _one_model(self, ask: Ask, client: Client, id_: str) -> None:
        del client
        if id_ not in self._models.names():
            said = f"there is no model {id_!r}"
            raise Refused(said, "model", NO_MODEL, code=Code.NOT_FOUND, hint="GET /v1/models")
        shown = _shown(id_, anthropic="anthropic-version" in ask.headers)
        await ask.reply(200, encode(shown))


async def _described(ask: Ask, client: Client, _: str) -> None:
    del client
    await ask.reply(200, document())


async def _hello(ask: Ask, client: Client, _: str) -> None:
    del client
    await ask.reply(200, encode({"ok": True}))


def _shown(name: str, *, anthropic: bool) -> dict[str, Any]:
    if anthropic:
        at = "1970-01-01T00:00:00Z"
        return {"type": "model", "id": name, "display_name": name, "created_at": at}
    return {"id": name, "object": "model", "created": 0, "owned_by": "logos"}
