"""An unmodified program, and the service that answers its requests.

Guest     one run of it
Keeper    serves models and tools at its door
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from logos.abi.calls import Exec
from logos.abi.errors import SysError
from logos.abi.ids import Pid


@dataclass(frozen=True, slots=True)
class Guest:
    """`key` authenticates the program; `door` is the descriptor of its listening socket; `signal`
    passes a signal on to it; `stop` ends it, with a reason."""

    pid: Pid
    call: Exec
    key: str
    door: int
    signal: Callable[[int], None]
    stop: Callable[[SysError], None]


class Keeper(Protocol):
    def serving(self, guest: Guest) -> AbstractAsyncContextManager[None]:
        """Serve it for as long as this is held."""
        ...
