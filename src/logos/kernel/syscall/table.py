"""The handlers of the calls that touch only the kernel.

A handler decides and returns what should happen; it writes nothing.  The node then journals the
call, its effects and its answer in one transaction: after a crash all of it happened, or none.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

from logos.abi.agent import Agent, Limits
from logos.abi.calls import Call, SearchMemory
from logos.abi.events import AnyEvent, Compacted, Forgot
from logos.abi.ids import Pid, Seq
from logos.abi.process import Process
from logos.kernel.journal import Entry, Letter
from logos.kernel.memory import Shelf
from logos.kernel.process.bodies import Erase, Squeeze


class Known(NamedTuple):
    """What the process table knows of a process."""

    pid: Pid
    status: str
    parent: Pid | None
    exit_status: int | None


class Parent(NamedTuple):
    """The parent of a process, and what is known of the task it gives."""

    pid: Pid
    process: Process
    carries: Mapping[str, Any] = MappingProxyType({})


class Kept(Protocol):
    """What processes keep, by path."""

    async def current(self, pid: Pid) -> Shelf: ...

    async def of(self, space: str) -> Shelf: ...

    async def open(self, space: str) -> Pid: ...

    async def search(self, space: str, call: SearchMemory) -> str: ...

    async def forget(self, pid: Pid, erase: Erase) -> Forgot: ...


class Services(Protocol):
    """What handlers may ask the kernel."""

    @property
    def stores(self) -> Kept: ...

    async def agent(self, name: str) -> Agent: ...

    async def known(self, pid: Pid) -> Known | None: ...

    async def answer(self, pid: Pid) -> str: ...

    async def page(self, pid: Pid, page: Seq) -> str: ...

    async def search(self, pid: Pid, call: SearchMemory) -> str: ...

    async def compressed(self, pid: Pid, wanted: Squeeze) -> Compacted | None: ...

    async def born(
        self, agent: Agent, task: str, limits: Limits, *, parent: "Parent"
    ) -> tuple[Entry, Limits]:
        """A new process, not yet in the journal, and the limits it was granted."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler may see: who asks, in which state, and when.  `carries` is what the
    information flow knows of the text that the call passes to another process."""

    pid: Pid
    process: Process
    now: int
    kernel: Services
    carries: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Effects:
    """The result of a call.

    With `blocks` the process waits (until `until`, microseconds) and the answer comes later;
    otherwise `value` is returned.  `events` are further facts about the caller; `children` and
    `letters` happen in the same transaction.
    """

    value: Any = None
    blocks: bool = False
    until: int | None = None
    events: Sequence[AnyEvent] = ()
    children: Sequence[Entry] = ()
    letters: Sequence[Letter] = field(default_factory=tuple)


Handler: TypeAlias = Callable[[Context, Any], Awaitable[Effects]]
F = TypeVar("F", bound=Handler)


class Table:
    def __init__(self) -> None:
        self._handlers: dict[type[Call[Any]], Handler] = {}

    def handles(self, call: type[Call[Any]]) -> Callable[[F], F]:
        def register(handler: F) -> F:
            assert call not in self._handlers, f"{call!r} is handled twice"
            self._handlers[call] = handler
            return handler

        return register

    def __getitem__(self, call: type[Call[Any]]) -> Handler:
        return self._handlers[call]

    def calls(self) -> set[type[Call[Any]]]:
        return set(self._handlers)
