"""A model's proposal -> a checked call.  The one way in.

    Gate.admit(process, proposal)   the call, or SysError with a hint the model can act on
    Gate.read(agent, proposal)      the call as it was meant, without checking rights
    Gate.check(process, call)       the checks again: rights may have been withdrawn
    Gate.tools(agent)               what the model is shown

Name, then arguments, then the checks in their order (capabilities first).  A proposal
that fails here has had no effect at all.
"""

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from logos.abi.agent import Agent
from logos.abi.calls import BY_NAME, BY_TOOL_NAME, Call, CallTool, kept, tool_name
from logos.abi.errors import Code, SysError
from logos.abi.messages import ToolCall, ToolSpec
from logos.abi.process import Process

Check: TypeAlias = Callable[[Process, Call[Any]], object]
"""Raise SysError to refuse the call."""


FEW = 12
"""Up to this many names are all listed in a hint."""


class Gate:
    """`functions` gives the registered tools by name; a model calls them like system calls."""

    def __init__(
        self, functions: Callable[[], Mapping[str, ToolSpec]], checks: Sequence[Check]
    ) -> None:
        self._functions = functions
        self._checks = checks
        self._shown: dict[tuple[str, ...], tuple[ToolSpec, ...]] = {}

    def admit(self, process: Process, proposal: ToolCall) -> Call[Any]:
        call = self._decode(process.agent, proposal)
        self.check(process, call)
        return kept(call)

    def read(self, agent: Agent, proposal: ToolCall) -> Call[Any]:
        """Name and arguments only."""
        return kept(self._decode(agent, proposal))

    def check(self, process: Process, call: Call[Any]) -> None:
        for check in self._checks:
            check(process, call)

    def tools(self, agent: Agent) -> tuple[ToolSpec, ...]:
        """Always the same bytes for the same agent.  Raise `not_found` for an unknown tool."""
        if agent.tools not in self._shown:
            self._shown[agent.tools] = tuple(self._spec(name) for name in agent.tools)
        return self._shown[agent.tools]

    def _spec(self, name: str) -> ToolSpec:
        if call := BY_NAME.get(name):
            return spec(call)
        functions = self._functions()
        if "/" in name:
            raise SysError(
                Code.INVALID,
                f"{name} is a mounted tool, which tool.call calls",
                hint=f"an agent file grants it as mcp__{name.replace('/', '__')}",
            )
        if name in functions:
            return functions[name]
        raise SysError(
            Code.NOT_FOUND,
            f"there is no tool {name!r}",
            hint=nearest(name, [*BY_NAME, *functions]),
        )

    def _decode(self, agent: Agent, proposal: ToolCall) -> Call[Any]:
        offered = {tool.name for tool in self.tools(agent)}
        if proposal.name not in offered:
            raise SysError(
                Code.NOT_FOUND,
                f"there is no tool {proposal.name!r}",
                hint=nearest(proposal.name, offered),
            )
        try:
            if proposal.name in BY_TOOL_NAME:
                kind = BY_TOOL_NAME[proposal.name]
                call: Call[Any] = msgspec.json.decode(proposal.arguments or "{}", type=kind)
                return _plain(call) if isinstance(call, CallTool) else call
            arguments = msgspec.json.decode(proposal.arguments or "{}", type=dict[str, Any])
        except msgspec.ValidationError as error:
            raise SysError(
                Code.INVALID,
                f"the arguments of {proposal.name} are wrong: {error}",
                hint=self._usage(proposal.name),
            ) from error
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise SysError(
                Code.INVALID,
                f"the arguments of {proposal.name} are not JSON: {error}",
                hint=f"send one JSON object; {self._usage(proposal.name)}",
            ) from error
        return CallTool(tool=proposal.name, arguments=msgspec.Raw(msgspec.json.encode(arguments)))

    def _usage(self, name: str) -> str:
        schema = self._schema(name)
        required = schema.get("required", [])
        names = [n if n in required else f"{n}?" for n in schema.get("properties", {})]
        return f"it takes {', '.join(names) or 'no arguments'}"

    def _schema(self, name: str) -> dict[str, Any]:
        if call := BY_TOOL_NAME.get(name):
            return schema(call)
        decoded: dict[str, Any] = msgspec.json.decode(self._functions()[name].schema)
        return decoded


def _plain(call: CallTool) -> CallTool:
    """Its arguments in the one spelling that every JSON parser reads alike: no key appears
    twice."""
    arguments = msgspec.json.decode(call.arguments, type=dict[str, Any])
    return CallTool(tool=call.tool, arguments=msgspec.Raw(msgspec.json.encode(arguments)))


def nearest(name: str, names: Any) -> str:
    """A hint with the names most similar to this one, or with all of them when there are few."""
    known = sorted(names)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"there are {', '.join(known)}" if len(known) <= FEW else ""


def schema(call: type[Call[Any]]) -> dict[str, Any]:
    """JSON Schema of the arguments, without the tag."""
    _, parts = msgspec.json.schema_components([call], ref_template="#/$defs/{name}")
    own = dict(parts.pop(call.__name__))
    own["properties"] = {k: v for k, v in own["properties"].items() if k != "call"}
    own["required"] = [k for k in own.get("required", []) if k != "call"]
    own.pop("title", None)
    own.pop("description", None)
    if parts:
        own["$defs"] = parts
    return own


def spec(call: type[Call[Any]]) -> ToolSpec:
    """The call, as a tool for a model."""
    return ToolSpec(
        name=tool_name(call),
        description=inspect.getdoc(call) or "",
        schema=msgspec.Raw(msgspec.json.encode(_lean(schema(call)))),
    )


_SAID_ELSEWHERE = frozenset({"title", "minLength", "additionalProperties"})


def _lean(part: dict[str, Any]) -> dict[str, Any]:
    """The part of a schema that a model needs, since every prompt carries it.  The gate checks the
    rest, and reports what is wrong."""
    required = part.get("required", ())
    kept: dict[str, Any] = {}
    for key, value in part.items():
        if key == "properties":
            kept[key] = {n: _lean(_known(p, n in required)) for n, p in value.items()}
        elif key == "$defs":
            kept[key] = {n: _lean(p | {"description": ""}) for n, p in value.items()}
        elif key == "items":
            kept[key] = _lean(value)
        elif key not in _SAID_ELSEWHERE and not (
            value in ("", [], 0, None, {}) and key != "properties"
        ):
            kept[key] = value
    return kept


def _known(part: dict[str, Any], required: bool) -> dict[str, Any]:  # noqa: FBT001
    """An optional argument can be left out, so it need not be null."""
    of = part.get("anyOf", ())
    if required or {"type": "null"} not in of:
        return part
    [other, *more] = [one for one in of if one != {"type": "null"}]
    rest = {key: value for key, value in part.items() if key != "anyOf"}
    return part if more else rest | other
