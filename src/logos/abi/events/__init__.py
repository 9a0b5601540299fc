"""What the journal can record.

An event is a fact in the past tense.  It is never changed and never deleted, though its words may
be forgotten (Forgot).  A new meaning is a new event, and a change of shape is a new class with an
upcaster (kernel/journal/upcast.py).

    Spawned                               the first event of every process
    Asked Thought Interrupted             a thought: requested, completed, interrupted
    Vectored                              embeddings were computed for a client
    Called Blocked Returned Failed        a system call: admitted, waiting, answered, refused or failed
    Deferred                              a call continues elsewhere by itself
    Reached                               a call's program asked for the network: allowed or refused
    Held Decided                          a call that needs a person: question, answer
    Agreed                                at init: a standing answer
    Revoked                               rights withdrawn from this process and its descendants
    Received Signalled                    a message, a signal
    Told                                  what a gateway client said to its process
    Proposed Answered Diverged            an unmodified program: proposes a call, got a model's answer,
                                          did not repeat its earlier run
    Started Ended                         a child of this process: started, ended
    Scheduled Rang                        a timer: set, due
    Idled                                 nothing to do until something arrives
    PagedIn Compacted Pinned              the window: paged in, compacted, pinned
    Remembered Linked Forgot              memory: stored, linked, erased
    Warned Paced                          a warning of the watchdog, a spending pause
    Exited                                the last event of every process
"""

from logos.abi.events.base import Event
from logos.abi.events.calling import (
    Agreed,
    Blocked,
    Called,
    Decided,
    Deferred,
    Failed,
    Held,
    Reached,
    Returned,
    Revoked,
)
from logos.abi.events.hearing import Answered, Diverged, Proposed, Received, Told
from logos.abi.events.life import (
    Ended,
    Exited,
    Idled,
    Paced,
    Rang,
    Scheduled,
    Signalled,
    Spawned,
    Started,
    Warned,
)
from logos.abi.events.memory import Compacted, Forgot, Linked, PagedIn, Pinned, Remembered
from logos.abi.events.thinking import Asked, Interrupted, Thought, Vectored

AnyEvent = (
    Spawned
    | Asked
    | Thought
    | Interrupted
    | Vectored
    | Called
    | Held
    | Decided
    | Agreed
    | Revoked
    | Blocked
    | Deferred
    | Reached
    | Returned
    | Failed
    | Received
    | Told
    | Proposed
    | Answered
    | Diverged
    | Signalled
    | Started
    | Ended
    | Scheduled
    | Rang
    | Idled
    | Paced
    | Warned
    | PagedIn
    | Compacted
    | Pinned
    | Remembered
    | Linked
    | Forgot
    | Exited
)

__all__ = [
    "Agreed",
    "Answered",
    "AnyEvent",
    "Asked",
    "Blocked",
    "Called",
    "Compacted",
    "Decided",
    "Deferred",
    "Diverged",
    "Ended",
    "Event",
    "Exited",
    "Failed",
    "Forgot",
    "Held",
    "Idled",
    "Interrupted",
    "Linked",
    "Paced",
    "PagedIn",
    "Pinned",
    "Proposed",
    "Rang",
    "Reached",
    "Received",
    "Remembered",
    "Returned",
    "Revoked",
    "Scheduled",
    "Signalled",
    "Spawned",
    "Started",
    "Thought",
    "Told",
    "Vectored",
    "Warned",
]
