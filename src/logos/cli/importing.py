"""Files into a memory: what is new or has changed, and what is gone.

    Import(kernel, pid, ...).run(planned)   remember them, file by file

What has been taken in whole is skipped, so an import that was stopped goes on where it stopped.  A
file that has changed replaces its entries, one that is gone from a folder closes them; the older ones
stay readable.  A file that cannot be taken in is left out and told of; the others come in.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import anyio.to_thread

from logos.abi.errors import SysError
from logos.abi.events import Remembered
from logos.abi.ids import Pid
from logos.cli.sources import Item, Planned, read
from logos.kernel import Kernel, Shelf, Version

BATCH = 400
"""Entries remembered at a time, about."""


class Result(NamedTuple):
    files: int
    entries: int
    unchanged: int
    closed: int
    skipped: Sequence[str]
    stopped: bool


class Import:
    """Without a `pid` nothing is kept: it is only looked at.  `tell` hears how many files are done, and
    which is next; `stopped` is asked before each."""

    def __init__(
        self,
        kernel: Kernel,
        pid: Pid | None,
        tell: Callable[[int, str], None],
        stopped: Callable[[], bool],
    ) -> None:
        self._kernel = kernel
        self._pid = pid
        self._tell = tell
        self._stopped = stopped
        self._waiting: list[Item] = []
        self._entries = 0

    async def run(self, planned: Planned, shelf: Shelf) -> Result:
        """`shelf` is what the memory keeps by now."""
        standing: dict[str, list[Version]] = {}
        for version in shelf.below("/mem/archive"):
            standing.setdefault(version.source, []).append(version)
        files = unchanged = 0
        skipped = list(planned.skipped)
        for number, one in enumerate(planned.found):
            if self._stopped():
                break
            self._tell(number, one.file.name)
            before = [v for v in standing.get(f"file:{one.file}", ()) if one.holds(v.path)]
            try:
                items = await anyio.to_thread.run_sync(read, one, shelf, before)
            except SysError as error:
                hint = f" ({error.hint})" if error.hint else ""
                skipped.append(f"{one.file}: {error.message}{hint}")
                continue
            files += bool(items)
            unchanged += not items
            await self._put(items)
        closed = 0
        if not self._stopped():
            gone = _gone(standing, planned.folders)
            closed = len(gone)
            await self._put(gone)
        await self._flush()
        return Result(files, self._entries, unchanged, closed, skipped, self._stopped())

    async def _put(self, items: Sequence[Item]) -> None:
        self._waiting += items
        self._entries += sum(not (isinstance(item, Remembered) and item.ends) for item in items)
        if len(self._waiting) >= BATCH:
            await self._flush()

    async def _flush(self) -> None:
        if self._waiting and self._pid is not None:
            await self._kernel.remember(self._pid, self._waiting)
        self._waiting = []


def _gone(standing: Mapping[str, Sequence[Version]], folders: Sequence[Path]) -> list[Remembered]:
    """What came from files in these folders that are there no more."""
    ended: list[Remembered] = []
    for source, versions in standing.items():
        file = Path(source.removeprefix("file:"))
        inside = source.startswith("file:") and any(file.is_relative_to(f) for f in folders)
        if inside and not file.exists():
            ended += (Remembered(path=version.path, ends=True) for version in versions)
    return ended
