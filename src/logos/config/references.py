"""References to secrets, resolved.

    secret(reference, environ)   the value behind `env:NAME` or `file:/path`
    filled(value, environ)       the same, for a value that ends with a reference

A vault given as the environment learns every secret that is looked up in it.
"""

from collections.abc import Mapping
from pathlib import Path

from logos.abi.errors import Code, SysError
from logos.vault import Vault


def secret(reference: str, environ: Mapping[str, str]) -> str:
    """`env:NAME` or `file:/path` -> its value.  Raise `unauthenticated` when there is none."""
    kind, _, where = reference.partition(":")
    if not reference:
        return ""
    found = ""
    if kind == "env":
        found = environ.get(where, "")
    elif kind == "file" and Path(where).is_file():
        found = Path(where).read_text(encoding="utf-8").strip()
    if found:
        if isinstance(environ, Vault):
            environ.keep(Path(where).name, found)
        return found
    raise SysError(
        Code.UNAUTHENTICATED,
        f"there is no secret at {reference!r}"
        if kind in ("env", "file")
        else "a key is a reference",
        hint="write env:NAME or file:/path, and put the key there",
    )


def filled(value: str, environ: Mapping[str, str]) -> str:
    """A value that ends with a reference (`Bearer env:NAME`), resolved; any other value
    unchanged."""
    head, _, last = value.rpartition(" ")
    if not last.startswith(("env:", "file:")):
        return value
    return f"{head} {secret(last, environ)}".lstrip()
