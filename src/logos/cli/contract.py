"""What a program should know of a command before it runs it.

    Contract            risk, cost, and the system calls it stands for
    contract(command)   of one command
    plan(command, ...)  what a dry run answers

    risk   none: it looks.  low: it can be done again or undone.  medium: it starts or changes
           something.  high: it ends, refuses or lets through what cannot be called back.
    cost   free, or model: it may spend what models cost.

A command that is not in the table has what its effect implies.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Contract:
    risk: str
    cost: str = "free"
    calls: tuple[str, ...] = ()


TABLE: dict[str, Contract] = {
    "approve": Contract("high", "model"),
    "deny": Contract("high"),
    "down": Contract("high"),
    "exec": Contract("medium", "model", ("process.exec",)),
    "key revoke": Contract("high"),
    "key rotate": Contract("high"),
    "kill": Contract("high", calls=("process.signal",)),
    "replay": Contract("none", "model"),
    "revoke": Contract("high"),
    "run": Contract("medium", "model", ("process.spawn", "process.wait")),
    "send": Contract("medium", "model", ("message.send",)),
    "sh": Contract("medium", "model", ("process.spawn", "message.send")),
    "stop": Contract("high", calls=("process.signal",)),
    "umount": Contract("high"),
    "uninstall": Contract("high"),
    "wait": Contract("none", calls=("process.wait",)),
}


def contract(name: str, effect: str, *, idempotent: bool) -> Contract:
    if name in TABLE:
        return TABLE[name]
    return Contract("none" if effect == "read" else "low" if idempotent else "medium")


def plan(schema: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Nothing but the arguments was looked at."""
    kept = ("name", "effect", "idempotent", "risk", "cost", "calls")
    given = {k: v for k, v in arguments.items() if k in schema["arguments"]["properties"]}
    return {"dry_run": True, **{k: schema[k] for k in kept}, "arguments": given}
