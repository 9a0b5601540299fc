"""What a process lives through: its birth, children, signals, timers, warnings and its end."""

from typing import Any

from logos.abi.agent import Account, Agent, Limits
from logos.abi.errors import Code
from logos.abi.events.base import Event
from logos.abi.ids import MailId, Pid
from logos.abi.messages import Usage
from logos.abi.process import Signal
from logos.abi.rights import Cap


class Spawned(Event, frozen=True, kw_only=True):
    """`limits` are what remains after taking the smaller of what was asked and what the parent
    could give; `at` and `deadline` are microseconds; `workspace` is the
    folder seen as /home; `by` names who asked when it was a person.  `said` are the principal's
    words that a child is born with: its task is its parent's, and the parent may be misled.
    `carries` is what the information flow knows of the task: its label, and where the values in it
    came from.  `accounts` are the sums it counts toward, as its children do."""

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
    carries: dict[str, Any] = {}  # noqa: RUF012 - a struct's default
    revoked: frozenset[Cap] = frozenset()
    accounts: tuple[Account, ...] = ()


class Started(Event, frozen=True, kw_only=True):
    pid: Pid
    limits: Limits = Limits()


class Ended(Event, frozen=True, kw_only=True):
    """A child exited; `used` is what it and its descendants spent, `calls` how many they made.
    `carries` is what is known of its answer."""

    mail: MailId
    pid: Pid
    status: int
    answer: str = ""
    used: Usage = Usage()
    calls: int = 0
    carries: dict[str, Any] = {}  # noqa: RUF012 - a struct's default


class Signalled(Event, frozen=True, kw_only=True):
    mail: MailId
    signal: Signal
    sender: Pid | None = None
    reason: str = ""


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


class Paced(Event, frozen=True, kw_only=True):
    """Somebody has spent too much for now, as `why` says: it does not think until `paused_until`.  Its
    model is not told."""

    why: str
    paused_until: int


class Exited(Event, frozen=True, kw_only=True):
    """`status` 0: done; 128 + n: killed by a signal; else the exit status of `code`.  `carries` is
    what is known of the answer, for a parent."""

    status: int
    answer: str = ""
    code: Code | None = None
    carries: dict[str, Any] = {}  # noqa: RUF012 - a struct's default
