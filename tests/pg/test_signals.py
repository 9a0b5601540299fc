"""Every signal in every state, and signals that land while the kernel itself is waiting."""

import json
from typing import Any

import anyio
import pytest
from tests.conftest import PATIENCE_S
from tests.pg.acting import events, until

from logos.abi.agent import Agent
from logos.abi.calls import Run
from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.events import Asked, Failed, Interrupted, Signalled, Thought
from logos.abi.ids import INIT, CallId, Pid
from logos.abi.messages import ToolCall
from logos.abi.process import Signal
from logos.abi.rights import EVERYTHING
from logos.drivers.model import After, Say, Scripted
from logos.kernel import Kernel

pytestmark = pytest.mark.anyio

TOOLS = ("command.run", "message.receive", "time.sleep", "message.send")


def agent(**given: Any) -> Agent:
    return Agent(name="a", model="m", tools=TOOLS, allow=tuple(EVERYTHING), **given)


def calls(*wanted: tuple[str, dict[str, Any]]) -> Say:
    made = (ToolCall(id=CallId("x"), name=n, arguments=json.dumps(a)) for n, a in wanted)
    return Say("", tuple(made))


class Hangs:
    def __init__(self) -> None:
        self.ended = anyio.Event()

    async def run(self, job: Job) -> str:
        try:
            await anyio.sleep_forever()
        finally:
            self.ended.set()
        return ""


async def status(kernel: Kernel, pid: Pid, *wanted: str) -> None:
    with anyio.fail_after(PATIENCE_S):
        while True:
            known = await kernel.records.known(pid)
            if known is not None and known.status in wanted:
                return
            await anyio.sleep(0.005)


FIRST: dict[str, tuple[Any, str]] = {
    "thinking": (After(anyio.sleep_forever, Say("never")), "thinking"),
    "calling": (calls(("command_run", {"argv": ["x"]})), "calling"),
    "receiving": (calls(("message_receive", {})), "waiting"),
    "sleeping": (calls(("time_sleep", {"seconds": 900})), "waiting"),
    "idle": ("hello", "waiting"),
    "stopped": (After(anyio.sleep_forever, Say("never")), "stopped"),
}

#: What becomes of it: the status afterwards.  The model's second thought is "bye".
OUTCOME = {
    "kill": dict.fromkeys(FIRST, "exited"),
    "stop": dict.fromkeys(FIRST, "stopped"),
    "cont": {
        "thinking": "thinking",
        "calling": "calling",
        "receiving": "waiting",
        "sleeping": "waiting",
        "idle": "waiting",
        "stopped": "thinking",
    },
    "int": {**dict.fromkeys(FIRST, "waiting"), "stopped": "stopped"},
    "term": {
        "thinking": "thinking",
        "calling": "calling",
        "receiving": "exited",
        "sleeping": "exited",
        "idle": "exited",
        "stopped": "stopped",
    },
    "alarm": {
        "thinking": "thinking",
        "calling": "calling",
        "receiving": "waiting",
        "sleeping": "waiting",
        "idle": "waiting",
        "stopped": "stopped",
    },
}


@pytest.mark.parametrize("state", FIRST)
async def test_every_signal(node: Any, world: Any, state: str) -> None:
    step, before = FIRST[state]
    world.drivers[Run] = Hangs()
    async with node() as kernel:
        for signal in Signal:
            world.models["m"] = Scripted([step, "bye", "bye"])
            pid = await kernel.spawn(agent(resident=True), "t")
            if state == "stopped":
                await status(kernel, pid, "thinking")
                await kernel.signal(pid, Signal.STOP)
            await status(kernel, pid, before)
            await kernel.signal(pid, signal, "because")
            await until(kernel, pid, Signalled, 2 if state == "stopped" else 1)
            await status(kernel, pid, OUTCOME[signal][state])
            said = [x for x in await events(kernel, pid) if isinstance(x, Signalled)]
            assert (said[-1].signal, said[-1].reason) == (signal, "because")
            table = {line.pid: line for line in await kernel.records.list(everyone=True)}
            if table[pid].status != "exited":
                await kernel.signal(pid, Signal.KILL)
                with anyio.fail_after(PATIENCE_S):
                    assert (await kernel.records.wait(pid)).status == 137
        assert not (await kernel.records.audit()).broken


async def test_a_killed_call_leaves_nothing_running(node: Any, world: Any) -> None:
    world.drivers[Run] = hangs = Hangs()
    world.models["m"] = Scripted([calls(("command_run", {"argv": ["x"]}))])
    async with node() as kernel:
        pid = await kernel.spawn(agent(), "t")
        await status(kernel, pid, "calling")
        await kernel.signal(pid, Signal.KILL)
        with anyio.fail_after(PATIENCE_S):
            await hangs.ended.wait()


async def test_an_interrupted_thought_is_charged_and_had_again(node: Any, world: Any) -> None:
    world.models["m"] = Scripted([After(anyio.sleep_forever, Say("never")), "second"])
    async with node() as kernel:
        pid = await kernel.spawn(agent(), "t")
        await status(kernel, pid, "thinking")
        await kernel.signal(pid, Signal.INT)
        with anyio.fail_after(PATIENCE_S):
            assert (await kernel.records.wait(pid)).answer == "second"
        (cut,) = [x for x in await events(kernel, pid) if isinstance(x, Interrupted)]
        assert cut.code is Code.CANCELLED
        assert cut.charged.tokens > 0


async def test_stop_keeps_what_was_thought_until_cont(node: Any, world: Any) -> None:
    go = anyio.Event()
    world.models["m"] = Scripted([After(go.wait, calls(("time_sleep", {"seconds": 0}))), "done"])
    async with node() as kernel:
        pid = await kernel.spawn(agent(), "t")
        await status(kernel, pid, "thinking")
        await kernel.signal(pid, Signal.STOP)
        await status(kernel, pid, "stopped")
        go.set()
        await until(kernel, pid, Thought)
        await kernel.signal(pid, Signal.CONT)
        with anyio.fail_after(PATIENCE_S):
            assert (await kernel.records.wait(pid)).answer == "done"
        assert not [x for x in await events(kernel, pid) if isinstance(x, Failed)]


class Asks:
    """A reconciler that waits before it lets a call in: time for a signal to arrive."""

    def __init__(self) -> None:
        self.asked = anyio.Event()
        self.go = anyio.Event()
        self.ran = 0

    async def prepare(self, job: Job) -> bytes:
        self.asked.set()
        await self.go.wait()
        return b"p"

    async def reconcile(self, job: Job, prepared: bytes) -> Any:
        raise AssertionError

    async def run(self, job: Job) -> str:
        self.ran += 1
        return "ran"


@pytest.mark.parametrize("signal", [Signal.KILL, Signal.STOP, Signal.TERM, Signal.INT])
async def test_a_signal_while_a_call_is_let_in(node: Any, world: Any, signal: Signal) -> None:
    world.drivers[Run] = asks = Asks()
    run = ("command_run", {"argv": ["x"]})
    world.models["m"] = Scripted([calls(run, run), "after", "after"])
    async with node() as kernel:
        pid = await kernel.spawn(agent(), "t")
        other = await kernel.spawn(agent(resident=True), "")
        await asks.asked.wait()
        await kernel.signal(pid, signal)
        await until(kernel, pid, Signalled)
        asks.go.set()
        if signal is Signal.STOP:
            await status(kernel, pid, "stopped")
            assert asks.ran == 0
            await kernel.signal(pid, Signal.CONT)
        with anyio.fail_after(PATIENCE_S):
            exit_ = await kernel.records.wait(pid)
        assert exit_.status == {Signal.KILL: 137, Signal.TERM: 143}.get(signal, 0)
        assert asks.ran == (0 if signal is Signal.KILL else 2)
        assert (await kernel.records.known(other)) is not None


async def test_a_signal_while_the_model_is_opened(node: Any, world: Any) -> None:
    opening, go = anyio.Event(), anyio.Event()
    model = Scripted(["first"])
    opened = 0

    async def models(name: str) -> Any:
        nonlocal opened
        opened += 1
        if opened > 1:
            opening.set()
            await go.wait()
        return model

    async with node(models=models) as kernel:
        pid = await kernel.spawn(agent(), "t")
        await opening.wait()
        await kernel.signal(pid, Signal.STOP)
        await status(kernel, pid, "stopped")
        go.set()
        await kernel.signal(pid, Signal.CONT)
        with anyio.fail_after(PATIENCE_S):
            assert (await kernel.records.wait(pid)).answer == "first"
        assert len([x for x in await events(kernel, pid) if isinstance(x, Asked)]) == 1


async def test_signals_in_the_instant_a_thought_ends(node: Any, world: Any) -> None:
    """The answer and the signal are ready in the same turn of the loop: whichever wins, the
    node lives and the journal is whole."""
    ends: list[anyio.Event] = []

    async def wait() -> None:
        ends.append(anyio.Event())
        await ends[-1].wait()

    async def signal(kernel: Any, pid: Pid, signal: Signal) -> None:
        try:
            await kernel.signal(pid, signal)
        except SysError as error:
            if error.code is not Code.STATE:  # the answer may win by so much that it is gone
                raise

    n = 12
    world.models["m"] = Scripted([After(wait, Say("answer"))] * n * 2)
    async with node() as kernel:
        for turn in range(n):
            pid = await kernel.spawn(agent(), "t")
            await status(kernel, pid, "thinking")
            async with anyio.create_task_group() as race:
                race.start_soon(signal, kernel, pid, Signal.INT if turn % 2 else Signal.KILL)
                for _ in range(turn):
                    await anyio.lowlevel.checkpoint()
                ends[-1].set()
            await status(kernel, pid, "exited", "thinking")
            ends[-1].set()
            with anyio.fail_after(PATIENCE_S):
                assert (await kernel.records.wait(pid)).status in (0, 137)
        assert not (await kernel.records.audit()).broken


async def test_who_takes_no_signals(node: Any, world: Any) -> None:
    world.models["m"] = Scripted(["bye"])
    async with node() as kernel:
        pid = await kernel.spawn(agent(), "t")
        await kernel.records.wait(pid)
        for nobody, code in ((INIT, Code.DENIED), (Pid(999), Code.NOT_FOUND), (pid, Code.STATE)):
            with pytest.raises(SysError) as caught:
                await kernel.signal(nobody, Signal.KILL)
            assert caught.value.code is code
