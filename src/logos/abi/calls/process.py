"""process.*: start, watch, wait for and signal other processes."""

from typing import Annotated

import msgspec
from msgspec import Meta

from logos.abi.agent import Limits
from logos.abi.calls.base import Call, Seconds
from logos.abi.errors import Code
from logos.abi.ids import Pid
from logos.abi.process import Signal


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """How a process ended.  `status` 0 is success."""

    pid: Pid
    status: int
    answer: str = ""


class Spawn(Call[Pid], tag="process.spawn", frozen=True, kw_only=True):
    """Start a child process on a task and return its pid.

    The child gets a subset of your rights and its limits are taken out of yours; what it does
    not use comes back when it exits.
    """

    verb = "spawn"
    errors = (Code.NOT_FOUND, Code.BUDGET, Code.LIMIT)

    agent: Annotated[str, Meta(description="name of an agent you may start", min_length=1)]
    task: Annotated[str, Meta(description="what the child is to do")]
    limits: Annotated[Limits, Meta(description="limits of the child and its descendants")] = (
        Limits()
    )

    def target(self) -> str:
        return f"/agents/{self.agent}"


class Wait(Call[Exit], tag="process.wait", frozen=True, kw_only=True):
    """Wait until a child exits; return its exit status and answer."""

    verb = "wait"
    errors = (Code.NOT_FOUND, Code.TIMEOUT)

    pid: Annotated[Pid, Meta(description="a child of yours")]
    timeout_s: Seconds | None = None

    def target(self) -> str:
        return f"/proc/{self.pid}"


class Kill(Call[None], tag="process.signal", frozen=True, kw_only=True):
    """Send a signal to a child: term, kill, stop, cont or int."""

    verb = "signal"
    errors = (Code.NOT_FOUND, Code.STATE)

    pid: Annotated[Pid, Meta(description="a child of yours")]
    signal: Signal = Signal.TERM

    def target(self) -> str:
        return f"/proc/{self.pid}"
