"""Is a journal intact?  Pure: rows in, the first fault of each journal out.

    Whole.begin(ends, marks)   the next processes, and what their rows are checked against
    Whole.add(rows)            their rows, ordered by process and number
    Whole.strangers()          processes that have rows but no known end
    Whole.finish()             there are no more rows of these processes

A row may lack its body if, and only if, a `Forgot` of the same journal names it.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import msgspec

from logos.abi.ids import Pid, Seq
from logos.kernel.audit.checkpoint import NOWHERE, Mark, places
from logos.kernel.journal import START, Broken, Row, genesis, verify

_PID = attrgetter("pid")


class End(NamedTuple):
    """Where, by the process table, a journal ends.  `exited` is None where the table does not
    say."""

    seq: Seq
    hash: bytes
    exited: bool | None


class _Forgot(msgspec.Struct):
    """The fields of that event that this room needs."""

    pages: tuple[int, ...] = ()


class _Asked(msgspec.Struct):
    tools: bytes = b""


_ASKED: msgspec.json.Decoder[_Asked] = msgspec.json.Decoder(_Asked)
_FORGOT: msgspec.json.Decoder[_Forgot] = msgspec.json.Decoder(_Forgot)


def apart(row: Row) -> bytes:
    """The digest of the body or blob that is stored apart from this row, if there is one."""
    if row.body is None:
        return row.digest
    return _ASKED.decode(row.body).tools if row.kind == "asked" else b""


@dataclass(slots=True)
class _Journal:
    """How far one journal has been read, and what was found so far."""

    pid: Pid
    seq: Seq = START
    hash: bytes = b""
    epoch: int = 0
    id: int = 0
    places: bytes = NOWHERE
    gone: set[int] = field(default_factory=set)
    forgot: set[int] = field(default_factory=set)
    found: list[Broken] = field(default_factory=list)
    last: Row | None = None

    def broke(self, seq: int, why: str) -> None:
        self.found.append(Broken(self.pid, Seq(seq), why))

    def first(self) -> Broken | None:
        if missing := self.gone - self.forgot:
            self.broke(min(missing), "what it says is gone, and nothing says that it was forgotten")
        return min(self.found, key=attrgetter("seq"), default=None)


class Whole:
    """With `since`, only rows after the marks are read; the first row is the marked one."""

    def __init__(self, *, since: bool = False) -> None:
        self._since = since
        self._ends: dict[Pid, End] = {}
        self._marks: Mapping[Pid, Mark] = {}
        self._journals: dict[Pid, _Journal] = {}
        self.broken: list[Broken] = []
        self.events = 0
        self.processes = 0

    def begin(self, ends: Mapping[Pid, End], marks: Mapping[Pid, Mark]) -> None:
        self._ends, self._marks, self._journals = dict(ends), marks, {}

    def add(self, rows: Sequence[Row], kept: AbstractSet[bytes] = frozenset()) -> None:
        """`kept` are the digests of the blobs that exist."""
        for pid, run in groupby(rows, _PID):
            group = list(run)
            self.events += len(group)
            journal = self._journals.get(pid)
            if journal is None:
                journal = self._journals[pid] = self._begun(pid, group[0])
            if not journal.found:
                self._read(journal, group, kept)

    def strangers(self) -> list[Pid]:
        return [pid for pid in self._journals if pid not in self._ends]

    def know(self, ends: Mapping[Pid, End]) -> None:
        """Processes born while we read."""
        self._ends |= ends

    def finish(self) -> None:
        for pid in sorted(self._ends.keys() | self._marks.keys() | self._journals.keys()):
            self.processes += 1
            journal = self._journals.get(pid) or self._unread(pid)
            self._close(journal)
            if broken := journal.first():
                self.broken.append(broken)
        self._journals = {}

    def _begun(self, pid: Pid, first: Row) -> _Journal:
        mark = self._marks.get(pid) if self._since else None
        if mark is None:
            return _Journal(pid, hash=genesis(pid))
        return _Journal(pid, Seq(mark.seq - 1), first.prev, places=mark.places)

    def _unread(self, pid: Pid) -> _Journal:
        """A process without rows: it has none, or its end has not moved since the checkpoint."""
        end, mark = self._ends.get(pid), self._marks.get(pid)
        if self._since and end and mark and (end.seq, end.hash) == (mark.seq, mark.hash):
            return _Journal(pid, mark.seq, mark.hash, places=mark.places)
        upto = min(end.seq, mark.seq - 1) if self._since and end and mark else 0
        return _Journal(pid, Seq(upto), hash=genesis(pid))

    def _read(self, journal: _Journal, rows: Sequence[Row], kept: AbstractSet[bytes]) -> None:
        wrong = verify(rows, journal.hash, journal.seq, epoch=journal.epoch, last_id=journal.id)
        if wrong is not None:
            journal.found.append(wrong)
            return
        end, mark = self._ends.get(journal.pid), self._marks.get(journal.pid)
        first = rows[0].seq
        if end is not None and first <= end.seq <= rows[-1].seq:
            self._at_end(journal, rows[end.seq - first], end)
        if mark is not None and first <= mark.seq:
            upto = rows[: mark.seq - first + 1]
            if not (self._since and mark.seq == first):  # else the mark's places already include it
                journal.places = places(journal.places, (row.id for row in upto))
            if mark.seq <= rows[-1].seq:
                self._at_mark(journal, rows[mark.seq - first], mark)
        for row in rows:
            if row.body is None or row.kind == "asked":
                if (digest := apart(row)) and digest not in kept:
                    journal.gone.add(row.seq)
            elif row.kind == "forgot":
                journal.forgot.update(_FORGOT.decode(row.body).pages)
        last = rows[-1]
        journal.seq, journal.hash, journal.epoch = last.seq, last.hash, last.epoch
        journal.id, journal.last = last.id, last

    def _at_end(self, journal: _Journal, row: Row, end: End) -> None:
        if row.hash != end.hash:
            journal.broke(row.seq, "is not where the process table says it ends")
        elif row.kind != "forgot" and end.exited not in (None, row.kind == "exited"):
            journal.broke(row.seq, "the process table says otherwise whether it has exited")

    def _at_mark(self, journal: _Journal, row: Row, mark: Mark) -> None:
        if row.hash != mark.hash:
            journal.broke(row.seq, "is not what was signed at the last checkpoint")
        elif journal.places != mark.places:
            journal.broke(row.seq, "up to it, places in the feed are not those that were signed")

    def _close(self, journal: _Journal) -> None:
        if journal.found:
            return
        end, mark = self._ends.get(journal.pid), self._marks.get(journal.pid)
        after = journal.seq + 1
        if mark is not None and journal.seq < mark.seq:
            journal.broke(after, "missing: it was there at the last checkpoint")
        elif end is None:
            journal.broke(max(journal.seq, 1), "the process table does not know its process")
        elif journal.seq < end.seq:
            journal.broke(after, "missing: the journal ends before")
