"""What passes is a driver: one suite for all of them.

`any_rig` is every driver, a real model of random weights among them; `rig` is those whose
answers a test can choose.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import anyio
import msgspec
import pytest
from model_rigs import ALL, MARK, PLAYING, Rig, asking
from tests.conftest import PATIENCE_S

from logos.abi.ids import CallId
from logos.abi.messages import (
    AnyDelta,
    Finish,
    Finished,
    Image,
    Message,
    Request,
    Role,
    Text,
    TextDelta,
    ToolCall,
    ToolResult,
    ToolSpec,
    Usage,
    gather,
    said,
)
from logos.drivers.model import Say

pytestmark = pytest.mark.anyio

SCHEMA = msgspec.Raw(b'{"type":"object","properties":{"path":{"type":"string"}}}')


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(params=ALL)
async def any_rig(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Rig]:
    async with ALL[request.param](folder) as rig:
        yield rig


@pytest.fixture(params=PLAYING)
async def rig(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Rig]:
    async with PLAYING[request.param](folder) as rig:
        yield rig


async def think(rig: Rig, request: Request | None = None) -> list[AnyDelta]:
    async with aclosing(rig.driver.think(request or rig.request)) as deltas:
        return [delta async for delta in deltas]


async def test_an_answer_ends_with_finished_and_has_only_one(any_rig: Rig) -> None:
    any_rig.play(Say("Good day."))
    deltas = await think(any_rig)
    assert isinstance(deltas[-1], Finished)
    assert sum(isinstance(delta, Finished) for delta in deltas) == 1
    assert gather(deltas)[0].text
    assert all(delta.text for delta in deltas if isinstance(delta, TextDelta))


async def test_usage_is_reported_and_what_was_counted_does_not_fall_short(any_rig: Rig) -> None:
    any_rig.play(Say("Good day.", usage=Usage(input=12, output=3)))
    before = any_rig.driver.count(any_rig.request)
    _, finished = gather(await think(any_rig))
    assert finished
    assert 0 < finished.usage.input <= before
    assert finished.usage.output > 0
    if any_rig.driver.profile.exact_count:
        assert finished.usage.input == before


async def test_a_longer_request_counts_more(any_rig: Rig) -> None:
    short, long = asking("hello"), asking("hello " * 50)
    assert 0 < any_rig.driver.count(short) < any_rig.driver.count(long)


async def test_thoughts_follow_one_another(any_rig: Rig) -> None:
    for _ in range(3):
        any_rig.play(Say("again"))
        assert gather(await think(any_rig))[1]


async def test_a_thought_that_is_closed_leaves_nothing_behind(any_rig: Rig) -> None:
    any_rig.play(Say("connected"))
    await think(any_rig)
    any_rig.hang()
    long = msgspec.structs.replace(any_rig.request, max_output=100_000)
    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tasks:

            async def listen() -> None:
                await think(any_rig, long)

            tasks.start_soon(listen)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        await any_rig.gone.wait()
        any_rig.play(Say("next"))
        assert gather(await think(any_rig))[1]


async def test_closing_after_the_first_words_is_enough(any_rig: Rig) -> None:
    any_rig.play(Say("first words and many more", pieces=("first words", " and many more")))
    with anyio.fail_after(PATIENCE_S):
        async with aclosing(any_rig.driver.think(any_rig.request)) as deltas:
            async for _ in deltas:
                break
        any_rig.play(Say("next"))
        assert gather(await think(any_rig))[1]


async def test_the_pieces_of_a_text_spell_it(rig: Rig) -> None:
    pieces = ("Gr", "üß Gott, ", "😀 ", "世界", "\n\ndata: [DONE]\n", "!")
    rig.play(Say("".join(pieces), pieces=pieces))
    message, finished = gather(await think(rig))
    assert message.text == "".join(pieces)
    assert finished
    assert finished.reason is Finish.STOP


async def test_parallel_calls_arrive_in_order_with_their_arguments(rig: Rig) -> None:
    calls = (
        ToolCall(id=CallId("a1"), name="fs_read", arguments='{"path":"/home/ü"}'),
        ToolCall(id=CallId("b2"), name="fs_read", arguments='{"path":"/b"}'),
        ToolCall(id=CallId("c3"), name="now", arguments="{}"),
    )
    rig.play(Say("Let me look.", calls=calls))
    message, finished = gather(await think(rig))
    assert message.calls == calls
    assert message.text == "Let me look."
    assert finished
    assert finished.reason is Finish.CALLS


async def test_cached_and_priced_usage_comes_through(rig: Rig) -> None:
    usage = Usage(input=1000, output=20, cached=900)
    rig.play(Say("ok", usage=usage))
    _, finished = gather(await think(rig))
    assert finished
    assert finished.usage == usage


@pytest.mark.parametrize("reason", [Finish.LENGTH, Finish.REFUSED])
async def test_the_reason_comes_through(rig: Rig, reason: Finish) -> None:
    rig.play(Say("I", reason=reason))
    _, finished = gather(await think(rig))
    assert finished
    assert finished.reason is reason


async def test_a_huge_answer_arrives_whole(rig: Rig) -> None:
    pieces = tuple(f"{n:09d}," * 1000 for n in range(100))
    rig.play(Say("".join(pieces), pieces=pieces))
    message, _ = gather(await think(rig))
    assert message.text == "".join(pieces)


async def test_a_whole_conversation_can_be_sent(rig: Rig) -> None:
    call = ToolCall(id=CallId("a1"), name="fs_read", arguments='{"path":')
    request = msgspec.structs.replace(
        asking(),
        messages=(
            said(Role.SYSTEM, "be brief"),
            Message(role=Role.USER, content=(Text(text="see"), Image(data="aGk="))),
            Message(role=Role.ASSISTANT, content=(Text(text="hm"), call)),
            Message(
                role=Role.TOOL,
                content=(ToolResult(id=CallId("a1"), content="no", error=True),),
            ),
            said(Role.USER, "try again"),
        ),
        tools=(ToolSpec(name="fs_read", description="Read.", schema=SCHEMA),),
        stop=("END",),
        temperature=0.5,
    )
    rig.play(Say("ok"))
    assert gather(await think(rig, request))[0].text == "ok"


async def test_many_thoughts_at_once_do_not_mix(rig: Rig) -> None:
    texts = {f"answer {n}" for n in range(20)}
    heard: set[str] = set()

    async def ask() -> None:
        heard.add(gather(await think(rig))[0].text)

    for text in texts:
        rig.play(Say(text))
    async with anyio.create_task_group() as tasks:
        for _ in texts:
            tasks.start_soon(ask)
    assert heard == texts


@pytest.mark.parametrize("kind", sorted(PLAYING.keys() - {"scripted"}))
async def test_the_first_words_come_before_the_last(kind: str, folder: Path) -> None:
    async with PLAYING[kind](folder) as rig:
        rig.hang()
        async with aclosing(rig.driver.think(rig.request)) as deltas:
            assert await anext(deltas) == TextDelta(text=MARK)
        with anyio.fail_after(PATIENCE_S):
            await rig.gone.wait()
