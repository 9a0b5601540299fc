"""A program that runs in a process of its own, and who answers it.

Guest     one run of it
Keeper    answers at its door: models, tools
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
    """`key` is what the program says who it is with; `door` is the descriptor of the
    socket it knocks at, which listens already; `signal` passes one on to it; `stop` ends it, and says why."""

    pid: Pid
    call: Exec
    key: str
    door: int
    signal: Callable[[int], None]
    stop: Callable[[SysError], None]


class Keeper(Protocol):
    def serving(self, guest: Guest) -> AbstractAsyncContextManager[None]:
        """Answer it for as long as this is held."""
        ...
