"""What a kernel stands on: the lock of its home, its database, and an allocator that lets go.

Invariant: whoever is inside `only_node` is the one node of this home.
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
    """The lock of a home.  The operating system lets go of it when we die, so whoever gets it
    knows that the node before is dead, without waiting for its lease."""

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
    if applied and not applied[0].startswith(FIRST):  # of a database that was there before
        tell(f"the database was brought up to date: {', '.join(applied)}")


M_ARENA_MAX, ARENAS = -8, 2
"""A heap for each thread keeps what each thread ever needed at once: most of the growth of a daemon."""

M_MMAP_THRESHOLD, LARGE = -3, 1 << 18
"""What is so large goes back to the machine when it is let go, and leaves no hole: indexes, packed and unpacked."""


def settle() -> None:
    """For a process that serves: what boot has made stays, so the collector need not look at it
    again, and young objects die by count long before it is worth looking for cycles.  Measured
    at a quarter of the processor time of a busy journal."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc's allocator
        libc.mallopt(M_ARENA_MAX, ARENAS)
        libc.mallopt(M_MMAP_THRESHOLD, LARGE)
