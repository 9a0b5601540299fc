"""A GGUF file on this machine, run by llama.cpp inside this process (`xllamacpp`).

    Local       the driver

The engine calls back from threads of its own; a thought therefore runs in a thread of
ours and its chunks come over one queue.  Cancelled, it stops at the next token or, while
it reads the prompt, at the next batch, and the generator does not end before it has.
The engine also opens an HTTP port on loopback that cannot be turned off: it gets a random
key, and serves us to count tokens, exactly.
"""

import asyncio
import http.client
import secrets
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec

from logos.abi.driver import Price, Profile
from logos.abi.errors import Code, SysError
from logos.abi.messages import AnyDelta, Finish, Finished, Request, Usage
from logos.drivers.model.endpoint import Endpoint
from logos.drivers.model.engine import loaded, there
from logos.drivers.model.faults import broken
from logos.drivers.model.hosted import Trouble
from logos.drivers.model.openai import Chat, ChatAnswer
from logos.drivers.model.prices import priced

WINDOW = 8_192
"""Tokens of one slot where the operator does not say.  Memory grows with it."""

SLOTS = 2
"""Thoughts at once where the operator does not say.  Each has a window of its own."""

COUNT_S = 30.0
"""How long counting tokens may take, in seconds."""

_OK = 200


class Local:
    """Satisfies Model.  Loads the file when made, which takes from 20 ms to many seconds."""

    def __init__(self, name: str, path: Path, endpoint: Endpoint) -> None:
        there(path)
        slots = endpoint.concurrency or SLOTS
        window = endpoint.window or WINDOW
        self._profile = Profile(
            name=name,
            window=window,
            max_output=endpoint.max_output or min(Profile(name=name).max_output, window),
            concurrency=slots,
            price=endpoint.price or Price(),
            exact_count=True,
        )
        self._key = secrets.token_hex(16)
        self._chat = Chat(msgspec.structs.replace(endpoint, model=path.name))
        self._server: Any = loaded(path, slots=slots, window=window, key=self._key)
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix=f"logos {path.stem}")

    @property
    def profile(self) -> Profile:
        return self._profile

    def count(self, request: Request) -> int:
        """Exact: the engine renders the request as it would for a thought, and counts."""
        body = self._chat.body(request, stream=False)
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
        address = self._server.listening_address.removeprefix("http://")
        line = http.client.HTTPConnection(address, timeout=COUNT_S)
        try:
            line.request("POST", "/v1/chat/completions/input_tokens", body, headers)
            answer = line.getresponse()
            said = answer.read()
        except OSError as error:
            raise SysError(Code.UNAVAILABLE, f"the local engine does not count: {error}") from error
        finally:
            line.close()
        if answer.status != _OK:
            raise broken(said, self._key)
        return int(msgspec.json.decode(said)["input_tokens"])

    async def think(self, request: Request) -> AsyncGenerator[AnyDelta, None]:
        """Stream one thought.  See Model."""
        fields = self._chat.fields(request, stream=True) | {"return_progress": True}
        body = msgspec.json.decode(msgspec.json.encode(fields))
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[Any] = asyncio.Queue()
        stop = threading.Event()

        def heard(chunk: Any) -> bool:
            loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            return stop.is_set()

        answer = self._chat.assembly()
        run = partial(self._server.handle_chat_completions, body, heard)
        work = loop.run_in_executor(self._threads, run)
        work.add_done_callback(lambda _: chunks.put_nowait(None))
        try:
            while (chunk := await chunks.get()) is not None:
                self._feed(answer, chunk)
                for delta in answer.take():
                    yield delta
            _check(work.exception())
        finally:
            stop.set()
            with anyio.CancelScope(shield=True):  # the engine reads our memory until it has stopped
                await asyncio.wait([work])
        if answer.reason is None:
            raise SysError(Code.MODEL, "the local engine stopped before the answer's end")
        for delta in answer.last():
            yield delta
        yield self._finished(answer.reason, answer.usage)

    def _feed(self, answer: ChatAnswer, chunk: Any) -> None:
        try:
            answer.feed(msgspec.json.encode(chunk))
        except Trouble as trouble:
            raise broken(trouble.raw, self._key) from None
        except msgspec.DecodeError as error:
            raise SysError(Code.MODEL, f"the local engine says nonsense: {error}") from None

    def _finished(self, reason: Finish, usage: Usage | None) -> Finished:
        return Finished(reason=reason, usage=priced(usage or Usage(), self._profile.price))

    async def aclose(self) -> None:
        """Unload the model.  Waits for thoughts that are ending."""
        await anyio.to_thread.run_sync(self._unload)

    def _unload(self) -> None:
        self._threads.shutdown(wait=True)
        self._server = None


def _check(error: BaseException | None) -> None:
    """What the engine raises: ValueError and TypeError for a request it cannot read."""
    if error is None:
        return
    code = Code.INVALID if isinstance(error, ValueError | TypeError) else Code.MODEL
    raise SysError(code, f"the local engine failed: {error}") from error
