"""Hostile calls at the gate, each by its number in the list of attacks.

21 used-up, expired and revoked rights; 24 the last use taken twice; 25 a manifest that names what is not
there; 28 JSON that is read in two ways; 29 an argument too many; 31 an approval used for other arguments;
32 a flood of questions; 33 the clock set back; 35 a value of one character; 61 a loop, with something new in
each round and without.

All of them, and where each is tried: docs/hostile-tests.md.
"""

import json
from typing import Any

import msgspec
import pytest

from logos.abi.agent import Agent
from logos.abi.approval import Answer
from logos.abi.calls import CallTool
from logos.abi.driver import Effect
from logos.abi.errors import Code, SysError
from logos.abi.events import Blocked, Called, Decided, Held, Returned, Spawned
from logos.abi.ids import CallId, MailId, Seq
from logos.abi.limits import WARNING_DECAYS
from logos.abi.messages import ToolCall, ToolSpec
from logos.abi.process import Process, Stage
from logos.abi.rights import EVERYTHING, parse
from logos.kernel import caps
from logos.kernel.flow import Following
from logos.kernel.process import apply, fold, watch
from logos.kernel.syscall import Gate, Tools

NOW = 1_790_000_000_000_000
HOUR = 3600 * 1_000_000

MAIL = ToolSpec(
    name="mail",
    description="send a mail",
    schema=msgspec.Raw(
        b'{"type":"object","properties":{"to":{"type":"string"},"body":{"type":"string"}},'
        b'"required":["to","body"]}'
    ),
)
MANIFESTS: dict[str, Any] = {
    "mail": {"impact": "egress_people", "arguments": {"to": "address", "body": "content"}}
}
AGENT = Agent(name="a", tools=("mail",))


def tools(**manifests: Any) -> Tools:
    return Tools(lambda: {"mail": MAIL}, lambda: {**MANIFESTS, **manifests}, None)


def gate() -> Gate:
    return Gate(lambda: {"mail": MAIL}, [caps.check])


def call(to: str = "anna@x.org") -> CallTool:
    return CallTool(tool="mail", arguments=msgspec.Raw(json.dumps({"to": to}).encode()))


def made(n: int, cap: str, at: int) -> Called:
    raw = msgspec.Raw(msgspec.json.encode(call()))
    id_ = CallId(f"c{n}_0")
    return Called(id=id_, name="tool.call", call=raw, effect=Effect.EFFECT, cap=parse(cap), at=at)


def holding(*texts: str) -> Process:
    spawned = Spawned(agent=AGENT, task="t", at=NOW, caps=frozenset(map(parse, texts)))
    return fold([spawned])


def used(process: Process, cap: str, *times: int) -> Process:
    for n, at in enumerate(times):
        process = apply(process, made(n, cap, at))
        process = apply(process, Returned(id=CallId(f"c{n}_0"), value=msgspec.Raw(b"1")))
    return process


def refused(process: Process, to: str = "anna@x.org", now: int = NOW) -> bool:
    try:
        caps.check(process, call(to), now)
    except SysError as error:
        return error.code is Code.DENIED
    return False


def test_21_a_right_that_is_used_up_expired_or_revoked_is_none() -> None:
    three = "call:/tools/mail?uses=3"
    assert not refused(used(holding(three), three, NOW, NOW))
    assert refused(used(holding(three), three, NOW, NOW, NOW))
    brief = holding("call:/tools/mail?until=2026-01-01")
    assert refused(brief)
    assert not refused(brief, now=0)
    taken = msgspec.structs.replace(
        holding("call:/tools/**"), revoked=frozenset({parse("call:/tools/mail")})
    )
    assert refused(taken)


def test_21_a_rate_is_a_sliding_window() -> None:
    twice = "call:/tools/mail?rate=2/h"
    process = used(holding(twice), twice, NOW, NOW + HOUR // 2)
    assert refused(process, now=NOW + HOUR - 1)
    assert not refused(process, now=NOW + HOUR + 1)


def test_21_conditions_speak_of_arguments() -> None:
    ours = holding("call:/tools/mail?to=*@corp.example")
    assert not refused(ours, "bob@corp.example")
    assert refused(ours, "bob@corp.example.evil.org")
    assert refused(holding("call:/tools/mail?cc=*"))


def test_24_the_last_use_is_taken_once() -> None:
    """Both calls of a thought are let in one after the other, and the first is in the fold."""
    once = "call:/tools/mail?uses=1"
    process = holding(once)
    assert not refused(process)
    assert refused(apply(process, made(0, once, NOW)))


def test_33_a_clock_set_back_gives_no_more_uses() -> None:
    twice = "call:/tools/mail?rate=2/h"
    process = used(holding(twice), twice, NOW, NOW)
    assert refused(process, now=NOW - 48 * HOUR)


def test_25_a_manifest_that_names_an_argument_that_is_not_there() -> None:
    """It is not believed in anything else either: the worst is assumed."""
    wrong = {"impact": "read", "arguments": {"recipient": "address"}}
    assert not tools(mail=wrong).plain(call())
    assert tools(mail={"impact": "read"}).plain(call())


@pytest.mark.parametrize(
    "text",
    [
        '{"to": "anna@x.org", "body": "x", "to": "m@evil.example"}',
        '{"to": "anna@x.org", "body": NaN}',
        '{"to": "anna@x.org", "body": 1e999}',
        '{"to": "anna@x.org", "body": ' + "[" * 5000 + "]" * 5000 + "}",
        '{"to": "anna@x.org", "body": "\\ud800"}',
        '{"to": "anna@x.org", "body": "x", "bcc": "m@evil.example"}',
        '{"to": ["anna@x.org", "m@evil.example"], "body": "x"}',
    ],
)
def test_28_29_what_can_be_read_in_two_ways_does_not_get_in(text: str) -> None:
    following = Following(tools().catalogue(), tools().rules)
    said = "Send a mail to anna@x.org."
    following.apply(Seq(1), Spawned(agent=AGENT, task=said, at=0))
    proposal = ToolCall(id=CallId("x"), name="mail", arguments=text)
    assert outcome(following, proposal) in ("invalid", "deny")


def outcome(following: Following, proposal: ToolCall) -> str:
    try:
        admitted = gate().admit(Process(agent=AGENT, caps=EVERYTHING), proposal)
    except SysError as error:
        return error.code.value
    return tools().weigh(following.task, admitted).verdict.value


def test_31_an_answer_is_for_the_call_that_was_shown() -> None:
    """It names the call, whose arguments stand in the journal; no other is let go by it."""
    process = holding("call:/tools/**")
    raw = msgspec.Raw(msgspec.json.encode(call()))
    for n in range(2):
        held = Held(id=CallId(f"c1_{n}"), name="tool.call", call=raw, effect=Effect.EFFECT)
        process = apply(process, held)
    yes = Decided(mail=MailId(1), ids=(CallId("c1_0"),), answer=Answer.ALLOW)
    after = apply(process, yes)
    stages = {str(c.id): (c.stage, bytes(c.call)) for c in after.open}
    assert stages["c1_0"] == (Stage.AGREED, bytes(raw))
    assert stages["c1_1"] == (Stage.ASKED, bytes(raw))
    assert apply(after, yes).open == after.open  # again: nothing


def test_32_a_flood_of_questions_ends_in_refusals() -> None:
    found = tools()
    following = Following(found.catalogue(), found.rules)
    following.apply(Seq(1), Spawned(agent=AGENT, task="Send a mail to somebody.", at=0))
    verdicts = []
    raw = msgspec.Raw(msgspec.json.encode(call()))
    for n in range(1000):
        if following.task.asked < following.task.questions:
            id_ = CallId(f"c{n}_0")
            following.apply(
                Seq(n + 2), Held(id=id_, name="tool.call", call=raw, effect=Effect.EFFECT)
            )
        verdicts.append(following.task.asked)
    assert max(verdicts) == following.task.questions


def test_35_a_value_of_one_character_is_never_said() -> None:
    found = tools()
    following = Following(found.catalogue(), found.rules)
    following.apply(Seq(1), Spawned(agent=AGENT, task="Send a mail to a b c.", at=0))
    one = CallTool(tool="mail", arguments=msgspec.Raw(b'{"to":"a","body":"x"}'))
    assert found.weigh(following.task, one).verdict.value == "deny"


def looked(process: Process, n: int, value: bytes, wait_s: float = 0) -> Process:
    """One round: a look, after a wait."""
    if wait_s:
        id_ = CallId(f"w{n}_0")
        raw = msgspec.Raw(f'{{"call":"time.sleep","seconds":{wait_s}}}'.encode())
        process = apply(process, Called(id=id_, name="time.sleep", call=raw, effect=Effect.KERNEL))
        process = apply(process, Blocked(id=id_))
        process = apply(process, Returned(id=id_, value=msgspec.Raw(b"null")))
    raw = msgspec.Raw(b'{"call":"fs.read","path":"x"}')
    id_ = CallId(f"c{n}_0")
    process = apply(process, Called(id=id_, name="fs.read", call=raw, effect=Effect.PURE))
    return apply(process, Returned(id=id_, value=msgspec.Raw(value)))


def test_61_the_same_look_with_the_same_result_is_a_loop_and_progress_is_none() -> None:
    still, moving = holding("read:/**"), holding("read:/**")
    for n in range(6):
        still = looked(still, n, b'"same"')
        moving = looked(moving, n, f'"{n}"'.encode())
    assert watch(still, NOW) is not None
    assert watch(moving, NOW) is None


def test_who_waits_between_two_looks_polls() -> None:
    """And who only blinks does not."""
    polls, blinks = holding("read:/**"), holding("read:/**")
    for n in range(6):
        polls = looked(polls, n, b'"same"', wait_s=30)
        blinks = looked(blinks, n, b'"same"', wait_s=0.001)
    assert watch(polls, NOW) is None
    assert watch(blinks, NOW) is not None


def test_a_warning_is_forgotten_after_enough_that_is_new() -> None:
    process = holding("read:/**")
    for n in range(4):
        process = looked(process, n, b'"same"')
    warned = watch(process, NOW)
    assert warned is not None
    process = apply(process, warned)
    assert process.watch.warnings == 1
    for n in range(4, 4 + WARNING_DECAYS):
        process = looked(process, n, f'"{n}"'.encode())
    assert process.watch.warnings == 0
