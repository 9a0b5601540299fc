"""What a process is: a fold over its journal.  All of this room is pure.

fold, apply              events -> Process
status_of                the status that follows from the facts
left, overdrawn, grant   budgets of a process and its tree; `tighter` of two
counted                  the sums that what it starts counts toward
affordable               how long an answer may be, by what is left
bequeathed               what one that ends leaves its parent to pay
EXEC                     the call that is open as long as a program runs in the process
wake_at, watch           what is due; when it is going in circles
exit_for                 an error -> how a process ends because of it
"""

from logos.kernel.process.calls import EXEC
from logos.kernel.process.policy import (
    SECOND,
    affordable,
    bequeathed,
    counted,
    exit_for,
    grant,
    left,
    overdrawn,
    tighter,
    wake_at,
    watch,
)
from logos.kernel.process.state import ALLOWED, apply, fold, status_of

__all__ = [
    "ALLOWED",
    "EXEC",
    "SECOND",
    "affordable",
    "apply",
    "bequeathed",
    "counted",
    "exit_for",
    "fold",
    "grant",
    "left",
    "overdrawn",
    "status_of",
    "tighter",
    "wake_at",
    "watch",
]
