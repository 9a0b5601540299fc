"""What a person answers when a call waits for approval, and what is shown of the question.

Answer      allow or deny
Scope       once, for the rest of the task, or from now on
Standing    an answer that holds from now on
Approval    one question, as surfaces show it
"""

from enum import StrEnum
from typing import Any

import msgspec

from logos.abi.ids import CallId, Pid


class Answer(StrEnum):
    ALLOW = "allow"
    DENY = "deny"


class Scope(StrEnum):
    ONCE = "once"  # these calls, once
    TASK = "task"  # these values, until the process ends
    ALWAYS = "always"  # this agent, this tool, these values, from now on


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """`values` are the arguments that must match, with their values; `rule` is the one that
    asked."""

    agent: str
    tool: str
    rule: str
    values: tuple[tuple[str, str], ...] = ()


class Approval(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`id` is PID.THOUGHT: one question for all calls of one thought that ask.  `decisions` are
    JSON, one for each call."""

    id: str
    pid: Pid
    agent: str
    task: str
    calls: tuple[CallId, ...]
    names: tuple[str, ...]
    arguments: tuple[msgspec.Raw, ...]
    decisions: tuple[dict[str, Any], ...]
    question: str
    until: int | None = None
