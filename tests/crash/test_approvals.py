"""Killed around every question and every answer: nothing twice, nothing lost, nobody asked twice.

Once by an exception before each statement and around each call of a driver, and at a part of them by SIGKILL
to a node of its own.
"""

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.conftest import PATIENCE_S
from tests.crash.approving import ANNA, BOB, TASK, life

from logos import config
from logos.abi import events as e
from logos.abi.approval import Answer
from logos.abi.ids import INIT, Pid
from logos.kernel import Kernel, Parts, SystemClock, open_kernel
from logos.programs import PROGRAMS
from logos.store import open_store

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MOST_STEPS = 400
STRIDE = 9
"""Every so manyth step is tried with a real kill: a new process for each takes its time."""

LOOKING = {"feed", "horizon", "list", "last", "known"}


class DiedError(BaseException):
    """The power went off."""


class Fate:
    def __init__(self, at: int) -> None:
        self.at, self.steps, self.died = at, 0, ""

    async def __call__(self, name: str) -> None:
        if not self.died and name not in LOOKING:
            self.steps += 1
            if self.steps == self.at:
                self.died = name
        if self.died:
            raise DiedError(name)


async def _lived(url: str, folder: Path, fate: Fate, task: str) -> list[Pid]:
    try:
        return await life(url, folder, fate, task)
    except* DiedError:
        assert fate.died
    return []


async def test_wherever_it_dies(url: str, tmp_path: Path) -> None:
    deaths: Counter[str] = Counter()
    for at in range(1, MOST_STEPS):
        folder, task = tmp_path / str(at), f"{TASK} {'x' * at}"
        folder.mkdir()
        fate = Fate(at)
        pids = await _lived(url, folder, fate, task)
        deaths[fate.died] += 1
        await _check(url, folder, pids or await life(url, folder, Fate(0), task))
        if not fate.died:
            break
    else:
        raise AssertionError("it never came through")
    calls = {"driver: before a call", "driver: after a call"}
    assert {"BEGIN", "COMMIT", "append_one", "post"} | calls <= set(deaths)


async def _check(url: str, folder: Path, pids: list[Pid]) -> None:
    async with (
        open_store(url, config.Store(pool=2)) as store,
        _looking(store, folder) as kernel,
    ):
        told = {pid: [t.event async for t in kernel.records.events(pid)] for pid in pids}
        standing = (await kernel.records.process(INIT)).standing
        assert await kernel.approvals.pending() == []
        assert not (await kernel.records.audit()).broken
        await _forgotten(kernel)
    assert len({one.values for one in standing}) == len(standing) == 1
    ledger = folder / "ledger"
    lines = [line.split() for line in ledger.read_text().splitlines()] if ledger.exists() else []
    sent = Counter(line[0] for line in lines)
    assert {line[1] for line in lines} <= {ANNA}, "sent although he said no"
    assert set(sent.values()) <= {1}, "sent twice"
    for pid, events in told.items():
        _told(pid, events, sent)
    answers = [event for event in told[pids[1]] if isinstance(event, e.Decided)]
    assert next(event.by for event in answers) == "an answer that stands"


async def _forgotten(kernel: Kernel) -> None:
    """The next one is asked about it again."""
    await kernel.approvals.forget(1)
    with anyio.fail_after(PATIENCE_S):
        async for told in kernel.records.follow(INIT):
            if isinstance(told.event, e.Agreed) and not await kernel.approvals.standing():
                return


def _told(pid: Pid, told: list[Any], sent: Counter[str]) -> None:
    """The journal alone, and with the ledger."""
    asked = Counter(event.id for event in told if isinstance(event, e.Held))
    assert set(asked.values()) <= {1}, "asked twice"
    agreed: set[str] = set()
    refused: set[str] = set()
    made: list[str] = []
    for event in told:
        match event:
            case e.Decided(ids=ids, answer=answer):
                assert set(ids) <= set(asked)
                (agreed if answer is Answer.ALLOW else refused).update(ids)
            case e.Called(name="tool.call", id=id_) if id_ in asked:
                assert id_ in agreed, "made before anybody agreed"
                made.append(id_)
            case e.Returned(id=id_) if id_ in asked:
                assert sent[f"{pid}-{id_}"] == 1, "it returned and never happened"
            case _:
                pass
    assert len(made) == len(set(made)), "made twice"
    assert set(asked) == agreed | refused, "an answer was lost"
    assert not agreed & refused
    assert len(refused) == 1, BOB
    mine = {id_.partition("-")[2] for id_ in sent if id_.startswith(f"{pid}-")}
    assert mine <= set(made), "sent, and the journal does not know it"


def _looking(store: Any, folder: Path) -> Any:
    async def nothing(name: str) -> Any:
        raise AssertionError(name)

    parts = Parts(
        store=store,
        settings=config.Node(),
        clock=SystemClock(),
        programs=PROGRAMS,
        models=nothing,
        drivers={},
        functions=dict,
        agents=nothing,  # type: ignore[arg-type]  # nobody is started
        workspaces=folder,
        place="approving",
        alone=True,
    )
    return open_kernel(parts)


def _killed(*arguments: str) -> bool:
    """One life as a process of its own.  Did it die?"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.approving", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        cwd=root,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


async def test_wherever_it_is_killed(url: str, tmp_path: Path) -> None:
    deaths = 0
    for at in range(3, MOST_STEPS, STRIDE):
        folder, task = tmp_path / str(at), f"{TASK} {'x' * at}"
        folder.mkdir()
        died = await anyio.to_thread.run_sync(_killed, url, str(folder), str(at), task)
        deaths += died
        await _check(url, folder, await life(url, folder, Fate(0), task))
        if not died:
            break
    assert deaths > 5
