"""The table and the gate.

Gate.admit(process, proposal)   what a model proposed -> a checked call, or SysError
Gate.tools(agent)               what the model is shown
Table.handles(Call)             register the function that carries a kernel call out
Context, Effects                what a handler sees, and what it says is to happen
Tools                           what tools there are, and what the information flow says of a call
Policy, read_policy             other rules and manifests to say it by
schema, spec                    the faces of a declaration
"""

from logos.kernel.syscall.gate import Check, Gate, nearest, schema, spec
from logos.kernel.syscall.table import (
    Context,
    Effects,
    Handler,
    Known,
    Parent,
    Services,
    Table,
)
from logos.kernel.syscall.tools import (
    Declared,
    Policy,
    Tools,
    check_manifests,
    read_policy,
    site_rules,
    tool_of,
)

__all__ = [
    "Check",
    "Context",
    "Declared",
    "Effects",
    "Gate",
    "Handler",
    "Known",
    "Parent",
    "Policy",
    "Services",
    "Table",
    "Tools",
    "check_manifests",
    "nearest",
    "read_policy",
    "schema",
    "site_rules",
    "spec",
    "tool_of",
]
