"""Vectors by a GGUF file on this machine, in this process (`xllamacpp`).

    LocalEmbeddings(name, path, endpoint)   satisfies Embedder; `post` as Embeddings does
    open_embedder(name, endpoint)           by the name of a model: this, or Embeddings

Texts go to the engine a few at a time: a question that somebody waits for does not stand in line behind a
batch of pages.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from logos.abi.driver import Embedded
from logos.drivers.model.aside import Aside
from logos.drivers.model.embedding import Embeddings, answered
from logos.drivers.model.endpoint import Endpoint
from logos.drivers.model.engine import Mode

GROUP = 4
"""Texts the engine is given at a time."""


class LocalEmbeddings:
    def __init__(self, name: str, path: Path, endpoint: Endpoint) -> None:
        """Raise `not_found` where there is no file."""
        self._engine = Aside(name, path, endpoint, Mode.EMBED)
        self.name = self._engine.name
        self.dimension = 0

    async def post(self, body: bytes) -> bytes:
        """`body` is a JSON object, as for Embeddings.  Raise as a Model does."""
        fields = msgspec.json.decode(body, type=dict[str, Any])
        return await self._asked(fields | {"model": self._engine.path.name})

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
        return msgspec.json.encode(await self._engine.ask("handle_embeddings", fields))

    async def aclose(self) -> None:
        await self._engine.aclose()


def open_embedder(name: str, endpoint: Endpoint) -> Embeddings | LocalEmbeddings:
    """Raise `not_found` for a model that has no embeddings, and for a file that is not there."""
    who, _, model = name.partition("/")
    if who != "local":
        return Embeddings(name, endpoint)
    return LocalEmbeddings(name, Path(endpoint.model or model), endpoint)
