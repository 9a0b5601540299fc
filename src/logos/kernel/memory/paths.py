"""Paths of memory, as a process sees them and as a space sees itself.  Pure.

place(path)            a path of a memory, checked
folder(path)           the same at or above what is kept
shared, abroad         the path of a space for others, and for itself
slug(text)             a segment of a path from any words
"""

import posixpath

from logos.abi.errors import Code, SysError

CORE, ARCHIVE, FACTS, TODO, KV = "/mem/core", "/mem/archive", "/mem/facts", "/mem/todo", "/kv"
OWN = (CORE, ARCHIVE, FACTS, TODO, KV)
"""What a process has of its own; any other /mem/NAME is a space that it shares."""

PATH_CHARS = 400


def place(path: str) -> str:
    """The path as it is kept.  Raise `invalid` for one that memory does not have."""
    normal = posixpath.normpath("/" + path.lstrip("/"))
    if not normal.isprintable() or len(normal) > PATH_CHARS:
        raise SysError(Code.INVALID, f"{path[:60]!r} is not a path", hint="use a short, plain name")
    parts = normal.split("/")
    shapes = {CORE: (4, 4), FACTS: (5, 5), TODO: (3, 3), KV: (3, 99)}
    for top, (least, most) in shapes.items():
        if normal == top or normal.startswith(f"{top}/"):
            if least <= len(parts) <= most:
                return normal
            break
    else:
        if parts[1] == "mem" and len(parts) > 3:  # noqa: PLR2004 - "", mem, archive or a space, name
            return normal
    raise SysError(
        Code.INVALID,
        f"nothing can be kept at {normal}",
        hint="use /mem/core/NAME, /mem/archive/..., /mem/facts/SUBJECT/RELATION, /mem/SPACE/..., "
        "/mem/todo or /kv/...",
    )


def folder(path: str) -> str:
    """A path at or above what is kept.  Raise `invalid`."""
    normal = posixpath.normpath("/" + path.lstrip("/"))
    if normal == KV or normal.startswith((f"{KV}/", "/mem/")):
        return normal
    raise SysError(Code.INVALID, f"nothing is kept at {normal}", hint="name a path in /mem or /kv")


def shared(path: str) -> tuple[str, str]:
    """The space a path belongs to ("": one's own) and the path in it: what stands at /mem/team/a
    for others is /mem/archive/a for the space itself, /mem/team/facts/a/b its fact."""
    parts = path.split("/")
    if len(parts) < 3 or parts[1] != "mem" or f"/mem/{parts[2]}" in OWN:  # noqa: PLR2004
        return "", path
    rest = "/".join(parts[3:])
    if rest == "facts" or rest.startswith("facts/"):
        return parts[2], f"/mem/{rest}"
    return parts[2], f"{ARCHIVE}/{rest}" if rest else ARCHIVE


def abroad(space: str, path: str) -> str:
    """A path of a space, as others see it."""
    if not space or not path.startswith("/"):
        return path
    rest = path.removeprefix(ARCHIVE) if path.startswith(ARCHIVE) else path.removeprefix("/mem")
    return f"/mem/{space}{rest}"


def slug(text: str) -> str:
    """A segment of a path from any words."""
    kept = "".join(c if c.isalnum() or c in "-_." else " " for c in text.strip().lower())
    return "-".join(kept.split())[:80].strip(".") or "-"
