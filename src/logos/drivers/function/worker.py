"""A Python module as an MCP server on standard streams; runs by itself, in the sandbox.

    python -I worker.py FOLDER MODULE

FOLDER is where MODULE is, when it is not installed; MODULE may be a file in it.  The functions of the
module are its tools: those of `__all__`, else those it defines whose names do not begin with `_`.  Type
hints are the schema, the docstring is the manual; `function.effect = "pure"` (or "idempotent") says what one
does to the world.

Needs the standard library alone, because it runs in the module's own environment.  What functions print
goes to standard error, and what they read is empty: the streams are the server's.

Invariant: one line out for each request, in whatever order the functions end.
"""

import asyncio
import dataclasses
import datetime as dt
import decimal
import enum
import importlib
import importlib.util
import inspect
import json
import os
import re
import sys
import threading
import types
import typing
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import Any

VERSIONS = ["2026-07-28"]
METHOD_NOT_FOUND, INVALID_PARAMS = -32601, -32602
PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
LISTS = (list, tuple, set, frozenset)
TEXTS: dict[Any, Callable[[str], Any]] = {
    Path: Path,
    decimal.Decimal: decimal.Decimal,
    uuid.UUID: uuid.UUID,
    dt.datetime: dt.datetime.fromisoformat,
    dt.date: dt.date.fromisoformat,
    dt.time: dt.time.fromisoformat,
}
"""What JSON has as a text."""

WRITTEN = (PurePath, decimal.Decimal, uuid.UUID, dt.datetime, dt.date, dt.time)
MEANING = re.compile(r"^\s*(?::param\s+)?\*{0,2}(\w+)(?:\s*\([^)]*\))?\s*:\s*(.+)$")
HEADING = re.compile(r"^\s*(Args|Arguments|Parameters|Returns|Raises|Yields|Examples?)\s*:\s*$")

Json = dict[str, Any]
Write = Callable[[Json], None]


def main(folder: str, name: str) -> None:
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    turn = threading.Lock()  # guards `out`: functions end in threads of their own

    def write(answer: Json) -> None:
        line = json.dumps({"jsonrpc": "2.0", **answer}, ensure_ascii=False)
        with turn:
            out.write(line + "\n")
            out.flush()

    tools = dict(functions(loaded(folder, name)))
    listed = [about(tool, function) for tool, function in sorted(tools.items())]
    for line in requests:
        if line.strip():
            serve(json.loads(line), tools, listed, write)


def loaded(folder: str, name: str) -> types.ModuleType:
    if folder:
        sys.path.insert(0, folder)
    if not name.endswith(".py"):
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(Path(name).stem, Path(folder, name))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def functions(module: types.ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    named = getattr(module, "__all__", None)
    for name, value in vars(module).items():
        own = getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
        if inspect.isroutine(value) and (own if named is None else name in named):
            yield name, value


def serve(
    request: Json, tools: dict[str, Callable[..., Any]], listed: list[Json], write: Write
) -> None:
    id_, params = request.get("id"), request.get("params") or {}
    if id_ is None:
        return
    match request.get("method"):
        case "server/discover":
            write(
                {
                    "id": id_,
                    "result": {"supportedVersions": VERSIONS, "capabilities": {"tools": {}}},
                }
            )
        case "tools/list":
            write({"id": id_, "result": {"tools": listed}})
        case "tools/call" if params.get("name") in tools:
            function, given = tools[params["name"]], params.get("arguments") or {}
            threading.Thread(
                target=lambda: write({"id": id_, "result": result(function, given)}), daemon=True
            ).start()
        case "tools/call":
            fault = {"code": INVALID_PARAMS, "message": f"there is no tool {params.get('name')!r}"}
            write({"id": id_, "error": fault})
        case method:
            write({"id": id_, "error": {"code": METHOD_NOT_FOUND, "message": f"no {method}"}})


def result(function: Callable[..., Any], given: Json) -> Json:
    try:
        hints = hinted(function)
        value = function(**{name: made(hints.get(name, Any), v) for name, v in given.items()})
        if inspect.isawaitable(value):
            value = asyncio.run(_awaited(value))
        told = {"result": plain(value)}
        json.dumps(told, allow_nan=False)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # why: the function is not ours and may raise anything
        said = f"{type(error).__name__}: {error}"
        return {"content": [{"type": "text", "text": said}], "isError": True}
    return {"content": [], "structuredContent": told}


async def _awaited(value: Any) -> Any:
    return await value


# -- what a function takes --------------------------------------------------------------------


def about(name: str, function: Callable[..., Any]) -> Json:
    description, meanings = documented(inspect.getdoc(function) or "")
    hints = hinted(function, extras=True)
    properties: Json = {}
    required = []
    for one in inspect.signature(function).parameters.values():
        if one.kind not in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY):
            continue
        properties[one.name] = schema(hints.get(one.name, Any))
        if one.name in meanings:
            properties[one.name]["description"] = meanings[one.name]
        if one.default is one.empty:
            required.append(one.name)
        elif isinstance(one.default, str | int | float | bool):
            properties[one.name]["default"] = one.default
    whole = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    effect = str(getattr(function, "effect", ""))
    said = {"readOnlyHint": effect == "pure"}
    if effect in ("pure", "idempotent"):
        said["idempotentHint"] = True
    return {"name": name, "description": description, "inputSchema": whole, "annotations": said}


def hinted(function: Callable[..., Any], *, extras: bool = False) -> Json:
    """Types by parameter; none where one of them is there for a type checker only."""
    try:
        return typing.get_type_hints(function, include_extras=extras)
    except (NameError, TypeError, AttributeError):
        return {}


def schema(hint: Any) -> Json:
    """JSON Schema of a type; of one that nobody knows, anything."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        said = [part for part in parts[1:] if isinstance(part, str)]
        return schema(parts[0]) | ({"description": said[0]} if said else {})
    if origin is typing.Literal:
        return {"enum": list(parts)}
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [schema(part) for part in parts]}
    if hint in PLAIN:
        return {"type": PLAIN[hint]}
    if hint in TEXTS:
        return {"type": "string"}
    return _made_schema(hint) if (origin or hint) not in (*LISTS, dict) else _many(hint)


def _many(hint: Any) -> Json:
    origin, parts = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin is dict:
        return {"type": "object"} | ({"additionalProperties": schema(parts[1])} if parts else {})
    return {"type": "array"} | ({"items": schema(parts[0])} if parts else {})


def _made_schema(hint: Any) -> Json:
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"enum": [one.value for one in hint]}
    if dataclasses.is_dataclass(hint):
        fields = {f.name: f for f in dataclasses.fields(hint)}
        hints = typing.get_type_hints(hint)
        missing = dataclasses.MISSING
        needed = [
            n for n, f in fields.items() if f.default is missing and f.default_factory is missing
        ]
        properties = {name: schema(hints[name]) for name in fields}
        return {"type": "object", "properties": properties, "required": needed}
    if typing.is_typeddict(hint):
        properties = {n: schema(h) for n, h in typing.get_type_hints(hint).items()}
        needed = sorted(hint.__required_keys__)
        return {"type": "object", "properties": properties, "required": needed}
    return {}


def made(hint: Any, value: Any) -> Any:
    """A value of the type, from JSON.  Raise TypeError or ValueError."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _one_of(parts, value)
    if hint in PLAIN:
        return _plain(hint, value)
    if hint in TEXTS:
        return TEXTS[hint](_plain(str, value))
    if origin in LISTS and isinstance(value, list):
        return (origin or hint)(made(parts[0], one) for one in value)
    if origin is dict and isinstance(value, dict):
        return {key: made(parts[1], one) for key, one in value.items()}
    if origin is typing.Literal and value not in parts:
        raise ValueError(f"{value!r} is none of {parts}")
    return _object(hint, value) if isinstance(hint, type) else value


def _object(hint: type, value: Any) -> Any:
    if issubclass(hint, enum.Enum):
        return hint(value)
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        hints = typing.get_type_hints(hint)
        return hint(**{name: made(hints.get(name, Any), one) for name, one in value.items()})
    return value


def _one_of(parts: tuple[Any, ...], value: Any) -> Any:
    for part in parts:
        try:
            return made(part, value)
        except (TypeError, ValueError, ArithmeticError):
            continue
    raise TypeError(f"{value!r} is none of {parts}")


def _plain(hint: Any, value: Any) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise TypeError(f"{value!r} is no {PLAIN[hint]}")
    return value


def plain(value: Any) -> Any:
    """As JSON has it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, WRITTEN):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (*LISTS, types.GeneratorType)):
        return [plain(one) for one in value]
    return value


def documented(doc: str) -> tuple[str, dict[str, str]]:
    """What it does, and what each parameter means: `Args:` and `:param x:` are understood."""
    said: list[str] = []
    meanings: dict[str, str] = {}
    section = ""
    for line in doc.splitlines():
        if heading := HEADING.match(line):
            section = heading[1]
        elif (match := MEANING.match(line)) and (
            section[:3] in ("Arg", "Par") or line.lstrip().startswith(":param")
        ):
            meanings[match[1]] = match[2].strip()
        elif not section and not line.lstrip().startswith(":"):
            said.append(line)
    return "\n".join(said).strip(), meanings


if __name__ == "__main__":
    main(*sys.argv[1:])
