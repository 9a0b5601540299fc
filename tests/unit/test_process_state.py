"""The process state machine: the table decides, nothing follows death, and a journal is worth
the same however it is cut."""

from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logos.abi import events as e
from logos.abi.agent import Agent, Limits
from logos.abi.approval import Answer, Standing
from logos.abi.driver import Effect
from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent
from logos.abi.ids import CallId, MailId, Pid, Seq
from logos.abi.messages import Finish, Message, Options, Role, Text, ToolCall, Usage
from logos.abi.paging import Shown
from logos.abi.process import Process, Signal, Status
from logos.abi.rights import parse
from logos.kernel.process import ALLOWED, apply, fold, status_of

RAW = msgspec.Raw(b'{"call":"time.sleep","seconds":1}')


STANDING = Standing(agent="a", tool="t", rule="r")


def spawned(**given: object) -> e.Spawned:
    return e.Spawned(agent=Agent(name="a"), task="do it", at=7, **given)  # type: ignore[arg-type]


def thought(*ids: str) -> e.Thought:
    calls = tuple(ToolCall(id=CallId(i), name="time_sleep", arguments="{}") for i in ids)
    message = Message(role=Role.ASSISTANT, content=(Text(text="hm"), *calls))
    return e.Thought(message=message, usage=Usage(input=3, output=2, cost=5), finish=Finish.STOP)


def called(id_: str = "x") -> e.Called:
    return e.Called(id=CallId(id_), name="time.sleep", call=RAW, effect=Effect.KERNEL)


def returned(id_: str = "x") -> e.Returned:
    return e.Returned(id=CallId(id_), value=msgspec.Raw(b"null"))


def failed(id_: str = "x") -> e.Failed:
    return e.Failed(id=CallId(id_), code=Code.TOOL, message="no")


def held(id_: str = "x", **given: object) -> e.Held:
    return e.Held(id=CallId(id_), name="time.sleep", call=RAW, effect=Effect.KERNEL, **given)  # type: ignore[arg-type]


def decided(id_: str = "x", answer: Answer = Answer.ALLOW) -> e.Decided:
    return e.Decided(mail=MailId(1), ids=(CallId(id_),), answer=answer, by="somebody")


def signalled(signal: Signal) -> e.Signalled:
    return e.Signalled(mail=MailId(1), signal=signal)


def _known_call(process: Process, pick: int) -> str:
    ids = [*(c.id for c in process.open), *(c.id for c in process.proposed)]
    return ids[pick % len(ids)] if ids else "nobody"


#: How to make an event of each kind that suits the state, if any does.
MAKE: dict[type, Callable[[Process, int], AnyEvent]] = {
    e.Spawned: lambda p, n: spawned(deadline=n or None, generation=n),
    e.Asked: lambda p, n: e.Asked(model="m", tokens=n, cost=n),
    e.Thought: lambda p, n: thought(*(f"{p.seq}.{i}" for i in range(n % 3))),
    e.Interrupted: lambda p, n: e.Interrupted(code=list(Code)[n % len(Code)], message="cut"),
    e.Vectored: lambda p, n: e.Vectored(model="m", input=bytes(32), usage=Usage(input=n)),
    e.Called: lambda p, n: called(f"{p.seq}.new" if n % 2 else _known_call(p, n)),
    e.Held: lambda p, n: held(_known_call(p, n), until=n or None, doubt=n % 3 == 1),
    e.Decided: lambda p, n: decided(_known_call(p, n), Answer.ALLOW if n % 2 else Answer.DENY),
    e.Agreed: lambda p, n: e.Agreed(mail=MailId(n + 1), standing=STANDING, ends=n == 3),
    e.Revoked: lambda p, n: e.Revoked(mail=MailId(n + 1), caps=(parse("read:/home/**"),)),
    e.Blocked: lambda p, n: e.Blocked(id=CallId(_known_call(p, n)), until=n or None),
    e.Returned: lambda p, n: returned(_known_call(p, n)),
    e.Failed: lambda p, n: failed(_known_call(p, n)),
    e.Received: lambda p, n: e.Received(mail=MailId(n + 1), text="hello"),
    e.Told: lambda p, n: e.Told(mail=MailId(n), options=Options(model="m") if n else None),
    e.Proposed: lambda p, n: e.Proposed(calls=thought(f"{p.seq}.p").message.calls),
    e.Answered: lambda p, n: e.Answered(
        request=bytes(32), path="/v1/messages", status=200, kind="text/plain", body="she"
    ),
    e.Diverged: lambda p, n: e.Diverged(did="asked something else", left=n),
    e.Deferred: lambda p, n: e.Deferred(id=CallId(_known_call(p, n)), ticket=str(n)),
    e.Reached: lambda p, n: e.Reached(
        id=CallId(_known_call(p, n)), host="h.example", port=443, sent=n
    ),
    e.Signalled: lambda p, n: signalled(list(Signal)[n % len(Signal)]),
    e.Started: lambda p, n: e.Started(pid=Pid(n + 2), limits=Limits(tokens=n)),
    e.Ended: lambda p, n: e.Ended(mail=MailId(n + 1), pid=Pid(n + 2), status=n, calls=n),
    e.Scheduled: lambda p, n: e.Scheduled(cron="* * * * *" if n else "", text=f"t{n}", next=n),
    e.Rang: lambda p, n: e.Rang(text=f"t{n}", next=n),
    e.Idled: lambda p, n: e.Idled(),
    e.Paced: lambda p, n: e.Paced(why="too dear", paused_until=n + 1),
    e.Warned: lambda p, n: e.Warned(text="look out", paused_until=n or None),
    e.PagedIn: lambda p, n: e.PagedIn(
        question="who?", pages=(Shown(page=Seq(n + 1), text="she"),), confidence=0.5
    ),
    e.Compacted: lambda p, n: e.Compacted(out=(Seq(n + 1),), digest="pages 1-2: she"),
    e.Pinned: lambda p, n: e.Pinned(page=Seq(n + 1), pinned=bool(n % 2)),
    e.Remembered: lambda p, n: e.Remembered(path=f"/mem/archive/{n}", text="she"),
    e.Linked: lambda p, n: e.Linked(source="/mem/archive/1", relation="of", target=f"{n}"),
    e.Forgot: lambda p, n: e.Forgot(pages=(Seq(n + 1),), reason="asked to"),
    e.Exited: lambda p, n: e.Exited(status=n, answer="bye"),
}

STEPS = st.lists(st.tuples(st.sampled_from(list(MAKE)), st.integers(0, 5)), max_size=40)


def walk(steps: Sequence[tuple[type, int]]) -> tuple[list[AnyEvent], Process]:
    """The journal that comes of trying these, leaving out what is refused."""
    events: list[AnyEvent] = [spawned()]
    process = fold(events)
    for kind, n in steps:
        event = MAKE[kind](process, n)
        try:
            process = apply(process, event)
        except SysError:
            continue
        events.append(event)
    return events, process


def test_every_event_is_in_the_table_and_can_be_made() -> None:
    kinds = set(AnyEvent.__args__)
    assert set(MAKE) == kinds
    assert {kind for row in ALLOWED.values() for kind in row} == kinds
    assert set(ALLOWED) == set(Status)


def test_a_life() -> None:
    states = [Process()]
    for event in (
        spawned(),
        e.Asked(model="m", tokens=9),
        thought("x", "y"),
        called("x"),
        e.Blocked(id=CallId("x"), until=50),
        failed("y"),
        returned("x"),
        e.Asked(model="m", tokens=9),
        thought(),
        e.Idled(),
        e.Received(mail=MailId(1), text="and?"),
        e.Exited(status=0, answer="done"),
    ):
        states.append(apply(states[-1], event))
    assert [s.status.value for s in states] == [
        "none",
        "ready",
        "thinking",
        "ready",
        "calling",
        "waiting",
        "waiting",
        "ready",
        "thinking",
        "ready",
        "waiting",
        "ready",
        "exited",
    ]
    last = states[-1]
    assert (last.thoughts, last.calls, last.answer, last.exit_status) == (2, 1, "done", 0)
    assert last.spent == Usage(input=6, output=4, cost=10)
    assert last.seq == 12


@settings(max_examples=30)
@given(STEPS)
def test_the_table_decides(steps: list[tuple[type, int]]) -> None:
    process = fold([spawned()])
    for kind, n in steps:
        before, event = process, MAKE[kind](process, n)
        try:
            process = apply(process, event)
        except SysError as error:
            assert error.code is Code.STATE  # noqa: PT017 - most steps raise nothing
            continue
        assert process.status in ALLOWED[before.status][kind]
        assert process.status == status_of(process)
        assert process.seq == before.seq + 1


@settings(max_examples=25)
@given(STEPS, st.integers(0, 40))
def test_a_journal_is_worth_the_same_however_it_is_cut(
    steps: list[tuple[type, int]], cut: int
) -> None:
    events, process = walk(steps)
    assert fold(events[cut:], fold(events[:cut])) == process == fold(events)
    snapshot = msgspec.json.decode(msgspec.json.encode(fold(events[:cut])), type=Process)
    assert fold(events[cut:], snapshot) == process


@settings(max_examples=25)
@given(STEPS)
def test_every_event_survives_the_wire(steps: list[tuple[type, int]]) -> None:
    events, _ = walk(steps)
    for event in events:
        assert msgspec.json.decode(msgspec.json.encode(event), type=AnyEvent) == event


def test_the_dead_can_be_forgotten() -> None:
    dead = fold([spawned(), e.Exited(status=3)])
    after = apply(dead, e.Forgot(pages=(Seq(1),)))
    assert (after.status, after.exit_status, after.seq) == (Status.EXITED, 3, 3)


@pytest.mark.parametrize("kind", [kind for kind in MAKE if kind is not e.Forgot])
def test_nothing_follows_death(kind: type) -> None:
    dead = fold([spawned(), e.Exited(status=0)])
    with pytest.raises(SysError, match="cannot follow exited"):
        apply(dead, MAKE[kind](dead, 1))


@pytest.mark.parametrize("kind", [k for k in MAKE if k is not e.Spawned])
def test_nothing_comes_before_birth(kind: type) -> None:
    with pytest.raises(SysError):
        apply(Process(), MAKE[kind](Process(), 1))


def test_a_call_is_answered_once() -> None:
    process = fold([spawned(), called("x"), returned("x")])
    for answer in (returned("x"), failed("x")):
        with pytest.raises(SysError):
            apply(process, answer)


def test_an_event_of_a_refused_append_changes_nothing() -> None:
    process = fold([spawned()])
    with pytest.raises(SysError):
        apply(process, thought())
    assert process == fold([spawned()])
