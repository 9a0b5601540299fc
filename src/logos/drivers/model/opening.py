"""From a name to a model.

    open_model      `openai/gpt-5`, `ollama/qwen3`, `local/model.gguf`, ... -> Driver
    PROVIDERS       who is known, and where they are
    is_known        whether a name says who
    dialect_of      the dialect a model speaks; a model inside this process none

The part of a name before the first slash says who; the rest is the name they know.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from logos.abi.errors import Code, SysError
from logos.drivers.model.anthropic import Messages
from logos.drivers.model.driver import Driver
from logos.drivers.model.endpoint import Endpoint
from logos.drivers.model.hosted import Dialect, Hosted
from logos.drivers.model.local import Local
from logos.drivers.model.openai import Chat
from logos.drivers.model.prices import find
from logos.drivers.model.reader import Reader
from logos.drivers.model.retry import Patience, Retry
from logos.drivers.model.scripted import Scripted

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Provider:
    """`url` is used when the endpoint has none; `paid` ones ought to have a price."""

    dialect: str
    url: str = ""
    paid: bool = False


PROVIDERS: dict[str, Provider] = {
    "anthropic": Provider("anthropic", "https://api.anthropic.com", paid=True),
    "llamacpp": Provider("openai", "http://127.0.0.1:8080/v1"),
    "ollama": Provider("openai", "http://127.0.0.1:11434/v1"),
    "openai": Provider("openai", "https://api.openai.com/v1", paid=True),
    "openrouter": Provider("openai", "https://openrouter.ai/api/v1", paid=True),
    "sglang": Provider("openai", "http://127.0.0.1:30000/v1"),
    "vllm": Provider("openai", "http://127.0.0.1:8000/v1"),
}

DIALECTS: dict[str, Callable[[Endpoint], Dialect]] = {"anthropic": Messages, "openai": Chat}


def _local(name: str, endpoint: Endpoint) -> Driver:
    return Local(name, Path(endpoint.model), endpoint)


def _scripted(name: str, endpoint: Endpoint) -> Driver:
    del name, endpoint
    return Scripted(["This is a script."] * 1000)


def _reader(name: str, endpoint: Endpoint) -> Driver:
    del name
    return Reader() if endpoint.window is None else Reader(window=endpoint.window)


#: Models inside this process.  A new one is added here and nowhere else.
INSIDE: dict[str, Callable[[str, Endpoint], Driver]] = {
    "builtin/reader": _reader,
    "local": _local,
    "scripted": _scripted,
}


def is_known(name: str) -> bool:
    who, slash, model = name.partition("/")
    return name in INSIDE or who in INSIDE or (who in PROVIDERS and bool(slash and model))


def dialect_of(name: str, given: str = "") -> str:
    """`given` as in its settings."""
    who = name.partition("/")[0]
    if name in INSIDE or who in INSIDE:
        return ""
    return given or PROVIDERS.get(who, Provider("openai")).dialect


def open_model(
    name: str, endpoint: Endpoint | None = None, *, patience: Patience | None = None
) -> Driver:
    """The model of this name.  Hosted ones come wrapped in Retry.

    Raise `not_found` for a provider nobody knows, `invalid` for settings that make no sense,
    `unavailable` when its driver is not installed.
    """
    endpoint = endpoint or Endpoint()
    who, _, model = name.partition("/")
    endpoint = msgspec.structs.replace(endpoint, model=endpoint.model or model)
    if inside := INSIDE.get(name) or INSIDE.get(who):
        return inside(name, endpoint)
    provider = PROVIDERS.get(who, Provider("openai") if endpoint.url else None)
    if provider is None:
        known = ", ".join(sorted({*PROVIDERS, *INSIDE}))
        raise SysError(
            Code.NOT_FOUND,
            f"no driver for the model {name!r}",
            hint=f"start it with one of {known}, or give it a url",
        )
    return Retry(_hosted(name, endpoint, provider), patience)


def _hosted(name: str, endpoint: Endpoint, provider: Provider) -> Hosted:
    dialect = DIALECTS.get(endpoint.dialect or provider.dialect)
    if dialect is None or not endpoint.model:
        raise SysError(
            Code.INVALID,
            f"{name!r} has no model" if dialect else f"no dialect {endpoint.dialect!r}",
            hint=f"provider/model, and one of the dialects {', '.join(sorted(DIALECTS))}",
        )
    if provider.paid and not (endpoint.key or endpoint.url or endpoint.headers):
        variable = f"{name.partition('/')[0].upper()}_API_KEY"
        raise SysError(
            Code.UNAUTHENTICATED,
            f"there is no key for {name!r}",
            hint=f"`logos down`, set {variable}, and start again; or set models.<name>.key",
        )
    endpoint = msgspec.structs.replace(endpoint, url=endpoint.url or provider.url)
    if provider.paid and endpoint.price is None and find(endpoint.model) is None:
        _log.warning("no price is known for %s: its thoughts count as free", name)
    return Hosted(name, endpoint, dialect(endpoint))
