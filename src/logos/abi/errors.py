"""What can go wrong, and what it means at each surface.

    invalid          the request makes no sense              fix the request
    not_found        no such thing                           look again
    denied           no capability for it                    ask for one
    unauthenticated  the caller is not identified            present a token
    conflict         somebody else got there first           read, then retry
    unconfirmed      a person must agree first               get the approval
    budget           tokens, money or time are spent         ask for more
    limit            too much at once                        wait, then retry
    state            the process is in the wrong state       look at its status
    tool             the tool ran and failed                 read what it said
    model            the model's provider failed             read what it said
    context          it does not fit into the window         pin less, ask for less
    timeout          it took longer than it may              retry, or allow more
    unavailable      not reachable now, or outcome unknown   retry later, or check
    cancelled        the caller or a signal stopped it       stop
    internal         a bug of ours                           report it

Inside the kernel an error is an exception.  At the system call boundary, and only there,
it becomes data: `Failed` in the journal, a tool error for a model, a status for HTTP, an
exit status for a shell.
"""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    INVALID = "invalid"
    NOT_FOUND = "not_found"
    DENIED = "denied"
    UNAUTHENTICATED = "unauthenticated"
    CONFLICT = "conflict"
    UNCONFIRMED = "unconfirmed"
    BUDGET = "budget"
    LIMIT = "limit"
    STATE = "state"
    TOOL = "tool"
    MODEL = "model"
    CONTEXT = "context"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Meaning:
    retryable: bool
    http_status: int
    exit_status: int


#: Exit statuses are frozen: scripts depend on them.
MEANING: dict[Code, Meaning] = {
    Code.INVALID: Meaning(retryable=False, http_status=400, exit_status=2),
    Code.NOT_FOUND: Meaning(retryable=False, http_status=404, exit_status=3),
    Code.DENIED: Meaning(retryable=False, http_status=403, exit_status=4),
    Code.UNAUTHENTICATED: Meaning(retryable=False, http_status=401, exit_status=5),
    Code.CONFLICT: Meaning(retryable=True, http_status=409, exit_status=6),
    Code.UNCONFIRMED: Meaning(retryable=False, http_status=428, exit_status=7),
    Code.BUDGET: Meaning(retryable=False, http_status=402, exit_status=8),
    Code.LIMIT: Meaning(retryable=True, http_status=429, exit_status=9),
    Code.STATE: Meaning(retryable=False, http_status=409, exit_status=10),
    Code.TOOL: Meaning(retryable=False, http_status=422, exit_status=11),
    Code.MODEL: Meaning(retryable=True, http_status=502, exit_status=12),
    Code.CONTEXT: Meaning(retryable=False, http_status=413, exit_status=13),
    Code.TIMEOUT: Meaning(retryable=True, http_status=504, exit_status=124),
    Code.UNAVAILABLE: Meaning(retryable=True, http_status=503, exit_status=75),
    Code.CANCELLED: Meaning(retryable=False, http_status=499, exit_status=130),
    Code.INTERNAL: Meaning(retryable=False, http_status=500, exit_status=70),
}

DAEMON_ABSENT = 69
"""Exit status of a client that found no daemon and could not start one."""


class SysError(Exception):
    """The one exception that crosses rooms.

    `hint` says what to do about it, to a person or to a model.  `retry_after_s` is set
    when the other side said how long to wait.
    """

    def __init__(
        self, code: Code, message: str, *, hint: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.retry_after_s = retry_after_s

    @property
    def meaning(self) -> Meaning:
        return MEANING[self.code]

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" + (f" ({self.hint})" if self.hint else "")
