"""Numbered .sql files, applied in order, each in one transaction, under one lock."""

from importlib import resources

import asyncpg

LOCK = 0x4C4F474F53
"""The number of the advisory lock: any constant unique to this program ("LOGOS")."""


async def migrate(url: str) -> list[str]:
    """Apply the migrations that are missing; return their names."""
    folder = resources.files("logos.store.migrations")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    db = await asyncpg.connect(url, timeout=30)
    try:
        await db.execute("SELECT pg_advisory_lock($1)", LOCK)
        await db.execute("CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY)")
        done = {row["name"] for row in await db.fetch("SELECT name FROM migration")}
        missing = [f for f in files if f.name not in done]
        for file in missing:
            async with db.transaction():
                await db.execute(file.read_text(encoding="utf-8"))
                await db.execute("INSERT INTO migration VALUES ($1)", file.name)
    finally:
        await db.close()
    return [f.name for f in missing]
