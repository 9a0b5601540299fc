"""What a kernel needs first: the lock of its home, its database, and a tuned allocator.

Invariant: at most one process at a time is inside `only_node` of a home.
"""

import ctypes
import fcntl
import gc
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import IO

from logos.abi.errors import Code, SysError
from logos.store import Embedded, migrate

FIRST = "0001"


class only_node:  # noqa: N801 - used as a function
    """The lock of a home.  The operating system releases it when its holder dies, so whoever gets
    it knows that the previous node is dead, without waiting for its lease to expire."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        self._file = (self._place / "node.lock").open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise SysError(
                Code.CONFLICT,
                f"{self._place} has a running node already",
                hint="use it through `logos`, stop it with `logos down`, or set LOGOS_HOME",
            ) from None

    def __exit__(self, *_: object) -> None:
        assert self._file is not None
        self._file.close()


async def embedded(stack: AsyncExitStack, place: Path, tell: Callable[[str], None]) -> str:
    server = Embedded(place / "store")
    stack.push_async_callback(server.close)
    return await server.url(tell)


async def migrated(url: str, tell: Callable[[str], None]) -> None:
    try:
        applied = await migrate(url)
    except OSError as error:
        raise SysError(
            Code.UNAVAILABLE,
            f"the database does not answer: {error}",
            hint="check store.url; without one LogOS starts its own",
        ) from error
    if applied and not applied[0].startswith(FIRST):  # only for a database that existed before
        tell(f"the database was brought up to date: {', '.join(applied)}")


M_ARENA_MAX, ARENAS = -8, 2
"""With a heap for each thread, every thread keeps the most it ever needed: that was most of a
daemon's growth."""

M_MMAP_THRESHOLD, LARGE = -3, 1 << 18
"""Allocations this large are returned to the system when freed, and leave no holes: indexes, packed
and unpacked."""


def settle() -> None:
    """Tune a long-lived process.  What boot has created stays, so the collector need not look at it
    again, and young objects are freed by reference counting long before looking for cycles pays
    off. Measured at a quarter of the processor time of a busy journal."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc's allocator
        libc.mallopt(M_ARENA_MAX, ARENAS)
        libc.mallopt(M_MMAP_THRESHOLD, LARGE)
