"""process.*: start, watch, wait for and signal other processes; run a program."""

from typing import Annotated

import msgspec
from msgspec import Meta

from logos.abi.agent import Limits
from logos.abi.calls.base import Call, Seconds
from logos.abi.calls.fs import absolute_program
from logos.abi.calls.world import Hosts, connects
from logos.abi.driver import Effect, Network
from logos.abi.errors import Code
from logos.abi.ids import Pid
from logos.abi.limits import LONGEST_WAIT_S
from logos.abi.process import Signal


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """How a process ended.  `status` 0 is success."""

    pid: Pid
    status: int
    answer: str = ""


class Ran(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a program ended.  `status` is its exit status, or 128 + signal.  Of a long output, the
    end is kept."""

    status: int
    stdout: str = ""
    stderr: str = ""
    truncated: bool = False

    @property
    def said(self) -> str:
        """The most informative output: what best explains how it went."""
        return (self.stdout if not self.status else self.stderr or self.stdout).strip()


class Exec(Call[Ran], tag="process.exec", frozen=True, kw_only=True):
    """Run a program that talks to models and tools itself, with the kernel as its only endpoint.

    For `logos exec`: it says which folders of the machine the program sees, so no agent file may
    list it.
    """

    effect = Effect.EFFECT
    verb = "run"
    errors = (Code.NOT_FOUND, Code.TIMEOUT, Code.UNAVAILABLE)

    argv: Annotated[
        tuple[str, ...], Meta(description="the program and its arguments", min_length=1)
    ]
    stdin: str = ""
    env: Annotated[dict[str, str], Meta(description="variables it sees besides ours")] = {}  # noqa: RUF012 - copied by msgspec
    folder: Annotated[str, Meta(description="where it starts; its workspace when empty")] = ""
    readable: Annotated[tuple[str, ...], Meta(description="folders it may read")] = ()
    network: Annotated[Network, Meta(description="host: as the machine has it")] = Network.NONE
    hosts: Hosts = ()
    restarts: Annotated[int, Meta(description="so often it is started again", ge=0)] = 0
    strict: Annotated[bool, Meta(description="ended when it does not repeat itself")] = False
    memory_mb: Annotated[int, Meta(description="memory it may use", ge=64)] = 2048
    timeout_s: Seconds = LONGEST_WAIT_S / 2

    def target(self) -> str:
        return absolute_program(self.argv[0])

    def further(self) -> tuple[tuple[str, str], ...]:
        return connects(self.hosts)


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
