"""Arguments of a call -> the parts of a request, in the styles that documents speak of.  Pure.

    path(operation, given)      with the arguments in their places; raise `invalid`
    query(operation, given)     names and values, in the order of the document
    headers(operation, given)   with the type of the body, where there is one
    content(operation, given)   the bytes of the body, or none

Invariant: an argument is one segment of the path, whatever is in it.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from logos.abi.errors import Code, SysError
from logos.drivers.openapi.document import FORM, Operation, Parameter

Given = Mapping[str, Any]
Pairs = list[tuple[str, str]]


def path(operation: Operation, given: Given) -> str:
    found = operation.path
    for parameter, value in _of(operation, given, "path"):
        text = _plain(value)
        if text in ("", ".", ".."):
            raise SysError(Code.INVALID, f"{parameter.name} cannot be {text!r}")
        found = found.replace("{" + parameter.name + "}", quote(text, safe=""))
    if "{" in found:
        raise SysError(Code.INVALID, f"{operation.offer.name} needs what is in {found}")
    return found


def query(operation: Operation, given: Given) -> Pairs:
    return [pair for one, value in _of(operation, given, "query") for pair in _spread(one, value)]


def headers(operation: Operation, given: Given) -> dict[str, str]:
    found = {parameter.name: _plain(value) for parameter, value in _of(operation, given, "header")}
    return found | ({"Content-Type": operation.body} if _has_body(operation, given) else {})


def content(operation: Operation, given: Given) -> bytes | None:
    if not _has_body(operation, given):
        return None
    body = given["body"]
    if operation.body != FORM:
        return msgspec.json.encode(body)
    if not isinstance(body, dict):
        raise SysError(Code.INVALID, f"the body of {operation.offer.name} is an object: a form")
    return urlencode([pair for key, value in body.items() for pair in _field(key, value)]).encode()


def _has_body(operation: Operation, given: Given) -> bool:
    return bool(operation.body) and "body" in given


def _of(operation: Operation, given: Given, where: str) -> Iterator[tuple[Parameter, Any]]:
    for parameter in operation.parameters:
        if parameter.where == where and given.get(parameter.name) is not None:
            yield parameter, given[parameter.name]


def _spread(parameter: Parameter, value: Any) -> Pairs:
    name = parameter.name
    match value:
        case dict() if parameter.style == "deepObject":
            return [(f"{name}[{key}]", _plain(one)) for key, one in value.items()]
        case dict() if parameter.style == "form" and parameter.explode:
            return [(key, _plain(one)) for key, one in value.items()]
        case list() if parameter.style != "json" and parameter.explode:
            return [(name, _plain(one)) for one in value]
        case list() | dict() if parameter.style == "json":
            return [(name, _json(value))]
        case _:
            return [(name, _plain(value))]


def _field(name: str, value: Any) -> Pairs:
    """Of a form: what is within another is in brackets, as most servers read it."""
    if isinstance(value, dict):
        return [pair for key, one in value.items() for pair in _field(f"{name}[{key}]", one)]
    if isinstance(value, list):
        return [pair for one in value for pair in _field(name, one)]
    return [] if value is None else [(name, _plain(value))]


def _plain(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return str(value)
        case list():
            return ",".join(map(_plain, value))
        case _:
            return _json(value)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
