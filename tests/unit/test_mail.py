"""Mail: whatever arrives in whatever state, what follows is allowed; a letter is either
returned by a waiting call or shown in the window, never both."""

from datetime import UTC, datetime
from itertools import product

import msgspec
import pytest

from logos.abi import events as e
from logos.abi.agent import Agent
from logos.abi.driver import Effect
from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent
from logos.abi.ids import CallId, MailId, Pid, Seq
from logos.abi.messages import Finish, Message, Role, Text, ToolCall, Usage, said
from logos.abi.process import Process, Signal, Status
from logos.kernel.memory import Window
from logos.kernel.process import SECOND, fold
from logos.kernel.process.bodies import AnyMail, Death, Deposit, Note, Order, encode
from logos.kernel.process.due import expire, lost_thought, next_ring
from logos.kernel.process.mail import deliver, taken

NOW = 1_000 * SECOND
SPAWNED = e.Spawned(agent=Agent(name="a"), task="t", at=NOW, deadline=NOW + 100 * SECOND)
ASKED = e.Asked(model="m", tokens=30, cost=7)
SCHEDULED = e.Scheduled(cron="* * * * *", text="tick", next=NOW + 60 * SECOND)
STOP = e.Signalled(mail=MailId(1), signal=Signal.STOP)


def called(
    id_: str, name: str, arguments: bytes = b"{}", effect: Effect = Effect.KERNEL
) -> e.Called:
    return e.Called(id=CallId(id_), name=name, call=msgspec.Raw(arguments), effect=effect)


def blocked(id_: str, until: int | None = None) -> e.Blocked:
    return e.Blocked(id=CallId(id_), until=until)


WAITS: list[AnyEvent] = [called("w", "process.wait", b'{"pid":9}'), blocked("w", NOW + 5 * SECOND)]
RECEIVES: list[AnyEvent] = [called("r", "message.receive"), blocked("r", NOW + 5 * SECOND)]
SLEEPS: list[AnyEvent] = [
    called("s", "time.sleep", b'{"seconds":5}'),
    blocked("s", NOW + 5 * SECOND),
]
RUNS: list[AnyEvent] = [called("e", "command.run", effect=Effect.EFFECT)]
READS: list[AnyEvent] = [called("p", "fs.read", effect=Effect.PURE)]
IDLES: list[AnyEvent] = [
    ASKED,
    e.Thought(message=said(Role.ASSISTANT, "x"), usage=Usage(), finish=Finish.STOP),
    e.Idled(),
]

STATES: dict[str, list[AnyEvent]] = {
    "ready": [],
    "thinking": [ASKED],
    "calling an effect": RUNS,
    "reading": READS,
    "waiting for a child": WAITS,
    "receiving": RECEIVES,
    "sleeping": SLEEPS,
    "calling and receiving": [*RECEIVES, *RUNS],
    "idle": IDLES,
    "paused": [e.Warned(text="slow", paused_until=NOW + 5 * SECOND)],
    "wrapping up": [e.Signalled(mail=MailId(1), signal=Signal.TERM)],
    "stopped": [STOP],
    "stopped in a thought": [ASKED, STOP],
    "stopped in a call": [*RUNS, STOP],
    "stopped while receiving": [*RECEIVES, STOP],
}

MAIL: dict[str, AnyMail] = {
    "note": Note("hello"),
    "death": Death(status=3, answer="bye", used=Usage(input=1), calls=2),
    **{f"{signal}": Order(signal, "why") for signal in Signal},
}


def process_in(state: str) -> Process:
    return fold([SPAWNED, SCHEDULED, *STATES[state]])


@pytest.mark.parametrize(("state", "mail"), list(product(STATES, MAIL)))
def test_what_follows_from_mail_is_always_allowed(state: str, mail: str) -> None:
    before = process_in(state)
    events = deliver(before, MailId(5), Pid(9), encode(MAIL[mail]))
    after = fold(events, before)
    assert taken(events)[:1] == [(MailId(5), 1)] or mail == "kill"
    match mail:
        case "kill":
            assert after.status is Status.EXITED
            assert after.exit_status == 137
        case "stop":
            assert after.stopped
        case "cont":
            assert not after.stopped
        case "int":
            assert after.reserved is None
            assert not after.open
        case "term":
            assert after.wrap_up == 1
            assert not any(call.blocked for call in after.open)
        case "death":
            assert after.spent.input == before.spent.input + 1
        case _:
            assert after.news == before.news + 1


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("later", [1, 5, 61, 100])
def test_what_follows_from_time_is_always_allowed(state: str, later: int) -> None:
    before = process_in(state)
    now = NOW + later * SECOND
    after = fold(expire(before, now), before)
    if later == 100:
        assert after.status is Status.EXITED
    else:
        assert expire(after, now) == []
        assert all(timer.next > now for timer in after.timers)
        assert not any(c.until is not None and c.until <= now for c in after.open)


@pytest.mark.parametrize("ends", ["kill", "time", "int"])
def test_a_thought_that_is_given_up_is_charged(ends: str) -> None:
    process = process_in("thinking")
    if ends == "time":
        events = expire(process, NOW + 100 * SECOND)
    else:
        events = deliver(process, MailId(2), None, encode(Order(Signal(ends))))
    assert fold(events, process).spent == Usage(input=30, cost=7)


@pytest.mark.parametrize("sender", [None, Pid(4)])
def test_a_letter_is_returned_or_shown_never_both(sender: Pid | None) -> None:
    thought = Message(
        role=Role.ASSISTANT,
        content=(ToolCall(id=CallId("r"), name="message_receive", arguments="{}"),),
    )
    events: list[AnyEvent] = [
        SPAWNED,
        ASKED,
        e.Thought(message=thought, usage=Usage(), finish=Finish.CALLS),
        *RECEIVES,
    ]
    for n, body in enumerate(["first", "second"], 1):
        events += deliver(fold(events), MailId(n), sender, encode(Note(body)))
    window = Window()
    for seq, event in enumerate(events, 1):
        window.apply(Seq(seq), event)
    shown = msgspec.json.encode(window.messages()).decode()
    assert shown.count("first") == 1
    assert shown.count("second") == 1
    answers = [x for x in events if isinstance(x, e.Returned)]
    assert [msgspec.json.decode(x.value)["text"] for x in answers] == ["first"]


def test_two_waits_for_one_child_both_return() -> None:
    second: list[AnyEvent] = [called("v", "process.wait", b'{"pid":9}'), blocked("v")]
    other: list[AnyEvent] = [called("o", "process.wait", b'{"pid":8}'), blocked("o")]
    process = fold([SPAWNED, *WAITS, *second, *other])
    events = deliver(process, MailId(1), Pid(9), encode(Death(status=3, answer="bye")))
    assert [x.id for x in events if isinstance(x, e.Returned)] == ["w", "v"]
    assert [call.id for call in fold(events, process).open] == ["o"]


def test_a_wait_that_ends_says_how() -> None:
    (slept,) = expire(process_in("sleeping"), NOW + 5 * SECOND)
    assert slept == e.Returned(id=CallId("s"), value=msgspec.Raw(b"null"))
    (late,) = expire(process_in("receiving"), NOW + 5 * SECOND)
    assert isinstance(late, e.Failed)
    assert late.code is Code.TIMEOUT


def test_an_interrupted_effect_is_said_to_be_unknown() -> None:
    for state, unknown in (("calling an effect", True), ("reading", False), ("receiving", False)):
        events = deliver(process_in(state), MailId(2), None, encode(Order(Signal.INT)))
        (failed,) = [x for x in events if isinstance(x, e.Failed)]
        assert ("unknown" in failed.message) == unknown


def test_a_thought_lost_with_its_node_is_charged() -> None:
    process = process_in("thinking")
    after = fold([lost_thought(process)], process)
    assert after.spent.tokens == 30
    assert after.news == 1


@pytest.mark.parametrize(
    ("cron", "rings"),
    [
        ("* * * * *", "2026-01-01 00:01"),
        ("*/15 9-17 * * 1-5", "2026-01-01 09:00"),
        ("0 0 29 2 *", "2028-02-29 00:00"),
    ],
)
def test_when_a_timer_rings_next(cron: str, rings: str) -> None:
    start = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * SECOND
    wanted = datetime.fromisoformat(rings).replace(tzinfo=UTC).timestamp()
    assert next_ring(cron, start) == int(wanted) * SECOND
    assert next_ring(cron, next_ring(cron, start)) > next_ring(cron, start)


@pytest.mark.parametrize("cron", ["", "soon", "* * * *", "61 * * * *", "0 0 31 2 *"])
def test_what_is_no_schedule(cron: str) -> None:
    with pytest.raises(SysError) as caught:
        next_ring(cron, NOW)
    assert caught.value.code is Code.INVALID
    assert caught.value.hint


def test_the_word_is_shown_with_its_sender() -> None:
    window = Window()
    for seq, event in enumerate(
        [SPAWNED, *deliver(fold([SPAWNED]), MailId(1), Pid(4), encode(Note("hi")))], 1
    ):
        window.apply(Seq(seq), event)
    assert window.messages()[-1].content == (Text(text="[message from process 4] hi"),)


def test_a_deposit_names_its_letter_once() -> None:
    items = (
        e.Remembered(path="/mem/archive/a", text="x"),
        e.Linked(source="a", relation="of", target="b"),
    )
    process = fold([SPAWNED])
    events = deliver(process, MailId(9), Pid(4), encode(Deposit(items)))
    assert events == [msgspec.structs.replace(items[0], mail=MailId(9)), items[1]]
    assert taken(events) == [(MailId(9), 1)]
    assert fold(events, process).status is process.status
