"""The export format: the record as JSON Lines, and a check that needs only a public key.

    head, mark_line, row_line, ...      the lines that exporter.py writes
    check_export(lines, trusted)        is it intact, and is it what was signed?  Pure.

The checkpoint and the ends that it signs come first, so the rows are checked as they are read.
An export of one process has the Merkle path from its end to the signed root instead of all ends.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from logos.abi.ids import Epoch, Pid, Seq
from logos.kernel.audit import merkle
from logos.kernel.audit.check import End, Whole
from logos.kernel.audit.checkpoint import BadCheckpoint, Checkpoint, Mark, Signed, opened, root_of
from logos.kernel.audit.verifier import Audit
from logos.kernel.journal import Broken, Row

VERSION = 1
AT_ONCE = 1000


class Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", omit_defaults=True):
    """Base of all lines.  Bytes are base64."""


class Checkpointed(Line, frozen=True, kw_only=True, tag="checkpoint"):
    """The first line."""

    v: int
    body: bytes
    key: bytes
    signature: bytes


class Marked(Line, frozen=True, kw_only=True, tag="mark"):
    """Where a journal ends; `index` and `path` prove it when the other ends are not exported."""

    pid: int
    seq: int
    hash: bytes
    places: bytes
    index: int = 0
    path: tuple[bytes, ...] = ()


class Kept(Line, frozen=True, kw_only=True, tag="blob"):
    """A blob that an event names by its SHA-256."""

    body: bytes


class Rowed(Line, frozen=True, kw_only=True, tag="row"):
    """An event.  `text` is its body if that is valid text, as it nearly always is."""

    id: int
    pid: int
    seq: int
    epoch: int
    at: int
    kind: str
    digest: bytes
    prev: bytes
    hash: bytes
    text: str | None = None
    body: bytes | None = None


class Ended(Line, frozen=True, kw_only=True, tag="end"):
    """The last line."""

    rows: int


AnyLine = Checkpointed | Marked | Kept | Rowed | Ended
_DECODER: msgspec.json.Decoder[AnyLine] = msgspec.json.Decoder(AnyLine)


def encode(line: AnyLine) -> bytes:
    return msgspec.json.encode(line) + b"\n"


def row_line(row: Row) -> Rowed:
    """A forgotten event has no body here, as in the table; what is left of it is for readers, not
    part of the record."""
    fields: dict[str, Any] = row._asdict()
    body, _ = fields.pop("body"), fields.pop("forgotten")
    try:
        return Rowed(**fields, text=None if body is None else body.decode())
    except UnicodeDecodeError:
        return Rowed(**fields, body=body)


def _row(line: Rowed) -> Row:
    body = line.body if line.text is None else line.text.encode("utf-8", "surrogatepass")
    return Row(
        line.id,
        Pid(line.pid),
        Seq(line.seq),
        Epoch(line.epoch),
        line.at,
        line.kind,
        body,
        line.digest,
        line.prev,
        line.hash,
    )


class _Check:
    def __init__(self, trusted: Collection[bytes]) -> None:
        self._trusted = trusted
        self._marks: dict[Pid, Mark] = {}
        self._proofs: list[tuple[Mark, int, Sequence[bytes]]] = []
        self._kept: set[bytes] = set()
        self._whole: Whole | None = None
        self._rows: list[Row] = []
        self._ended: int | None = None
        self.checkpoint: Checkpoint | None = None
        self.doubts: list[str] = []

    def take(self, line: AnyLine) -> None:
        match line:
            case Checkpointed():
                self._signed(line)
            case Marked():
                mark = Mark(Pid(line.pid), Seq(line.seq), line.hash, line.places)
                self._marks[mark.pid] = mark
                if line.path or line.index:
                    self._proofs.append((mark, line.index, line.path))
            case Kept():
                self._kept.add(hashlib.sha256(line.body).digest())
            case Rowed():
                self._rows.append(_row(line))
            case Ended():
                self._ended = line.rows

    def _signed(self, line: Checkpointed) -> None:
        try:
            self.checkpoint = opened(Signed(line.body, line.key, line.signature), self._trusted)
        except BadCheckpoint as bad:
            self.doubts.append(f"the checkpoint: {bad}")

    def flush(self) -> None:
        if self._whole is None and self._rows:
            self._begin()
        if self._whole is not None:
            self._whole.add(self._rows, self._kept)
            self._rows = []

    def _begin(self) -> None:
        self._whole = Whole()
        ends = {pid: End(mark.seq, mark.hash, None) for pid, mark in self._marks.items()}
        self._whole.begin(ends, self._marks)

    def result(self) -> Audit:
        self.flush()
        if self._whole is None:
            self._begin()
        assert self._whole is not None
        self._whole.finish()
        if self.checkpoint is None and not self.doubts:
            self.doubts.append("there is no checkpoint in it")
        if self.checkpoint is not None and not self._proved(self.checkpoint):
            self.doubts.append("the ends of its journals are not those that were signed")
        if self._ended != self._whole.events:
            self.doubts.append(f"it ends before its end: {self._whole.events} events are there")
        found: list[Broken] = self._whole.broken
        return Audit(self._whole.processes, self._whole.events, found, self.checkpoint, self.doubts)

    def _proved(self, checkpoint: Checkpoint) -> bool:
        if len(self._marks) == checkpoint.processes:
            return root_of([self._marks[pid] for pid in sorted(self._marks)]) == checkpoint.root
        return len(self._proofs) == len(self._marks) > 0 and all(
            merkle.climb(mark.leaf(), index, checkpoint.processes, path) == checkpoint.root
            for mark, index, path in self._proofs
        )


def check_export(lines: Iterable[bytes], trusted: Collection[bytes]) -> Audit:
    """Raise ValueError, with the line number, for something that is not an export."""
    state = _Check(trusted)
    numbered: Iterator[tuple[int, bytes]] = enumerate(lines, 1)
    while some := list(islice(numbered, AT_ONCE)):
        for number, line in some:
            try:
                state.take(_DECODER.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ValueError(f"line {number}: {error}") from error
        state.flush()
    return state.result()
