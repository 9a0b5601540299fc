"""A journal under another policy, and asked of another model: what parts is named, nothing else."""

import json
from typing import Any

import anyio
import pytest
from tests.pg.acting import events
from tests.pg.test_flow import (
    EVIL,
    NOTE,
    TASK,
    TOOLS,
    Office,
    Opened,
    calls,
    clerk,
    ended,
    mail,
    of,
    until,
)

from logos.abi.approval import Answer
from logos.abi.calls import Append, CallTool
from logos.abi.driver import Effect
from logos.abi.errors import Code, SysError
from logos.abi.events import Called, Failed, Held, Returned
from logos.abi.ids import CallId, Pid, Seq
from logos.abi.messages import ToolCall
from logos.drivers.model import Fail, Say, Scripted
from logos.drivers.workspace import Workspace
from logos.kernel import Policy, read_policy, reasked, redecided, site_rules

pytestmark = pytest.mark.anyio

NO_MAIL = """
[[rule]]
id = "no-mail"
verdict = "deny"
because = "nothing leaves this house"
impact = ["egress_people"]
allow = { impact = "read", kind = "path" }
deny = { kind = "handle" }
"""
NO_READ_PLACE = """
[[rule]]
id = "no-read-place"
verdict = "deny"
because = "what was read names no file"
impact = ["reversible_write"]
kind = ["path"]
source = ["untrusted"]
allow = { impact = "reversible_write", kind = "path", source = "nowhere", free = true }
deny = { impact = "reversible_write", kind = "path", source = "untrusted", free = true }
"""
SHIPPED = read_policy("")
WRITE = ("fs_write", {"path": "a.txt", "text": "the fair is on Monday"})


@pytest.fixture
def office(world: Any) -> Office:
    return Office(world)


async def under(kernel: Any, pid: Pid, policy: Policy = SHIPPED, **until: Any) -> Any:
    return await redecided(kernel.asker, kernel.records, pid, policy, **until)


async def sequence(kernel: Any, pid: Pid, kind: type, name: str) -> Seq:
    """The first event of a kind that has this in its call."""
    async for told in kernel.records.events(pid):
        if isinstance(told.event, kind) and name in str(told.event):
            return Seq(told.row.seq)
    raise AssertionError(name)


async def test_exactly_what_the_policy_forbids_is_listed(
    node: Opened, world: Any, office: Office
) -> None:
    world.models["m"] = Scripted(
        [
            calls(NOTE, WRITE),
            calls(mail(EVIL), mail("anna@firm.example")),
            calls(("contacts", {})),
            calls(("fs_read", {"path": "none.txt"}), ("no_such_tool", {})),
            "done",
        ]
    )
    async with node(**office.parts()) as kernel:
        pid = await kernel.spawn(clerk(), TASK)
        await ended(kernel, pid)
        before = [event async for event in kernel.records.events(pid)]
        same = await under(kernel, pid)
        assert (same.calls, same.changed, same.gone) == (6, (), ())
        [changed] = (await under(kernel, pid, read_policy(NO_MAIL))).changed
        assert changed.seq == await sequence(kernel, pid, Called, "anna@firm.example")
        assert (changed.tool, changed.arguments["to"]) == ("send_mail", "anna@firm.example")
        assert (changed.was["verdict"], changed.now["verdict"]) == ("allow", "deny")
        assert changed.now["rule"] == "no-mail"
        assert "nothing leaves this house" in changed.now["message"]
        sources = {v["argument"]: v["source"] for v in changed.now["values"] if v["argument"]}
        assert sources["to"] == "words"
        part = await under(kernel, pid, read_policy(NO_MAIL), upto=Seq(changed.seq - 1))
        assert part.changed == ()
        assert [event async for event in kernel.records.events(pid)] == before
        with pytest.raises(SysError) as gone:
            await under(kernel, Pid(99))
        assert gone.value.code is Code.NOT_FOUND


async def test_what_a_policy_would_let_in_is_listed_too(
    node: Opened, world: Any, office: Office
) -> None:
    """Under the rules it ran with nothing changes; without them what they refused is let in."""
    world.models["m"] = Scripted([calls(NOTE, WRITE), calls(mail("anna@firm.example")), "done"])
    rules = site_rules(NO_MAIL)
    async with node(**office.parts(), rules=rules) as kernel:
        pid = await kernel.spawn(clerk(), TASK)
        await ended(kernel, pid)
        same = await under(kernel, pid, Policy(rules, {}))
        assert (same.calls, same.changed) == (3, ())
        [changed] = (await under(kernel, pid)).changed
        assert changed.seq == await sequence(kernel, pid, Failed, "no-mail")
        assert (changed.was["verdict"], changed.now["verdict"]) == ("deny", "allow")


async def test_a_question_is_one_decision(node: Opened, world: Any, office: Office) -> None:
    world.models["m"] = Scripted([calls(("contacts", {})), calls(mail("zoe@firm.example")), "done"])
    async with node(**office.parts()) as kernel:
        pid = await kernel.spawn(clerk(), "Send a message about the fair to somebody.")
        await until(kernel, pid, Held)
        [asked] = await kernel.approvals.pending()
        await kernel.approvals.decide(asked.id, Answer.ALLOW)
        await ended(kernel, pid)
        assert (await under(kernel, pid)).changed == ()
        [changed] = (await under(kernel, pid, read_policy(NO_MAIL))).changed
        assert changed.seq == await sequence(kernel, pid, Held, "zoe@firm.example")
        assert (changed.was["verdict"], changed.now["verdict"]) == ("ask", "deny")


async def test_a_manifest_is_a_policy(node: Opened, world: Any, office: Office) -> None:
    world.models["m"] = Scripted([calls(NOTE), calls(mail(EVIL)), "done"])
    harmless = '[send_mail]\nimpact = "read"\n[send_mail.arguments]\nto = "selector"\nbody = "text"'
    async with node(**office.parts()) as kernel:
        pid = await kernel.spawn(clerk(), TASK)
        await ended(kernel, pid)
        [changed] = (await under(kernel, pid, read_policy(harmless))).changed
        assert (changed.tool, changed.now["verdict"]) == ("send_mail", "allow")
    for wrong in ("[send_mail]\nimpact = 'much'", "[[rule]]\nid = 'x'", "not toml"):
        with pytest.raises(SysError) as refused:
            read_policy(wrong)
        assert refused.value.code is Code.INVALID


async def test_tools_that_are_gone_are_named(node: Opened, world: Any, office: Office) -> None:
    world.models["m"] = Scripted([calls(NOTE), calls(mail(EVIL)), "done"])
    async with node(**office.parts()) as kernel:
        pid = await kernel.spawn(clerk(), TASK)
        await ended(kernel, pid)
    async with node() as kernel:
        found = await under(kernel, pid)
        assert (found.calls, found.changed, found.gone) == (0, (), ("note", "send_mail"))


class Files(Workspace):
    """Appending lets a note be read first."""

    kernel: Any = None
    preparing: anyio.Event

    async def prepare(self, job: Any) -> bytes:
        self.preparing.set()
        await until(self.kernel, job.pid, Returned)
        return await super().prepare(job)


class Notes:
    def __init__(self, office: Office, preparing: anyio.Event) -> None:
        self.tools, self.preparing = office.tools, preparing

    def effect(self, call: CallTool) -> Effect:
        return self.tools.effect(call)

    async def run(self, job: Any) -> Any:
        await self.preparing.wait()
        return await self.tools.run(job)


async def test_what_came_after_the_decision_is_not_held_against_it(
    node: Opened, world: Any, office: Office
) -> None:
    """The note names the place before the writing is in the journal, and after it was decided."""
    write = ("fs_append", {"path": EVIL, "text": "the fair is on Monday"})
    world.models["m"] = Scripted([calls(NOTE, write), "done"])
    files = Files()
    files.preparing = anyio.Event()
    world.drivers |= {Append: files, CallTool: Notes(office, files.preparing)}
    rules = site_rules(NO_READ_PLACE)
    async with node(**office.parts(), rules=rules) as kernel:
        files.kernel = kernel
        pid = await kernel.spawn(clerk(tools=(*TOOLS, "fs.append")), TASK)
        await ended(kernel, pid)
        found = of(Called, await events(kernel, pid))
        assert [call.name for call in found] == ["tool.call", "fs.append"]
        assert found[1].decision["after"] == await sequence(kernel, pid, Called, "tool.call")
        again = await under(kernel, pid, Policy(rules, {}))
        assert (again.calls, again.changed) == (2, ())


async def again(kernel: Any, pid: Pid, model: Any, **until: Any) -> list[Any]:
    return [one async for one in reasked(kernel.records, pid, model, kernel.slots, **until)]


def says(text: str, *wanted: tuple[str, str]) -> Say:
    made = (ToolCall(id=CallId("other"), name=n, arguments=a) for n, a in wanted)
    return Say(text, tuple(made))


async def test_another_model_is_asked_the_very_same(
    node: Opened, world: Any, office: Office
) -> None:
    steps: list[Say | str] = [
        calls(NOTE),
        calls(WRITE),
        calls(mail("anna@firm.example"), NOTE),
        "all is done",
    ]
    world.models["m"] = first = Scripted(steps)
    async with node(**office.parts()) as kernel:
        pid = await kernel.spawn(clerk(), TASK)
        await ended(kernel, pid)
        before = [told async for told in kernel.records.events(pid)]
        other = Scripted(
            [
                calls(NOTE),
                says("", ("fs_write", '{"text": "it rains", "path": "a.txt"}')),
                calls(mail("anna@firm.example")),
                says("all is lost", ("note", "{}")),
            ]
        )
        found = await again(kernel, pid, other)
        sent = [(r.messages, r.tools, r.max_output) for r in first.requests]
        assert [(r.messages, r.tools, r.max_output) for r in other.requests] == sent
        assert [[d.what for d in one.differ] for one in found] == [
            [],
            ["calls"],
            ["calls"],
            ["text", "calls"],
        ]
        assert found[1].differ[0].at == "call 1, fs_write: text"
        assert json.loads(found[1].differ[0].now) == "it rains"
        assert (found[2].differ[0].at, found[2].differ[0].was) == ("call 2", "note")
        assert found[3].differ[0].at == "character 8"
        assert all(one.usage.input and one.usage.output for one in found)
        assert [told async for told in kernel.records.events(pid)] == before
        assert not [to for to, _ in office.sent if to != "anna@firm.example"]
        assert len(office.sent) == 1


async def test_a_model_that_fails_is_no_difference(
    node: Opened, world: Any, office: Office
) -> None:
    world.models["m"] = Scripted([calls(NOTE), "done"])
    async with node(**office.parts()) as kernel:
        pid = await kernel.spawn(clerk(), TASK)
        await ended(kernel, pid)
        too_long = SysError(Code.CONTEXT, "too long")
        one, two = await again(kernel, pid, Scripted([Fail(too_long), "done"]))
        assert (one.differ, one.error) == ((), "context: too long")
        assert (two.differ, two.error) == ((), "")
        assert len(await again(kernel, pid, Scripted([calls(NOTE)]), upto=one.seq)) == 1
        with pytest.raises(SysError):
            await again(kernel, pid, Scripted([Fail(SysError(Code.UNAUTHENTICATED, "no"))]))
