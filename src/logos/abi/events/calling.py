"""A system call: admitted, waiting, answered, refused or failed; and the rights it used."""

from typing import Any

import msgspec

from logos.abi.approval import Answer, Scope, Standing
from logos.abi.driver import Effect
from logos.abi.errors import Code
from logos.abi.events.base import Event
from logos.abi.ids import CallId, MailId
from logos.abi.rights import Cap


class Called(Event, frozen=True, kw_only=True):
    """A call was admitted.  A call with an effect starts only when this is on disk.  `decision` is
    the verdict of the information flow; a call that could only be allowed has none.  `cap` is the
    counted right it used up, at the time `at` (microseconds)."""

    id: CallId
    name: str
    call: msgspec.Raw
    effect: Effect
    prepared: bytes = b""
    decision: dict[str, Any] = msgspec.field(default_factory=dict)
    cap: Cap | None = None
    at: int = 0


class Held(Event, frozen=True, kw_only=True):
    """A call waits for a person, at the latest until `until` (microseconds).  `decision` holds the
    question and the source of each value.  `doubt`: the call was made, and its outcome is
    unknown."""

    id: CallId
    name: str
    call: msgspec.Raw
    effect: Effect
    decision: dict[str, Any] = msgspec.field(default_factory=dict)
    until: int | None = None
    doubt: bool = False


class Decided(Event, frozen=True, kw_only=True):
    """A person (`by`) answered for these calls; `word` is passed on to the model."""

    mail: MailId
    ids: tuple[CallId, ...]
    answer: Answer
    scope: Scope = Scope.ONCE
    by: str = ""
    word: str = ""


class Agreed(Event, frozen=True, kw_only=True):
    """From now on the same question need not be asked again; with `ends`, it is asked again."""

    mail: MailId
    standing: Standing
    by: str = ""
    ends: bool = False


class Revoked(Event, frozen=True, kw_only=True):
    """From now on, whatever these capabilities cover is denied, whatever the process holds."""

    mail: MailId
    caps: tuple[Cap, ...]
    by: str = ""


class Blocked(Event, frozen=True, kw_only=True):
    """The call waits for something inside the kernel, at most until `until` (microseconds)."""

    id: CallId
    until: int | None = None


class Deferred(Event, frozen=True, kw_only=True):
    """The call continues elsewhere by itself; the driver finds it again by the `ticket`, also after
    a restart."""

    id: CallId
    ticket: str


class Returned(Event, frozen=True, kw_only=True):
    id: CallId
    value: msgspec.Raw


class Reached(Event, frozen=True, kw_only=True):
    """The program of an open call asked for a network destination.  Journaled at the first request,
    before anything is sent, and again at the end with the bytes carried.  `refused` says why it was
    not allowed; `address` is what the name first resolved to."""

    id: CallId
    host: str
    port: int
    address: str = ""
    refused: str = ""
    connections: int = 0
    sent: int = 0
    received: int = 0


class Failed(Event, frozen=True, kw_only=True):
    """The call was refused (no Called before it) or failed."""

    id: CallId
    code: Code
    message: str
    hint: str = ""
    decision: dict[str, Any] = msgspec.field(default_factory=dict)
