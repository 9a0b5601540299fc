"""What others say to a process, and what a program that is no model says as one."""

from typing import Any

from logos.abi.events.base import Event
from logos.abi.ids import CallId, MailId, Pid
from logos.abi.messages import Message, Options, ToolCall


class Received(Event, frozen=True, kw_only=True):
    """A message arrived.  It enters the window, unless `answers` names the call that waited for
    it: then that call returns it.  `carries` is what the information flow knows of a text that a process
    sent: its label, and where the values in it came from."""

    mail: MailId
    text: str
    sender: Pid | None = None
    answers: CallId | None = None
    carries: dict[str, Any] = {}  # noqa: RUF012 - a struct's default


class Told(Event, frozen=True, kw_only=True):
    """A client said `messages`: one page, in the client's own roles, and so no instruction of the
    kernel's.  What a client gives as answers of tools is untrusted.  `options` hold from now on,
    until others come.  A thought follows the last of a turn.  `mail` 0: it came without a letter.
    With `metadata` nothing is said: what the client files the conversation under from now on.
    `silent`: nobody asks for an answer to it yet."""

    mail: MailId = MailId(0)
    messages: tuple[Message, ...] = ()
    options: Options | None = None
    metadata: dict[str, str] | None = None
    silent: bool = False


class Proposed(Event, frozen=True, kw_only=True):
    """The program of this process, which is no model, asks for these calls."""

    calls: tuple[ToolCall, ...]


class Answered(Event, frozen=True, kw_only=True):
    """The program of this process sent a request to `path` and got this answer.  `request` is the
    SHA-256 of what it sent, whatever the order of its fields; the conversation is `process`'s."""

    request: bytes
    path: str
    status: int
    kind: str
    body: str
    process: Pid | None = None


class Diverged(Event, frozen=True, kw_only=True):
    """Started again, the program did `did` before it had repeated `left` things of its journal."""

    did: str
    left: int
