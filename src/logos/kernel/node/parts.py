"""What a kernel is made of, and what a process starts with.

Parts    what boot passes to the kernel
Payer    who starts a process
Terms    the terms on which a process starts
Noted    what a surface may journal at a process
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from logos import config
from logos.abi.agent import Account, Agent, Limits
from logos.abi.driver import Clock, Embedder, Reranker
from logos.abi.errors import Code, SysError
from logos.abi.events import Answered, AnyEvent, Diverged, Proposed, Reached, Vectored
from logos.abi.ids import Pid
from logos.abi.messages import ToolSpec
from logos.abi.mount import Mount
from logos.abi.process import Program
from logos.kernel.audit import Seal
from logos.kernel.flow import Table
from logos.kernel.mounts import Drivers
from logos.kernel.node.asked import Models
from logos.kernel.syscall import Declared
from logos.store import Store
from logos.vault import Vault

Noted: TypeAlias = Proposed | Answered | Diverged | Reached | Vectored


async def no_embedder(name: str) -> Embedder:
    raise SysError(Code.NOT_FOUND, f"no model {name!r} has embeddings here")


async def no_reranker(name: str) -> Reranker:
    raise SysError(Code.NOT_FOUND, f"no model {name!r} judges pages here")


class Parts(NamedTuple):
    """What boot passes to the kernel.  `mounts` are by path, such as `/tools`."""

    store: Store
    settings: config.Node
    clock: Clock
    programs: Mapping[str, Program]
    models: Models
    drivers: Drivers
    functions: Callable[[], Mapping[str, ToolSpec]]
    agents: Callable[[str], Agent]
    workspaces: Path
    place: str
    alone: bool = False
    seal: Seal | None = None
    vault: Vault = Vault()
    manifests: Callable[[], Mapping[str, Declared]] = dict
    rules: Table | None = None
    trust: config.Trust = config.Trust()
    limits: config.Limits = config.Limits()
    mounts: Mapping[str, Mount] = {}
    memory: config.Memory = config.Memory()
    embedder: Callable[[str], Awaitable[Embedder]] = no_embedder
    reranker: Callable[[str], Awaitable[Reranker]] = no_reranker


class Terms(NamedTuple):
    """The terms on which a process starts, and the first thing it hears."""

    limits: Limits
    workspace: Path | None = None
    by: str = ""
    more: Sequence[AnyEvent] = ()
    accounts: tuple[Account, ...] = ()
    pid: Pid | None = None
    carries: Mapping[str, Any] = {}


class Payer(NamedTuple):
    """Who starts a process, and the totals it counts toward.  With `once`, a repeated request does
    not start another one."""

    name: str
    accounts: tuple[Account, ...] = ()
    once: str = ""

    def terms(self, limits: Limits, more: Sequence[AnyEvent]) -> Terms:
        return Terms(limits, None, self.name, more, self.accounts)


def payer_of(by: str | Payer) -> Payer:
    return by if isinstance(by, Payer) else Payer(by)
