"""The life of a process: its birth, children, signals, timers, warnings and end."""

from typing import Any

from logos.abi.agent import Account, Agent, Limits
from logos.abi.errors import Code
from logos.abi.events.base import Event
from logos.abi.ids import MailId, Pid
from logos.abi.messages import Usage
from logos.abi.process import Signal
from logos.abi.rights import Cap


class Spawned(Event, frozen=True, kw_only=True):
    """`limits` are the smaller of what was asked for and what the parent could give.  `at` and
    `deadline` are microseconds.  `workspace` is the folder seen as /home.  `by` names the person
    who asked, if one did.  `said` are the principal's words that a child inherits: its task is
    written by its parent, who may be misled.  `carries` is what the information flow knows of the
    task: its label, and where the values in it came from.  `accounts` are the shared totals it
    counts toward, as its children do."""

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
    """A child exited.  `used` is what it and its descendants spent, `calls` how many calls they
    made. `carries` is what the information flow knows of its answer."""

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
    """The timer of `text` fired; it is next due at `next` (microseconds)."""

    text: str
    next: int


class Idled(Event, frozen=True, kw_only=True):
    pass


class Warned(Event, frozen=True, kw_only=True):
    """The process is told `text`; it may not continue before `paused_until`."""

    text: str
    paused_until: int | None = None


class Paced(Event, frozen=True, kw_only=True):
    """Somebody has used up an allowance, as `why` says; the process does not think before
    `paused_until`. Its model is not told."""

    why: str
    paused_until: int


class Exited(Event, frozen=True, kw_only=True):
    """`status` 0: success; 128 + n: killed by a signal; else the exit status of `code`.  `carries`
    is what the information flow knows of the answer, for the parent."""

    status: int
    answer: str = ""
    code: Code | None = None
    carries: dict[str, Any] = {}  # noqa: RUF012 - a struct's default
