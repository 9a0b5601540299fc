"""Capabilities against calls.

A call names its verb and the path it acts on.  A process's relatives have a second name,
so that a right can be given before their pids exist: `/proc/child/17`, `/proc/parent`.
"""

from typing import Any

from logos.abi.calls import Call, name
from logos.abi.errors import Code, SysError
from logos.abi.process import Process
from logos.abi.rights import allows

OF_CHILDREN = frozenset({"wait", "signal"})
"""Verbs whose handlers refuse whatever is no child: an ended one is still one, and its state no
longer says so."""


def check(process: Process, call: Call[Any]) -> None:
    """Raise `denied` with what is missing, so that a model can do something else."""
    verb, target = call.verb, call.target()
    if not verb or not target:
        return
    names = _names(process, verb, target)
    if gone := next((c for c in process.revoked for n in names if allows([c], verb, n)), None):
        raise SysError(
            Code.DENIED,
            f"{name(type(call))}: the right {gone} was taken back",
            hint="go on without it",
        )
    if not any(allows(process.caps, verb, path) for path in names):
        held = ", ".join(sorted(str(cap) for cap in process.caps if cap.verb == verb))
        raise SysError(
            Code.DENIED,
            f"{name(type(call))} needs the capability {verb}:{target}",
            hint=f"you hold {held}" if held else f"you hold none to {verb}",
        )


def _names(process: Process, verb: str, target: str) -> list[str]:
    names = [target]
    if verb in OF_CHILDREN:
        names.append(target.replace("/proc/", "/proc/child/", 1))
    else:
        names += (f"/proc/child/{c.pid}" for c in process.children if target == f"/proc/{c.pid}")
    if process.parent is not None and target == f"/proc/{process.parent}":
        names.append("/proc/parent")
    return names
