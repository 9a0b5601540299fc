"""Reading settings: defaults < logos.toml < LOGOS_SECTION_KEY variables.

    load(path, environ)   -> Loaded: the settings, and where each of them came from

Invariant: an unknown section, setting or value is an error that names where it was set; only a
variable whose first word is no section is ignored.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from logos.abi.errors import Code, SysError
from logos.config.sections import Config, Loaded
from logos.config.shown import leaves

PREFIX = "LOGOS_"

NESTED = frozenset({"limits"})
"""Subsections: LOGOS_LIMITS_NODE_COST_PER_DAY is limits.node.cost_per_day."""

LISTS = frozenset({"agents", "audit.trust"})
"""Settings that are lists: in a variable, items are separated by colons, as in PATH."""


def load(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """Raise SysError `invalid` naming the setting and where it was set."""
    raw: dict[str, Any] = {}
    origins: dict[str, str] = {}
    if path is not None and path.exists():
        try:
            raw = msgspec.toml.decode(path.read_bytes())
        except (msgspec.DecodeError, UnicodeError) as error:
            raise SysError(Code.INVALID, f"{path}: {error}", hint="TOML is expected") from error
        origins |= dict.fromkeys(leaves(raw), str(path))
    for variable, setting, value in _variables(environ):
        _put(raw, setting, value, variable)
        origins[".".join(setting)] = variable
    try:
        return Loaded(msgspec.convert(raw, Config, strict=False), origins)
    except msgspec.ValidationError as error:
        where = ", ".join(sorted(set(origins.values())))
        raise SysError(
            Code.INVALID,
            f"settings: {error}",
            hint=f"set in {where}; `logos config` lists them all",
        ) from error


def _variables(environ: Mapping[str, str]) -> Iterator[tuple[str, list[str], str]]:
    """The variables that are settings, each with its path and its value: LOGOS_X before
    LOGOS_X_Y."""
    sections = {f.name for f in msgspec.structs.fields(Config)}
    for variable, value in sorted(environ.items()):
        if not variable.startswith(PREFIX) or not value:
            continue
        first, _, rest = variable.removeprefix(PREFIX).lower().partition("_")
        inner, _, last = rest.partition("_")
        parts = (first, inner, last) if first in NESTED and last else (first, rest)
        if first in sections:
            yield variable, [part for part in parts if part], value


def _put(raw: dict[str, Any], setting: list[str], value: str, variable: str) -> None:
    *way, last = setting
    for name in way:
        raw = raw.setdefault(name, {})
        if not isinstance(raw, dict):
            raise SysError(
                Code.INVALID, f"settings: {name} is not a section", hint=f"see {variable}"
            )
    raw[last] = value.split(":") if ".".join(setting) in LISTS else value
