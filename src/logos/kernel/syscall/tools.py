"""The tools, as the information flow knows them.

    Tools(functions, manifests, rules)
    .catalogue()        every present tool with its schema and manifest
    .plain(call)        is this call always allowed, whatever was read?
    .weigh(task, call)  the decision on a call
    .under(policy)      the same tools under other rules and manifests
    read_policy(text)   a policy from a file
    tool_of(call)       the name under which a call is decided

A manifest comes from the site's folder, from the provider of the tool or, failing both, from the
tool's name and schema alone, which assumes the worst.

Invariant: `plain` is true only if every rule that could apply to the call allows it.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from logos.abi.calls import BY_NAME, Call, CallTool
from logos.abi.calls import name as call_name
from logos.abi.errors import Code, SysError
from logos.abi.messages import ToolSpec
from logos.kernel.flow import (
    RULES,
    Catalogue,
    Decision,
    Impact,
    Kind,
    Manifest,
    Table,
    Task,
    add_own,
    decide,
    load,
)

log = logging.getLogger("logos.kernel")

Declared = Mapping[str, Any]
"""A manifest as written in a file, or the annotations of an MCP tool."""

_HARMLESS = frozenset({Kind.CHOICE, Kind.SELECTOR, Kind.CONTENT, Kind.TEXT, Kind.DATE})


class Policy(NamedTuple):
    """The rules of a site, and manifests that take precedence over all others."""

    rules: Table
    manifests: Mapping[str, Declared]


class Tools:
    def __init__(
        self,
        functions: Callable[[], Mapping[str, ToolSpec]],
        manifests: Callable[[], Mapping[str, Declared]],
        rules: Table | None,
    ) -> None:
        """Without rules: the shipped ones."""
        self._functions, self._manifests = functions, manifests
        self.rules = rules or Table(RULES)
        self._made: tuple[Mapping[str, ToolSpec], Mapping[str, Declared]] | None = None
        self._catalogue = Catalogue()
        self._plain: frozenset[str] = frozenset()

    def catalogue(self) -> Catalogue:
        """The same object until a tool comes, goes or changes."""
        now = (self._functions(), self._manifests())
        if self._made != now:
            self._catalogue = _catalogue(*now)
            found = self._catalogue.manifests().items()
            harmless = (name for name, manifest in found if _plain(manifest))
            self._plain = frozenset() if self.rules.site else frozenset(harmless)
            self._made = now
        return self._catalogue

    def plain(self, call: Call[Any]) -> bool:
        self.catalogue()
        return tool_of(call) in self._plain

    def weigh(self, task: Task, call: Call[Any]) -> Decision:
        task.offer(self.catalogue())
        return decide(task, tool_of(call), _arguments(call))

    def knows(self, call: Call[Any]) -> bool:
        """Does the tool that it names still exist?"""
        return tool_of(call) in self.catalogue()

    def under(self, policy: Policy) -> "Tools":
        return Tools(
            self._functions, lambda: {**self._manifests(), **policy.manifests}, policy.rules
        )


def tool_of(call: Call[Any]) -> str:
    """The name under which its manifest is kept."""
    return call.tool if isinstance(call, CallTool) else call_name(type(call))


def _arguments(call: Call[Any]) -> dict[str, Any]:
    if isinstance(call, CallTool):
        found: dict[str, Any] = msgspec.json.decode(call.arguments)
    else:
        found = msgspec.to_builtins(call)
        found.pop("call", None)
    return found


def _plain(manifest: Manifest) -> bool:
    """It only reads and tells nobody, or stays within the process and carries nothing that acts."""
    if manifest.impact is Impact.READ:
        return True
    arguments = map(manifest.argument, manifest.arguments)
    return (
        manifest.private
        and manifest.impact is Impact.REVERSIBLE_WRITE
        and all(a.free or a.kind in _HARMLESS for a in arguments)
    )


def _catalogue(functions: Mapping[str, ToolSpec], manifests: Mapping[str, Declared]) -> Catalogue:
    made = Catalogue()
    add_own(made)
    for name, spec in functions.items():
        if name in BY_NAME:
            continue
        schema = msgspec.json.decode(spec.schema)
        try:
            given = manifests.get(name, {})
            manifest = msgspec.convert(given, Manifest) if "impact" in given else None
            annotations = {} if manifest is not None else given
            made.add(name, schema, manifest, annotations=annotations, description=spec.description)
        except (SysError, msgspec.ValidationError) as error:
            log.warning("the manifest of %s is not used, the worst is assumed: %s", name, error)
            made.add(name, schema, _worst(schema), description=spec.description)
    return made


def _worst(schema: Mapping[str, Any]) -> Manifest:
    arguments: dict[str, Any] = dict.fromkeys(schema.get("properties", {}), "address")
    return Manifest(impact=Impact.IDENTITY, arguments=arguments, derived=True)


def site_rules(text: str) -> Table:
    """The shipped rules plus a site's own.  Raise `invalid`."""
    return Table(RULES, load(text))


def read_policy(text: str) -> Policy:
    """A file of `[[rule]]` tables, as for `trust.rules`, of manifests, as in `trust.manifests`, or
    of both.  Raise `invalid`."""
    rules = site_rules(text)
    found = msgspec.toml.decode(text, type=dict[str, Any])
    found.pop("rule", None)
    check_manifests(found)
    return Policy(rules, found)


def check_manifests(manifests: Mapping[str, Declared]) -> None:
    """Raise `invalid` for a malformed manifest, so that an operator hears of it at the start."""
    for name, given in manifests.items():
        try:
            msgspec.convert(given, Manifest)
        except (msgspec.ValidationError, SysError) as error:
            raise SysError(Code.INVALID, f"the manifest of {name}: {error}") from error
