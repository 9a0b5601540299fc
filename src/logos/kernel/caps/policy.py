"""Does a capability cover a call?

A call names its verb and the path it acts on.  A process's relatives have a second name,
so that a right can be given before their pids exist: `/proc/child/17`, `/proc/parent`.
"""

from typing import Any

import msgspec

from logos.abi.calls import Call, CallTool, name
from logos.abi.errors import Code, SysError
from logos.abi.process import Process, Used
from logos.abi.rights import Cap, allows, covers

OF_CHILDREN = frozenset({"wait", "signal"})
"""Verbs whose handlers refuse anything that is not a child: an ended child still is one, but the
process state no longer says so."""


def check(process: Process, call: Call[Any], now: int = 0) -> Cap | None:
    """Return the capability that this call uses up, if it is a counted one.  Raise `denied` saying
    what is missing, so that a model can do something else."""
    for verb, path in call.further():
        _further(process, call, verb, path, now)
    verb, target = call.verb, call.target()
    if not verb or not target:
        return None
    names = _names(process, verb, target)
    _not_revoked(process, call, verb, names)
    if any(allows(process.caps, verb, path) for path in names):
        return None
    there = [c for c in process.caps if c.conditional and any(covers(c, verb, n) for n in names)]
    fitting = [c for c in there if c.suits(arguments_of(call), now)]
    if any(not c.counted for c in fitting):
        return None
    if (cap := next((c for c in sorted(fitting) if _left(process, c, now)), None)) is not None:
        return cap
    raise _denied(process, call, there)


def _denied(process: Process, call: Call[Any], there: list[Cap]) -> SysError:
    """Name the capabilities held: those for this very target, if only a condition fails, else those
    with the same verb."""
    verb, target = call.verb, call.target()
    if there:
        said = f"on {target} does not meet the conditions of your right to it"
    else:
        said = f"needs the capability {verb}:{target}"
    held = there or [cap for cap in process.caps if cap.verb == verb]
    hint = f"you hold {', '.join(sorted(map(str, held)))}" if held else f"you hold none to {verb}"
    return SysError(Code.DENIED, f"{name(type(call))} {said}", hint=hint)


def _not_revoked(process: Process, call: Call[Any], verb: str, names: list[str]) -> None:
    if gone := next((c for c in process.revoked for n in names if covers(c, verb, n)), None):
        raise SysError(
            Code.DENIED,
            f"{name(type(call))}: the right {gone} was taken back",
            hint="go on without it",
        )


def _further(process: Process, call: Call[Any], verb: str, path: str, now: int) -> None:
    """A further right that a call needs.  A counted one does not serve: a program would use it as
    often as it likes."""
    _not_revoked(process, call, verb, [path])
    fitting = (c for c in process.caps if covers(c, verb, path) and not c.counted)
    if any(c.suits(arguments_of(call), now) for c in fitting):
        return
    held = ", ".join(sorted(str(cap) for cap in process.caps if cap.verb == verb))
    raise SysError(
        Code.DENIED,
        f"{name(type(call))} needs the capability {verb}:{path} as well",
        hint=f"you hold {held}" if held else f"you hold none to {verb}; leave it out",
    )


def arguments_of(call: Call[Any]) -> dict[str, Any]:
    """Arguments by name; for a tool call, those of the tool."""
    found: dict[str, Any] = (
        msgspec.json.decode(call.arguments)
        if isinstance(call, CallTool)
        else msgspec.to_builtins(call)
    )
    return found


def _left(process: Process, cap: Cap, now: int) -> bool:
    """Is there a use of it left?"""
    used = next((u for u in process.used if u.cap == str(cap)), Used(cap=str(cap)))
    if cap.uses and used.times >= cap.uses:
        return False
    most, span = cap.rate
    return not most or sum(at > now - span * 1_000_000 for at in used.recent) < most


def _names(process: Process, verb: str, target: str) -> list[str]:
    names = [target]
    if verb in OF_CHILDREN:
        names.append(target.replace("/proc/", "/proc/child/", 1))
    else:
        names += (f"/proc/child/{c.pid}" for c in process.children if target == f"/proc/{c.pid}")
    if process.parent is not None and target == f"/proc/{process.parent}":
        names.append("/proc/parent")
    return names
