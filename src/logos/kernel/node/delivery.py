"""Delivering letters to a process, also in the middle of a thought or a call.

    take(resident, letters)    journal what they bring, cancel what they end
    cancel(resident)           cancel what an exited process was doing

A letter that has to wait stays in the mail, and the process is marked (`unread`).
"""

from collections.abc import Sequence

from logos.abi.process import Process, Status
from logos.kernel import journal
from logos.kernel.journal import Letter
from logos.kernel.node.act import settle_doubts
from logos.kernel.node.resident import Resident
from logos.kernel.process import deliver, handed_on, listening
from logos.kernel.process.bodies import erasure, is_note, squeeze


def take(resident: Resident, letters: Sequence[journal.Pending]) -> None:
    for letter in letters:
        before = resident.process
        if before.status is Status.EXITED:
            return
        if _waits(before, letter.body):
            resident.unread = True
            continue
        events = deliver(before, letter.id, letter.sender, letter.body)
        onward = [Letter(to, resident.pid, body) for to, body in handed_on(before, events)]
        resident.append(*events, letters=onward)
        _obey(resident, before)


def _waits(process: Process, body: bytes) -> bool:
    """Erasures and compactions depend on what the process holds, which takes a while to find out;
    messages wait until it listens."""
    if erasure(body) is not None or squeeze(body) is not None:
        return True
    return is_note(body) and not listening(process)


def _obey(resident: Resident, before: Process) -> None:
    """Make what goes on outside the journal follow it."""
    after = resident.process
    if after.status is Status.EXITED:
        cancel(resident)
    elif before.reserved is not None and after.reserved is None:
        _cancel_thought(resident)
    elif before.stopped and not after.stopped:
        settle_doubts(resident)
    still = {call.id for call in after.open}
    for id_, scope in list(resident.running.items()):
        if id_ not in still:
            scope.cancel()


def cancel(resident: Resident) -> None:
    if resident.process.status is Status.EXITED:
        _cancel_thought(resident)
        for scope in resident.running.values():
            scope.cancel()


def _cancel_thought(resident: Resident) -> None:
    if resident.thought is not None:
        resident.thought.cancel()
