"""A GGUF file that answers whole requests, in this process and beside the event loop.

    Aside(name, path, endpoint, mode)   `ask(method, fields)`, `aclose`

The file is loaded when the first answer is wanted, and works in threads of ours.  Whoever stops
waiting leaves a thread to end by itself; `aclose` waits for it.

Invariant: another file under the same path has another name, so what two models say never meets.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from logos.abi.errors import Code, SysError
from logos.drivers.model.endpoint import Endpoint
from logos.drivers.model.engine import Mode, loaded, there

WINDOW = 2048
"""Tokens of a text where the operator does not say."""

SLOTS = 2
"""Requests at once where the operator does not say."""

HEAD = 1 << 20
"""Bytes of a file by which it is told from others: what a GGUF says of itself stands at its beginning."""

WANTED = {
    Mode.EMBED: ("gives no vectors", "is it a model for embeddings?"),
    Mode.RERANK: ("judges nothing", "is it a model for reranking?"),
}

_TOO_LONG = ("too large to process", "exceeds the available context")

T = TypeVar("T")


class Aside:
    def __init__(self, name: str, path: Path, endpoint: Endpoint, mode: Mode) -> None:
        """Raise `not_found` where there is no file."""
        there(path)
        self.name = f"{name}:{_print(path)}"
        self.path = path
        self._mode = mode
        self._window = endpoint.window or WINDOW
        self._slots = endpoint.concurrency or SLOTS
        self._engine: Any = None
        self._loading = anyio.Lock()
        self._threads = ThreadPoolExecutor(
            self._slots, thread_name_prefix=f"logos {mode} {path.stem}"
        )

    async def ask(self, method: str, fields: dict[str, Any]) -> Any:
        """Raise `invalid`, `context`, `model`, `unavailable`."""
        await self._loaded()
        try:
            said = await self._aside(partial(getattr(self._engine, method), fields))
        except (ValueError, TypeError) as error:
            raise SysError(Code.INVALID, f"the local engine cannot read it: {error}") from error
        except RuntimeError as error:
            raise SysError(Code.MODEL, f"the local engine failed: {error}") from error
        if isinstance(said, dict) and "error" in said:
            raise self._refused(str(said["error"].get("message", said["error"])))
        return said

    def _refused(self, message: str) -> SysError:
        if any(one in message for one in _TOO_LONG):
            hint = "cut it up, or set the window of this model"
            return SysError(Code.CONTEXT, f"{self.path.name}: {message}", hint=hint)
        does_not, hint = WANTED[self._mode]
        return SysError(Code.MODEL, f"{self.path.name} {does_not}: {message}", hint=hint)

    async def _loaded(self) -> None:
        """A file that cannot be loaded is no fault of the text: raise `unavailable`."""
        async with self._loading:
            if self._engine is not None:
                return
            load = partial(
                loaded,
                self.path,
                slots=self._slots,
                window=self._window,
                key=secrets.token_hex(16),
                mode=self._mode,
            )
            try:
                self._engine = await self._aside(load)
            except SysError as error:
                raise SysError(Code.UNAVAILABLE, error.message, hint=error.hint) from error

    async def _aside(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def aclose(self) -> None:
        """Unload the model, when nobody works with it any more."""
        await anyio.to_thread.run_sync(self._unload)

    def _unload(self) -> None:
        self._threads.shutdown(wait=True)
        self._engine = None


def _print(path: Path) -> str:
    with path.open("rb") as file:
        found = hashlib.sha256(file.read(HEAD))
    found.update(str(path.stat().st_size).encode())
    return f"{path.name}-{found.hexdigest()[:8]}"
