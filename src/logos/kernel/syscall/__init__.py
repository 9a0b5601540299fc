"""The gate, and the table of handlers.

Gate.admit(process, proposal)   what a model proposed -> a checked call, or SysError
Gate.tools(agent)               what the model is shown
Table.handles(Call)             register the handler of a kernel call
Context, Effects                what a handler sees, and what it returns
Tools                           the tools there are, and the verdict of the information flow on a call
Policy, read_policy             other rules and manifests to decide by
schema, spec                    what a declaration looks like to JSON Schema and to a model
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
