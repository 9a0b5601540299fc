"""What a process is: a fold over its journal.  Everything in this room is pure.

fold, apply              events -> Process
status_of                the status that follows from the facts
left, overdrawn, grant   budgets of a process and its tree; `tighter` of two
counted                  the shared totals that its children count toward
affordable               how long an answer the remaining budget allows
bequeathed               what a process that ends leaves its parent to pay
EXEC                     the call that stays open while a program runs in the process
wake_at, watch           when something is due; whether it is going in circles
exit_for                 an error -> the exit it causes
deliver, told, taken     mail -> events; the letters those take; `listening`: does it take messages now
handed_on                the letters to its children that events cause
expire, lost_thought     what has come due, or was interrupted; `next_ring` of a timer

`bodies` is a second door: what can be said to a process.
"""

from logos.kernel.process.calls import EXEC
from logos.kernel.process.due import expire, lost_thought, next_ring
from logos.kernel.process.mail import deliver, handed_on, listening, taken, told
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
    "deliver",
    "exit_for",
    "expire",
    "fold",
    "grant",
    "handed_on",
    "left",
    "listening",
    "lost_thought",
    "next_ring",
    "overdrawn",
    "status_of",
    "taken",
    "tighter",
    "told",
    "wake_at",
    "watch",
]
