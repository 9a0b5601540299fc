"""What a process is at one moment, and what it may do next.

    Process     the state: the fold of its journal (kernel/process/state.py)
    Action      what its program wants to do next, given the state
    Program     the function from one to the other

Programs are pure: they see a Process and return an Action.  The kernel performs it and
journals what happened, so a program never has to be replayed, only asked again.
"""

from enum import StrEnum
from typing import Any, Protocol

import msgspec

from logos.abi.agent import Account, Agent, Limits
from logos.abi.approval import Standing
from logos.abi.driver import Effect
from logos.abi.ids import CallId, Pid, Seq
from logos.abi.messages import Options, ToolCall, Usage
from logos.abi.rights import Cap


class Status(StrEnum):
    NONE = "none"
    READY = "ready"
    THINKING = "thinking"
    CALLING = "calling"
    WAITING = "waiting"
    STOPPED = "stopped"
    EXITED = "exited"


class Signal(StrEnum):
    TERM = "term"  # one bounded thought to wrap up, then exit
    KILL = "kill"  # exit now
    STOP = "stop"  # do nothing until cont
    CONT = "cont"
    INT = "int"  # give up this thought or these calls
    ALARM = "alarm"  # a timer fired


class Stage(StrEnum):
    """The approval state of an admitted call."""

    MADE = "made"  # it needs nobody's
    ASKED = "asked"  # it waits for an answer
    AGREED = "agreed"  # the answer was yes, and it is not made yet
    DOUBT = "doubt"  # it was cut off, and a person is asked whether it happened


class OpenCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call that was admitted and has no answer yet.

    `blocked`: it waits for something inside the kernel (a message, a child, a time), at the latest
    until `until` (microseconds).  `prepared` is what its driver asked to have remembered, `ticket`
    identifies a call that continues elsewhere, `decision` is what was decided about a call that
    waits for a person, `word` what that person said.
    """

    id: CallId
    name: str
    call: msgspec.Raw
    effect: Effect
    prepared: bytes = b""
    blocked: bool = False
    until: int | None = None
    stage: Stage = Stage.MADE
    decision: dict[str, Any] = {}
    word: str = ""
    ticket: str = ""


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """What the thought in flight may cost at most, held until it is settled."""

    tokens: int
    cost: int


class Child(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A live child and what was set aside for it."""

    pid: Pid
    limits: Limits = Limits()


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule: `text` arrives as a message at `next` (microseconds) and then by `cron`."""

    cron: str
    text: str
    next: int


class Watch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the watchdog remembers: digests of the last calls with their results, the length of the
    current run of identical failures, how often the process was warned, and how many calls in a row
    brought something new."""

    recent: tuple[int, ...] = ()
    failures: int = 0
    last_failure: int = 0
    warnings: int = 0
    calm: int = 0


class Used(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much of a counted right is used: the total, and the recent uses (microseconds)."""

    cap: str
    times: int = 0
    recent: tuple[int, ...] = ()


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """How the program of a process last ended: the call that ran it, empty where that failed, and
    how many runs it has had."""

    call: msgspec.Raw
    status: int
    lives: int = 1


class Process(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`seq` is the last event folded in.  `proposed` are the calls of the last thought that are not
    yet decided.  `news` counts what arrived since the last thought (the task, answers, messages).
    `answer` is the text of the last thought; `said` are the principal's words so far.  `spent`
    includes what ended children used, `own` does not.  `wrap_up` counts down the thoughts left
    after `term`. `options` are those of a gateway client, who carries out the calls its model
    proposes.  `ran` is the last run of the process's own program."""

    status: Status = Status.NONE
    seq: Seq = Seq(0)
    parent: Pid | None = None
    agent: Agent = Agent(name="")
    task: str = ""
    said: tuple[str, ...] = ()
    caps: frozenset[Cap] = frozenset()
    revoked: frozenset[Cap] = frozenset()
    used: tuple[Used, ...] = ()
    standing: tuple[Standing, ...] = ()
    limits: Limits = Limits()
    started: int = 0
    deadline: int | None = None
    generation: int = 0
    workspace: str = ""
    thoughts: int = 0
    calls: int = 0
    spent: Usage = Usage()
    own: Usage = Usage()
    accounts: tuple[Account, ...] = ()
    reserved: Reservation | None = None
    proposed: tuple[ToolCall, ...] = ()
    open: tuple[OpenCall, ...] = ()
    children: tuple[Child, ...] = ()
    timers: tuple[Timer, ...] = ()
    news: int = 0
    answer: str = ""
    failures: int = 0
    paused_until: int | None = None
    idle: bool = False
    stopped: bool = False
    wrap_up: int | None = None
    watch: Watch = Watch()
    exit_status: int | None = None
    options: Options | None = None
    ran: Life | None = None


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what a program may want."""


class Think(Action, frozen=True, kw_only=True):
    """Ask the model."""


class Act(Action, frozen=True, kw_only=True):
    """Make the proposed calls."""


class Propose(Action, frozen=True, kw_only=True):
    """Propose this call; it is acted on next."""

    call: ToolCall


class Idle(Action, frozen=True, kw_only=True):
    """Wait for a message."""


class Finish(Action, frozen=True, kw_only=True):
    """Exit."""

    status: int = 0
    answer: str = ""


AnyAction = Think | Act | Propose | Idle | Finish


class Program(Protocol):
    """What runs in a process."""

    def __call__(self, process: Process, /) -> AnyAction: ...
