"""The kernel.  One door: `open_kernel`.

    node/       leases, resident processes, their loop, the kernel's interface
    handlers/   the calls that touch only the kernel
    syscall/    the gate, and the table of handlers
    meaning/    embeddings of pages, in the background
    sched/      who gets a model's slots
    mounts/     the tree a process sees
    memory/     which part of its history a process's model sees
    flow/       what a call may carry, and where to
    process/    what a process is: a fold over its journal
    caps/       what a process may do
    clock/      the only reader of the clock
    audit/      whether the journal can be trusted
    journal/    the append-only truth

Each room imports only the rooms below it in this list.
"""

from logos.kernel.audit import (
    Audit,
    Checkpoint,
    Notary,
    Seal,
    check_export,
    public_key,
    signer,
    signer_at,
)
from logos.kernel.caps import Made
from logos.kernel.clock import SystemClock
from logos.kernel.flow import Table
from logos.kernel.memory import (
    CORE,
    FACTS,
    TODO,
    Ask,
    Seen,
    Shelf,
    Sought,
    Spoken,
    Version,
    Window,
    abroad,
    entry,
    folder,
    place,
    shared,
    slug,
    todo_list,
    view,
)
from logos.kernel.node import (
    RERANKING,
    Again,
    Changed,
    Dead,
    Kernel,
    Listed,
    Models,
    Parts,
    Payer,
    Records,
    Redecided,
    Replayed,
    Told,
    Turn,
    Why,
    explained,
    open_kernel,
    reasked,
    redecided,
)
from logos.kernel.process import counted
from logos.kernel.syscall import Policy, check_manifests, read_policy, site_rules

__all__ = [
    "CORE",
    "FACTS",
    "RERANKING",
    "TODO",
    "Again",
    "Ask",
    "Audit",
    "Changed",
    "Checkpoint",
    "Dead",
    "Kernel",
    "Listed",
    "Made",
    "Models",
    "Notary",
    "Parts",
    "Payer",
    "Policy",
    "Records",
    "Redecided",
    "Replayed",
    "Seal",
    "Seen",
    "Shelf",
    "Sought",
    "Spoken",
    "SystemClock",
    "Table",
    "Told",
    "Turn",
    "Version",
    "Why",
    "Window",
    "abroad",
    "check_export",
    "check_manifests",
    "counted",
    "entry",
    "explained",
    "folder",
    "open_kernel",
    "place",
    "public_key",
    "read_policy",
    "reasked",
    "redecided",
    "shared",
    "signer",
    "signer_at",
    "site_rules",
    "slug",
    "todo_list",
    "view",
]
