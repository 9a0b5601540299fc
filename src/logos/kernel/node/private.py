"""Which processes have read confidential data, and whose words the pages of a process are.

    Privacy.holds(pid)     is anything in its history confidential?
    Privacy.labels(pid)    the label of each of its pages
    within(wanted)         a test of labels, from words such as `trusted,public` or `reader:Ann`

Both are folds of its journal (kernel/flow), with the present tools.  What was confidential stays
so; the folds of recently queried processes are kept and extended.  What a process says or keeps is
trusted no more than the worst it has read by then; nobody vouches for what others put into its
memory.

Invariant: a page about which nothing is known has no label, and passes no filter.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from logos.abi.driver import Effect
from logos.abi.errors import Code, SysError
from logos.abi.events import (
    AnyEvent,
    Called,
    Linked,
    Pinned,
    Received,
    Remembered,
    Returned,
    Spawned,
    Thought,
    Told,
)
from logos.abi.ids import CallId, Pid, Seq
from logos.kernel import journal
from logos.kernel.flow import TOP_TRUST, Following, Integrity, Label
from logos.kernel.syscall import Tools
from logos.store import Store

KEPT = 16

_KINDS = (
    "spawned", "told", "received", "rang", "ended", "called", "held", "decided", "returned", "failed",
    "pagedin", "thought", "remembered", "linked", "pinned",
)  # fmt: skip

AGENTS = Label(integrity=Integrity.AGENT)
NOBODYS = Label()

Test: TypeAlias = Callable[[Label], bool]

WORDS: Mapping[str, Test] = {
    "trusted": lambda label: label.integrity > Integrity.UNTRUSTED,
    "untrusted": lambda label: label.integrity is Integrity.UNTRUSTED,
    "principal": lambda label: label.integrity is Integrity.PRINCIPAL,
    "agent": lambda label: label.integrity is Integrity.AGENT,
    "tool": lambda label: label.integrity is Integrity.TOOL_TRUSTED,
    "public": lambda label: label.readers is None and not label.secrets,
    "confidential": lambda label: label.readers is not None or bool(label.secrets),
}


@dataclass(slots=True)
class _Known:
    """`own`: events the flow does not count as text that was read; `through`: calls through which
    it may have heard what other processes have read.  `keeping`: a call of its own keeps what comes
    next.  Of the events that a letter brings only the first names the letter."""

    following: Following
    seq: Seq = journal.START
    through: set[CallId] = field(default_factory=set)
    own: dict[Seq, Label] = field(default_factory=dict)
    rest: dict[Seq, Label] = field(default_factory=dict)
    keeping: bool = False

    def add(self, seq: Seq, event: AnyEvent) -> None:
        self.following.apply(seq, event)
        self.seq = seq
        if isinstance(event, Called):
            self.keeping = True
        elif isinstance(event, Remembered | Linked | Pinned) and event.mail:
            self.keeping = False
        if isinstance(event, Spawned | Received | Told):
            self.rest[seq] = TOP_TRUST  # the principal's words, unless they were read
        elif isinstance(event, Called) and event.effect is Effect.KERNEL:
            self.through.add(event.id)
        elif isinstance(event, Returned) and event.id in self.through:
            self.own[seq] = self.following.label | NOBODYS
        elif isinstance(event, Thought) or (isinstance(event, Remembered) and self.keeping):
            self.own[seq] = self.following.label | AGENTS
        else:
            self.rest[seq] = NOBODYS

    def labels(self) -> dict[Seq, Label]:
        read = self.following.labels()
        return self.own | {seq: read.get(str(seq), like) for seq, like in self.rest.items()}


class Privacy:
    def __init__(self, store: Store, tools: Tools) -> None:
        self._store = store
        self._tools = tools
        self._known: dict[Pid, _Known] = {}  # least recently queried first

    async def holds(self, pid: Pid) -> bool:
        known = await self._read(pid)
        return WORDS["confidential"](known.following.label)

    async def labels(self, pid: Pid) -> Mapping[Seq, Label]:
        return (await self._read(pid)).labels()

    async def _read(self, pid: Pid) -> _Known:
        known = self._known.pop(pid, None)
        if known is None:
            known = _Known(Following(self._tools.catalogue(), self._tools.rules))
        async for row in journal.read_kinds(self._store, pid, _KINDS, known.seq):
            known.add(row.seq, journal.decode(row))
        self._known[pid] = known
        if len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return known


def within(words: str, reader: str = "") -> Test:
    """Does a label satisfy all of these words, and may `reader` read it?  Raise `invalid` for other
    words."""
    wanted = [word.strip().lower() for word in words.split(",") if word.strip()]
    if unknown := sorted(set(wanted).difference(WORDS)):
        hint = f"one of {', '.join(WORDS)}"
        raise SysError(Code.INVALID, f"no page is {unknown[0]!r}", hint=hint)
    tests = [WORDS[word] for word in wanted]
    who = reader.casefold()

    def test(label: Label) -> bool:
        return all(one(label) for one in tests) and (not who or _reads(label, who))

    return test


def _reads(label: Label, who: str) -> bool:
    if label.secrets:
        return False
    return label.readers is None or who in {one.casefold() for one in label.readers}
