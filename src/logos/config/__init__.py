"""All settings, in one frozen value read once at boot.

    load(path, environ)          -> Loaded: the value, and where each setting came from
    Config and its sections      a room is handed its own section and reads nothing else
    settings(loaded)             every setting as it may be shown, and its origin
    secret(reference, environ)   the value of a secret reference
    filled(value, environ)       the same, for a value that ends with a reference

No module but `boot` and `cli` touches the environment.
"""

from logos.config.loading import load
from logos.config.references import filled, secret
from logos.config.sections import (
    A2a,
    Allowance,
    Audit,
    Browser,
    Commands,
    Config,
    Consolidate,
    Endpoint,
    Gateway,
    Limits,
    Loaded,
    Memory,
    Node,
    Sandbox,
    Search,
    Store,
    Trust,
)
from logos.config.shown import settings

__all__ = [
    "A2a",
    "Allowance",
    "Audit",
    "Browser",
    "Commands",
    "Config",
    "Consolidate",
    "Endpoint",
    "Gateway",
    "Limits",
    "Loaded",
    "Memory",
    "Node",
    "Sandbox",
    "Search",
    "Store",
    "Trust",
    "filled",
    "load",
    "secret",
    "settings",
]
