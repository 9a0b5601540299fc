"""Servers of the first eras ask a person while the call is open: over streams and over HTTP."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import msgspec
import pytest
from mcp_kernel import Booted, asked, outcome
from mounted import SDK_SERVER, job, raw, serving
from tests.conftest import PATIENCE_S

from logos.abi.approval import Answer
from logos.abi.driver import Command, Job, Mode, Reply, Wanted
from logos.abi.errors import Code, SysError
from logos.abi.events import Failed, Returned
from logos.abi.ids import CallId
from logos.drivers.mcp import Server, over_http, over_stdio
from logos.drivers.mcp.floor import CANCEL, Floor
from logos.drivers.mcp.wire import Era, Question
from logos.drivers.sandbox import LocalSandbox, open_sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[LocalSandbox]:
    box = open_sandbox(Mode.NONE, state=tmp_path / "state")
    yield box
    await box.aclose()


class Stage:
    """One server by the official SDK, spoken to as in the first eras."""

    def __init__(self, server: Server, work: Path) -> None:
        self.server = server
        self.work = work

    async def call(self, asked: Job) -> Any:
        arguments = asked.call.arguments
        return msgspec.json.decode(await self.server.call(asked, asked.call.tool, arguments))

    async def question(self, asked: Job) -> Wanted:
        with pytest.raises(Wanted) as caught:
            await self.call(asked)
        return caught.value

    def noted(self) -> list[str]:
        return (self.work / "noted").read_text().split()


@pytest.fixture(params=["streams", "http"])
async def stage(
    request: pytest.FixtureRequest, tmp_path: Path, sandbox: LocalSandbox
) -> AsyncIterator[Stage]:
    work = tmp_path / "work"
    work.mkdir()
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(anyio.create_task_group())
        if request.param == "http":
            reach = over_http(stack.enter_context(serving(work)))
        else:
            command = Command(
                argv=(sys.executable, str(SDK_SERVER)),
                workspace=work,
                readable=(SDK_SERVER.parent,),
            )
            reach = over_stdio(sandbox, command)
        server = Server("probe", reach, tasks)
        server.prefer(Era.HANDSHAKE)
        yield Stage(server, work)
        await server.stop()
        tasks.cancel_scope.cancel()


def asking(folder: Path, thing: str, number: int = 1) -> Job:
    asked = job(folder / "process", "book", {"thing": thing})
    return msgspec.structs.replace(asked, id=CallId(f"1-{number}"))


def answered(asked: Job, wanted: Wanted, word: str) -> Job:
    return msgspec.structs.replace(asked, reply=Reply(word=word, state=wanted.state))


async def test_the_call_goes_on_with_the_answer(stage: Stage, tmp_path: Path) -> None:
    asked = asking(tmp_path, "tea")
    wanted = await stage.question(asked)
    assert wanted.question == "How many of tea?"
    assert b'"many"' in bytes(wanted.form)
    assert await stage.call(answered(asked, wanted, "3")) == "booked 3 of tea"
    assert stage.noted() == ["begun"]


async def test_one_question_after_another(stage: Stage, tmp_path: Path) -> None:
    asked = asking(tmp_path, "pairs")
    first = await stage.question(asked)
    second = await stage.question(answered(asked, first, '{"many": 2}'))
    assert second.question == "And how many pairs?"
    assert await stage.call(answered(asked, second, "5")) == "booked 2 times 5"
    assert stage.noted() == ["begun"]


async def test_who_is_not_answered_is_stopped(stage: Stage, tmp_path: Path) -> None:
    asked = asking(tmp_path, "tea")
    await stage.question(asked)
    await stage.server.forsake(asked, declined=True)
    with anyio.fail_after(PATIENCE_S):
        while stage.noted() != ["begun", "stopped"]:  # noqa: ASYNC110 - the server's file
            await anyio.sleep(0.01)
    other = asking(tmp_path, "milk", 2)  # it serves on
    wanted = await stage.question(other)
    assert await stage.call(answered(other, wanted, "1")) == "booked 1 of milk"


async def test_who_has_gone_meanwhile_is_called_again_only_with_a_word(
    stage: Stage, tmp_path: Path
) -> None:
    asked = asking(tmp_path, "tea")
    wanted = await stage.question(asked)
    await stage.server.stop()
    again = await stage.question(answered(asked, wanted, "3"))
    assert "not known" in again.question
    assert stage.noted().count("begun") == 1
    assert await stage.call(answered(asked, again, "")) == "booked 3 of tea"
    assert stage.noted().count("begun") == 2


async def test_each_question_finds_its_call(stage: Stage, tmp_path: Path) -> None:
    """Also when several ask at once: on streams nothing else says whose a question is."""
    first = asking(tmp_path, "first", 0)
    await stage.call(answered(first, await stage.question(first), "1"))
    jobs = [asking(tmp_path, f"thing{n}", n) for n in range(1, 6)]
    found: dict[str, Wanted] = {}

    async def ask(one: Job) -> None:
        found[one.id] = await stage.question(one)

    async with anyio.create_task_group() as tasks:
        for one in jobs:
            tasks.start_soon(ask, one)
    for n, one in reversed([*enumerate(jobs, 1)]):
        assert found[one.id].question == f"How many of thing{n}?"
        word = await stage.call(answered(one, found[one.id], str(n)))
        assert word == f"booked {n} of thing{n}"


async def test_a_question_that_could_be_of_two_calls_is_put_to_neither() -> None:
    floor = Floor()
    heard: list[Any] = []
    said: list[Any] = []

    async def answer(word: Any) -> None:
        said.append(word)

    def question() -> Question:
        return Question(msgspec.Raw(b"{}"), answer)

    async with floor.speaking(lambda _: heard.append("a")):
        async with floor.speaking(lambda _: heard.append("b")):
            await floor.put(question())
            assert (heard, said) == ([], [])  # one of them ends, and then it is known
        assert heard == ["a"]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(floor.speaking(lambda _: heard.append("c")))
    floor = Floor()
    async with floor.speaking(heard.append), floor.speaking(heard.append):
        await floor.put(question())
        await floor.put(question())
    assert said == [CANCEL, CANCEL]


# -- through the kernel --------------------------------------------------------------------

SHOP = {"shop": raw("asks")}


@pytest.fixture
def booted(url: str, world: Any, tmp_path: Path, sandbox: LocalSandbox) -> Booted:
    return Booted(url, world, tmp_path, sandbox)


def heard(folder: Path) -> list[Any]:
    file = folder / "mounts" / "shop" / "work" / "heard"
    return [json.loads(line) for line in file.read_text().splitlines()]


async def test_a_person_is_asked_and_answers(booted: Booted, tmp_path: Path) -> None:
    async with booted.node(SHOP) as node:
        pid = await booted.begun(node, "shop/order", text="tea")
        question = await asked(node, pid)
        assert "shop/order asks, in its own words:\n  | How many of tea?" in question.question
        await node.approvals.decide(question.id, Answer.ALLOW, word="4")
        found = await outcome(node, pid)
    assert isinstance(found, Returned)
    assert bytes(found.value) == b'"ordered 4 of tea"'
    assert [m["result"]["action"] for m in heard(tmp_path)] == ["accept"]


async def test_a_person_says_no(booted: Booted, tmp_path: Path) -> None:
    async with booted.node(SHOP) as node:
        pid = await booted.begun(node, "shop/order", text="tea")
        question = await asked(node, pid)
        await node.approvals.decide(question.id, Answer.DENY)
        found = await outcome(node, pid)
        assert isinstance(found, Failed)
        assert found.code is Code.DENIED
        with anyio.fail_after(PATIENCE_S):
            while len(heard(tmp_path)) < 2:  # noqa: ASYNC110 - the server's file
                await anyio.sleep(0.01)
    stop, said = heard(tmp_path)
    assert stop["method"] == "notifications/cancelled"
    assert said["result"] == {"action": "decline"}


async def test_a_restart_while_the_question_is_open(booted: Booted, tmp_path: Path) -> None:
    async with booted.node(SHOP) as node:
        pid = await booted.begun(node, "shop/order", text="tea")
        await asked(node, pid)
    begun_file = tmp_path / "mounts" / "shop" / "work" / "begun"
    async with booted.node(SHOP) as node:
        [question] = await node.approvals.pending()
        await node.approvals.decide(question.id, Answer.ALLOW, word="4")
        again = await asked(node, pid, 2)
        assert "may it be called again" in again.question.lower()
        assert begun_file.read_text() == "x"
        await node.approvals.decide(again.id, Answer.ALLOW)
        found = await outcome(node, pid)
    assert isinstance(found, Returned)
    assert bytes(found.value) == b'"ordered 4 of tea"'
    assert begun_file.read_text() == "xx"


async def test_nobody_is_there_to_be_asked(stage: Stage, tmp_path: Path) -> None:
    """Who calls without a kernel hears what the tool wanted."""
    with pytest.raises(SysError, match="ask a person something first: How many"):
        await stage.call(asking(tmp_path, "tea"))
