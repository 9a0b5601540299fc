"""Embeddings, passed through to whoever has them.

Embeddings(name, endpoint).post(body)   the provider's answer, byte for byte
"""

import msgspec

from logos.abi.errors import Code, SysError
from logos.drivers.model.endpoint import Endpoint
from logos.drivers.model.opening import PROVIDERS, Provider, dialect_of
from logos.drivers.model.wire import Wire

PLACES = 16
"""Requests at once."""


class Embeddings:
    def __init__(self, name: str, endpoint: Endpoint) -> None:
        """Raise `not_found` for a model that has none."""
        if dialect_of(name, endpoint.dialect) != "openai":
            raise SysError(Code.NOT_FOUND, f"{name!r} has no embeddings", hint="name another model")
        who, _, model = name.partition("/")
        url = endpoint.url or PROVIDERS.get(who, Provider("openai")).url
        headers = {"authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
        self._model = endpoint.model or model
        self._wire = Wire(endpoint, url.rstrip("/") + "/embeddings", headers, PLACES)

    async def post(self, body: bytes) -> bytes:
        """`body` is a JSON object; only its `model` is replaced.  Raise as a Model does."""
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        fields["model"] = msgspec.Raw(msgspec.json.encode(self._model))
        async with self._wire.post(msgspec.json.encode(fields)) as answer:
            return b"".join([piece async for piece in answer])

    async def aclose(self) -> None:
        await self._wire.aclose()
