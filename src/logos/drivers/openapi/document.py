"""An OpenAPI 3 document: what can be asked, and how.  Pure.

    parsed(text)   -> Document: where the servers are, and the operations by the names of their tools

References are followed inside the document only, and not round in circles.  An operation whose
body must be something else than JSON or a form is left out.  Two of one name are told apart by a number.

Invariant: what only looks, by its method, says so; anything else is taken for the worst.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec
import yaml

from logos.abi.errors import Code, SysError
from logos.abi.tools import Hints, Offer, visible

METHODS = ("get", "head", "post", "put", "patch", "delete")
LOOKS = Hints(read_only=True, open_world=True)
CHANGES = Hints(read_only=False, destructive=True, open_world=True)
DEEP = 12
SCHEMA_BYTES = 32_768
OPERATIONS = 2000
NOT_OURS = frozenset({"accept", "content-type", "authorization", "host", "cookie"})
"""Headers that are no arguments, whatever a document says."""

FORM = "application/x-www-form-urlencoded"

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C takes a tenth of the time."""

Json = Mapping[str, Any]


class Parameter(NamedTuple):
    """`style` of what has parts: as a form has them, deepObject, or json."""

    name: str
    where: str
    style: str = "form"
    explode: bool = True


class Operation(NamedTuple):
    """`body` is its type, or empty."""

    method: str
    path: str
    parameters: Sequence[Parameter]
    body: str
    offer: Offer


class Document(NamedTuple):
    servers: Sequence[str]
    operations: Mapping[str, Operation]


def parsed(text: str) -> Document:
    """Raise `invalid` for what is no OpenAPI 3 document."""
    root = _decoded(text)
    if not isinstance(root, dict) or not str(root.get("openapi", "")).startswith("3."):
        raise _other(root)
    servers = [_server(one) for one in _dicts(root.get("servers")) if "url" in one]
    found: dict[str, Operation] = {}
    for operation in _operations(root):
        if len(found) >= OPERATIONS:
            raise SysError(Code.LIMIT, f"the document has more than {OPERATIONS} operations")
        name = _free(operation.offer.name, found)
        offer = msgspec.structs.replace(operation.offer, name=name)
        found[name] = operation._replace(offer=offer)
    return Document(servers or ["/"], dict(sorted(found.items())))


def _other(root: Any) -> SysError:
    if isinstance(root, dict) and "swagger" in root:
        said = f"this is a document of Swagger {visible(str(root['swagger']))}"
        return SysError(
            Code.INVALID, said, hint="convert it to OpenAPI 3, with swagger2openapi say"
        )
    return SysError(
        Code.INVALID, "this is not an OpenAPI 3 document", hint="one begins with openapi: 3.x.y"
    )


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """`/pets` and `/pets/` have one name where nobody gave them any."""
    numbered = (f"{name}_{n}" for n in count(2))
    return next(one for one in chain([name], numbered) if one not in taken)


def _server(given: Json) -> str:
    """With what its variables are where nobody says otherwise."""
    url, variables = str(given["url"]), given.get("variables")
    for name, variable in (variables if isinstance(variables, dict) else {}).items():
        if isinstance(variable, dict) and "default" in variable:
            url = url.replace(f"{{{name}}}", str(variable["default"]))
    return url


def _decoded(text: str) -> Any:
    try:
        if text.lstrip().startswith("{"):
            return msgspec.json.decode(text)
        return yaml.load(text, Loader=_LOADER)  # noqa: S506 - safe, both of them
    except (msgspec.MsgspecError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise SysError(Code.INVALID, f"the document is neither JSON nor YAML: {error}") from error


def _operations(root: Json) -> Iterator[Operation]:
    paths = root.get("paths")
    for path, given in (paths if isinstance(paths, dict) else {}).items():
        item = _followed(root, given)
        if not str(path).startswith("/"):
            continue
        for method in METHODS:
            if isinstance(item.get(method), dict):
                yield from _operation(root, method, str(path), item)


def _operation(root: Json, method: str, path: str, item: Json) -> Iterator[Operation]:
    said = item[method]
    body = _followed(root, said.get("requestBody") or {})
    schema, kind = _body(body)
    if body.get("required") and not kind:
        return
    properties: dict[str, Any] = {}
    required: list[str] = []
    parameters: dict[str, Parameter] = {}
    for one in [*_dicts(item.get("parameters")), *_dicts(said.get("parameters"))]:
        given = _followed(root, one)
        if (parameter := _parameter(given)) is None:
            continue
        name = parameter.name
        properties[name] = _schema(root, given)
        parameters.pop(name, None)  # what an operation says goes before what its path says
        parameters[name] = parameter
        needed = parameter.where == "path" or given.get("required") is True
        required += [name] if needed and name not in required else []
    if kind:
        properties["body"] = _whole(root, schema)
        required += ["body"] if body.get("required") is True else []
    arguments = {"type": "object", "properties": properties, "required": required}
    text = "\n\n".join(str(said[key]) for key in ("summary", "description") if said.get(key))
    offer = Offer(
        name=_name(said, method, path),
        description=visible(text or f"{method.upper()} {path}"),
        schema=msgspec.Raw(msgspec.json.encode(arguments, order="deterministic")),
        hints=LOOKS if method in ("get", "head") else CHANGES,
    )
    yield Operation(method.upper(), path, list(parameters.values()), kind, offer)


def _parameter(given: Json) -> Parameter | None:
    """None where it is not a model's to fill in."""
    name, where = str(given.get("name", "")), str(given.get("in", ""))
    ours = where in ("path", "query", "header") and name and name.lower() not in NOT_OURS
    if not ours:
        return None
    style = "json" if "content" in given else str(given.get("style") or "form")
    return Parameter(name, where, style, given.get("explode") is not False)


def _schema(root: Json, given: Json) -> dict[str, Any]:
    schema = dict(_whole(root, given.get("schema") or {}))
    if "description" in given:
        schema["description"] = visible(str(given["description"]))
    return schema


def _name(said: Json, method: str, path: str) -> str:
    written = str(said.get("operationId") or f"{method}_{path.strip('/')}")
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", written).strip("_.-")[:128] or method


def _body(body: Json) -> tuple[Any, str]:
    """Its schema, and its type: JSON where it may be, else a form."""
    content = body.get("content")
    kinds = {str(k): v for k, v in (content if isinstance(content, dict) else {}).items()}
    for wanted in (r"application/([\w.+-]+\+)?json\b", re.escape(FORM)):
        for kind, said in kinds.items():
            if re.match(wanted, kind) and isinstance(said, dict):
                return said.get("schema") or {}, FORM if kind.startswith(FORM) else kind
    return {}, ""


def _whole(root: Json, schema: Any) -> dict[str, Any]:
    """With what it refers to in its place; one that is too long for anybody to read is any value."""
    budget = [SCHEMA_BYTES]
    found = _placed(root, schema, DEEP, budget)
    return found if isinstance(found, dict) and budget[0] > 0 else {}


def _placed(root: Json, value: Any, deep: int, budget: list[int]) -> Any:
    budget[0] -= 8 + (len(value) if isinstance(value, str) else 0)
    if deep <= 0 or budget[0] <= 0:
        return {}
    if isinstance(value, list):
        return [_placed(root, one, deep - 1, budget) for one in value]
    if not isinstance(value, dict):
        return visible(value) if isinstance(value, str) else value
    if "$ref" in value:
        return _placed(root, _followed(root, value), deep - 1, budget)
    return {str(k): _placed(root, v, deep - 1, budget) for k, v in value.items()}


def _followed(root: Json, value: Any) -> dict[str, Any]:
    for _ in range(DEEP):
        if not isinstance(value, dict):
            return {}
        if "$ref" not in value:
            return value
        at: Any = root
        for word in str(value["$ref"]).removeprefix("#/").split("/"):
            key = unquote(word).replace("~1", "/").replace("~0", "~")
            at = at.get(key) if isinstance(at, dict) else None
        value = at
    return {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
