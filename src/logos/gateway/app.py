"""The gateway as an ASGI application: routes, who asks, errors, answers.

    App(machine)     what a server calls for each request

A client hears of an error by its status until the first word of an answer was said, and inside
the stream afterwards.  The first word is not waited for longer than a proxy would: then a comment
goes out, and again every few seconds, until there is something to say.
"""

import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from itertools import count

import anyio

from logos.abi.errors import Code, SysError
from logos.abi.events import Thought
from logos.boot import Machine
from logos.gateway import faults
from logos.gateway.access import Access
from logos.gateway.ask import SSE, Ask, Gone, Receive, Scope, Send
from logos.gateway.chat import Chat
from logos.gateway.dialect import Answering, Dialect, Understood, Upstream, Voice, encode
from logos.gateway.messages import Messages
from logos.gateway.turn import Client, Exchange, Turns, Wanted

log = logging.getLogger("logos.gateway")

WAITING = b": waiting\n\n"
"""A comment: keeps proxies and clients from giving up, and means nothing."""

MICRO = 1_000_000

SESSIONS = ("x-logos-process", "x-claude-code-session-id", "session-id", "thread-id")
"""Headers that keep one client's conversations apart."""

CHAT, MESSAGES = Chat(), Messages()

Handler = Callable[[Ask, Client], Awaitable[None]]


class App:
    def __init__(self, machine: Machine, keepalive_s: float) -> None:
        self._machine = machine
        self._keepalive_s = keepalive_s
        self._turns = Turns(machine.kernel)
        self._access = Access(machine.kernel)
        self._life = secrets.token_hex(4)
        self._numbers = count(1)
        self._routes: dict[tuple[str, str], Handler] = {
            ("POST", "/chat/completions"): self._chat,
            ("POST", "/messages"): self._messages,
            ("POST", "/messages/count_tokens"): self._count,
            ("GET", "/models"): self._models,
            ("GET", "/health"): self._hello,
            ("GET", "/api/hello"): self._hello,  # which Claude Code asks first
        }

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
            await self._refuse(ask, bug)

    async def _refuse(self, ask: Ask, error: SysError) -> None:
        if ask.begun:
            return  # whoever began it has said so
        speaks = MESSAGES if "messages" in ask.path or "anthropic-version" in ask.headers else CHAT
        body = speaks.error(error, ask.id)
        await ask.reply(faults.status(error), body, headers=faults.headers(error))

    async def _dispatch(self, ask: Ask) -> None:
        path = ask.path.removeprefix("/v1").rstrip("/") or "/"
        method = "GET" if ask.method == "HEAD" else ask.method
        handler = self._routes.get((method, path))
        if handler is None:
            known = sorted({m for m, p in self._routes if p == path})
            hint = f"it takes {' and '.join(known)}" if known else "see README.md, the gateway"
            raise SysError(Code.NOT_FOUND, f"there is no {ask.method} {ask.path}", hint=hint)
        client = await self._access.client(ask)
        await handler(ask, client)

    # -- what is answered at once ------------------------------------------------------------

    async def _hello(self, ask: Ask, client: Client) -> None:
        del client
        await ask.reply(200, encode({"ok": True}))

    async def _models(self, ask: Ask, client: Client) -> None:
        del client
        names = self._machine.models.names()
        data = [{"id": n, "object": "model", "created": 0, "owned_by": "logos"} for n in names]
        listed = {"object": "list", "data": data, "has_more": False}
        if "anthropic-version" in ask.headers:
            at = "1970-01-01T00:00:00Z"
            data = [{"type": "model", "id": n, "display_name": n, "created_at": at} for n in names]
            first, last = (names[0], names[-1]) if names else (None, None)
            listed = {"data": data, "has_more": False, "first_id": first, "last_id": last}
        await ask.reply(200, encode(listed))

    async def _count(self, ask: Ask, client: Client) -> None:
        del client
        understood = MESSAGES.understand(await ask.body(), self._resolve)
        tokens = await self._machine.models.count(understood.options, understood.messages)
        await ask.reply(200, encode({"input_tokens": tokens}))

    # -- what is thought about ---------------------------------------------------------------

    async def _chat(self, ask: Ask, client: Client) -> None:
        await self._converse(ask, client, CHAT)

    async def _messages(self, ask: Ask, client: Client) -> None:
        await self._converse(ask, client, MESSAGES)

    def _resolve(self, name: str) -> Upstream:
        return Upstream(*self._machine.models.resolve(name))

    async def _converse(self, ask: Ask, client: Client, dialect: Dialect) -> None:
        understood = dialect.understand(await ask.body(), self._resolve)
        wanted = Wanted(
            understood.messages,
            understood.options,
            _seed(ask, client),
            again=ask.headers.get("x-stainless-retry-count", "0") != "0",
        )
        async with self._turns.begin(client, wanted) as exchange:
            ask.extra.append((b"x-logos-pid", str(exchange.pid).encode()))
            answer = _Answer(ask, dialect, understood, exchange, self._keepalive_s)
            answer.created = self._machine.kernel.now() // MICRO
            failure: SysError | None = None
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_until_left, ask, tasks.cancel_scope)
                try:
                    await answer.give()
                except SysError as error:
                    failure = error
                tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure


async def _until_left(ask: Ask, scope: anyio.CancelScope) -> None:
    await ask.left()
    scope.cancel()


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
        if self._understood.stream:
            await self._streamed()
        else:
            await self._whole()

    async def _whole(self) -> None:
        async for item in self._exchange.items(self._every):
            if isinstance(item, Thought):
                await self._ask.reply(200, self._dialect.whole(self._answering(), item))

    def _answering(self) -> Answering:
        exchange = self._exchange
        return Answering(
            id=self._dialect.answer_id(exchange.pid, exchange.began),
            model=self._understood.model,
            created=self.created,
            given=self._understood.given,
        )

    async def _streamed(self) -> None:
        voice: Voice | None = None
        said: list[bytes] = []
        try:
            async for item in self._exchange.items(self._every):
                if item is None:
                    await self._pass_on([WAITING])
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
