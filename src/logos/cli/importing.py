"""Folders and files into a memory: what is new or has changed, and what is gone.

    plan(paths, cwd)               the files, each with the place where it goes
    Import(kernel, pid).run(...)   remember them, file by file

A file is known by the SHA-256 of its bytes, which its last entry carries: what has been taken in
whole is skipped, so an import that was stopped goes on where it stopped.  A file that has changed
replaces its entries, one that is gone from a folder closes them; the older ones stay readable.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import anyio.to_thread
import msgspec
from msgspec.structs import replace

from logos.abi.errors import Code, SysError
from logos.abi.events import Linked, Remembered
from logos.abi.ids import Pid
from logos.cli.documents import conversation, parts
from logos.kernel import Kernel, Version

ROOT = "/mem/archive"
BATCH = 400
"""Entries remembered at a time, about."""

FILE_BYTES = 64 << 20
SKIPPED = frozenset({"node_modules", "__pycache__", "target", "dist", "build"})

_EXPORTED: msgspec.json.Decoder[Remembered | Linked] = msgspec.json.Decoder(Remembered | Linked)


class Found(NamedTuple):
    """A file, and the path of memory it goes to."""

    file: Path
    place: str


class Result(NamedTuple):
    files: int
    entries: int
    unchanged: int
    closed: int
    skipped: Sequence[str]
    stopped: bool


def plan(paths: Sequence[str], cwd: Path) -> tuple[list[Found], list[Path]]:
    """The files, by name, and the folders they were looked for in.  Raise `not_found`."""
    found: list[Found] = []
    folders: list[Path] = []
    for given in paths:
        path = (cwd / Path(given).expanduser()).resolve()
        if path.is_dir():
            folders.append(path)
            found += (
                Found(file, f"{ROOT}/{path.name}/{file.relative_to(path).as_posix()}")
                for file in sorted(_files(path))
            )
        elif path.is_file():
            found.append(Found(path, f"{ROOT}/{path.name}"))
        else:
            raise SysError(
                Code.NOT_FOUND, f"there is no file {given}", hint="name files or folders"
            )
    return found, folders


def _files(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.name.startswith(".") or entry.name in SKIPPED or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _files(entry)
        elif entry.is_file():
            yield entry


class Import:
    """`tell` hears how many files are done, and which is next; `stopped` is asked before each."""

    def __init__(
        self,
        kernel: Kernel,
        pid: Pid,
        tell: Callable[[int, str], None],
        stopped: Callable[[], bool],
    ) -> None:
        self._kernel = kernel
        self._pid = pid
        self._tell = tell
        self._stopped = stopped
        self._waiting: list[Remembered | Linked] = []
        self._entries = 0

    async def run(self, found: Sequence[Found], folders: Sequence[Path]) -> Result:
        shelf = await self._kernel.stores.shelf(self._pid)
        standing: dict[str, list[Version]] = {}
        for version in shelf.below(ROOT):
            standing.setdefault(version.source, []).append(version)
        files = unchanged = 0
        skipped: list[str] = []
        for number, one in enumerate(found):
            if self._stopped():
                break
            self._tell(number, one.file.name)
            source = f"file:{one.file}"
            try:
                items = await anyio.to_thread.run_sync(_read, one, standing.get(source, ()))
            except SysError as error:
                skipped.append(f"{one.file}: {error.message} {error.hint}".strip())
                continue
            if items is None:
                unchanged += 1
                continue
            files += 1
            await self._put(items)
        closed = 0
        if not self._stopped():
            gone = _gone(standing, folders)
            closed = len(gone)
            await self._put(gone)
        await self._flush()
        return Result(files, self._entries, unchanged, closed, skipped, self._stopped())

    async def _put(self, items: Sequence[Remembered | Linked]) -> None:
        self._waiting += items
        self._entries += sum(isinstance(i, Linked) or not i.ends for i in items)
        if len(self._waiting) >= BATCH:
            await self._flush()

    async def _flush(self) -> None:
        if self._waiting:
            await self._kernel.remember(self._pid, self._waiting)
            self._waiting = []


def _read(one: Found, before: Sequence[Version]) -> list[Remembered | Linked] | None:
    """The entries of a file; None: it is as it was.  Raise SysError for one that cannot be read."""
    try:
        if one.file.stat().st_size > FILE_BYTES:
            raise SysError(Code.LIMIT, f"is larger than {FILE_BYTES >> 20} MiB")
        data = one.file.read_bytes()
    except OSError as error:
        raise SysError(Code.UNAVAILABLE, error.strerror or str(error)) from error
    digest = hashlib.sha256(data).digest()
    if any(version.digest == digest for version in before):
        return None
    if one.file.suffix == ".jsonl" and (exported := _exported(data)):
        return exported
    made = _entries(one, data)
    if not made:
        raise SysError(Code.INVALID, "is no text")
    made[-1] = replace(made[-1], digest=digest)
    paths = {entry.path for entry in made}
    ended = [Remembered(path=v.path, ends=True) for v in before if v.path not in paths]
    return [*ended, *made]


def _entries(one: Found, data: bytes) -> list[Remembered]:
    source = f"file:{one.file}"
    if one.file.suffix == ".jsonl" and (said := conversation(one.file.stem, data)):
        return [replace(each, path=f"{one.place}/{each.path}", source=source) for each in said]
    return [
        Remembered(
            path=f"{one.place}/{part.name}" if part.name else one.place,
            text=part.text,
            kind="document",
            group=one.place,
            source=source,
        )
        for part in parts(one.file.name, data)
    ]


def _exported(data: bytes) -> list[Remembered | Linked]:
    """What `logos mem export` has written: between its first and its last line."""
    first, *lines = data.splitlines() or [b""]
    last = lines.pop() if lines else b""
    if not (first.startswith(b'{"type":"export"') and last.startswith(b'{"type":"end"')):
        return []
    try:
        return [_EXPORTED.decode(line) for line in lines]
    except msgspec.DecodeError:
        return []


def _gone(standing: dict[str, list[Version]], folders: Sequence[Path]) -> list[Remembered]:
    """What came from files in these folders that are there no more."""
    ended: list[Remembered] = []
    for source, versions in standing.items():
        file = Path(source.removeprefix("file:"))
        inside = source.startswith("file:") and any(file.is_relative_to(f) for f in folders)
        if inside and not file.exists():
            ended += (Remembered(path=version.path, ends=True) for version in versions)
    return ended
