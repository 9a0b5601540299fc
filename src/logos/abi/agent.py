"""What an agent is.  Journaled whole when a process starts, so editing the agent file later changes
no running process."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from logos.abi.limits import LONGEST_WAIT_S
from logos.abi.rights import Cap

Amount = Annotated[int, Meta(ge=0)]


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a process and all its descendants may use together.  None: no limit of its own.

    `tokens` counts input and output; `cost` is in nano-dollars; `wall_s` seconds since the
    start; `calls` system calls; `children` live children at once; `depth` generations below.
    """

    tokens: Amount | None = None
    cost: Amount | None = None
    wall_s: Annotated[float, Meta(ge=0, le=LONGEST_WAIT_S)] | None = None
    calls: Amount | None = None
    children: Amount | None = None
    depth: Amount | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A total that several processes share: together they stay within `tokens` and `cost`
    (nano-dollars).  None: counted but not limited."""

    name: str
    tokens: Amount | None = None
    cost: Amount | None = None


class InDoubt(StrEnum):
    """What to do about an effect whose outcome was lost in a crash."""

    TELL = "tell"  # the call fails with `unavailable: outcome unknown`
    ASK = "ask"  # the process stops until a person says what happened


class Approvals(StrEnum):
    """What happens to a call that only a person can approve."""

    ASK = "ask"  # it waits for an answer; nothing else does
    DENY = "deny"  # it fails with `unconfirmed`


class Recalls(StrEnum):
    """What triggers a memory search before a thought."""

    SAID = "said"  # what people and other processes say
    RESULTS = "results"  # that, and what calls have returned


class Agent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`tools` names the system calls (`fs.read`) and registered functions that the model is shown;
    `allow` is what it may do with them.  A `resident` agent waits for the next message after it has
    answered, instead of exiting."""

    name: str
    description: str = ""
    model: str = ""
    instructions: str = ""
    tools: tuple[str, ...] = ()
    allow: tuple[Cap, ...] = ()
    limits: Limits = Limits()
    in_doubt: InDoubt = InDoubt.TELL
    approvals: Approvals = Approvals.ASK
    program: str = "agent"
    resident: bool = False
    max_output: int = 4096
    recalls: Recalls = Recalls.SAID
