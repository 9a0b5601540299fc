"""The server we start ourselves: shared, stopped by the last, and back after the worst.

Processes are found by the pid in `postmaster.pid` of the test's own data directory only.
"""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import asyncpg
import pytest
from tests.conftest import PATIENCE_S

from logos.store import Embedded, migrate

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SCRIPT = """
import sys, anyio
from pathlib import Path
from logos.store import Embedded

async def main():
    server = Embedded(Path(sys.argv[1]))
    print(await server.url(), flush=True)
    await anyio.to_thread.run_sync(sys.stdin.readline)
    await server.close()

anyio.run(main)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not below pytest's own folder: that is closed to the account the server runs under."""
    path = Path(tempfile.mkdtemp(prefix="logos-embedded-"))
    path.chmod(0o755)
    yield path
    for pid in server_pids(path):
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(path, ignore_errors=True)


def server_pids(folder: Path) -> list[int]:
    """The postmaster of this folder and its children."""
    file = folder / "pg" / "postmaster.pid"
    if not file.exists():
        return []
    pid = int(file.read_text().split()[0])
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return []
    if f"{folder}/pg".encode() not in command:
        return []  # a stale file: the number is somebody else's
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


async def ask(url: str, question: str) -> object:
    db = await asyncpg.connect(url)
    try:
        return await db.fetchval(question)
    finally:
        await db.close()


async def write(url: str) -> None:
    db = await asyncpg.connect(url)
    try:
        await db.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS n")
    finally:
        await db.close()


async def gone(pids: list[int]) -> None:
    """Until they have ended.  Their parent is not us, so they may stay zombies."""
    with anyio.fail_after(PATIENCE_S):
        while any(map(_lives, pids)):
            await anyio.lowlevel.checkpoint()


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_two_users_share_it_and_the_last_one_stops_it(folder: Path) -> None:
    first, second = Embedded(folder), Embedded(folder)
    url = await first.url()
    assert await second.url() == url
    pids = server_pids(folder)
    await first.close()
    assert await ask(url, "SELECT 1") == 1
    await second.close()
    await gone(pids)
    with pytest.raises(OSError, match=r"."):
        await ask(url, "SELECT 1")


async def test_it_is_shared_with_another_process_also_when_that_is_killed(folder: Path) -> None:

    process = await anyio.open_process([sys.executable, "-c", SCRIPT, str(folder)])
    assert process.stdout is not None
    url = (await process.stdout.receive()).decode().strip()
    ours = Embedded(folder)
    assert await ours.url() == url
    process.kill()
    await process.wait()
    assert await ask(url, "SELECT 1") == 1
    pids = server_pids(folder)
    await ours.close()
    await gone(pids)
    await process.aclose()


@pytest.mark.parametrize("whom", ["postmaster", "everybody"])
async def test_it_comes_back_after_kill_9(folder: Path, whom: str) -> None:
    first = Embedded(folder)
    url = await first.url()
    await write(url)
    pids = server_pids(folder)
    for pid in pids if whom == "everybody" else pids[:1]:
        os.kill(pid, signal.SIGKILL)
    await gone(pids)
    assert (folder / "pg" / "postmaster.pid").exists()  # stale
    second = Embedded(folder)
    url = await second.url()
    assert await ask(url, "SELECT count(*) FROM t") == 1000
    await second.close()
    await first.close()


async def test_letting_go_of_a_dead_one_is_no_error(folder: Path) -> None:
    server = Embedded(folder)
    await server.url()
    pids = server_pids(folder)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    await gone(pids)
    await server.close()


@pytest.mark.parametrize("number", ["nobody's", "ours"])
async def test_a_stale_pid_file_is_no_obstacle(folder: Path, number: str) -> None:
    server = Embedded(folder)
    url = await server.url()
    await write(url)
    file = folder / "pg" / "postmaster.pid"
    text = file.read_text()
    await server.close()
    _, _, rest = text.partition("\n")
    stale = {"nobody's": str(2**22 - 3), "ours": str(os.getpid())}[number]
    file.write_text(f"{stale}\n{rest}")
    if (owner := (folder / "pg").stat()).st_uid != os.geteuid():
        os.chown(file, owner.st_uid, owner.st_gid)
    server = Embedded(folder)
    url = await server.url()
    assert await ask(url, "SELECT count(*) FROM t") == 1000
    await server.close()


async def test_databases_of_a_new_server_are_migrated_side_by_side(folder: Path) -> None:
    """They share the kernel's role, which none of them has yet."""
    server = Embedded(folder)
    url = await server.url()
    names = ["a", "b", "c"]
    db = await asyncpg.connect(url)
    for name in names:
        await db.execute(f"CREATE DATABASE {name}")
    await db.close()
    async with anyio.create_task_group() as tasks:
        for name in names:
            tasks.start_soon(migrate, url.replace("/logos?", f"/{name}?"))
    assert await ask(url, "SELECT count(*) FROM pg_roles WHERE rolname = 'logos_kernel'") == 1
    await server.close()
