"""Budgets, deadlines, generations, and the watchdog: all of it arithmetic on states."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logos.abi import events as e
from logos.abi.agent import Agent, Limits
from logos.abi.driver import Effect
from logos.abi.errors import MEANING, Code, SysError
from logos.abi.ids import CallId, MailId, Pid
from logos.abi.limits import CYCLE_REPEATS, REPEATED_FAILURES, THROTTLE_S
from logos.abi.messages import Finish, Role, Usage, said
from logos.abi.process import Process, Signal, Status
from logos.kernel.process import (
    SECOND,
    apply,
    bequeathed,
    exit_for,
    fold,
    grant,
    left,
    overdrawn,
    wake_at,
    watch,
)
from logos.kernel.process.bodies import Death as DeathMail
from logos.kernel.process.bodies import encode
from logos.kernel.process.due import expire
from logos.kernel.process.mail import deliver

NOW = 1_000 * SECOND


def born(limits: Limits = Limits(), deadline: int | None = None) -> Process:  # noqa: B008 - frozen
    return fold(
        [e.Spawned(agent=Agent(name="a"), task="t", at=NOW, limits=limits, deadline=deadline)]
    )


def calls(process: Process, id_: str, *more: e.AnyEvent) -> Process:
    called = e.Called(id=CallId(id_), name="fs.read", call=msgspec.Raw(b"{}"), effect=Effect.PURE)
    answer = e.Returned(id=CallId(id_), value=msgspec.Raw(b"1"))
    return fold([called, *more, answer], process)


@dataclass
class Tree:
    """Processes that think, call, spawn and end; `used` is what the world was really charged."""

    processes: dict[Pid, Process]
    parents: dict[Pid, Pid] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(2))
    used: Usage = field(default_factory=Usage)
    calls: int = 0

    def think(self, pid: Pid, amount: int) -> None:
        process = self.processes[pid]
        rest = left(process)
        assert rest.tokens is not None
        assert rest.cost is not None
        if overdrawn(process, NOW) is not None:
            return
        asked = e.Asked(model="m", tokens=min(amount, rest.tokens), cost=min(amount, rest.cost))
        usage = Usage(input=asked.tokens, cost=asked.cost)
        thought = e.Thought(message=said(Role.ASSISTANT, "hm"), usage=usage, finish=Finish.STOP)
        self.processes[pid] = fold([asked, thought], process)
        self.used += usage

    def call(self, pid: Pid) -> None:
        process = self.processes[pid]
        if overdrawn(process, NOW) is None:
            self.processes[pid] = calls(process, f"c{process.calls}")
            self.calls += 1

    def spawn(self, pid: Pid, asked: Limits) -> None:
        process = self.processes[pid]
        if overdrawn(process, NOW) is not None:
            return
        try:
            limits, _ = grant(process, asked, NOW)
        except SysError as error:
            assert error.code in (Code.BUDGET, Code.LIMIT)  # noqa: PT017
            return
        child = Pid(next(self.numbers))
        self.processes[pid] = calls(process, f"s{child}", e.Started(pid=child, limits=limits))
        self.calls += 1
        self.processes[child], self.parents[child] = born(limits), pid

    def end(self, pid: Pid) -> None:
        process = apply(self.processes.pop(pid), e.Exited(status=0))
        parent = self.parents[pid]
        if parent in self.processes:
            used, made = bequeathed(process)
            body = encode(DeathMail(status=0, used=used, calls=made))
            told = deliver(self.processes[parent], MailId(1), pid, body)
            self.processes[parent] = fold(told, self.processes[parent])


AMOUNT = st.none() | st.integers(0, 120)
STEP = st.tuples(
    st.sampled_from(["think", "call", "spawn", "spawn", "end"]),
    st.integers(0, 50),
    st.tuples(AMOUNT, AMOUNT, AMOUNT),
)


@settings(max_examples=30)
@given(st.lists(STEP, max_size=40))
def test_a_tree_never_uses_more_than_its_root_was_given(
    steps: list[tuple[str, int, tuple[int | None, int | None, int | None]]],
) -> None:
    given_ = Limits(tokens=100, cost=80, calls=12)
    root = Pid(1)
    tree = Tree({root: born(given_)})
    for what, pick, (tokens, cost, made) in steps:
        pid = list(tree.processes)[pick % len(tree.processes)]
        match what:
            case "think":
                tree.think(pid, pick)
            case "call":
                tree.call(pid)
            case "spawn":
                tree.spawn(pid, Limits(tokens=tokens, cost=cost, calls=made))
            case _ if pid != root:
                tree.end(pid)
        assert tree.used.tokens <= 100
        assert tree.used.cost <= 80
        assert tree.calls <= 12
        for process in tree.processes.values():
            rest = left(process)
            assert min(n for n in (rest.tokens, rest.cost, rest.calls) if n is not None) >= 0


def test_what_a_child_leaves_comes_back() -> None:
    parent = born(Limits(tokens=100))
    limits, _ = grant(parent, Limits(tokens=60), NOW)
    parent = calls(parent, "s", e.Started(pid=Pid(9), limits=limits))
    assert left(parent).tokens == 40
    ended = e.Ended(mail=MailId(1), pid=Pid(9), status=0, used=Usage(input=10))
    assert left(apply(parent, ended)).tokens == 90


@pytest.mark.parametrize(
    ("limits", "asked", "code"),
    [
        (Limits(tokens=10), Limits(tokens=11), Code.BUDGET),
        (Limits(cost=10), Limits(cost=11), Code.BUDGET),
        (Limits(calls=3), Limits(calls=3), Code.BUDGET),  # the call that starts it is the parent's
        (Limits(depth=0), Limits(), Code.LIMIT),
        (Limits(children=0), Limits(), Code.LIMIT),
        (Limits(tokens=10), Limits(tokens=-1), Code.INVALID),
        (Limits(), Limits(wall_s=1e300), Code.INVALID),
    ],
)
def test_what_is_not_granted(limits: Limits, asked: Limits, code: Code) -> None:
    with pytest.raises(SysError) as caught:
        grant(born(limits), asked, NOW)
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("limits", "asked", "granted"),
    [
        (Limits(tokens=10), Limits(), Limits(tokens=5)),
        (Limits(), Limits(tokens=7), Limits(tokens=7)),
        (Limits(depth=3), Limits(), Limits(depth=2)),
        (Limits(depth=3), Limits(depth=1), Limits(depth=1)),
        (Limits(depth=3), Limits(depth=9), Limits(depth=2)),
        (Limits(children=2), Limits(), Limits(children=2)),
        (Limits(children=2), Limits(children=50), Limits(children=2)),
        (Limits(), Limits(children=50), Limits(children=50)),
    ],
)
def test_what_is_granted(limits: Limits, asked: Limits, granted: Limits) -> None:
    assert grant(born(limits), asked, NOW) == (granted, None)


def test_a_child_ends_no_later_than_its_parent() -> None:
    parent = born(deadline=NOW + 10 * SECOND)
    assert grant(parent, Limits(wall_s=4), NOW)[1] == NOW + 4 * SECOND
    assert grant(parent, Limits(wall_s=40), NOW)[1] == parent.deadline
    assert grant(parent, Limits(), NOW)[1] == parent.deadline


def test_children_live_at_once_are_counted() -> None:
    parent = calls(born(Limits(children=1)), "s", e.Started(pid=Pid(9)))
    with pytest.raises(SysError, match="1 children live already"):
        grant(parent, Limits(), NOW)
    grant(apply(parent, e.Ended(mail=MailId(1), pid=Pid(9), status=0)), Limits(), NOW)


def test_time_runs_out() -> None:
    process = born(deadline=NOW + SECOND)
    assert overdrawn(process, NOW) is None
    assert expire(process, NOW) == []
    spent = overdrawn(process, NOW + SECOND)
    assert spent is not None
    (exited,) = expire(process, NOW + SECOND)
    assert isinstance(exited, e.Exited)
    assert exited.status == MEANING[Code.BUDGET].exit_status == exit_for(spent).status


def test_the_next_thing_due() -> None:
    process = born(deadline=NOW + 9)
    assert wake_at(process) == NOW + 9
    process = apply(process, e.Scheduled(cron="* * * * *", text="x", next=NOW + 7))
    assert wake_at(process) == NOW + 7
    process = apply(process, e.Warned(text="stop it", paused_until=NOW + 5))
    assert wake_at(process) == NOW + 5
    assert wake_at(process, NOW + 5) == NOW + 7
    assert wake_at(apply(process, e.Exited(status=0))) is None


def around(process: Process, length: int, *, failing: bool) -> Process:
    """Once around a circle of calls."""
    for n in range(length):
        id_ = CallId(f"{process.seq}")
        raw = msgspec.Raw(b'{"n":%d}' % n)
        answer: e.AnyEvent = (
            e.Failed(id=id_, code=Code.TOOL, message=f"at {process.seq}")
            if failing
            else e.Returned(id=id_, value=msgspec.Raw(b"1"))
        )
        called = e.Called(id=id_, name="x", call=raw, effect=Effect.PURE)
        process = fold([called, answer], process)
    return process


@pytest.mark.parametrize("failing", [True, False])
@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_the_watchdog_tells_throttles_and_stops(length: int, *, failing: bool) -> None:
    process = born()
    said_: list[e.AnyEvent] = []
    for _ in range(3):
        for _ in range(CYCLE_REPEATS if length > 1 else REPEATED_FAILURES):
            assert watch(process, NOW) is None
            process = around(process, length, failing=failing)
        warning = watch(process, NOW)
        assert warning is not None
        said_.append(warning)
        process = apply(process, warning)
    told, throttled, stopped = said_
    assert isinstance(told, e.Warned)
    assert told.paused_until is None
    assert isinstance(throttled, e.Warned)
    assert throttled.paused_until == NOW + int(THROTTLE_S * SECOND)
    assert isinstance(stopped, e.Signalled)
    assert stopped.signal is Signal.STOP
    assert process.status is Status.STOPPED
    cont = e.Signalled(mail=MailId(1), signal=Signal.CONT)
    assert watch(apply(process, cont), NOW) is None


def test_progress_is_not_a_circle() -> None:
    process = born()
    for n in range(30):
        id_ = CallId(f"{n}")
        called = e.Called(id=id_, name="x", call=msgspec.Raw(b"{}"), effect=Effect.PURE)
        process = fold([called, e.Returned(id=id_, value=msgspec.Raw(b"%d" % n))], process)
        assert watch(process, NOW) is None
