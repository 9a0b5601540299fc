"""What another memory is told of a journal: what was kept, and with `recall` what was said."""

import msgspec

from logos.abi.agent import Agent
from logos.abi.driver import Effect
from logos.abi.events import (
    AnyEvent,
    Called,
    Linked,
    Received,
    Remembered,
    Returned,
    Spawned,
    Thought,
)
from logos.abi.ids import CallId, MailId, Pid, Seq
from logos.abi.messages import Finish, Role, Usage, said
from logos.cli.exporting import Export
from logos.kernel import Shelf

PATH = "/mem/archive/a"


def called(id_: str, name: str) -> Called:
    return Called(id=CallId(id_), name=name, call=msgspec.Raw(b"{}"), effect=Effect.PURE)


def returned(id_: str, text: str) -> Returned:
    return Returned(id=CallId(id_), value=msgspec.Raw(msgspec.json.encode(text)))


JOURNAL: list[AnyEvent] = [
    Spawned(agent=Agent(name="a", description=""), task="Look.", at=1),
    Thought(message=said(Role.ASSISTANT, "I look."), usage=Usage(), finish=Finish.STOP),
    called("1", "memory.search"),
    returned("1", "what memory brought"),
    called("2", "fs.read"),
    returned("2", "a file"),
    Received(mail=MailId(4), text="And?"),
    Remembered(path=PATH, text="kept", mail=MailId(5)),
    Linked(source="8", relation="from", target="6"),
    Linked(source="8", relation="from", target="3"),
]


def told(*, recall: bool) -> tuple[list[Remembered | Linked], int]:
    shelf = Shelf()
    for n, event in enumerate(JOURNAL, 1):
        shelf.apply(Seq(n), n, event)
    export = Export(Pid(7), shelf, recall=recall)
    lines = [export.line(Seq(n), n, event) for n, event in enumerate(JOURNAL, 1)]
    return [line for line in lines if line is not None], export.left_out


def test_what_was_kept_is_told_without_what_is_of_this_journal_alone() -> None:
    assert told(recall=False) == ([Remembered(path=PATH, text="kept", valid_from=8)], 2)


def test_with_recall_what_was_said_goes_along_and_edges_lead_to_it() -> None:
    lines, left_out = told(recall=True)
    texts = {line.path: (line.role, line.text) for line in lines if isinstance(line, Remembered)}
    assert texts == {
        "/mem/archive/said/7/000001": ("user", "Look."),
        "/mem/archive/said/7/000002": ("assistant", "I look."),
        "/mem/archive/said/7/000006": ("tool", "a file"),
        "/mem/archive/said/7/000007": ("user", "[message] And?"),
        PATH: ("", "kept"),
    }
    assert lines[-1] == Linked(source=PATH, relation="from", target="/mem/archive/said/7/000006")
    assert left_out == 1
