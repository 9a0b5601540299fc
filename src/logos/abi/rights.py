"""What a capability allows.  Pure.

A capability is a verb and a path pattern, written `verb:/path`.  In a pattern `*` stands
for one segment and a last `**` for any number of them, none included.

    read:/home/**            read any file of the workspace
    write:/home/ledger.md    write this one
    run:/bin/git             run git
    fetch:/net/docs.python.org/**
    spawn:/agents/reader     start this agent
    signal:/proc/child/*     signal one's own children

A process holds a set of them and nothing else: there is no other authority.  What it gives
to a child must be covered by what it holds.
"""

import posixpath
from collections.abc import Iterable

import msgspec

from logos.abi.errors import Code, SysError

VERBS = frozenset({"read", "write", "run", "fetch", "call", "spawn", "send", "signal", "wait"})


class Cap(msgspec.Struct, frozen=True, kw_only=True, order=True):
    verb: str
    path: str

    def __str__(self) -> str:
        return f"{self.verb}:{self.path}"


EVERYTHING: frozenset[Cap] = frozenset(Cap(verb=verb, path="/**") for verb in VERBS)
"""What init holds."""


def parse(text: str) -> Cap:
    """`verb:/path` -> Cap.  Raise `invalid` with what is wrong."""
    verb, colon, path = text.partition(":")
    if not colon or verb not in VERBS:
        raise SysError(
            Code.INVALID,
            f"{text!r} is not a capability",
            hint=f"write verb:/path, with one of the verbs {', '.join(sorted(VERBS))}",
        )
    segments = path.split("/")
    if path != _normal(path) or ".." in segments or "**" in segments[:-1]:
        raise SysError(
            Code.INVALID,
            f"{path!r} is not a path pattern",
            hint="start with /, use no .., . or //, no / at the end, and ** only at the end",
        )
    return Cap(verb=verb, path=path)


def allows(held: Iterable[Cap], verb: str, path: str) -> bool:
    """Does one of the capabilities allow `verb` on this concrete path?

    The path is normalised first, so `..` cannot climb out of a pattern.
    """
    wanted = _normal(path).split("/")
    return any(cap.verb == verb and _covers(cap.path.split("/"), wanted) for cap in held)


def attenuates(child: Iterable[Cap], held: Iterable[Cap]) -> frozenset[Cap]:
    """The capabilities of `child` that nothing in `held` covers; empty means it is a subset."""
    held = list(held)
    return frozenset(
        cap
        for cap in child
        if not any(
            h.verb == cap.verb and _covers(h.path.split("/"), cap.path.split("/")) for h in held
        )
    )


def _normal(path: str) -> str:
    """One spelling of each path.  (`normpath` leaves two slashes at the start alone.)"""
    return posixpath.normpath("/" + path.lstrip("/"))


def _covers(pattern: list[str], path: list[str]) -> bool:
    """Is everything `path` matches (itself perhaps a pattern) matched by `pattern`?"""
    if pattern[-1] == "**":
        head = pattern[:-1]
        return len(path) >= len(head) and all(map(_segment, head, path))
    return len(pattern) == len(path) and all(map(_segment, pattern, path))


def _segment(pattern: str, segment: str) -> bool:
    return segment not in ("**", "") if pattern == "*" else pattern == segment
