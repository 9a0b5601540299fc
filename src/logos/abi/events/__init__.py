"""What the journal can say.

An event is a fact in the past tense.  It is never changed and never deleted, though its words
may be forgotten (Forgot); a new meaning
is a new event, and a change of shape is a new class with an upcaster
(kernel/journal/upcast.py).

    Spawned                               the first event of every process
    Asked Thought Interrupted             a thought: begun, had, cut short
    Vectored                              texts of a client's were made vectors
    Called Blocked Returned Failed        a system call: let in, waiting, answered, refused or failed
    Deferred                              a call goes on by itself where it was made
    Reached                               the network, by the program of a call: allowed or refused
    Held Decided                          a call that waits for a person: asked about, answered
    Agreed                                at init: an answer that holds from now on
    Revoked                               rights this process and its descendants have no more
    Received Signalled                    what reached the process from outside
    Told                                  what a client of the gateway said to its process
    Proposed Answered Diverged            a program somebody else wrote: asks for a call, was answered
                                          by a model, did not repeat what it did before
    Started Ended                         a child of this process: begun, gone
    Scheduled Rang                        a timer: set, due
    Idled                                 nothing to do until something arrives
    PagedIn Compacted Pinned              the window: brought back, taken out, kept in
    Remembered Linked Forgot              memory: stored, joined, gone for good
    Warned Paced                          the watchdog said something, or too much was spent for now
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
