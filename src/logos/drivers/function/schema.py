"""A function's signature -> the type of its arguments, and their JSON Schema.

    arguments_of   function -> Arguments: a Struct type, where the call id goes
    schema_of      Struct type -> JSON Schema of an object
    documented     docstring -> what it does, and what each parameter means

Parameters without a type take any JSON value.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, get_type_hints

import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.ids import CallId

_PARAMETER = re.compile(r"^\s*(?::param\s+)?\*{0,2}(\w+)(?:\s*\([^)]*\))?\s*:\s*(.+)$")
_HEADING = re.compile(r"^\s*(Args|Arguments|Parameters|Returns|Raises|Yields|Examples?)\s*:\s*$")


@dataclass(frozen=True, slots=True)
class Arguments:
    """`call_id` names the parameter that gets the id of the call, if there is one."""

    type: type[msgspec.Struct]
    call_id: str | None


def arguments_of(function: Callable[..., Any], name: str) -> Arguments:
    hints = get_type_hints(function, include_extras=True)
    meanings = documented(inspect.getdoc(function) or "")[1]
    fields: list[Any] = []
    call_id = None
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
            raise SysError(
                Code.INVALID,
                f"{name}: {parameter} cannot be passed by name",
                hint="a tool's arguments are named: no *args, **kwargs or positional-only ones",
            )
        hint = hints.get(parameter.name, Any)
        if hint is CallId:
            call_id = parameter.name
            continue
        if meaning := meanings.get(parameter.name):
            hint = Annotated[hint, msgspec.Meta(description=meaning)]
        fields.append((parameter.name, hint, *_default(parameter)))
    struct = msgspec.defstruct(name, fields, kw_only=True, frozen=True, forbid_unknown_fields=True)
    return Arguments(type=struct, call_id=call_id)


def _default(parameter: inspect.Parameter) -> tuple[Any, ...]:
    value = parameter.default
    if value is parameter.empty:
        return ()
    if value is None or isinstance(value, str | int | float | bool):
        return (msgspec.field(default=value),)
    # as in Python, where a default is made once
    return (msgspec.field(default_factory=partial(_same, value)),)


def _same(value: Any) -> Any:
    return value


def schema_of(struct: type[msgspec.Struct]) -> msgspec.Raw:
    try:
        whole = msgspec.json.schema(struct)
    except TypeError as error:
        raise SysError(
            Code.INVALID,
            f"{struct.__name__}: a parameter's type is not JSON: {error}",
            hint="use str, int, float, bool, list, dict, a dataclass or a msgspec.Struct",
        ) from error
    parts = whole.pop("$defs", {})
    schema = parts.pop(whole["$ref"].rpartition("/")[2])
    schema.pop("title", None)
    if parts:
        schema["$defs"] = parts
    return msgspec.Raw(msgspec.json.encode(schema, order="deterministic"))


def documented(doc: str) -> tuple[str, dict[str, str]]:
    """Google's `Args:` and Sphinx's `:param x:` sections are understood."""
    description: list[str] = []
    meanings: dict[str, str] = {}
    section = ""
    for line in doc.splitlines():
        if heading := _HEADING.match(line):
            section = heading[1]
        elif (match := _PARAMETER.match(line)) and (
            section[:3] in {"Arg", "Par"} or line.lstrip().startswith(":param")
        ):
            meanings[match[1]] = match[2].strip()
        elif not section and not line.lstrip().startswith(":"):
            description.append(line)
    return "\n".join(description).strip(), meanings
