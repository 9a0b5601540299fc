"""The task of one process, as its journal has it.

    Following(tools, rules)    before the first event
    .apply(seq, event)         one more event
    .task                      what the principal said, what was read, what was agreed to
    .label, .labels()          of all that was read, and of each page of it

The principal's words are the task a person gave and the messages a person sent.  A task from
another process, its messages, a child's answer, a timer's text and what a tool returns are text
that was read.  A child is born with the words its parent had (`Spawned.said`), so that authority
comes down from the principal and never from a parent that may be misled; where the values in such a
text came from travels with it (`carries`, see carry.py).

Invariant: the same events, with the same tools and rules, give the same task.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from logos.abi.approval import Answer, Scope
from logos.abi.events import (
    AnyEvent,
    Called,
    Decided,
    Ended,
    Failed,
    Held,
    PagedIn,
    Rang,
    Received,
    Returned,
    Spawned,
    Told,
)
from logos.abi.ids import INIT, CallId, Seq
from logos.abi.messages import Role, ToolResult
from logos.abi.rights import Cap
from logos.kernel.flow.carry import fit
from logos.kernel.flow.catalogue import Catalogue
from logos.kernel.flow.decision import Decision
from logos.kernel.flow.judge import decide
from logos.kernel.flow.label import Label
from logos.kernel.flow.records import flat
from logos.kernel.flow.rules import Table
from logos.kernel.flow.task import Task
from logos.kernel.flow.value import Kind

THROUGH = "tool.call"
"""The call that stands for whatever tool it names."""

WRITES = frozenset({"fs.write", "fs.append"})
RUNS = frozenset({"command.run", "process.exec"})

Open = tuple[dict[str, Any], Decision]


class Following:
    def __init__(self, tools: Catalogue, rules: Table) -> None:
        self._task = Task(catalogue=tools, rules=rules)
        self._words: list[str] = []
        self._open: dict[CallId, Open] = {}
        self._agreed: dict[CallId, Scope] = {}
        self._asked: set[str] = set()
        self._take: dict[type[Any], Callable[[str, Any], None]] = {
            Spawned: self._born,
            Received: self._received,
            Told: self._told,
            Rang: self._rang,
            Ended: self._ended,
            PagedIn: self._paged_in,
            Called: self._called,
            Returned: self._returned,
            Failed: self._failed,
            Held: self._held,
            Decided: self._decided,
        }

    @property
    def task(self) -> Task:
        """What was said since it was last looked at is heard at once: hearing looks at all that
        was read again."""
        if self._words:
            self._task.heard("\n".join(self._words))
            self._words = []
        return self._task

    @property
    def label(self) -> Label:
        """Of all that was read.  It does not depend on what was said."""
        return self._task.history.label

    def labels(self) -> dict[str, Label]:
        """Of each page that was read."""
        return self._task.labels()

    def apply(self, seq: Seq, event: AnyEvent) -> None:
        if (take := self._take.get(type(event))) is not None:
            take(str(seq), event)

    def _born(self, page: str, event: Spawned) -> None:
        self._task.own = frozenset(_granted(event.caps))
        if event.parent in (None, INIT):
            self._words.append(event.task)
            return
        self._words += event.said
        self.task.take(fit(event.carries), event.task, page=page)

    def _received(self, page: str, event: Received) -> None:
        if event.sender is None:
            self._words.append(event.text)
        else:
            self.task.take(fit(event.carries), event.text, page=page)

    def _told(self, page: str, event: Told) -> None:
        """Of what a client says, its user's part is the principal's."""
        for message in event.messages:
            if message.role is Role.USER:
                self._words.append(message.text)
            else:
                answers = (p.content for p in message.content if isinstance(p, ToolResult))
                self.task.read("\n".join([message.text, *answers]), page=page)

    def _rang(self, page: str, event: Rang) -> None:
        self.task.read(event.text, page=page)

    def _ended(self, page: str, event: Ended) -> None:
        self.task.take(fit(event.carries), event.answer, page=page)

    def _paged_in(self, page: str, event: PagedIn) -> None:
        """What is its own it has read before, as what it was then."""
        for shown in event.pages:
            if shown.pid:
                self.task.read(shown.text, page=page)

    def _held(self, page: str, event: Held) -> None:
        del page
        if not event.doubt:
            self._asked.add(thought_of(event.id))
            self._task.asked = len(self._asked)

    def _decided(self, page: str, event: Decided) -> None:
        del page
        if event.answer is Answer.ALLOW:
            self._agreed |= dict.fromkeys(event.ids, event.scope)

    def _failed(self, page: str, event: Failed) -> None:
        """What a tool says when it fails is text like what it returns."""
        if self._open.pop(event.id, None) is not None:
            self.task.read(event.message, page=page)

    def _called(self, page: str, event: Called) -> None:
        del page
        tool, arguments = named(event.name, event.call)
        if tool not in self._task.catalogue:
            return
        scope = self._agreed.pop(event.id, None)
        decision = recorded(event.decision) or decide(self.task, tool, arguments)
        agreed = scope in (Scope.TASK, Scope.ALWAYS)
        self.task.settle(arguments, decision, agreed=agreed)
        if tool in WRITES:
            self.task.wrote(arguments["path"])
        elif tool in RUNS:
            self.task.ran(network=any(kind is Kind.URL for kind, _ in self._task.own))
        self._open[event.id] = (arguments, decision)

    def _returned(self, page: str, event: Returned) -> None:
        result = msgspec.json.decode(event.value)
        if (found := self._open.pop(event.id, None)) is None:
            self.task.read(flat(result), page=page)
        else:
            self.task.observe(*found, result, page=page)


def _granted(caps: Iterable[Cap]) -> Iterator[tuple[Kind, str]]:
    """Hosts that a capability names are as good as named by the principal."""
    for cap in caps:
        place = cap.path.split("/")[2:3]
        if (
            cap.verb in ("fetch", "connect")
            and cap.path.startswith("/net/")
            and "*" not in place[0]
        ):
            yield Kind.URL, place[0].lower()
            if cap.verb == "connect" and ":" not in place[0]:
                yield from ((Kind.URL, f"{place[0].lower()}:{port}") for port in (80, 443))


def thought_of(id_: CallId) -> str:
    """The thought that proposed a call: what it asks is one question."""
    return id_.partition("_")[0]


def named(name: str, call: msgspec.Raw) -> tuple[str, dict[str, Any]]:
    """The tool a journaled call is for, and its arguments."""
    arguments: dict[str, Any] = msgspec.json.decode(call)
    arguments.pop("call", None)
    if name == THROUGH:
        return arguments["tool"], arguments["arguments"]
    return name, arguments


def recorded(decision: dict[str, Any]) -> Decision | None:
    """What stands in an event; None where nothing does."""
    return msgspec.convert(decision, Decision) if decision else None
