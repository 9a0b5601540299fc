"""The model that tests are written with."""

import anyio
import pytest

from logos.abi.driver import Price, Profile
from logos.abi.errors import Code, SysError
from logos.abi.ids import CallId
from logos.abi.messages import AnyDelta, Finish, Request, Role, ToolCall, Usage, gather, said
from logos.drivers.model import After, Cut, Fail, Say, Scripted, Step

pytestmark = pytest.mark.anyio

REQUEST = Request(model="m", messages=(said(Role.USER, "hi"),))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def think(model: Scripted, request: Request = REQUEST) -> list[AnyDelta]:
    return [delta async for delta in model.think(request)]


async def test_steps_are_played_in_order_and_then_the_script_is_over() -> None:
    call = ToolCall(id=CallId("a"), name="f", arguments="{}")
    model = Scripted(["one", Say("two", calls=(call,)), Fail(SysError(Code.LIMIT, "slow"))])
    assert gather(await think(model))[0].text == "one"
    message, finished = gather(await think(model))
    assert message.calls == (call,)
    assert finished
    assert finished.reason is Finish.CALLS
    for code in (Code.LIMIT, Code.MODEL):
        with pytest.raises(SysError) as caught:
            await think(model)
        assert caught.value.code is code
    assert len(model.requests) == 4


async def test_a_function_may_choose_the_step() -> None:
    def parrot(request: Request) -> Step:
        return Say(request.messages[-1].text)

    assert gather(await think(Scripted(parrot)))[0].text == "hi"


async def test_a_cut_answer_has_no_end() -> None:
    message, finished = gather(await think(Scripted([Cut(Say("x" * 40), deltas=2)])))
    assert (len(message.text), finished) == (32, None)


async def test_an_answer_can_wait_for_an_event() -> None:
    go = anyio.Event()
    model = Scripted([After(go.wait, Say("at last"))])
    heard: list[AnyDelta] = []

    async def listen() -> None:
        heard.extend(await think(model))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        await anyio.wait_all_tasks_blocked()
        assert not heard
        go.set()
    assert gather(heard)[0].text == "at last"


async def test_the_same_script_is_the_same_thought() -> None:
    price = Profile(name="m", price=Price(input=10, output=100))
    one, two = [await think(Scripted(["hello there"], profile=price)) for _ in range(2)]
    assert one == two
    finished = gather(one)[1]
    assert finished
    assert finished.usage.cost == finished.usage.input * 10 + finished.usage.output * 100


async def test_a_step_can_say_what_it_used() -> None:
    finished = gather(await think(Scripted([Say("x", usage=Usage(input=5, output=1))])))[1]
    assert finished
    assert finished.usage == Usage(input=5, output=1)
