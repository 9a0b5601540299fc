"""Conversations of clients: what a client says is journaled, answered, and never acted on."""

from collections.abc import Sequence

import anyio
import msgspec
import pytest
from tests.conftest import PATIENCE_S

from logos.abi.agent import Agent, Limits
from logos.abi.driver import Profile
from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent, Asked, Called, Exited, Interrupted, Thought, Told
from logos.abi.ids import CallId, Pid, Seq
from logos.abi.messages import (
    Message,
    Options,
    Role,
    ToolCall,
    ToolResult,
    ToolSpec,
    said,
)
from logos.abi.process import Signal
from logos.drivers.model import After, Fail, Say, Scripted
from logos.kernel import Kernel, Turn

pytestmark = pytest.mark.anyio

CLIENT = Agent(name="gateway/me", program="gateway", resident=True)
ASKS = Options(
    model="m",
    system=(said(Role.SYSTEM, "be brief"),),
    tools=(ToolSpec(name="look", description="", schema=msgspec.Raw(b"{}")),),
)


def user(text: str) -> Message:
    return said(Role.USER, text)


class Witness:
    """What a process's journal gains, as it gains it."""

    def __init__(self, kernel: Kernel, pid: Pid) -> None:
        self._seen: list[AnyEvent] = []
        self._more = anyio.Event()
        kernel.attend(pid, self._see)

    def _see(self, _: Seq, event: AnyEvent) -> None:
        self._seen.append(event)
        self._more.set()

    async def end(self) -> Thought | Interrupted | Exited:
        """How the next thought ends."""
        with anyio.fail_after(PATIENCE_S):
            while True:
                while self._seen:
                    event = self._seen.pop(0)
                    if isinstance(event, Thought | Interrupted | Exited):
                        return event
                self._more = anyio.Event()
                await self._more.wait()


async def kinds(kernel: Kernel, pid: Pid) -> list[str]:
    return [told.row.kind async for told in kernel.records.events(pid)]


def texts(messages: Sequence[Message]) -> list[tuple[str, str]]:
    return [(m.role.value, m.text) for m in messages]


async def settled(kernel: Kernel, pid: Pid, n: int = 1) -> None:
    """Its n-th thought is in the journal, and it waits again."""
    with anyio.fail_after(PATIENCE_S):
        async for told in kernel.records.follow(pid):
            n -= told.row.kind == "thought" or (
                isinstance(told.event, Interrupted) and not told.event.lost
            )
            if n <= 0 and told.row.kind == "idled":
                return


async def test_a_client_converses(node, world) -> None:  # type: ignore[no-untyped-def]
    look = ToolCall(id=CallId("xyz"), name="look", arguments="{}")
    model = world.models["m"] = Scripted(["hello", Say("let me see", (look,)), "blue"])
    async with node() as kernel:
        pid = await kernel.converse(CLIENT, Turn((user("hi"),), ASKS), by="me")
        await settled(kernel, pid)
        seen = Witness(kernel, pid)
        await kernel.tell(pid, Turn((user("which colour?"),)))
        thought = await seen.end()
        assert isinstance(thought, Thought)
        call = thought.message.calls[0]
        assert call.id == f"call_{pid}_2_0"
        answer = Message(role=Role.TOOL, content=(ToolResult(id=call.id, content="blue!"),))
        await kernel.tell(pid, Turn((answer,)))
        assert isinstance(await seen.end(), Thought)
        assert texts(model.requests[-1].messages) == [
            ("system", "be brief"),
            ("user", "hi"),
            ("assistant", "hello"),
            ("user", "which colour?"),
            ("assistant", "let me see"),
            ("tool", ""),
        ]
        assert [tool.name for tool in model.requests[-1].tools] == ["look"]
        events = [told.event async for told in kernel.records.events(pid)]
        assert not any(isinstance(event, Called) for event in events)
        assert sum(isinstance(e, Told) and e.options is not None for e in events) == 1
        assert not (await kernel.records.audit()).broken


async def test_a_failure_is_heard_and_survived(node, world) -> None:  # type: ignore[no-untyped-def]
    no = Fail(SysError(Code.INVALID, "the model does not like it"))
    world.models["m"] = Scripted(["hello", no, "better"])
    async with node() as kernel:
        pid = await kernel.converse(CLIENT, Turn((user("hi"),), ASKS))
        await settled(kernel, pid)
        seen = Witness(kernel, pid)
        await kernel.tell(pid, Turn((user("???"),)))
        failure = await seen.end()
        assert isinstance(failure, Interrupted)
        assert failure.code is Code.INVALID
        await kernel.tell(pid, Turn())  # the same once more
        assert isinstance(await seen.end(), Thought)


async def test_what_does_not_fit_is_refused_and_survived(node, world) -> None:  # type: ignore[no-untyped-def]
    world.models["m"] = Scripted(["hello"], profile=Profile(name="m", window=1000))
    many = msgspec.structs.replace(ASKS, system=(said(Role.SYSTEM, "word " * 1000),))
    async with node() as kernel:
        pid = await kernel.converse(CLIENT, Turn((user("hi"),), many))
        await settled(kernel, pid)
        seen = Witness(kernel, pid)
        await kernel.tell(pid, Turn(options=ASKS))
        assert isinstance(await seen.end(), Thought)
        assert "asked" in await kinds(kernel, pid)


async def test_who_leaves_ends_the_thought_not_the_process(node, world) -> None:  # type: ignore[no-untyped-def]
    asked = anyio.Event()

    async def never() -> None:
        asked.set()
        await anyio.sleep_forever()

    world.models["m"] = Scripted([After(never, Say("too late")), "here"])
    async with node() as kernel:
        pid = await kernel.converse(CLIENT, Turn((user("hi"),), ASKS))
        seen = Witness(kernel, pid)
        await asked.wait()
        await kernel.signal(pid, Signal.INT, "the client left")
        ended = await seen.end()
        assert isinstance(ended, Interrupted)
        assert ended.code is Code.CANCELLED
        await kernel.tell(pid, Turn((user("again"),)))
        assert isinstance(await seen.end(), Thought)


async def test_a_budget_ends_a_conversation(node, world) -> None:  # type: ignore[no-untyped-def]
    world.models["m"] = Scripted(["hello", "more"])
    async with node() as kernel:
        turn = Turn((user("hi"),), ASKS)
        pid = await kernel.converse(CLIENT, turn, limits=Limits(tokens=4))
        with anyio.fail_after(PATIENCE_S):
            assert (await kernel.records.wait(pid)).status == 8
        with pytest.raises(SysError) as refused:
            await kernel.tell(pid, Turn((user("and?"),)))
        assert refused.value.code is Code.STATE


async def test_an_answer_the_node_died_over_is_found(node, world) -> None:  # type: ignore[no-untyped-def]
    """The client asks again, and the thought was paid once."""
    asked = anyio.Event()

    async def never() -> None:
        asked.set()
        await anyio.sleep_forever()

    world.models["m"] = Scripted([After(never, Say("lost"))])
    async with node() as kernel:
        pid = await kernel.converse(CLIENT, Turn((user("hi"),), ASKS))
        await asked.wait()
    world.models["m"] = Scripted(["found"])
    async with node() as kernel:
        await settled(kernel, pid)
        assert (await kernel.records.process(pid)).answer == "found"
        window = await kernel.records.window(pid)
        assert texts(window.messages())[1:] == [("user", "hi"), ("assistant", "found")]


async def test_a_letter_reaches_who_is_not_at_hand(node, world) -> None:  # type: ignore[no-untyped-def]
    world.models["m"] = Scripted(["hello"])
    async with node() as kernel:
        pid = await kernel.converse(CLIENT, Turn((user("hi"),), ASKS))
        await settled(kernel, pid)
    model = world.models["m"] = Scripted(["good to see you again"])
    async with node() as kernel:
        assert not kernel.drives(pid)
        await kernel.tell(pid, Turn((user("I am back"), user("hello?"))))
        await settled(kernel, pid, 2)
        assert texts(model.requests[0].messages)[-2:] == [("user", "I am back"), ("user", "hello?")]
        assert (await kinds(kernel, pid)).count("told") == 4
        assert isinstance([t.event async for t in kernel.records.events(pid)][-3], Asked)


async def test_calls_nobody_answered(node, world) -> None:  # type: ignore[no-untyped-def]
    """A provider refuses a call without an answer; a client that gives none goes on all the same."""
    look = ToolCall(id=CallId("xyz"), name="look", arguments="{}")
    model = world.models["m"] = Scripted([Say("", (look, look)), "well then"])
    async with node() as kernel:
        pid = await kernel.converse(CLIENT, Turn((user("hi"),), ASKS))
        await settled(kernel, pid)
        stray = Message(role=Role.TOOL, content=(ToolResult(id=CallId("who"), content="4"),))
        await kernel.tell(pid, Turn((stray, user("never mind"))))
        await settled(kernel, pid, 2)
        roles = [m.role.value for m in model.requests[-1].messages]
        assert roles == ["system", "user", "assistant", "tool", "user", "user"]
        assert [getattr(p, "id", "") for p in model.requests[-1].messages[3].content] == [
            f"call_{pid}_1_0",
            f"call_{pid}_1_1",
        ]
