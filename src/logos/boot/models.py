"""The models of a machine by name, and the other services of their endpoints: token counts,
embeddings, reranking."""

from collections.abc import Mapping, Sequence

import msgspec

from logos.abi.driver import Embedder, Model, Reranker
from logos.abi.errors import Code, SysError
from logos.abi.messages import Message, Options, Request
from logos.config import Config, filled, secret
from logos.drivers.model import (
    Driver,
    Embeddings,
    Endpoint,
    LocalEmbeddings,
    LocalReranking,
    Reranking,
    dialect_of,
    is_known,
    open_embedder,
    open_model,
    open_reranker,
)

VENDORS = {"claude": "anthropic", "gpt-": "openai", "o1": "openai", "o3": "openai", "o4": "openai"}
"""The vendors of models that clients name without one."""


class ModelNames:
    """Models by name, opened when first asked for and kept."""

    def __init__(
        self, config: Config, environ: Mapping[str, str], brought: Mapping[str, Model]
    ) -> None:
        self._config = config
        self._environ = environ
        self._brought = brought
        self._opened: dict[str, Driver] = {}
        self._embeddings: dict[str, Embeddings | LocalEmbeddings] = {}
        self._rerankers: dict[str, Reranking | LocalReranking] = {}

    async def open(self, name: str) -> Model:
        name = name or self._config.model
        if name in self._brought:
            return self._brought[name]
        if name not in self._opened:
            setting = self._config.models.get(name)
            endpoint = None if setting is None else self._endpoint(setting)
            self._opened[name] = open_model(name, endpoint or self._implied(name))
        return self._opened[name]

    def names(self) -> list[str]:
        """The names in the settings, and the default model."""
        return sorted({*self._config.models, *self._brought, self._config.model})

    def resolve(self, name: str) -> tuple[str, str]:
        """A client's name for a model -> its name here, and its dialect ("" if none).

        Clients use the vendor's names.  A name that is not configured is served by the model for
        unknown names (`gateway.model`), so that an agent runs unchanged on whatever there is.
        """
        aliases = self._config.gateway.models
        name = aliases.get(name, name)
        if not self._knows(name):
            who = next((who for start, who in VENDORS.items() if name.startswith(start)), "")
            hosted = f"{who}/{name}"
            known = bool(who) and f"{who.upper()}_API_KEY" in self._environ
            name = hosted if known else self._config.gateway.model or self._config.model
        if name in self._brought:
            return name, ""
        setting = self._config.models.get(name)
        return name, dialect_of(name, "" if setting is None else setting.dialect)

    def _knows(self, name: str) -> bool:
        return name in self._brought or name in self._config.models or is_known(name)

    async def count(self, options: Options, messages: Sequence[Message]) -> int:
        """The number of tokens of a request."""
        model = await self.open(options.model)
        said = (*options.system, *messages)
        return model.count(Request(model=options.model, messages=said, tools=options.tools))

    async def embed(self, name: str, body: bytes) -> bytes:
        """The provider's answer to an embeddings request."""
        return await self._embedding(name).post(body)

    async def embedder(self, name: str) -> Embedder:
        """The embedder memory searches with.  Raise `not_found` for a model without embeddings."""
        return self._embedding(name)

    async def reranker(self, name: str) -> Reranker:
        """The reranker of memory's candidate pages.  Raise `not_found` for a model that cannot
        rerank."""
        if name not in self._rerankers:
            setting = self._config.models.get(name)
            endpoint = self._implied(name) if setting is None else self._endpoint(setting)
            self._rerankers[name] = open_reranker(name, endpoint)
        return self._rerankers[name]

    def _embedding(self, name: str) -> Embeddings | LocalEmbeddings:
        if name not in self._embeddings:
            if name in self._brought:
                raise SysError(Code.NOT_FOUND, f"{name!r} has no embeddings")
            setting = self._config.models.get(name)
            endpoint = self._implied(name) if setting is None else self._endpoint(setting)
            self._embeddings[name] = open_embedder(name, endpoint)
        return self._embeddings[name]

    def _endpoint(self, setting: object) -> Endpoint:
        values = msgspec.structs.asdict(setting)  # type: ignore[arg-type]
        key = secret(values["key"], self._environ)
        headers = {n: filled(v, self._environ) for n, v in values["headers"].items()}
        return Endpoint(**values | {"key": key, "headers": headers})

    def _implied(self, name: str) -> Endpoint:
        """A hosted model without settings uses the conventional environment variable for its
        key."""
        who = name.partition("/")[0]
        url = self._environ.get(f"{who.upper()}_BASE_URL", "")
        return Endpoint(key=self._environ.get(f"{who.upper()}_API_KEY", ""), url=url)

    async def close(self) -> None:
        for model in self._opened.values():
            await model.aclose()
        for embeddings in self._embeddings.values():
            await embeddings.aclose()
        for reranker in self._rerankers.values():
            await reranker.aclose()
