"""MCP over a program's standard streams: one message a line.

    over_stdio(sandbox, command)   -> a way to reach it, for Server
    Lines                          the wire

Requests of many callers travel at once; each waits for its own answer.

Invariant: when the program ends, every caller hears of it.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import anyio
import msgspec

from logos.abi.driver import Command, Program, Sandbox
from logos.abi.errors import Code, SysError
from logos.drivers.mcp.floor import Floor
from logos.drivers.mcp.wire import (
    ELICIT,
    METHOD_NOT_FOUND,
    Message,
    Question,
    Sent,
    Wire,
    decoded,
    encoded,
    outcome,
)

SAID = 400
"""Characters of what a program that ended is quoted with."""

_ERROR = re.compile(r"([\w.]*(Error|Exception)\b|error:)")

LONGEST = 32 << 20
"""Bytes of one message."""

Reach = Callable[[], AbstractAsyncContextManager[Wire]]


@dataclass(slots=True)
class _Waiting:
    came: anyio.Event = field(default_factory=anyio.Event)
    answer: Message | None = None


class Lines:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._numbers = count(1)
        self._waiting: dict[int, _Waiting] = {}
        self._floor = Floor()
        self.ended = False
        self.left = anyio.Event()
        self.changed = False
        self._why = ""

    async def request(self, method: str, params: Mapping[str, Any], sent: Sent) -> msgspec.Raw:
        async with self._floor.speaking(sent.asked):
            return await self._request(method, params)

    async def _request(self, method: str, params: Mapping[str, Any]) -> msgspec.Raw:
        self._check()
        id_ = next(self._numbers)
        waiting = self._waiting[id_] = _Waiting()
        try:
            await self._program.send(encoded(method, params, id_) + b"\n")
            await waiting.came.wait()
        except anyio.get_cancelled_exc_class():
            await self._give_up(method, id_)
            raise
        finally:
            del self._waiting[id_]
        if waiting.answer is None:
            raise self._gone()
        return outcome(waiting.answer)

    async def notify(self, method: str) -> None:
        self._check()
        await self._program.send(encoded(method, None) + b"\n")

    async def read(self) -> None:
        """Until the program ends."""
        try:
            await self._read()
        except SysError as error:
            self._why = error.message
        finally:
            self.ended = True
            self.left.set()
            for waiting in self._waiting.values():
                waiting.came.set()

    async def _read(self) -> None:
        kept = bytearray()
        while data := await self._program.receive():
            start = len(kept)
            kept += data
            if b"\n" not in data:
                if start + len(data) > LONGEST:
                    raise SysError(Code.LIMIT, f"sent more than {LONGEST >> 20} MiB at once")
                continue
            *lines, rest = bytes(kept).split(b"\n")
            kept = bytearray(rest)
            for line in lines:
                if line.strip():
                    await self._take(line)

    async def _take(self, line: bytes) -> None:
        try:
            message = decoded(line)
        except SysError:  # a program that chats on its standard output: many do when they start
            return
        if message.method:
            await self._asked(message)
        elif isinstance(message.id, int) and message.id in self._waiting:
            waiting = self._waiting[message.id]
            waiting.answer = message
            waiting.came.set()

    async def _asked(self, message: Message) -> None:
        """What the server wants of us: to know that we are here, or something of a person."""
        if message.method == "notifications/tools/list_changed":
            self.changed = True
        if message.id is None:
            return
        if message.method == "ping":
            await self._answer(message, result={})
        elif message.method == ELICIT:

            async def answer(said: Mapping[str, Any]) -> None:
                await self._answer(message, result=said)

            await self._floor.put(Question(message.params, answer))
        else:
            why = f"this client does not offer {message.method}"
            await self._answer(message, error={"code": METHOD_NOT_FOUND, "message": why})

    async def _answer(self, message: Message, **said: Any) -> None:
        whole = {"jsonrpc": "2.0", "id": message.id, **said}
        await self._program.send(msgspec.json.encode(whole) + b"\n")

    async def _give_up(self, method: str, id_: int) -> None:
        if self.ended or method in ("initialize", "server/discover"):
            return
        with suppress(SysError), anyio.move_on_after(1, shield=True):
            params = {"requestId": id_, "reason": "the caller was stopped"}
            await self._program.send(encoded("notifications/cancelled", params) + b"\n")

    def _check(self) -> None:
        if self.ended:
            raise self._gone()

    def _gone(self) -> SysError:
        said = self._why or telling(self._program.last_words())
        return SysError(
            Code.UNAVAILABLE,
            "the server has ended" + (f"; it said: {said}" if said else ""),
            hint="it is started again at the next call; look whether this one had an effect",
        )


def telling(words: str) -> str:
    """Of the last words of a program what names the error, without a trace; else its last lines."""
    lines = [line for line in words.strip().splitlines() if line.strip()]
    named = [at for at, line in enumerate(lines) if _ERROR.match(line)]
    if named:
        told = (line for line in lines[named[-1] :] if not line.lstrip().startswith("at "))
        return "\n".join(told)[:SAID]
    while len("\n".join(lines)) > SAID and len(lines) > 1:
        del lines[0]
    return "\n".join(lines)[:SAID]


def over_stdio(sandbox: Sandbox, command: Command) -> Reach:
    @asynccontextmanager
    async def reach() -> AsyncIterator[Wire]:
        command.workspace.mkdir(parents=True, exist_ok=True)
        async with sandbox.open(command) as program, anyio.create_task_group() as tasks:
            lines = Lines(program)
            tasks.start_soon(lines.read)
            try:
                yield lines
            finally:
                tasks.cancel_scope.cancel()

    return reach
