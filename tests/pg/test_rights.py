"""Answers that stand, rights that are taken back, and why a call was made."""

from typing import Any

import msgspec
import pytest
from tests.pg.acting import events
from tests.pg.test_flow import (
    EVIL,
    NOTE,
    Office,
    Opened,
    calls,
    clerk,
    ended,
    mail,
    of,
    office,
    until,
)

from logos import config
from logos.abi.approval import Answer, Scope
from logos.abi.errors import Code, SysError
from logos.abi.events import Agreed, Decided, Failed, Held, Idled, Revoked
from logos.abi.ids import INIT, Pid
from logos.abi.rights import parse
from logos.drivers.model import Scripted
from logos.kernel import explained
from logos.kernel.flow import Decision
from logos.kernel.node.approvals import standing_of
from logos.kernel.node.ask import Asker
from logos.kernel.node.letters import posted
from logos.kernel.node.resident import fold_all
from logos.kernel.process.bodies import Agreement
from logos.store import open_store
from logos.vault import Vault

pytestmark = pytest.mark.anyio
__all__ = ["office"]

ZOE = mail("zoe@firm.example")
ASK = "Send a message about the fair to somebody."


async def test_an_answer_for_always_holds_before_init_has_read_it(
    node: Opened, world: Any, office: Office, url: str
) -> None:
    """Its letter is enough, and so is the one that ends it."""
    async with node(**office.parts()) as kernel:
        world.models["m"] = Scripted([calls(("contacts", {})), calls(ZOE)])
        first = await kernel.spawn(clerk(), ASK)
        await until(kernel, first, Held)
        [asked] = await kernel.approvals.pending()
    decision = msgspec.convert(asked.decisions[0], Decision)
    standing = standing_of(asked.agent, asked.decisions[0])
    async with open_store(url, config.Store()) as store:
        asker = Asker(None, None, store, config.Trust())  # type: ignore[arg-type]  # asks no gate
        resident: Any = await fold_all(store, first)
        assert not await asker._stands(resident, decision)
        for ends in (False, True):
            await posted(store, INIT, Agreement(standing, ends=ends), Vault({}))
            assert await asker._stands(resident, decision) is not ends


async def test_an_answer_for_always_holds_for_the_like_and_nothing_else(
    node: Opened, world: Any, office: Office
) -> None:
    """Also in the next life of the node, until it is ended."""
    contacts = calls(("contacts", {}))
    async with node(**office.parts()) as kernel:
        world.models["m"] = Scripted([contacts, calls(ZOE), "done"])
        first = await kernel.spawn(clerk(), ASK)
        await until(kernel, first, Held)
        [asked] = await kernel.approvals.pending()
        await kernel.approvals.decide(asked.id, Answer.ALLOW, scope=Scope.ALWAYS, by="anna")
        await ended(kernel, first)
        await until(kernel, INIT, Agreed)
        assert len(await kernel.approvals.standing()) == 1
    async with node(**office.parts()) as kernel:
        world.models["m"] = Scripted([contacts, calls(ZOE), "done"])
        second = await kernel.spawn(clerk(), ASK)
        assert (await ended(kernel, second)).answer == "done"
        [decided] = of(Decided, await events(kernel, second))
        assert decided.scope is Scope.ALWAYS
        world.models["m"] = Scripted([contacts, calls(mail("yan@firm.example")), "done"])
        third = await kernel.spawn(clerk(), ASK)
        await until(kernel, third, Held)
        [other] = await kernel.approvals.pending()
        assert other.pid == third
        assert [to for to, _ in office.sent] == ["zoe@firm.example"] * 2
        await kernel.approvals.forget(1)
        await until(kernel, INIT, Agreed, 2)
        assert not await kernel.approvals.standing()


async def test_what_is_revoked_is_gone_for_the_whole_subtree(
    node: Opened, world: Any, office: Office
) -> None:
    """The next call feels it, in children that live and in children that come."""
    world.models["m"] = Scripted(
        [
            calls(("process_spawn", {"agent": "kid", "task": "first"})),
            "waits",
            calls(NOTE, ("process_spawn", {"agent": "kid", "task": "second"})),
            "waits",
        ]
    )
    world.models["k"] = Scripted(["waits", calls(NOTE), "said", "said", calls(NOTE), "said"])
    world.agents["kid"] = clerk(name="kid", model="k", resident=True)
    async with node(**office.parts()) as kernel:
        pid = await kernel.spawn(clerk(resident=True), "Start others.")
        await until(kernel, pid, Idled)
        [kid] = [one.pid for one in await kernel.records.list() if one.agent == "kid"]
        await until(kernel, kid, Idled)
        await kernel.approvals.revoke(pid, [parse("call:/tools/note")], by="anna")
        await until(kernel, kid, Revoked)
        await kernel.send(kid, "Go on.")
        failed = await until(kernel, kid, Failed)
        assert failed.code is Code.DENIED
        assert "taken back" in failed.message
        await kernel.send(pid, "Go on.")
        assert (await until(kernel, pid, Failed)).code is Code.DENIED
        await until(kernel, pid, Idled, 2)
        [other] = [
            one.pid for one in await kernel.records.list() if one.agent == "kid" and one.pid != kid
        ]
        assert parse("call:/tools/note") in (await kernel.records.process(other)).revoked


async def test_a_right_taken_back_between_question_and_answer_is_gone(
    node: Opened, world: Any, office: Office
) -> None:
    world.models["m"] = Scripted([calls(("contacts", {})), calls(ZOE), "done"])
    async with node(**office.parts()) as kernel:
        pid = await kernel.spawn(clerk(), ASK)
        await until(kernel, pid, Held)
        [asked] = await kernel.approvals.pending()
        await kernel.approvals.revoke(pid, [parse("call:/tools/send_mail")])
        await until(kernel, pid, Revoked)
        await kernel.approvals.decide(asked.id, Answer.ALLOW)
        await ended(kernel, pid)
        [failed] = of(Failed, await events(kernel, pid))
        assert failed.code is Code.DENIED
        assert not office.sent


async def test_why(node: Opened, world: Any, office: Office) -> None:
    world.models["m"] = Scripted([calls(NOTE), calls(mail(EVIL)), "done"])
    async with node(**office.parts()) as kernel:
        pid = await kernel.spawn(clerk(), ASK)
        await ended(kernel, pid)
        told = [one async for one in kernel.records.events(pid)]
        [seq] = [one.row.seq for one in told if isinstance(one.event, Failed)]
        found = await explained(kernel.asker, kernel.records, pid, seq)
        assert (found.tool, found.arguments["to"]) == ("send_mail", EVIL)
        assert found.decision["verdict"] == "deny"
        [page] = found.pages
        assert (told[page.seq - 1].row.kind, page.label.integrity.name) == ("returned", "UNTRUSTED")
        assert found.outcome.startswith("denied")
        # a call that could only be allowed is worked out again
        [made] = [one.row.seq for one in told if one.row.kind == "called"]
        assert (await explained(kernel.asker, kernel.records, pid, made)).decision["rule"] == "read"
        with pytest.raises(SysError) as nothing:
            await explained(kernel.asker, kernel.records, Pid(pid), told[0].row.seq)
        assert nothing.value.code is Code.NOT_FOUND
