"""Who listens to which process.

    Hearing.listen(pid, ear)       each delta, with the event that began the thought
    Hearing.attend(pid, witness)   each event, once it is on disk
    Hearing.heard, committed       what the thinker and the writer tell

Deltas are not certain; events are.  Nothing is kept for who comes later.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from logos.abi.events import AnyEvent
from logos.abi.ids import Pid, Seq
from logos.abi.messages import AnyDelta
from logos.kernel import journal
from logos.kernel.journal import Entry

Ear: TypeAlias = Callable[[Seq, AnyDelta], None]
Witness: TypeAlias = Callable[[Seq, AnyEvent], None]


class Hearing:
    def __init__(self) -> None:
        self._ears: dict[Pid, list[Any]] = {}
        self._witnesses: dict[Pid, list[Any]] = {}

    def listen(self, pid: Pid, ear: Ear) -> Callable[[], None]:
        return _kept(self._ears, pid, ear)

    def attend(self, pid: Pid, witness: Witness) -> Callable[[], None]:
        return _kept(self._witnesses, pid, witness)

    def heard(self, pid: Pid, began: Seq, delta: AnyDelta) -> None:
        for ear in tuple(self._ears.get(pid, ())):
            ear(began, delta)

    def committed(self, entries: Sequence[Entry]) -> None:
        if not self._witnesses:
            return
        for entry in entries:
            if witnesses := tuple(self._witnesses.get(entry.head.pid, ())):
                for row in entry.rows:
                    event = journal.decode(row)
                    for witness in witnesses:
                        witness(row.seq, event)


def _kept(them: dict[Pid, list[Any]], pid: Pid, one: Any) -> Callable[[], None]:
    them.setdefault(pid, []).append(one)

    def stop() -> None:
        them[pid].remove(one)
        if not them[pid]:
            del them[pid]

    return stop
