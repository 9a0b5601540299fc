"""Embeddings from a provider.

Embeddings(name, endpoint).post(body)   the provider's answer, byte for byte
Embeddings.embed(texts)                 the vectors of these texts, checked
answered(said, wanted)                  an answer as vectors
"""

import math
from collections.abc import Sequence

import msgspec

from logos.abi.driver import Embedded
from logos.abi.errors import Code, SysError
from logos.drivers.model.endpoint import Endpoint
from logos.drivers.model.opening import PROVIDERS, Provider, dialect_of
from logos.drivers.model.wire import Wire

PLACES = 16
"""Requests at once."""


class _Row(msgspec.Struct):
    embedding: tuple[float, ...]
    index: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0


class _Answer(msgspec.Struct):
    data: list[_Row]
    usage: _Usage | None = None


class Embeddings:
    def __init__(self, name: str, endpoint: Endpoint) -> None:
        """Raise `not_found` for a model that has none."""
        if dialect_of(name, endpoint.dialect) != "openai":
            raise SysError(Code.NOT_FOUND, f"{name!r} has no embeddings", hint="name another model")
        who, _, model = name.partition("/")
        url = endpoint.url or PROVIDERS.get(who, Provider("openai")).url
        headers = {"authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
        self._model = endpoint.model or model or name
        self.name = f"{name}:{self._model}"
        self.dimension = 0
        self._wire = Wire(endpoint, url.rstrip("/") + "/embeddings", headers, PLACES)

    async def post(self, body: bytes) -> bytes:
        """`body` is a JSON object; only its `model` is replaced.  Raise as a Model does."""
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        fields["model"] = msgspec.Raw(msgspec.json.encode(self._model))
        async with self._wire.post(msgspec.json.encode(fields)) as answer:
            return b"".join([piece async for piece in answer])

    async def embed(self, texts: Sequence[str]) -> Embedded:
        body = {"model": self._model, "input": list(texts), "encoding_format": "float"}
        said = await self.post(msgspec.json.encode(body))
        made = answered(said, len(texts))
        self.dimension = len(made.vectors[0]) if made.vectors else self.dimension
        return made

    async def aclose(self) -> None:
        await self._wire.aclose()


def answered(said: bytes, wanted: int) -> Embedded:
    """An answer of this dialect, checked.  Raise `model`."""
    try:
        answer = msgspec.json.decode(said, type=_Answer)
    except msgspec.DecodeError as error:
        raise SysError(Code.MODEL, f"no embeddings came: {error}") from error
    return Embedded(_in_order(answer.data, wanted), _tokens(answer))


def _tokens(answer: _Answer) -> int:
    return answer.usage.prompt_tokens if answer.usage else 0


def _in_order(rows: Sequence[_Row], wanted: int) -> tuple[tuple[float, ...], ...]:
    """Raise `model` unless each text has one vector, all of one length, that points somewhere."""
    by_place = {n if row.index is None else row.index: row.embedding for n, row in enumerate(rows)}
    if len(rows) != wanted or sorted(by_place) != list(range(wanted)):
        raise SysError(Code.MODEL, f"{len(by_place)} vectors came for {wanted} texts")
    found = tuple(by_place[n] for n in range(wanted))
    if len({len(vector) for vector in found}) > 1:
        raise SysError(Code.MODEL, "the vectors of one answer differ in length")
    if not all(math.isfinite(sum(v)) and any(v) for v in found):
        raise SysError(Code.MODEL, "a vector came that points nowhere")
    return found
