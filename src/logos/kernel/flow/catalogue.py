"""The tools a process may call, each with its schema and its manifest.  Pure.

    Catalogue()                       empty
    .add(name, schema, ...)           with a manifest, or with what the schema alone tells
    .tool(name)                       or `not_found`, with the nearest name

Invariant: every tool in it has a manifest that fits its schema.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from logos.abi.errors import Code, SysError
from logos.kernel.flow.derive import derive
from logos.kernel.flow.manifest import Manifest, fit
from logos.kernel.flow.nearest import nearest


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    schema: Mapping[str, Any]
    manifest: Manifest


class Catalogue:
    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}

    def add(
        self,
        name: str,
        schema: Mapping[str, Any],
        manifest: Manifest | None = None,
        *,
        annotations: Mapping[str, Any] | None = None,
        description: str = "",
    ) -> None:
        """Raise `invalid` when the manifest does not fit, `conflict` when the name is taken."""
        if name in self._tools:
            raise SysError(
                Code.CONFLICT,
                f"there is a tool {name} already",
                hint="a server cannot shadow another's tool: mount it under its own name",
            )
        rest = derive(name, schema, annotations, description)
        fitted = fit(rest if manifest is None else manifest, schema, tool=name, rest=rest)
        self._tools[name] = Tool(name, schema, fitted)

    def tool(self, name: str) -> Tool:
        tool = self._tools.get(name)
        if tool is None:
            raise SysError(
                Code.NOT_FOUND,
                f"there is no tool {name[:80]!r}",
                hint=nearest(name, self._tools).hint or "list the tools to see their names",
            )
        return tool

    def manifests(self) -> dict[str, Manifest]:
        return {name: tool.manifest for name, tool in self._tools.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._tools

    def __len__(self) -> int:
        return len(self._tools)
