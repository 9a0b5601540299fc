"""What the kernel asks of the world: the Protocols every driver implements.

    Model       thinks: a request in, a stream of deltas out
    Embedder    says what texts mean, as vectors
    Reranker    says how well texts answer a question
    Tool        carries out one class of system calls
    Sandbox     runs untrusted code where it can do no harm
    WayOut      carries what such code sends to the hosts it was granted
    Clock       tells the time
    Wanted      raised by a tool that must ask a person first
    Later       raised by a tool whose call continues elsewhere by itself
    Waited      a tool that keeps something open after raising one of these

A driver maps its library's errors to SysError at its own edge, and lets nothing else out.
Cancelling its task cancels a driver, which then leaves nothing behind.  To write a driver you need
this package and nothing else of LogOS.
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
"""The usable share of an advertised context window (RULER), when no better figure is known."""


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """Nano-dollars per token (1 USD per million tokens = 1000)."""

    input: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is and can do.  `window` and `max_output` are in tokens.  `effective` is the
    share of the window that is used: beyond it most models lose track of earlier text.
    `concurrency` is how many thoughts it serves at once."""

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
        """Tokens of the request: exact if the profile says so, else an estimate that errs on the
        high side."""
        ...


class Embedded(msgspec.Struct, frozen=True):
    """One vector for each text, in order, and how many tokens that took (0: not reported)."""

    vectors: tuple[tuple[float, ...], ...]
    tokens: int = 0


class Embedder(Protocol):
    """Maps texts to vectors; texts of similar meaning point in similar directions."""

    @property
    def name(self) -> str:
        """Identifies the vector space.  Vectors of different names are never compared."""
        ...

    @property
    def dimension(self) -> int:
        """The length of a vector; 0 until the first one has been computed."""
        ...

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed all of them or none.  Raise SysError as a Model does, and `model` also when the
        answer has fewer vectors than texts, or malformed ones."""
        ...


class Reranked(msgspec.Struct, frozen=True):
    """One score for each text, in order.  Higher is better; the scale is the model's own.  `tokens`
    as in Embedded."""

    scores: tuple[float, ...]
    tokens: int = 0


class Reranker(Protocol):
    """Reads the question together with each text, which precomputed vectors cannot do."""

    @property
    def name(self) -> str: ...

    async def rerank(self, question: str, texts: Sequence[str]) -> Reranked:
        """Raise SysError as a Model does, and `model` also when the number of scores is not that of
        the texts."""
        ...


class Effect(StrEnum):
    """What a call does to the world, and therefore how it may be handled after a crash."""

    KERNEL = (
        "kernel"  # touches only the kernel's own tables: in the same transaction, never in doubt
    )
    PURE = "pure"  # reads: run it again
    IDEMPOTENT = "idempotent"  # run it again under the same call id
    EFFECT = "effect"  # never run again in silence


class Wanted(SysError):  # noqa: N818 - a question, not a mistake
    """A tool must ask a person something before it can go on.  `form` is the JSON Schema of the
    answer; `state` is returned to the tool together with it.  Each time this is raised, one more
    question is asked."""

    def __init__(self, question: str, form: msgspec.Raw, state: str = "") -> None:
        super().__init__(
            Code.UNCONFIRMED,
            f"it wants to ask a person something first: {question}",
            hint="give it everything it needs as arguments",
        )
        self.question, self.form, self.state = question, form, state


class Later(SysError):  # noqa: N818 - no mistake either
    """The call continues elsewhere, whatever happens to this node.  It is run again at once with
    the `ticket`, and again after a restart; a run that has a ticket follows the call instead of
    starting one."""

    def __init__(self, ticket: str) -> None:
        super().__init__(Code.UNAVAILABLE, "it goes on as a task elsewhere")
        self.ticket = ticket


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a person answered to `Wanted`, and the state that came with the question."""

    word: str
    state: str


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One call, as a tool receives it.  `workspace` is the process's folder.  `hosts` are the names
    it may reach over the network.  `caps` are all its capabilities, for tools whose targets have
    rights of their own.  `deadline_s` is how long the call may take, in seconds.  `reply` answers
    the question that the tool asked when it last ran; `ticket` identifies a call that continues
    elsewhere."""

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
    """A tool that keeps something open while a person is asked or while a call continues
    elsewhere."""

    async def forsake(self, job: Job, *, declined: bool) -> None:
        """Nobody waits for this call any more.  `declined`: because a person said no to its
        question.  Also called for calls that kept nothing open."""
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
    """What to run in a sandbox.  Sizes are in bytes, times in seconds.  `readable` folders are
    mounted read-only at the same path.  The program sees `workspace` at `/workspace` where the mode
    has namespaces, else at its own path.  It starts there unless `start` names one of the readable
    folders, and can write nowhere else.  `doors` are ports on its own loopback that are answered
    from outside, in modes that give it a loopback of its own."""

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
    """How it ended.  `status` is the exit status, or 128 + signal.  `truncated`: there was more
    output than was kept.  `timed_out`: it was killed at its deadline."""

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
        """Write to its standard input.  Raise SysError `unavailable` when it has ended."""
        ...

    async def receive(self) -> bytes:
        """The next chunk of its standard output; empty at the end."""
        ...

    def last_words(self) -> str:
        """The end of what it wrote to standard error."""
        ...


class Hosted(Protocol):
    """A program running in a sandbox, whose output is followed."""

    @property
    def doors(self) -> tuple[int, ...]:
        """The listening sockets behind the requested ports of its own loopback, in the order
        requested.  Descriptors, open as long as the program is held."""
        ...

    async def hear(self) -> tuple[int, bytes]:
        """The next output: stream 1 or 2, and the bytes; empty when there is no more."""
        ...

    def signal(self, number: int) -> None:
        """Send a signal as a terminal does: an interrupt goes to the whole process group, anything
        else to the first process.  Does nothing once the program has ended."""
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
"""Serves the doors of a program for as long as it is held."""


Refused: TypeAlias = Sequence[str]
"""The places that were requested and refused, each with the reason, as they come."""


class WayOut(Protocol):
    """The only way out of a sandbox to a network."""

    def variables(self, port: int, hosts: Sequence[str]) -> Mapping[str, str]:
        """The environment variables that tell a program to reach these hosts through this port of
        its own loopback."""
        ...

    def open(
        self, door: int, job: Job, hosts: Sequence[str]
    ) -> AbstractAsyncContextManager[Refused]:
        """Relay connections from this door to these hosts, and to no other, for as long as this is
        held. Each destination is journaled at the process of the job: when first requested, before
        anything leaves, and at the end with the number of bytes relayed."""
        ...


class Sandbox(Protocol):
    @property
    def mode(self) -> Mode: ...

    def layers(self) -> tuple[Layer, ...]: ...

    async def run(self, command: Command, attend: Attend | None = None) -> Completed:
        """Run it, and leave no process behind.  `attend` is held meanwhile, with the program's
        doors.  Raise SysError `unavailable` when this machine cannot confine it as strictly as the
        operator demanded: never run it less confined instead."""
        ...

    def host(self, command: Command) -> AbstractAsyncContextManager[Hosted]:
        """Run it for as long as this is held, without a time limit.  Raise as `run` does."""
        ...

    def open(self, command: Command) -> AbstractAsyncContextManager[Program]:
        """Run it interactively for as long as this is held, then kill all of it.  `stdin` and
        `timeout_s` of the command are ignored.  Raise as `run` does."""
        ...


class Clock(Protocol):
    def now(self) -> int:
        """Microseconds since the Unix epoch."""
        ...

    async def sleep_until(self, at: int) -> None:
        """Return when `now()` is at or past `at`."""
        ...
