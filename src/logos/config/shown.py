"""Settings as they may be shown to anyone.

    settings(loaded)   every setting: its name, its value as JSON, and its origin
    leaves(tree)       a tree of sections as one table of dotted names

Invariant: no password and no literal header is shown.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from logos.config.sections import Loaded

HIDDEN = "(not shown: env:NAME or file:/path would be)"
_SECRETS = re.compile(r"(^|\.)(headers|env|web|databases)\.")
_PASSWORD = re.compile(r"(://[^/@:]*:)[^@]*(@)|((?:^|[?&\s])(?:password|sslpassword)=)[^&\s]*")


def settings(loaded: Loaded) -> list[tuple[str, str, str]]:
    """Every setting: its name, its value as JSON, and its origin."""
    rows = leaves(msgspec.to_builtins(loaded.config))
    return [
        (
            name,
            msgspec.json.encode(_shown(name, value)).decode(),
            loaded.origins.get(name, "default"),
        )
        for name, value in rows.items()
    ]


def leaves(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A tree of sections as one table of dotted names."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            found |= leaves(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _shown(name: str, value: Any) -> Any:
    """Settings may be shown to anyone, so passwords in URLs and literal headers are hidden."""
    if not isinstance(value, str):
        return value
    if _SECRETS.search(name) and not value.rpartition(" ")[2].startswith(("env:", "file:")):
        return HIDDEN
    return _PASSWORD.sub(lambda m: f"{m[1]}***{m[2]}" if m[1] else f"{m[3]}***", value)
