"""message.* and time.*: talk to other processes, and wait."""

from typing import Annotated

import msgspec
from msgspec import Meta

from logos.abi.calls.base import Call, Seconds
from logos.abi.errors import Code
from logos.abi.ids import Pid
from logos.abi.limits import LONGEST_WAIT_S


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that arrived.  `sender` is None when a person or a timer sent it."""

    sender: Pid | None
    text: str


class Send(Call[None], tag="message.send", frozen=True, kw_only=True):
    """Send a message to another process.  It arrives once, in order, also across a crash."""

    verb = "send"
    errors = (Code.NOT_FOUND, Code.STATE)

    to: Annotated[Pid, Meta(description="pid of the receiver")]
    text: Annotated[str, Meta(min_length=1)]

    def target(self) -> str:
        return f"/proc/{self.to}"


class Receive(Call[Letter], tag="message.receive", frozen=True, kw_only=True):
    """Wait for the next message to you."""

    errors = (Code.TIMEOUT,)

    timeout_s: Seconds | None = None


class Sleep(Call[None], tag="time.sleep", frozen=True, kw_only=True):
    """Do nothing for a while.  Costs nothing, and survives restarts."""

    seconds: Annotated[float, Meta(ge=0, le=LONGEST_WAIT_S)]


class Schedule(Call[None], tag="time.schedule", frozen=True, kw_only=True):
    """Get `text` as a message at every time the cron expression names (UTC).

    The same text again replaces its schedule; an empty `cron` ends it.
    """

    cron: Annotated[str, Meta(description="five fields: minute hour day month weekday")]
    text: Annotated[str, Meta(min_length=1)]
