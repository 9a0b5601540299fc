"""What a capability allows.  Pure.

A capability is a verb and a path pattern, written `verb:/path`.  In a pattern `*` stands
for one segment and a last `**` for any number of them, none included.

    read:/home/**            read any file of the workspace
    write:/home/ledger.md    write this one
    run:/bin/git             run git
    fetch:/net/docs.python.org/**
    connect:/net/pypi.org    let programs connect there; /net/HOST:PORT for another port
    spawn:/agents/reader     start this agent
    signal:/proc/child/*     signal one's own children

Conditions may follow, and all of them must hold:

    call:/tools/mail/send?to=*@corp.example;rate=10/h;until=2026-12-31
    call:/tools/pay?uses=3

`rate` (per s, m, h or d) and `uses` are counted for the process that holds the right, so a right
with either is not handed to a child; `until` is a date or a time in UTC; anything else names an
argument of the call and a pattern for it, in which `*` is any text.

A process holds a set of them and nothing else: there is no other authority.  What it gives
to a child must be covered by what it holds.
"""

import posixpath
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from logos.abi.dates import microseconds
from logos.abi.errors import Code, SysError

VERBS = frozenset(
    {"read", "write", "run", "fetch", "connect", "call", "spawn", "send", "signal", "wait"}
)


SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
"""Seconds."""

_RATE = re.compile(r"(\d{1,9})/([smhd])")


class Cap(msgspec.Struct, frozen=True, kw_only=True, order=True, omit_defaults=True):
    """`where` maps arguments to patterns; `rate` is (count, seconds); `until` is in microseconds.
    0 or empty: no such condition."""

    verb: str
    path: str
    where: tuple[tuple[str, str], ...] = ()
    rate: tuple[int, int] = (0, 0)
    uses: int = 0
    until: int = 0

    def __str__(self) -> str:
        conditions = [f"{name}={pattern}" for name, pattern in self.where]
        if self.rate[0]:
            span = next(name for name, seconds in SPANS.items() if seconds == self.rate[1])
            conditions.append(f"rate={self.rate[0]}/{span}")
        if self.uses:
            conditions.append(f"uses={self.uses}")
        if self.until:
            moment = datetime.fromtimestamp(self.until / 1e6, UTC)
            conditions.append(f"until={moment:%Y-%m-%dT%H:%M:%SZ}")
        return f"{self.verb}:{self.path}" + ("?" + ";".join(conditions) if conditions else "")

    @property
    def conditional(self) -> bool:
        return bool(self.where or self.until or self.counted)

    @property
    def counted(self) -> bool:
        return bool(self.rate[0] or self.uses)

    def suits(self, arguments: Mapping[str, Any], now: int) -> bool:
        """Do the uncounted conditions hold?  A missing argument matches no pattern; of a list,
        every item must match."""
        if self.until and now >= self.until:
            return False
        return all(name in arguments and _fits(p, arguments[name]) for name, p in self.where)


EVERYTHING: frozenset[Cap] = frozenset(Cap(verb=verb, path="/**") for verb in VERBS)
"""What init holds."""


def parse(text: str) -> Cap:
    """`verb:/path` -> Cap.  Raise `invalid` with what is wrong."""
    plain, question, conditions = text.partition("?")
    verb, colon, path = plain.partition(":")
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
    cap = Cap(verb=verb, path=path)
    if question:
        for condition in conditions.split(";"):
            cap = _with(cap, condition)
    return cap


def _with(cap: Cap, condition: str) -> Cap:
    name, equals, value = condition.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise SysError(
            Code.INVALID,
            f"{condition!r} is not a condition",
            hint="write argument=pattern, rate=10/h, uses=3 or until=2026-12-31",
        )
    name, value = name.strip(), value.strip()
    match name:
        case "rate" if (found := _RATE.fullmatch(value)) and int(found[1]):
            return msgspec.structs.replace(cap, rate=(int(found[1]), SPANS[found[2]]))
        case "uses" if value.isdecimal() and int(value):
            return msgspec.structs.replace(cap, uses=int(value))
        case "until":
            return msgspec.structs.replace(cap, until=microseconds(value))
        case "rate" | "uses":
            raise SysError(
                Code.INVALID, f"{condition!r} is not a limit", hint="rate=10/h or uses=3"
            )
        case _:
            pass
    return msgspec.structs.replace(cap, where=tuple(sorted((*cap.where, (name, value)))))


def _fits(pattern: str, value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(_fits(pattern, one) for one in value)
    if isinstance(value, Mapping):
        return False
    parts = ".*".join(re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(parts, str(value), re.DOTALL) is not None


def covers(cap: Cap, verb: str, path: str) -> bool:
    """Does the capability's pattern cover this path, regardless of conditions?"""
    return cap.verb == verb and _covers(cap.path.split("/"), _normal(path).split("/"))


def allows(held: Iterable[Cap], verb: str, path: str) -> bool:
    """Does one of the capabilities allow `verb` on this concrete path, without conditions?

    The path is normalised first, so `..` cannot climb out of a pattern.
    """
    wanted = _normal(path).split("/")
    return any(
        cap.verb == verb and not cap.conditional and _covers(cap.path.split("/"), wanted)
        for cap in held
    )


def attenuates(child: Iterable[Cap], held: Iterable[Cap]) -> frozenset[Cap]:
    """The capabilities of `child` that nothing in `held` covers; empty if `child` is a subset."""
    held = list(held)
    return frozenset(
        cap
        for cap in child
        if not any(
            h.verb == cap.verb
            and _covers(h.path.split("/"), cap.path.split("/"))
            and _no_wider(cap, h)
            for h in held
        )
    )


def _no_wider(child: Cap, held: Cap) -> bool:
    """Does the child have every condition of `held`, at least as strict?"""
    if held.counted or (held.until and not 0 < child.until <= held.until):
        return False
    own = dict(child.where)
    return all(
        name in own
        and (own[name] == pattern or ("*" not in own[name] and _fits(pattern, own[name])))
        for name, pattern in held.where
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
