"""A program's sub-commands: what they are called, what they take, and the line that calls one.  Pure.

    Parameter           one option, or one word that has its place
    Sub                 one sub-command: a tool
    offer(sub, ...)     as a tool
    line(sub, given)    the words after the program
    of_manifest(text)   a file a person wrote (TOML or JSON) -> sub-commands, manifests
    of_described(data)  what `PROGRAM --describe` prints -> sub-commands

Invariant: a value is one word of the line, and never read as an option.
"""

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.tools import Hints, Offer, visible

Type = Literal["string", "integer", "number", "boolean"]

_FLOW = ("kind", "of", "free")
"""What the information flow wants to know of an argument."""


class Parameter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With an `option` (`--max-count`) it is one; without, a word in the order of the file."""

    option: str = ""
    type: Type = "string"
    help: str = ""
    many: bool = False
    required: bool = False
    choices: tuple[str, ...] = ()
    kind: str = ""
    of: str = ""
    free: bool = False

    def schema(self) -> dict[str, Any]:
        one: dict[str, Any] = {"type": self.type}
        if self.choices:
            one["enum"] = list(self.choices)
        whole = {"type": "array", "items": one} if self.many else one
        return whole | ({"description": visible(self.help)} if self.help else {})


class Sub(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`words` follow the program (its name, where none are given); `json` are those that make it
    answer in JSON; `dashes`: it takes `--` before words that have their place.  `impact` is one of
    the information flow's; without one the worst is assumed."""

    summary: str = ""
    words: tuple[str, ...] | None = None
    arguments: dict[str, Parameter] = {}
    json: tuple[str, ...] = ()
    dashes: bool = False
    impact: str = ""
    verbs: tuple[str, ...] = ()
    result: dict[str, Any] = {}
    hints: Hints = Hints()


def offer(name: str, sub: Sub) -> Offer:
    schema = {
        "type": "object",
        "properties": {key: one.schema() for key, one in sub.arguments.items()},
        "required": [key for key, one in sub.arguments.items() if one.required],
        "additionalProperties": False,
    }
    return Offer(
        name=name,
        description=visible(sub.summary),
        schema=msgspec.Raw(msgspec.json.encode(schema, order="deterministic")),
        hints=sub.hints,
    )


def line(name: str, sub: Sub, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Raise `invalid` for what the program could take for something else."""
    options: list[str] = []
    places: list[str] = []
    for key, one in sub.arguments.items():
        if key not in given or given[key] is None:
            continue
        if one.option:
            options += _option(key, one, given[key])
        else:
            places += [_word(value) for value in _values(key, one, given[key])]
    if not sub.dashes and (odd := [p for p in places if p.startswith("-") and p != "--"]):
        raise SysError(Code.INVALID, f"{odd[0]!r} would be read as an option of {name}")
    words = (name,) if sub.words is None else sub.words
    return (*words, *options, *sub.json, *(["--"] if sub.dashes and places else []), *places)


def _option(key: str, one: Parameter, value: Any) -> list[str]:
    if one.type == "boolean" and not one.many:
        if not isinstance(value, bool):
            raise SysError(Code.INVALID, f"{key} is true or false")
        return [one.option] if value else []
    words = [_word(v) for v in _values(key, one, value)]
    if one.option.startswith("--"):
        return [f"{one.option}={word}" for word in words]
    if odd := [word for word in words if word.startswith("-")]:
        raise SysError(Code.INVALID, f"{odd[0]!r} would be read as an option")
    return [part for word in words for part in (one.option, word)]


def _values(key: str, one: Parameter, value: Any) -> Sequence[Any]:
    if one.many != isinstance(value, list):
        raise SysError(Code.INVALID, f"{key} is {'a list' if one.many else 'one value'}")
    values: Sequence[Any] = value if one.many else [value]
    if one.choices and (odd := [v for v in values if str(v) not in one.choices]):
        raise SysError(Code.INVALID, f"{key} is one of {', '.join(one.choices)}, not {odd[0]!r}")
    return values


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise SysError(Code.INVALID, f"{type(value).__name__} is not a word of a command line")
    word = str(value)
    if "\0" in word:
        raise SysError(Code.INVALID, "an argument is not text for a command line")
    return word


def of_manifest(text: str) -> tuple[dict[str, Sub], dict[str, Mapping[str, Any]]]:
    """And what the information flow is told, of those that say an impact.  Raise `invalid`."""
    try:
        whole = msgspec.json.decode(text) if text.lstrip().startswith("{") else tomllib.loads(text)
        subs = msgspec.convert(whole, dict[str, Sub])
    except (msgspec.MsgspecError, tomllib.TOMLDecodeError) as error:
        raise SysError(Code.INVALID, f"not a manifest of commands: {error}") from error
    return subs, {name: _flow(sub) for name, sub in subs.items() if sub.impact}


def _flow(sub: Sub) -> Mapping[str, Any]:
    arguments = {
        key: {field: value for field in _FLOW if (value := getattr(one, field))}
        for key, one in sub.arguments.items()
        if one.kind
    }
    said = {"impact": sub.impact, "arguments": arguments, "result": sub.result}
    return {key: value for key, value in said.items() if value} | (
        {"verbs": sub.verbs} if sub.verbs else {}
    )


class _Described(msgspec.Struct, frozen=True, kw_only=True):
    """One command, in the words of `logos --describe`."""

    name: str
    summary: str = ""
    effect: str = ""
    idempotent: bool | None = None
    stream: bool = False
    arguments: dict[str, Any] = {}


class _Whole(msgspec.Struct, frozen=True):
    commands: tuple[_Described, ...]
    v: int = 1


class _Envelope(msgspec.Struct, frozen=True):
    data: _Whole


def of_described(data: bytes) -> dict[str, Sub] | None:
    """None: that is no description."""
    try:
        try:
            whole = msgspec.json.decode(data, type=_Envelope).data
        except msgspec.ValidationError:
            whole = msgspec.json.decode(data, type=_Whole)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return {one.name.replace(" ", "_"): _sub(one) for one in whole.commands}


def _sub(one: _Described) -> Sub:
    required = set(one.arguments.get("required", ()))
    properties: Mapping[str, Any] = one.arguments.get("properties", {})
    parameters = {
        key: _parameter(key, spec, required=key in required) for key, spec in properties.items()
    }
    looks = one.effect == "read"
    return Sub(
        summary=one.summary,
        words=tuple(one.name.split()),
        arguments=parameters,
        json=("--json",),
        hints=Hints(read_only=looks, destructive=not looks, idempotent=one.idempotent),
    )


def _parameter(key: str, spec: Mapping[str, Any], *, required: bool) -> Parameter:
    many = spec.get("type") == "array"
    one = spec.get("items", {}) if many else spec
    kind = one.get("type")
    plain = "" if required else f"--{key.replace('_', '-')}"
    return Parameter(
        option=str(spec.get("x-option", "" if "x-place" in spec else plain)),
        type=kind if kind in ("integer", "number", "boolean") else "string",
        help=str(spec.get("description", "")),
        many=many,
        required=required,
        choices=tuple(map(str, one.get("enum", ()))),
    )
