"""Connections, transactions, and what happens when the database goes away."""

import logging
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import anyio
import asyncpg

from logos import config
from logos.abi.errors import Code, SysError
from logos.store.sql import Statement

R = TypeVar("R")

Fault: TypeAlias = Callable[[str], Awaitable[None]]
"""Called with the name of each statement before it runs, and with BEGIN and COMMIT.  Tests pass one
that may raise; in production there is none."""

log = logging.getLogger("logos.store")

AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # raised at the moment the server closes the connection
    ConnectionError,
    OSError,
    TimeoutError,
    ssl.SSLError,
)
AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
SESSION = {
    "application_name": "logos",
    "jit": "off",
    # every statement finds its rows through an index, and statistics lag behind a young table
    "enable_seqscan": "off",
    # the best plan does not depend on the size of the arguments
    "plan_cache_mode": "force_generic_plan",
}

LEAST_PRIVILEGE = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'logos_kernel'
                  AND pg_has_role(current_user, oid, 'MEMBER')) THEN
        SET ROLE logos_kernel;
    END IF;
END $$"""
"""Give up privileges the kernel does not need: this role cannot rewrite the journal."""

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0


class Lost(Exception):  # noqa: N818 - a state of the world, not a mistake
    """The connection broke, or the server asked to try again: the outcome is unknown."""


class Cursor:
    def __init__(self, db: Any, fault: Fault | None) -> None:
        self._db = db
        self._fault = fault

    async def run(self, statement: Statement, **args: object) -> None:
        await self.all(statement, **args)

    async def all(self, statement: Statement, **args: object) -> Sequence[Any]:
        """The rows.  Raise Lost; SysError `unavailable` when the disk is full, `invalid` for a
        value that no column can hold."""
        if self._fault is not None:
            await self._fault(statement.name)
        try:
            rows: Sequence[Any] = await self._db.fetch(
                statement.text, *(args[name] for name in statement.parameters)
            )
        except asyncpg.DiskFullError as error:
            raise disk_full() from error
        except asyncpg.DataError as error:  # such as a pid of thirty digits
            raise SysError(Code.INVALID, f"{statement.name}: {error}") from error
        except AWAY as error:
            self._db.terminate()
            raise Lost(str(error)) from error
        except AGAIN as error:
            raise Lost(str(error)) from error
        return rows

    async def one(self, statement: Statement, **args: object) -> Any:
        rows = await self.all(statement, **args)
        return rows[0] if rows else None


class Listener:
    """Notifications on one channel.  A reconnection counts as one, since some may have been
    missed."""

    def __init__(self, store: "Store", channel: str) -> None:
        self._store = store
        self._channel = channel

    async def run(self, wake: Callable[[str], None]) -> None:
        """Call `wake` with each payload ("" after a reconnection) until cancelled."""
        while True:
            try:
                async with self._store.raw() as db:
                    await self._follow(db, wake)
            except AWAY as error:
                log.warning("listener lost its connection: %s", error)
                await anyio.sleep(LONGEST_PAUSE_S)

    async def _follow(self, db: Any, wake: Callable[[str], None]) -> None:
        gone = anyio.Event()
        db.add_termination_listener(lambda _: gone.set())
        await db.add_listener(self._channel, lambda *a: wake(a[3]))
        wake("")
        await gone.wait()


async def _roll_back(db: Any) -> None:
    if db.is_closed():
        return
    with anyio.CancelScope(shield=True):  # the connection goes back to the pool
        try:
            await db.execute("ROLLBACK")
        except AWAY:
            db.terminate()  # the server has rolled back by itself


class Store:
    def __init__(self, url: str, settings: config.Store, fault: Fault | None) -> None:
        self.url = url
        self._settings = settings
        self._fault = fault
        self._free: list[Any] = []
        self._slots = anyio.Semaphore(settings.pool, fast_acquire=True)

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Cursor]:
        """Statements that each commit by themselves."""
        async with self._slots, self._borrowed() as db:
            yield Cursor(db, self._fault)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Cursor]:
        async with self._slots, self._borrowed() as db:
            yield_to = Cursor(db, self._fault)
            await self._boundary(db, "BEGIN")
            try:
                yield yield_to
            except BaseException:
                await _roll_back(db)
                raise
            try:
                await self._boundary(db, "COMMIT")
            except BaseException:
                db.terminate()  # nobody may reuse it with this transaction open
                raise

    async def _boundary(self, db: Any, text: str) -> None:
        try:
            if self._fault is not None:
                await self._fault(text)
            await db.execute(text)
        except AWAY as error:
            db.terminate()
            raise Lost(str(error)) from error
        except AGAIN as error:
            raise Lost(str(error)) from error
        except asyncpg.DiskFullError as error:
            raise disk_full() from error

    @asynccontextmanager
    async def _borrowed(self) -> AsyncGenerator[Any]:
        try:
            while self._free and self._free[-1].is_closed():
                self._free.pop()  # after a restart of the server, all of them are closed
            db = self._free.pop() if self._free else await self._connect()
        except AWAY as error:
            raise Lost(str(error)) from error
        sound = False
        try:
            yield db
            sound = True
        except (SysError, Lost):
            sound = True
            raise
        finally:
            if sound and not db.is_closed():
                self._free.append(db)
            else:
                db.terminate()

    async def _connect(self) -> Any:
        db = await asyncpg.connect(self.url, timeout=10, server_settings=SESSION)
        try:
            await db.execute(LEAST_PRIVILEGE)
        except BaseException:
            db.terminate()
            raise
        return db

    @asynccontextmanager
    async def raw(self) -> AsyncGenerator[Any]:
        db = await self._connect()
        try:
            yield db
        finally:
            db.terminate()

    def listen(self, channel: str) -> Listener:
        return Listener(self, channel)

    async def persist(self, attempt: Callable[[], Awaitable[R]]) -> R:
        """Run `attempt` until it is not Lost.  It must be safe to run again.

        Raise SysError `unavailable` when the database stays away longer than
        `store.patience_s`.
        """
        pause = FIRST_PAUSE_S
        give_up = anyio.current_time() + self._settings.patience_s
        while True:
            try:
                return await attempt()
            except Lost as lost:
                if anyio.current_time() >= give_up:
                    raise SysError(
                        Code.UNAVAILABLE,
                        f"the database has been away for {self._settings.patience_s:.0f} s: {lost}",
                        hint="nothing acknowledged is lost; start it again, or see store.url",
                    ) from lost
                log.warning("database away, trying again in %.2f s: %s", pause, lost)
                await anyio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)

    def close(self) -> None:
        while self._free:
            self._free.pop().terminate()


def disk_full() -> SysError:
    return SysError(
        Code.UNAVAILABLE, "the database's disk is full", hint="free space, then try again"
    )


@asynccontextmanager
async def open_store(
    url: str, settings: config.Store, fault: Fault | None = None
) -> AsyncGenerator[Store]:
    store = Store(url, settings, fault)
    try:
        yield store
    finally:
        store.close()
