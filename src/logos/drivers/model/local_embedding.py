"""Vectors by a GGUF file on this machine, in this process (`xllamacpp`).

    LocalEmbeddings(name, path, endpoint)   satisfies Embedder; `post` as Embeddings does
    open_embedder(name, endpoint)           by the name of a model: this, or Embeddings

The file is loaded when the first vector is wanted, and works in threads of ours.  Texts go to the engine a few
at a time: a question that somebody waits for does not stand in line behind a batch of pages.  Whoever
stops waiting leaves a thread to end by itself; `aclose` waits for it.

Invariant: another file under the same path has another name, so vectors of two models never meet.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import msgspec

from logos.abi.driver import Embedded
from logos.abi.errors import Code, SysError
from logos.drivers.model.embedding import Embeddings, answered
from logos.drivers.model.endpoint import Endpoint
from logos.drivers.model.engine import loaded, there

WINDOW = 2048
"""Tokens of a text where the operator does not say."""

SLOTS = 2
"""Requests at once where the operator does not say."""

GROUP = 4
"""Texts the engine is given at a time."""

HEAD = 1 << 20
"""Bytes of a file by which it is told from others: what a GGUF says of itself stands at its beginning."""

_TOO_LONG = "too large to process"

T = TypeVar("T")


class LocalEmbeddings:
    def __init__(self, name: str, path: Path, endpoint: Endpoint) -> None:
        """Raise `not_found` where there is no file."""
        there(path)
        self.name = f"{name}:{_print(path)}"
        self.dimension = 0
        self._path = path
        self._window = endpoint.window or WINDOW
        self._slots = endpoint.concurrency or SLOTS
        self._engine: Any = None
        self._loading = anyio.Lock()
        self._threads = ThreadPoolExecutor(
            self._slots, thread_name_prefix=f"logos vectors {path.stem}"
        )

    async def post(self, body: bytes) -> bytes:
        """`body` is a JSON object, as for Embeddings.  Raise as a Model does."""
        fields = msgspec.json.decode(body, type=dict[str, Any])
        return await self._asked(fields | {"model": self._path.name})

    async def embed(self, texts: Sequence[str]) -> Embedded:
        found: list[tuple[float, ...]] = []
        tokens = 0
        for at in range(0, len(texts), GROUP):
            group = list(texts[at : at + GROUP])
            said = await self._asked({"input": group, "encoding_format": "float"})
            made = answered(said, len(group))
            found += made.vectors
            tokens += made.tokens
        self.dimension = len(found[0]) if found else self.dimension
        return Embedded(tuple(found), tokens)

    async def _asked(self, fields: dict[str, Any]) -> bytes:
        await self._loaded()
        try:
            said = await self._aside(partial(self._engine.handle_embeddings, fields))
        except (ValueError, TypeError) as error:
            raise SysError(Code.INVALID, f"the local engine cannot read it: {error}") from error
        except RuntimeError as error:
            raise SysError(Code.MODEL, f"the local engine failed: {error}") from error
        if isinstance(said, dict) and "error" in said:
            raise self._refused(str(said["error"].get("message", said["error"])))
        return msgspec.json.encode(said)

    def _refused(self, message: str) -> SysError:
        if _TOO_LONG in message:
            hint = "cut it up, or set the window of this model"
            return SysError(Code.CONTEXT, f"{self._path.name}: {message}", hint=hint)
        hint = "is it a model for embeddings?"
        return SysError(Code.MODEL, f"{self._path.name} gives no vectors: {message}", hint=hint)

    async def _loaded(self) -> None:
        """A file that cannot be loaded is no fault of the text: raise `unavailable`."""
        async with self._loading:
            if self._engine is not None:
                return
            load = partial(
                loaded,
                self._path,
                slots=self._slots,
                window=self._window,
                key=secrets.token_hex(16),
                embedding=True,
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


def open_embedder(name: str, endpoint: Endpoint) -> Embeddings | LocalEmbeddings:
    """Raise `not_found` for a model that has no embeddings, and for a file that is not there."""
    who, _, model = name.partition("/")
    if who != "local":
        return Embeddings(name, endpoint)
    return LocalEmbeddings(name, Path(endpoint.model or model), endpoint)


def _print(path: Path) -> str:
    with path.open("rb") as file:
        found = hashlib.sha256(file.read(HEAD))
    found.update(str(path.stat().st_size).encode())
    return f"{path.name}-{found.hexdigest()[:8]}"
