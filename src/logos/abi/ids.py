"""Names of things."""

from typing import NewType

Pid = NewType("Pid", int)
"""A process.  1 is init; numbers grow with the time of creation and are never reused."""

Seq = NewType("Seq", int)
"""Position in one process's journal.  The first event is 1; 0 is before it."""

Epoch = NewType("Epoch", int)
"""Fencing token: grows by one each time a process changes hands."""

NodeId = NewType("NodeId", int)
"""One life of one kernel.  A node that restarts is a new node."""

CallId = NewType("CallId", str)
"""One system call of one process, and the idempotency key its driver gets."""

MailId = NewType("MailId", int)
"""One message or signal on its way to a process."""

INIT = Pid(1)
"""The first process: adopts orphans, and speaks for the owner of the machine."""
