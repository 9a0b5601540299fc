"""Calls that become tasks: followed to their end, in each life of the node, and stopped with the call."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest
from mcp_kernel import Booted, asked, events, outcome, until
from mounted import EXTENDED_SERVER, serving
from tests.conftest import PATIENCE_S

from logos.abi.approval import Answer
from logos.abi.driver import Mode
from logos.abi.errors import Code
from logos.abi.events import Called, Deferred, Failed, Returned
from logos.abi.process import Signal
from logos.abi.tools import Place
from logos.drivers.sandbox import open_sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def booted(url: str, world: object, tmp_path: Path) -> AsyncIterator[Booted]:
    box = open_sandbox(Mode.NONE, state=tmp_path / "state")
    yield Booted(url, world, tmp_path, box)
    await box.aclose()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "far"
    folder.mkdir()
    return folder


async def noted(work: Path, found: Callable[[list[str]], bool]) -> None:
    """The server's own file."""
    with anyio.fail_after(PATIENCE_S):
        while not found((work / "noted").read_text().split()):  # noqa: ASYNC110
            await anyio.sleep(0.01)


async def test_it_is_followed_through_a_restart(booted: Booted, work: Path) -> None:
    with serving(work, server=EXTENDED_SERVER) as url:
        mounts = {"far": Place(url=url, timeout_s=5)}
        async with booted.node(mounts) as kernel:
            pid = await booted.begun(kernel, "far/work", thing="waits")
            await until(kernel, pid, Deferred)
        (work / "finish").touch()
        async with booted.node(mounts) as kernel:
            found = await outcome(kernel, pid)
            assert isinstance(found, Returned)
            assert bytes(found.value) == b'"worked: {}"'
            seen = await events(kernel, pid)
        assert [type(e) for e in seen if isinstance(e, Called | Deferred)] == [Called, Deferred]
        assert (work / "noted").read_text().split() == ["begun"]


async def test_it_asks_a_person(booted: Booted, work: Path) -> None:
    """Also one who answers after a restart."""
    with serving(work, server=EXTENDED_SERVER) as url:
        mounts = {"far": Place(url=url)}
        async with booted.node(mounts) as kernel:
            pid = await booted.begun(kernel, "far/work", thing="asks")
            await asked(kernel, pid)
        async with booted.node(mounts) as kernel:
            [question] = await kernel.approvals.pending()
            assert "How many?" in question.question
            await kernel.approvals.decide(question.id, Answer.ALLOW, word="7")
            found = await outcome(kernel, pid)
        assert isinstance(found, Returned)
        assert b"'many': 7" in bytes(found.value)
        assert (work / "noted").read_text().split() == ["begun"]


@pytest.mark.parametrize("how", [Signal.KILL, Signal.INT])
async def test_who_is_stopped_stops_it(booted: Booted, work: Path, how: Signal) -> None:
    with serving(work, server=EXTENDED_SERVER) as url:
        async with booted.node({"far": Place(url=url)}) as kernel:
            pid = await booted.begun(kernel, "far/work", thing="waits")
            await until(kernel, pid, Deferred)
            await kernel.signal(pid, how)
            await noted(work, lambda lines: lines == ["begun", "cancelled"])


async def test_a_no_stops_it(booted: Booted, work: Path) -> None:
    with serving(work, server=EXTENDED_SERVER) as url:
        async with booted.node({"far": Place(url=url)}) as kernel:
            pid = await booted.begun(kernel, "far/work", thing="asks")
            question = await asked(kernel, pid)
            await kernel.approvals.decide(question.id, Answer.DENY)
            found = await outcome(kernel, pid)
            assert isinstance(found, Failed)
            assert found.code is Code.DENIED
            await noted(work, lambda lines: lines == ["begun", "cancelled"])


async def test_one_that_fails_says_why(booted: Booted, work: Path) -> None:
    with serving(work, server=EXTENDED_SERVER) as url:
        async with booted.node({"far": Place(url=url)}) as kernel:
            pid = await booted.begun(kernel, "far/work", thing="fails")
            found = await outcome(kernel, pid)
    assert isinstance(found, Failed)
    assert (found.code, "no paper" in found.message) == (Code.TOOL, True)


async def test_a_server_that_has_forgotten_it(booted: Booted, work: Path) -> None:
    with serving(work, server=EXTENDED_SERVER) as url:
        async with booted.node({"far": Place(url=url)}) as kernel:
            pid = await booted.begun(kernel, "far/work", thing="waits")
            await until(kernel, pid, Deferred)
    with serving(work, int(url.rpartition(":")[2].partition("/")[0]), EXTENDED_SERVER):
        async with booted.node({"far": Place(url=url)}) as kernel:
            found = await outcome(kernel, pid)
    assert isinstance(found, Failed)
    assert "Task not found" in found.message
    assert (work / "noted").read_text().split() == ["begun"]
