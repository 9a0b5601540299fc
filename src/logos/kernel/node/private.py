"""Who has read what not everybody may read.

    Privacy.holds(pid)    is anything of its history confidential?

The label of a history is a fold of its journal (kernel/flow).  It only ever becomes stricter, so what
is confidential once stays so; the folds of those asked about last are kept and grow.
"""

from logos.abi.ids import Pid, Seq
from logos.kernel import journal
from logos.kernel.flow import Following
from logos.kernel.syscall import Tools
from logos.store import Store

KEPT = 16

_KINDS = ("spawned", "told", "called", "held", "decided", "returned", "failed", "pagedin")


class Privacy:
    def __init__(self, store: Store, tools: Tools) -> None:
        self._store = store
        self._tools = tools
        self._following: dict[Pid, tuple[Following, Seq]] = {}  # the one asked longest ago first

    async def holds(self, pid: Pid) -> bool:
        following, seq = self._following.pop(
            pid, (Following(self._tools.catalogue(), self._tools.rules), journal.START)
        )
        async for row in journal.read_kinds(self._store, pid, _KINDS, seq):
            following.apply(row.seq, journal.decode(row))
            seq = row.seq
        self._following[pid] = following, seq
        if len(self._following) > KEPT:
            del self._following[next(iter(self._following))]
        label = following.task.history.label
        return label.readers is not None or bool(label.secrets)
