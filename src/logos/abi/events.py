"""What the journal can say.

An event is a fact in the past tense.  It is never changed and never deleted; a new meaning
is a new event, and a change of shape is a new class with an upcaster
(kernel/journal/upcast.py).

    Spawned                               the first event of every process
    Asked Thought Interrupted             a thought: begun, had, cut short
    Called Blocked Returned Failed        a system call: let in, waiting, answered, refused or failed
    Held Decided                          a call that waits for a person: asked about, answered
    Received Signalled                    what reached the process from outside
    Started Ended                         a child of this process: begun, gone
    Scheduled Rang                        a timer: set, due
    Idled                                 nothing to do until something arrives
    Warned                                the watchdog said something
    Exited                                the last event of every process
"""

import msgspec

from logos.abi.agent import Agent, Limits
from logos.abi.approval import NOTHING, Answer, Scope
from logos.abi.driver import Effect
from logos.abi.errors import Code
from logos.abi.ids import CallId, MailId, Pid
from logos.abi.messages import Finish, Message, Usage
from logos.abi.process import Signal
from logos.abi.rights import Cap


class Event(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event", tag=str.lower
):
    """Base of all events."""


class Spawned(Event, frozen=True, kw_only=True):
    """`limits` are what remains after taking the smaller of what was asked and what the parent
    could give; `at` and `deadline` are microseconds; `workspace` is the
    folder seen as /home; `by` names who asked when it was a person.  `said` are the principal's
    words that a child is born with: its task is its parent's, and the parent may be misled."""

    agent: Agent
    task: str
    at: int
    parent: Pid | None = None
    caps: frozenset[Cap] = frozenset()
    limits: Limits = Limits()
    deadline: int | None = None
    generation: int = 0
    workspace: str = ""
    by: str = ""
    said: tuple[str, ...] = ()


class Asked(Event, frozen=True, kw_only=True):
    """A thought is on its way to `model`; `tokens` and `cost` are the most it can use.  The
    prompt was fitted into `room` tokens, so folding this event fits it again, byte for byte."""

    model: str
    tokens: int
    cost: int = 0
    room: int = 0


class Thought(Event, frozen=True, kw_only=True):
    message: Message
    usage: Usage
    finish: Finish


class Interrupted(Event, frozen=True, kw_only=True):
    """A thought ended without an answer.  `charged` is what it is taken to have cost: what the
    provider said, or the whole reservation when nobody knows.  `lost`: its node went away,
    which is no fault of the model's."""

    code: Code
    message: str
    charged: Usage = Usage()
    lost: bool = False


class Called(Event, frozen=True, kw_only=True):
    """A call was let in.  For a call with an effect this is durable before the effect.
    `decision` is what the information flow said; a call that could only be allowed has none."""

    id: CallId
    name: str
    call: msgspec.Raw
    effect: Effect
    prepared: bytes = b""
    decision: msgspec.Raw = NOTHING


class Held(Event, frozen=True, kw_only=True):
    """A call waits for a person, at the latest until `until` (microseconds).  `decision` has the
    question, the rule and the source of each value.  `doubt`: the call was made, its outcome is
    unknown, and the question is whether it happened."""

    id: CallId
    name: str
    call: msgspec.Raw
    effect: Effect
    decision: msgspec.Raw = NOTHING
    until: int | None = None
    doubt: bool = False


class Decided(Event, frozen=True, kw_only=True):
    """A person (`by`) answered for these calls; `word` is for the model."""

    mail: MailId
    ids: tuple[CallId, ...]
    answer: Answer
    scope: Scope = Scope.ONCE
    by: str = ""
    word: str = ""


class Blocked(Event, frozen=True, kw_only=True):
    """The call waits for something inside the kernel, at most until `until` (microseconds)."""

    id: CallId
    until: int | None = None


class Returned(Event, frozen=True, kw_only=True):
    id: CallId
    value: msgspec.Raw


class Failed(Event, frozen=True, kw_only=True):
    """The call was refused (no Called before it) or failed."""

    id: CallId
    code: Code
    message: str
    hint: str = ""
    decision: msgspec.Raw = NOTHING


class Received(Event, frozen=True, kw_only=True):
    """A message arrived.  It enters the window, unless `answers` names the call that waited for
    it: then that call returns it."""

    mail: MailId
    text: str
    sender: Pid | None = None
    answers: CallId | None = None


class Signalled(Event, frozen=True, kw_only=True):
    mail: MailId
    signal: Signal
    sender: Pid | None = None
    reason: str = ""


class Started(Event, frozen=True, kw_only=True):
    pid: Pid
    limits: Limits = Limits()


class Ended(Event, frozen=True, kw_only=True):
    """A child exited; `used` is what it and its descendants spent, `calls` how many they made."""

    mail: MailId
    pid: Pid
    status: int
    answer: str = ""
    used: Usage = Usage()
    calls: int = 0


class Scheduled(Event, frozen=True, kw_only=True):
    """An empty `cron` ends the schedule of `text`."""

    cron: str
    text: str
    next: int = 0


class Rang(Event, frozen=True, kw_only=True):
    """The timer of `text` was due; it is next due at `next` (microseconds)."""

    text: str
    next: int


class Idled(Event, frozen=True, kw_only=True):
    pass


class Warned(Event, frozen=True, kw_only=True):
    """The process is told `text`; until `paused_until` it may not go on."""

    text: str
    paused_until: int | None = None


class Exited(Event, frozen=True, kw_only=True):
    """`status` 0: done; 128 + n: killed by a signal; else the exit status of `code`."""

    status: int
    answer: str = ""
    code: Code | None = None


AnyEvent = (
    Spawned
    | Asked
    | Thought
    | Interrupted
    | Called
    | Held
    | Decided
    | Blocked
    | Returned
    | Failed
    | Received
    | Signalled
    | Started
    | Ended
    | Scheduled
    | Rang
    | Idled
    | Warned
    | Exited
)
