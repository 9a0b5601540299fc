"""What a vendor's API is to the gateway: a format for requests, and a format for answers.

    Understood    a request, as the kernel has it
    Upstream      the model that will answer: its name here, and its own dialect
    Answering     what is known about an answer before its first word
    Dialect       decodes requests, encodes whole answers and errors
    Voice         encodes one answer piece by piece, as server-sent events
    fields, typed, text_of, ...    JSON from outside, piece by piece

Everything here and in the dialects is pure: bytes in, values out, and the other way round.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from logos.abi.errors import SysError
from logos.abi.events import Thought
from logos.abi.messages import AnyDelta, Image, Message, Opaque, Options, Text, Usage
from logos.gateway.faults import Refused
from logos.gateway.prefix import Said

T = TypeVar("T")

Json: TypeAlias = dict[str, Any]

encode = msgspec.json.Encoder().encode
NULL = msgspec.Raw(b"null")

NAMED = "openai.fields"
"""Whose a part is that has fields of its message: who of several says it."""

WAITING = b": waiting\n\n"
"""A comment: keeps proxies and clients from giving up, and means nothing."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """`dialect` is empty for a model that speaks none: one inside this process."""

    name: str
    dialect: str = ""


Resolve: TypeAlias = Callable[[str], Upstream]
"""The model that answers to a name a client uses.  Raise `not_found`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """`said` is without the instructions in front, which are in `options`.  `usage`: a stream is to
    end with what it cost.  `given`: fields that an answer repeats.  `speaks`: the dialect of the
    model's provider; `forward`: it is this one.  `background`: nobody waits for the answer."""

    model: str
    said: Said
    options: Options
    stream: bool = False
    usage: bool = False
    forward: bool = False
    speaks: str = ""
    background: bool = False
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """`created` is in seconds.  `aloud` is what the model said to itself, if the answer is told
    whole."""

    id: str
    model: str
    created: int
    aloud: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)


class Voice(Protocol):
    def begin(self) -> bytes: ...

    def wait(self) -> bytes:
        """Nothing was said for a while."""
        ...

    def say(self, delta: AnyDelta) -> bytes: ...

    def end(self, thought: Thought) -> bytes: ...

    def fail(self, error: SysError) -> bytes:
        """When something has been said already."""
        ...


class Dialect(Protocol):
    name: str

    def understand(self, body: bytes, resolve: Resolve) -> Understood:
        """Raise SysError `invalid`, `not_found`."""
        ...

    def whole(self, answering: Answering, thought: Thought) -> bytes: ...

    def voice(self, answering: Answering, *, usage: bool) -> Voice: ...

    def error(self, error: SysError, request: str) -> bytes: ...

    def status(self, error: SysError) -> int: ...

    def answer_id(self, pid: int, seq: int) -> str: ...


# -- JSON from outside -------------------------------------------------------------------


Count = Annotated[float, Meta(ge=1, le=(1 << 31) - 1, extra_json_schema={"multipleOf": 1})]
"""Of tokens.  A number is whole by what it is, not by how it is written."""

Shape: TypeAlias = dict[str, Any]


def shaped(properties: Shape, *required: str) -> Meta:
    """What an object has that is looked at later, for the description of the API."""
    found: Shape = {"type": "object", "properties": properties}
    return Meta(extra_json_schema=found | ({"required": list(required)} if required else {}))


def known(request: type[msgspec.Struct], *forwarded: str) -> frozenset[str]:
    """The fields of a request that are not the provider's, too."""
    return frozenset(field.encode_name for field in msgspec.structs.fields(request)) - {*forwarded}


def whole(count: float | None) -> int | None:
    """Raise `invalid`."""
    if count is not None and count != int(count):
        raise Refused(f"{count} tokens: only whole ones can be had")
    return None if count is None else int(count)


def refuse(found: Mapping[str, msgspec.Raw], why: Mapping[str, str]) -> None:
    """Raise `invalid` for what would be dropped silently."""
    for name, reason in why.items():
        raw = bytes(found.get(name, NULL))
        if raw not in (b"null", b"false", b"0", b"[]"):
            raise Refused(f"{name}: {reason}", name, "unsupported_parameter")


def fields(body: bytes) -> dict[str, msgspec.Raw]:
    return typed(body, dict[str, msgspec.Raw], BODY)


BODY = "the body"

_PLACE = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_MISSING = re.compile(r"missing required field `(?P<name>[^`]+)`")


def typed(raw: bytes | msgspec.Raw, kind: type[T], where: str) -> T:
    """`where` is the path of what is decoded, or BODY.  Raise `invalid` saying what is wrong
    where."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise _misshapen(str(error), where) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refused(f"{where}: {error}") from None


def _misshapen(said: str, where: str) -> Refused:
    place, missing = _PLACE.search(said), _MISSING.search(said)
    words = [] if where == BODY else [where]
    words += [place["path"]] if place and place["path"] else []
    words += [missing["name"]] if missing else []
    param = ".".join(words).replace(".[", "[")
    if missing:
        return Refused(f"{param} is missing", param, "missing_required_parameter")
    wrong = "invalid_type" if ", got " in said else "invalid_value"
    return Refused(f"{param or where}: {_PLACE.sub('', said)}", param or None, wrong)


def named_in(given: Mapping[str, Any], field: str) -> str | None:
    """The id that a request gives there.  Raise `invalid`."""
    raw: msgspec.Raw | None = given.get(field)
    if raw is None or bytes(raw) == b"null":
        return None
    value: Any = typed(raw, Any, field)
    if isinstance(value, dict):
        value = value.get("id")
    if not isinstance(value, str):
        raise Refused(f"{field} is an id", field, "invalid_type")
    return value


def rest(found: Mapping[str, msgspec.Raw], known: frozenset[str]) -> dict[str, msgspec.Raw]:
    """The fields we do not read, as they came.  A copy: a Raw holds on to the body it is cut
    from."""
    return {k: v.copy() for k, v in found.items() if k not in known and bytes(v) != b"null"}


def image_of(url: str, detail: str | None = None) -> Image:
    """An `https:` or a `data:` URL."""
    closely = detail if detail and detail != "auto" else msgspec.UNSET
    if not url.startswith("data:"):
        return Image(url=url, detail=closely)
    kind, _, data = url.removeprefix("data:").partition(",")
    return Image(media_type=kind.partition(";")[0] or "image/png", data=data, detail=closely)


def opaque(provider: str, raw: msgspec.Raw) -> Opaque:
    return Opaque(provider=provider, raw=raw.copy())


def spoken(message: Message) -> tuple[str, str]:
    """What it says, and what it says in refusal."""
    texts = [part for part in message.content if isinstance(part, Text)]
    said, refused = ("".join(t.text for t in texts if t.refusal is no) for no in (False, True))
    return said, refused


def sources(message: Message, provider: str) -> list[msgspec.Raw]:
    """What its text is taken from, where that provider said it."""
    texts = [part for part in message.content if isinstance(part, Text)]
    return [s.raw for text in texts for s in text.sources if s.provider == provider]


def uncached(usage: Usage) -> int:
    """Input that neither came from a prefix cache nor was written to one."""
    return max(usage.input - usage.cached - usage.written, 0)


def sse(data: Any, event: str = "") -> bytes:
    body = data if isinstance(data, bytes) else encode(data)
    return (b"event: " + event.encode() + b"\n" if event else b"") + b"data: " + body + b"\n\n"
