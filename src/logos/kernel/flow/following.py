"""The task of one process, as its journal has it.

    Following(tools, rules)    before the first event
    .apply(seq, event)         one more event
    .task                      what the principal said, what was read, what was agreed to

The principal's words are the task a person gave and the messages a person sent.  A task from
another process, its messages, a child's answer, a timer's text and what a tool returns are
text that was read.  A child is born with the words its parent had (`Spawned.said`), so that
authority comes down from the principal and never from a parent that may be misled.

Invariant: the same events, with the same tools and rules, give the same task.
"""

from collections.abc import Iterable, Iterator
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
    Rang,
    Received,
    Returned,
    Spawned,
)
from logos.abi.ids import INIT, CallId, Seq
from logos.abi.rights import Cap
from logos.kernel.flow.catalogue import Catalogue
from logos.kernel.flow.decision import Decision
from logos.kernel.flow.judge import decide
from logos.kernel.flow.rules import Table
from logos.kernel.flow.task import Task
from logos.kernel.flow.value import Kind

THROUGH = "tool.call"
"""The call that stands for whatever tool it names."""

WRITES = frozenset({"fs.write", "fs.append"})

Open = tuple[dict[str, Any], Decision]


class Following:
    def __init__(self, tools: Catalogue, rules: Table) -> None:
        self._task = Task(catalogue=tools, rules=rules)
        self._words: list[str] = []
        self._open: dict[CallId, Open] = {}
        self._agreed: dict[CallId, Scope] = {}
        self._asked: set[str] = set()

    @property
    def task(self) -> Task:
        """What was said since it was last looked at is heard at once: hearing looks at all that
        was read again."""
        if self._words:
            self._task.heard("\n".join(self._words))
            self._words = []
        return self._task

    def apply(self, seq: Seq, event: AnyEvent) -> None:
        page = str(seq)
        match event:
            case Spawned():
                self._born(page, event)
            case Received(sender=None, text=text):
                self._words.append(text)
            case Received(text=text) | Rang(text=text) | Ended(answer=text):
                self.task.read(text, page=page)
            case Called():
                self._called(event)
            case Returned(id=id_, value=value):
                self._returned(id_, value, page)
            case Failed(id=id_, message=message):
                if self._open.pop(id_, None) is not None:
                    self.task.read(message, page=page)
            case Held(id=id_, doubt=False):
                self._asked.add(thought_of(id_))
                self._task.asked = len(self._asked)
            case Decided(answer=Answer.ALLOW, scope=scope, ids=ids):
                self._agreed |= dict.fromkeys(ids, scope)
            case _:
                pass

    def _born(self, page: str, event: Spawned) -> None:
        self._task.own = frozenset(_granted(event.caps))
        if event.parent in (None, INIT):
            self._words.append(event.task)
            return
        self._words += event.said
        self.task.read(event.task, page=page)

    def _called(self, event: Called) -> None:
        tool, arguments = named(event.name, event.call)
        if tool not in self._task.catalogue:
            return
        scope = self._agreed.pop(event.id, None)
        decision = recorded(event.decision) or decide(self.task, tool, arguments)
        agreed = scope in (Scope.TASK, Scope.ALWAYS)
        self.task.settle(arguments, decision, agreed=agreed)
        if tool in WRITES:
            self.task.wrote(arguments["path"])
        self._open[event.id] = (arguments, decision)

    def _returned(self, id_: CallId, value: msgspec.Raw, page: str) -> None:
        result = msgspec.json.decode(value)
        if (found := self._open.pop(id_, None)) is None:
            self.task.read(result if isinstance(result, str) else bytes(value).decode(), page=page)
        else:
            self.task.observe(*found, result, page=page)


def _granted(caps: Iterable[Cap]) -> Iterator[tuple[Kind, str]]:
    """Hosts that a capability names are as good as named by the principal."""
    for cap in caps:
        place = cap.path.split("/")[2:3]
        if cap.verb == "fetch" and cap.path.startswith("/net/") and "*" not in place[0]:
            yield Kind.URL, place[0].lower()


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
