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
deliver, told, taken     mail -> events, and which of it they take; `listening`: is it taken now
handed_on                what its children are told because of events
expire, lost_thought     what has come due, or was cut off; `next_ring` of a timer

`bodies` is a door of its own: what can be said to a process.
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
