"""Arguments against a tool's JSON Schema, strictly.  Pure.

    check(schema, arguments)   raise `invalid` with what is wrong and the nearest right thing

Stricter than most runtimes on purpose: no argument the schema does not name, no number for a
text or text for a number, no NaN.  What a lax runtime repairs in silence is often invented.

A `pattern` is left to the tool: a server's regular expression could run for ever here.

Invariant: what passes has only declared names, at every depth the schema describes.
"""

import math
from collections.abc import Mapping
from typing import Any

from logos.abi.errors import Code, SysError
from logos.kernel.flow.nearest import nearest

DEEPEST = 32


def check(schema: Mapping[str, Any], arguments: Mapping[str, Any], *, tool: str) -> None:
    """Raise `invalid` for the first thing wrong."""
    wrong = _object(schema, arguments, "", schema, 0)
    if wrong is not None:
        what, hint = wrong
        raise SysError(Code.INVALID, f"{tool}: {what}", hint=hint)


Wrong = tuple[str, str]


def _value(
    spec: Mapping[str, Any], value: Any, at: str, root: Mapping[str, Any], depth: int
) -> Wrong | None:
    if depth > DEEPEST:
        return f"{at} is nested too deeply", ""
    spec = _resolve(spec, root)
    branches = [*spec.get("anyOf", ()), *spec.get("oneOf", ())]
    if branches:
        found = [_value(branch, value, at, root, depth + 1) for branch in branches]
        return None if None in found else found[0]
    return (
        _choice(spec, value, at) or _type(spec, value, at) or _inside(spec, value, at, root, depth)
    )


def _choice(spec: Mapping[str, Any], value: Any, at: str) -> Wrong | None:
    choices = [spec["const"]] if "const" in spec else spec.get("enum")
    if choices is None or value in choices:
        return None
    known = [str(c) for c in choices]
    return f"{at} must be one of {', '.join(known)}", nearest(str(value), known).hint


def _inside(
    spec: Mapping[str, Any], value: Any, at: str, root: Mapping[str, Any], depth: int
) -> Wrong | None:
    """What the value holds."""
    if isinstance(value, str):
        return _string(spec, value, at)
    if isinstance(value, Mapping) and "properties" in spec:
        return _object(spec, value, at, root, depth + 1)
    items = spec.get("items")
    if isinstance(value, list | tuple) and isinstance(items, Mapping):
        wrong = (_value(items, v, f"{at}[{i}]", root, depth + 1) for i, v in enumerate(value))
        return next((w for w in wrong if w is not None), None)
    return None


def _object(
    spec: Mapping[str, Any], value: Mapping[str, Any], at: str, root: Mapping[str, Any], depth: int
) -> Wrong | None:
    properties: Mapping[str, Any] = spec.get("properties", {})
    for name in value:
        if name not in properties and not isinstance(spec.get("additionalProperties"), Mapping):
            there = ", ".join(properties) or "none"
            return f"no argument {_join(at, name)!r}", nearest(
                name, properties
            ).hint or f"it has: {there}"
    for name in spec.get("required", ()):
        if name not in value:
            return f"the argument {_join(at, name)!r} is missing", ""
    for name, item in value.items():
        if name in properties:
            wrong = _value(properties[name], item, _join(at, name), root, depth + 1)
            if wrong is not None:
                return wrong
    return None


_IS: dict[str, Any] = {
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v),
    "array": lambda v: isinstance(v, list | tuple),
    "object": lambda v: isinstance(v, Mapping),
    "null": lambda v: v is None,
}


def _type(spec: Mapping[str, Any], value: Any, at: str) -> Wrong | None:
    found = spec.get("type")
    types = [found] if isinstance(found, str) else list(found or ())
    if types and not any(_IS[t](value) for t in types if t in _IS):
        return f"{at} must be {' or '.join(types)}, not {type(value).__name__}", ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if "minimum" in spec and value < spec["minimum"]:
            return f"{at} must be at least {spec['minimum']}", ""
        if "maximum" in spec and value > spec["maximum"]:
            return f"{at} must be at most {spec['maximum']}", ""
    return None


def _string(spec: Mapping[str, Any], value: str, at: str) -> Wrong | None:
    if len(value) < spec.get("minLength", 0):
        return f"{at} is too short", ""
    if any("\ud800" <= c <= "\udfff" for c in value):
        return f"{at} has a lone surrogate", ""
    return None


def _resolve(spec: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    ref = spec.get("$ref", "")
    for _ in range(DEEPEST):
        if not ref.startswith("#/"):
            return spec
        found: Any = root
        for part in ref[2:].split("/"):
            found = found.get(part, {})
        spec, ref = found, found.get("$ref", "")
    return spec


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
