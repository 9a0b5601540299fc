"""A node dies while a call is under way: what may run twice does, nothing else ever does."""

import json
from typing import Any

import anyio
import pytest
from tests.conftest import PATIENCE_S
from tests.pg.acting import events

from logos.abi.agent import Agent, InDoubt
from logos.abi.approval import Answer
from logos.abi.calls import Fetch, Read, Run, Write
from logos.abi.driver import Job, Verdict
from logos.abi.errors import Code
from logos.abi.events import Called, Failed, Held, Returned
from logos.abi.ids import CallId, Pid
from logos.abi.messages import ToolCall
from logos.abi.rights import EVERYTHING
from logos.drivers.model import Say, Scripted
from logos.kernel import Kernel

pytestmark = pytest.mark.anyio

CALL = {
    "pure": ("fs_read", {"path": "x"}),
    "idempotent": ("fs_write", {"path": "x", "text": "y"}),
    "effect": ("command_run", {"argv": ["x"]}),
}


def agent(in_doubt: InDoubt = InDoubt.TELL) -> Agent:
    tools = ("fs.read", "fs.write", "command.run", "http.fetch")
    return Agent(name="a", model="m", tools=tools, allow=tuple(EVERYTHING), in_doubt=in_doubt)


class Dies:
    """The first run never answers; the node ends meanwhile."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.begun = anyio.Event()

    async def run(self, job: Job) -> str:
        self.ids.append(job.id)
        self.begun.set()
        if len(self.ids) == 1:
            await anyio.sleep_forever()
        return "done"


class Knows(Dies):
    """It can say what became of it."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__()
        self.verdict = verdict

    async def prepare(self, job: Job) -> bytes:
        return b"before"

    async def reconcile(self, job: Job, prepared: bytes) -> tuple[Verdict, Any]:
        assert prepared == b"before"
        return self.verdict, "found out"


async def die_in(node: Any, world: Any, driver: Dies, kind: str, asked: Agent) -> Pid:
    name, arguments = CALL[kind]
    call = ToolCall(id=CallId("x"), name=name, arguments=json.dumps(arguments))
    world.models["m"] = Scripted([Say("", (call,)), "the end"])
    world.drivers |= dict.fromkeys((Read, Write, Run, Fetch), driver)
    async with node() as kernel:
        pid: Pid = await kernel.spawn(asked, "t")
        with anyio.fail_after(PATIENCE_S):
            await driver.begun.wait()
            async for told in kernel.records.follow(pid):
                if isinstance(told.event, Called):
                    break
    return pid


async def ended(kernel: Kernel, pid: Pid) -> str:
    with anyio.fail_after(PATIENCE_S):
        return str((await kernel.records.wait(pid)).answer)


@pytest.mark.parametrize("kind", ["pure", "idempotent"])
async def test_what_may_run_twice_does_under_the_same_id(node: Any, world: Any, kind: str) -> None:
    driver = Dies()
    pid = await die_in(node, world, driver, kind, agent())
    async with node() as kernel:
        assert await ended(kernel, pid) == "the end"
        assert driver.ids == [f"{pid}-c1_0"] * 2
        assert len([x for x in await events(kernel, pid) if isinstance(x, Returned)]) == 1


async def test_an_effect_is_told_and_never_run_again(node: Any, world: Any) -> None:
    driver = Dies()
    pid = await die_in(node, world, driver, "effect", agent())
    async with node() as kernel:
        assert await ended(kernel, pid) == "the end"
        assert len(driver.ids) == 1
        (failed,) = [x for x in await events(kernel, pid) if isinstance(x, Failed)]
        assert failed.code is Code.UNAVAILABLE
        assert "unknown" in failed.message


async def test_an_effect_is_asked_about(node: Any, world: Any) -> None:
    driver = Dies()
    pid = await die_in(node, world, driver, "effect", agent(InDoubt.ASK))
    async with node() as kernel:
        async for told in kernel.records.follow(pid):
            if isinstance(told.event, Held):
                break
        assert told.event.doubt
    async with node() as kernel:  # also after another restart it waits for a person
        [asked] = await kernel.approvals.pending()
        assert "command.run" in asked.question
        assert "may or may not have happened" in asked.question
        await kernel.approvals.decide(asked.id, Answer.DENY)
        assert await ended(kernel, pid) == "the end"
        assert len(driver.ids) == 1
        assert [x.code for x in await events(kernel, pid) if isinstance(x, Failed)] == [
            Code.UNAVAILABLE
        ]


async def test_a_person_may_have_it_made_again(node: Any, world: Any) -> None:
    driver = Dies()
    pid = await die_in(node, world, driver, "effect", agent(InDoubt.ASK))
    async with node() as kernel:
        async for told in kernel.records.follow(pid):
            if isinstance(told.event, Held):
                break
        [asked] = await kernel.approvals.pending()
        await kernel.approvals.decide(asked.id, Answer.ALLOW)
        assert await ended(kernel, pid) == "the end"
        assert driver.ids == [f"{pid}-c1_0"] * 2


@pytest.mark.parametrize(
    ("verdict", "runs", "value"),
    [
        (Verdict.DONE, 1, b'"found out"'),
        (Verdict.NOT_DONE, 2, b'"done"'),
        (Verdict.UNKNOWN, 1, None),
    ],
)
async def test_a_driver_that_knows_is_asked(
    node: Any, world: Any, verdict: Verdict, runs: int, value: bytes | None
) -> None:
    driver = Knows(verdict)
    pid = await die_in(node, world, driver, "effect", agent())
    async with node() as kernel:
        assert await ended(kernel, pid) == "the end"
        assert len(driver.ids) == runs
        answers = [x for x in await events(kernel, pid) if isinstance(x, Returned)]
        assert [bytes(x.value) for x in answers] == ([] if value is None else [value])


async def test_a_driver_that_breaks_while_it_is_asked_takes_nobody_down(
    node: Any, world: Any
) -> None:
    driver = Knows(Verdict.DONE)
    pid = await die_in(node, world, driver, "effect", agent())
    driver.verdict = "nonsense"  # type: ignore[assignment]

    async def reconcile(job: Job, prepared: bytes) -> Any:
        raise KeyError(job.id)

    driver.reconcile = reconcile  # type: ignore[method-assign]
    async with node() as kernel:
        assert await ended(kernel, pid) == "the end"
        (failed,) = [x for x in await events(kernel, pid) if isinstance(x, Failed)]
        assert failed.code is Code.INTERNAL


async def test_a_node_without_the_driver_says_so(node: Any, world: Any) -> None:
    pid = await die_in(node, world, Dies(), "pure", agent())
    world.drivers.clear()
    async with node() as kernel:
        assert await ended(kernel, pid) == "the end"
        (failed,) = [x for x in await events(kernel, pid) if isinstance(x, Failed)]
        assert failed.code is Code.UNAVAILABLE
