"""The Tool of tool.call: from a tool's name to the place that carries it out.

    Tools.put, take      a place under its name; a name that is taken is refused
    Tools.run            carries a CallTool out
    Tools.forsake        nobody waits for a call any more
    Tools.effect         what may be done about a call after a crash
    Tools.specs          every tool that is known, by its full name
    Tools.annotations    what they say of themselves, for who decides about calls
    Tools.tree           the Mount of /tools

`TOOL` is a function of this program, `PLACE/TOOL` one of a place.  Nothing is connected to, and
nothing listed, before somebody touches it.

Invariant: what a tool says of itself never makes its calls run twice.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Protocol

import msgspec

from logos.abi.calls import CallTool
from logos.abi.driver import Effect, Job, Waited
from logos.abi.errors import Code, SysError
from logos.abi.messages import ToolSpec
from logos.abi.tools import Offer, Provider
from logos.drivers.tools.tree import Tree

FEW = 100
"""Functions whose specs are compared one by one."""

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Functions(Protocol):
    """Functions of this program."""

    def specs(self) -> tuple[ToolSpec, ...]: ...

    def effect(self, call: CallTool) -> Effect: ...

    async def run(self, job: Job) -> msgspec.Raw: ...


class Tools:
    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._places: dict[str, Provider] = {}
        self._seen: list[object] = []
        self._specs: dict[str, ToolSpec] = {}
        self._annotations: dict[str, Mapping[str, bool]] = {}
        self.tree = Tree(functions.specs, self._places)

    @property
    def places(self) -> Mapping[str, Provider]:
        return self._places

    def put(self, name: str, place: Provider) -> None:
        if not NAME.fullmatch(name):
            raise SysError(
                Code.INVALID, f"{name!r} is not a name for a mount", hint="a-z, 0-9, _ and -"
            )
        if name in self._places or name in {spec.name for spec in self._functions.specs()}:
            raise SysError(
                Code.CONFLICT,
                f"/tools/{name} is taken",
                hint=f"take another name, or first: logos umount {name}",
            )
        self._places[name] = place

    def take(self, name: str) -> Provider:
        if name not in self._places:
            raise self._absent(name)
        return self._places.pop(name)

    def specs(self) -> Mapping[str, ToolSpec]:
        """By full name; of a place nobody has touched yet, what was accepted before.  The same
        value until something changes: it is asked for at every call."""
        self._look()
        return self._specs

    def annotations(self) -> dict[str, Mapping[str, bool]]:
        """Of mounted tools, in the words of MCP; what a tool does not say is missing."""
        self._look()
        return self._annotations

    def _look(self) -> None:
        now: list[object] = [place.known() for place in self._places.values()]
        now.append(self._functions.specs())
        if len(now) == len(self._seen) and all(map(_same, now, self._seen)):
            return
        mounted = {
            f"{name}/{offer.name}": offer
            for name, place in self._places.items()
            for offer in place.known()
        }
        own = {spec.name: spec for spec in self._functions.specs()}
        self._specs = own | {
            name: msgspec.structs.replace(offer.spec(), name=name)
            for name, offer in mounted.items()
        }
        self._annotations = {name: said(offer) for name, offer in mounted.items()}
        self._seen = now

    def effect(self, call: CallTool) -> Effect:
        if "/" not in call.tool:
            return self._functions.effect(call)
        return Effect.EFFECT

    async def run(self, job: Job) -> msgspec.Raw:
        call = job.call
        if not isinstance(call, CallTool):
            raise SysError(Code.INVALID, f"{type(call).__name__} is not a call of a tool")
        place, slash, tool = call.tool.partition("/")
        if not slash:
            return await self._functions.run(job)
        if place not in self._places:
            raise self._absent(place)
        provider = self._places[place]
        known = {offer.name: offer for offer in provider.known()}
        if known and tool in known:
            check(call.tool, known[tool], call.arguments)
        elif known:
            await self._fresh(place, provider, tool)
        return await provider.call(job, tool, call.arguments)

    async def forsake(self, job: Job, *, declined: bool) -> None:
        place, slash, _ = job.call.tool.partition("/")
        provider = self._places.get(place) if slash else None
        if isinstance(provider, Waited):
            await provider.forsake(job, declined=declined)

    async def _fresh(self, place: str, provider: Provider, tool: str) -> None:
        """A name nobody knows may be a new one; else say what there is."""
        names = [offer.name for offer in await provider.offers()]
        if tool not in names:
            near = get_close_matches(tool, names, n=3)
            hint = f"did you mean {', '.join(near)}?" if near else f"list /tools/{place}"
            if not await _is_blocked(provider, tool):
                raise SysError(Code.NOT_FOUND, f"{place} has no tool {tool!r}", hint=hint)

    def _absent(self, name: str) -> SysError:
        near = get_close_matches(name, self._places, n=3) or sorted(self._places)[:8]
        hint = f"there is {', '.join(near)}" if near else "nothing is mounted"
        return SysError(Code.NOT_FOUND, f"nothing is mounted at /tools/{name}", hint=hint)


def _same(one: object, other: object) -> bool:
    """Places give the same value until it changes; functions a tuple each time."""
    return one is other or (isinstance(one, tuple) and len(one) < FEW and one == other)


def said(offer: Offer) -> dict[str, bool]:
    hints = offer.hints
    found = {
        "readOnlyHint": hints.read_only,
        "destructiveHint": hints.destructive,
        "idempotentHint": hints.idempotent,
        "openWorldHint": hints.open_world,
    }
    return {name: value for name, value in found.items() if value is not None}


async def _is_blocked(provider: Provider, tool: str) -> bool:
    drift = getattr(provider, "drift", None)
    return drift is not None and tool in await drift()


def check(name: str, offer: Offer, arguments: msgspec.Raw) -> None:
    """What can be said without going there.  Raise `invalid` with what the tool takes."""
    try:
        given = msgspec.json.decode(arguments or b"{}", type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise SysError(Code.INVALID, f"{name}: {error}", hint="arguments is an object") from error
    schema = msgspec.json.decode(offer.schema)
    if not isinstance(schema, dict) or not isinstance(schema.get("properties", {}), dict):
        return
    properties: Mapping[str, Any] = schema.get("properties", {})
    required: Sequence[str] = schema.get("required", [])
    missing = [r for r in required if r not in given]
    unknown = [g for g in given if g not in properties]
    closed = schema.get("additionalProperties") is False or bool(properties)
    takes = ", ".join(p if p in required else f"{p}?" for p in properties) or "no arguments"
    if missing:
        raise SysError(Code.INVALID, f"{name} needs {', '.join(missing)}", hint=f"takes {takes}")
    if (
        unknown
        and closed
        and "patternProperties" not in schema
        and not schema.get("additionalProperties")
    ):
        raise SysError(
            Code.INVALID, f"{name} does not take {', '.join(unknown)}", hint=f"takes {takes}"
        )
