"""Deleting letters that were taken long ago, or never will be.

sweeping(store)   until cancelled
sweep(store)      once; how many were deleted

A letter that was taken is kept for an hour, so that a sender who is unsure whether it was posted,
and posts it again under its number, still finds it.
"""

import logging
from typing import Any

import anyio

from logos.abi.errors import SysError
from logos.store import Queries, Store

_SQL = Queries("logos.kernel.node", "node.sql")

log = logging.getLogger("logos.kernel")

EVERY_S = 600.0
KEEP_S = 3600.0
MOST = 1000
"""At a time, so that nobody waits for it."""


async def sweeping(store: Store) -> None:
    while True:
        await anyio.sleep(EVERY_S)
        try:
            await sweep(store)
        except SysError as error:
            log.warning("old letters stay for now: %s", error)


async def sweep(store: Store, keep_s: float = KEEP_S) -> int:
    gone = 0
    while True:

        async def some() -> Any:
            async with store.connection() as db:
                return await db.one(_SQL.sweep, keep=keep_s, most=MOST)

        swept = int((await store.persist(some))["gone"])
        gone += swept
        if swept < MOST:
            return gone
