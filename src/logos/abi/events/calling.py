"""A system call: let in, waiting, answered, refused or failed; and the rights it was made by."""

from typing import Any

import msgspec

from logos.abi.approval import Answer, Scope, Standing
from logos.abi.driver import Effect
from logos.abi.errors import Code
from logos.abi.events.base import Event
from logos.abi.ids import CallId, MailId
from logos.abi.rights import Cap


class Called(Event, frozen=True, kw_only=True):
    """A call was let in.  For a call with an effect this is durable before the effect.
    `decision` is what the information flow said; a call that could only be allowed has none.
    `cap` is the counted right that it used up, at the time `at` (microseconds)."""

    id: CallId
    name: str
    call: msgspec.Raw
    effect: Effect
    prepared: bytes = b""
    decision: dict[str, Any] = msgspec.field(default_factory=dict)
    cap: Cap | None = None
    at: int = 0


class Held(Event, frozen=True, kw_only=True):
    """A call waits for a person, at the latest until `until` (microseconds).  `decision` has the
    question and the source of each value.  `doubt`: it was made, and nobody knows what came of it."""

    id: CallId
    name: str
    call: msgspec.Raw
    effect: Effect
    decision: dict[str, Any] = msgspec.field(default_factory=dict)
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


class Agreed(Event, frozen=True, kw_only=True):
    """From now on nobody is asked about the like of this; with `ends`, somebody is again."""

    mail: MailId
    standing: Standing
    by: str = ""
    ends: bool = False


class Revoked(Event, frozen=True, kw_only=True):
    """What these cover is denied from now on, whatever the process holds."""

    mail: MailId
    caps: tuple[Cap, ...]
    by: str = ""


class Blocked(Event, frozen=True, kw_only=True):
    """The call waits for something inside the kernel, at most until `until` (microseconds)."""

    id: CallId
    until: int | None = None


class Deferred(Event, frozen=True, kw_only=True):
    """The call goes on elsewhere by itself; by the `ticket` its driver asks for it, in each life."""

    id: CallId
    ticket: str


class Returned(Event, frozen=True, kw_only=True):
    id: CallId
    value: msgspec.Raw


class Reached(Event, frozen=True, kw_only=True):
    """The program of an open call asked for a place on the network.  Said when it first did, before
    anything was sent, and again at the end with what was carried, in bytes.  `refused` is why it was
    not let; `address` what the name stood for at first."""

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
