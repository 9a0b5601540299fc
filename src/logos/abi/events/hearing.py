"""What others say to a process, and what an unmodified program running as one says."""

from typing import Any

from logos.abi.events.base import Event
from logos.abi.ids import CallId, MailId, Pid
from logos.abi.messages import Message, Options, ToolCall


class Received(Event, frozen=True, kw_only=True):
    """A message arrived.  It enters the window, unless `answers` names the call that was waiting
    for it: then that call returns it.  `carries` is what the information flow knows of a text that
    another process sent: its label, and where the values in it came from."""

    mail: MailId
    text: str
    sender: Pid | None = None
    answers: CallId | None = None
    carries: dict[str, Any] = {}  # noqa: RUF012 - a struct's default


class Told(Event, frozen=True, kw_only=True):
    """A client said `messages`: one page, in the client's own roles, and therefore no instruction
    of the kernel's.  Tool results given by a client are untrusted.  `options` hold until others
    come.  A thought follows the last one of a turn.  `mail` 0: it came without a letter.  With
    `metadata` nothing is said: it is what the client files the conversation under from now on.
    `silent`: no answer is asked for yet."""

    mail: MailId = MailId(0)
    messages: tuple[Message, ...] = ()
    options: Options | None = None
    metadata: dict[str, str] | None = None
    silent: bool = False


class Proposed(Event, frozen=True, kw_only=True):
    """The program of this process, which is not a model, proposes these calls."""

    calls: tuple[ToolCall, ...]


class Answered(Event, frozen=True, kw_only=True):
    """The program of this process sent a request to `path` and got this answer.  `request` is the
    SHA-256 of what it sent, regardless of the order of its fields; `process` holds the
    conversation."""

    request: bytes
    path: str
    status: int
    kind: str
    body: str
    process: Pid | None = None


class Diverged(Event, frozen=True, kw_only=True):
    """After a restart, the program did `did` while `left` entries of its journal were not yet
    repeated."""

    did: str
    left: int
