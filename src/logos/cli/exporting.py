"""A journal -> what another memory is told of it.  Pure.

    Export(pid, shelf, recall=)    of one memory
    Export.line(seq, at, event)    what is to be remembered or linked there; None: nothing
    Export.left_out                how many edges could not go along

Versions are told as they were said and from when they held.  The number of a page is another one
elsewhere, so edges name its path.  With `recall` what was said and returned goes along, below
/mem/archive/said/PID.

Invariant: the same journal gives the same lines, however far it has grown since.
"""

from msgspec.structs import replace

from logos.abi.events import AnyEvent, Linked, Remembered
from logos.abi.ids import MailId, Pid, Seq
from logos.kernel import Shelf, Spoken

SAID = "/mem/archive/said"


class Export:
    def __init__(self, pid: Pid, shelf: Shelf, *, recall: bool) -> None:
        self._pid = pid
        self._shelf = shelf
        self._spoken = Spoken() if recall else None
        self._said: set[Seq] = set()
        self.left_out = 0

    def line(self, seq: Seq, at: int, event: AnyEvent) -> Remembered | Linked | None:
        if isinstance(event, Remembered):
            since = at if event.valid_from is None else event.valid_from
            return replace(event, valid_from=since, by=None, mail=MailId(0), restores=Seq(0))
        if isinstance(event, Linked):
            return self._edge(event)
        said = self._spoken.of(seq, at, event) if self._spoken else None
        if said is None:
            return None
        self._said.add(seq)
        whose = f"process {self._pid}"
        return replace(said, path=self._place(seq), valid_from=at, group=whose, source=whose)

    def _edge(self, edge: Linked) -> Linked | None:
        source, target = self._named(edge.source), self._named(edge.target)
        if not (source and target):
            self.left_out += 1
            return None
        return replace(edge, source=source, target=target, by=None, mail=MailId(0))

    def _named(self, node: str) -> str:
        """Empty for a page that does not go along."""
        if not node.isdecimal():
            return node
        seq = Seq(int(node))
        return self._place(seq) if seq in self._said else self._shelf.path(seq) or ""

    def _place(self, seq: Seq) -> str:
        return f"{SAID}/{self._pid}/{seq:06}"
