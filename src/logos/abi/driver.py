"""What the kernel asks of the world: the Protocols every driver implements.

    Model       thinks: a request in, a stream of deltas out
    Embedder    says what texts mean, as vectors
    Reranker    says how well texts answer a question
    Tool        carries out one class of system calls
    Sandbox     runs somebody's code where it can do no harm
    WayOut      carries what such code sends to the hosts it was granted
    Clock       tells the time
    Wanted      what a tool raises that must ask a person first
    Later       what a tool raises whose call goes on by itself, elsewhere
    Waited      a tool with which something goes on after it has raised one of them

A driver maps its library's errors to SysError at its own edge, and lets nothing else out.
It is cancelled by cancelling its task, and then leaves nothing behind.  Whoever writes a
driver needs this package and nothing else of ours.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.ids import CallId, Pid
from logos.abi.messages import AnyDelta, Request
from logos.abi.rights import Cap

EFFECTIVE = 0.65
"""Of an advertised window (RULER), when nobody knows better."""


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """Nano-dollars per token (1 USD per million tokens = 1000)."""

    input: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is and can do.  `window` and `max_output` are in tokens; `effective` is the share
    of the window that is used: beyond it most models miss what is in front of them.  `concurrency`
    is how many thoughts it takes at once."""

    name: str
    window: int = 128_000
    effective: float = EFFECTIVE
    max_output: int = 8_192
    concurrency: int = 256
    price: Price = Price()
    tools: bool = True
    images: bool = False
    exact_count: bool = False


class Model(Protocol):
    @property
    def profile(self) -> Profile: ...

    def think(self, request: Request) -> AsyncIterator[AnyDelta]:
        """Stream one thought; the last delta is Finished.

        Raise SysError: `model` when the provider answers nonsense or refuses, `limit` when it
        says to slow down (after the driver's own retries), `unavailable` when it cannot be
        reached, `context` when the request is too long, `unauthenticated` for a bad key.
        """
        ...

    def count(self, request: Request) -> int:
        """Tokens of the request: exact if the profile says so, else an estimate that errs high."""
        ...


class Embedded(msgspec.Struct, frozen=True):
    """A vector for each text, in their order, and how many tokens that took (0: nobody says)."""

    vectors: tuple[tuple[float, ...], ...]
    tokens: int = 0


class Embedder(Protocol):
    """Texts of the same meaning have vectors in the same direction."""

    @property
    def name(self) -> str:
        """Whose vectors these are.  Those of different names are never compared."""
        ...

    @property
    def dimension(self) -> int:
        """How many numbers a vector has; 0 until the first was made."""
        ...

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """All of them or none.  Raise SysError as a Model does; `model` too where an answer has
        fewer vectors than texts, or others than numbers in them."""
        ...


class Reranked(msgspec.Struct, frozen=True):
    """A score for each text, in their order: more is better, and the scale is the model's own.
    `tokens` as in Embedded."""

    scores: tuple[float, ...]
    tokens: int = 0


class Reranker(Protocol):
    """Reads a question together with each text, which a vector made beforehand cannot."""

    @property
    def name(self) -> str: ...

    async def rerank(self, question: str, texts: Sequence[str]) -> Reranked:
        """Raise SysError as a Model does; `model` too where an answer has other scores than texts."""
        ...


class Effect(StrEnum):
    """What a call does to the world, and so what may be done about it after a crash."""

    KERNEL = (
        "kernel"  # touches only the kernel's own tables: in the same transaction, never in doubt
    )
    PURE = "pure"  # reads: run it again
    IDEMPOTENT = "idempotent"  # run it again under the same call id
    EFFECT = "effect"  # never run again in silence


class Wanted(SysError):  # noqa: N818 - a question, not a mistake
    """A tool asks a person something before it goes on.  `form` is the JSON Schema of the answer, `state`
    what the tool wants to hear again with it.  Raised again and again it is a question each time."""

    def __init__(self, question: str, form: msgspec.Raw, state: str = "") -> None:
        super().__init__(
            Code.UNCONFIRMED,
            f"it wants to ask a person something first: {question}",
            hint="give it everything it needs as arguments",
        )
        self.question, self.form, self.state = question, form, state


class Later(SysError):  # noqa: N818 - no mistake either
    """The call goes on elsewhere, whatever becomes of us.  It is run again at once, with the `ticket`,
    and after a restart too: who has a ticket follows the call and begins none."""

    def __init__(self, ticket: str) -> None:
        super().__init__(Code.UNAVAILABLE, "it goes on as a task elsewhere")
        self.ticket = ticket


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a person answered to `Wanted`, and the state that came with the question."""

    word: str
    state: str


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One call for a tool.  `workspace` is the process's own folder; `hosts` the names it may
    reach over the network; `caps` all it may, for a tool whose calls reach things that have rights of
    their own; `deadline_s` how long the call may take, in seconds; `reply` answers what the
    tool asked when it was called before; `ticket` is what it said then about a call that goes on."""

    id: CallId
    pid: Pid
    call: Any
    workspace: Path
    hosts: frozenset[str] = frozenset()
    caps: frozenset[Cap] = frozenset()
    deadline_s: float = 60.0
    reply: Reply | None = None
    ticket: str = ""


class Tool(Protocol):
    async def run(self, job: Job) -> Any:
        """Carry the call out and return what its declaration says.  Raise SysError."""
        ...


class Verdict(StrEnum):
    DONE = "done"
    NOT_DONE = "not_done"
    UNKNOWN = "unknown"


@runtime_checkable
class Reconciler(Protocol):
    """A tool that can say, after a crash, whether an effect happened."""

    async def prepare(self, job: Job) -> bytes:
        """What to remember before the effect.  It is journaled with the intent."""
        ...

    async def reconcile(self, job: Job, prepared: bytes) -> tuple[Verdict, Any]:
        """Did it happen?  With DONE, also what `run` would have returned."""
        ...


@runtime_checkable
class Waited(Protocol):
    """A tool that keeps something open while a person is asked, or while a call goes on elsewhere."""

    async def forsake(self, job: Job, *, declined: bool) -> None:
        """Nobody waits for this call any more; `declined`: because a person said no to what it
        asked.  Also said of calls that keep nothing."""
        ...


@runtime_checkable
class Graded(Protocol):
    """A tool whose calls differ in what they do to the world."""

    def effect(self, call: Any) -> Effect: ...


class Network(StrEnum):
    NONE = "none"
    HOST = "host"


class Mode(StrEnum):
    """How code is confined, strongest first."""

    FULL = "full"  # throw-away uid, namespaces (bubblewrap), Landlock, seccomp
    NO_NAMESPACES = "no_namespaces"  # throw-away uid, Landlock, seccomp
    NONE = "none"  # a plain subprocess: only when the operator says so


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What to run in a sandbox.  Sizes in bytes, times in seconds.  `readable` folders are
    mounted read-only at the same path.  The program sees `workspace` at `/workspace` where the
    mode has namespaces, else at its own path; it starts there, unless `start` names one of
    the readable folders, and it is all it can write.  `doors`: ports of its own loopback that are
    answered from outside, where the mode gives it a loopback of its own."""

    argv: tuple[str, ...]
    workspace: Path
    stdin: bytes = b""
    env: Mapping[str, str] = {}
    readable: tuple[Path, ...] = ()
    network: Network = Network.NONE
    timeout_s: float = 60.0
    output_bytes: int = 256 * 1024
    memory_bytes: int = 1 << 30
    processes: int = 64
    file_bytes: int = 64 << 20
    start: Path | None = None
    doors: tuple[int, ...] = ()


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended.  `status` is the exit status, or 128 + signal.  `truncated`: more output
    came than was kept.  `timed_out`: it was killed at its deadline."""

    status: int
    stdout: bytes
    stderr: bytes
    seconds: float
    timed_out: bool = False
    truncated: bool = False
    mode: Mode = Mode.FULL


class Program(Protocol):
    """A program that runs in a sandbox."""

    async def send(self, data: bytes) -> None:
        """To its standard input.  Raise SysError `unavailable` when it has ended."""
        ...

    async def receive(self) -> bytes:
        """What comes next from its standard output; nothing at its end."""
        ...

    def last_words(self) -> str:
        """The end of what it wrote to standard error."""
        ...


class Hosted(Protocol):
    """A program that was let loose in a sandbox, and is listened to."""

    @property
    def doors(self) -> tuple[int, ...]:
        """Where it knocks when it connects to the ports of its own loopback that were asked for, in
        their order; they listen already.  Descriptors, open as long as the program is held."""
        ...

    async def hear(self) -> tuple[int, bytes]:
        """What it writes next: 1 or 2, and the bytes; none when it writes no more."""
        ...

    def signal(self, number: int) -> None:
        """As a terminal does: an interrupt goes to all of it, anything else to its first process.
        To one that has ended, nothing."""
        ...

    async def ended(self) -> int:
        """Its exit status, or 128 + signal."""
        ...


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """One mechanism of confinement on this machine, for `logos doctor`.  `hint`: how to get it."""

    name: str
    available: bool
    detail: str = ""
    hint: str = ""


Attend: TypeAlias = Callable[[tuple[int, ...]], AbstractAsyncContextManager[object]]
"""Answers at the doors of a program for as long as it is held."""


Refused: TypeAlias = Sequence[str]
"""The places that were asked for and refused, each with why, as they come."""


class WayOut(Protocol):
    """The only way from a sandbox to a network."""

    def variables(self, port: int, hosts: Sequence[str]) -> Mapping[str, str]:
        """What tells a program that its way to these hosts is at this port of its own loopback."""
        ...

    def open(
        self, door: int, job: Job, hosts: Sequence[str]
    ) -> AbstractAsyncContextManager[Refused]:
        """Carry what knocks at this door to these hosts, and to no other, as long as this is held.
        Journal each place at the process of the job: when it is first asked for, before anything
        leaves, and with what was carried at the end."""
        ...


class Sandbox(Protocol):
    @property
    def mode(self) -> Mode: ...

    def layers(self) -> tuple[Layer, ...]: ...

    async def run(self, command: Command, attend: Attend | None = None) -> Completed:
        """Run it, and leave no process behind; `attend` is held meanwhile, with its doors.  Raise
        SysError `unavailable` when this machine cannot confine it as strongly as the operator
        asked: never run it weaker instead."""
        ...

    def host(self, command: Command) -> AbstractAsyncContextManager[Hosted]:
        """Run it for as long as this is held, however long it takes.  Raise as `run` does."""
        ...

    def open(self, command: Command) -> AbstractAsyncContextManager[Program]:
        """Run it for as long as this is held, to be talked to; then kill all of it.  Of the
        command, `stdin` and `timeout_s` mean nothing.  Raise as `run` does."""
        ...


class Clock(Protocol):
    def now(self) -> int:
        """Microseconds since the Unix epoch."""
        ...

    async def sleep_until(self, at: int) -> None:
        """Return when `now()` is at or past `at`."""
        ...
