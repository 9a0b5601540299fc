"""The Tool of fs.*.

    Workspace.run         carries out List, Read, Search, Write, Append
    Workspace.prepare     remembers the end of a file before an append
    Workspace.reconcile   says after a crash whether the append happened

What is done to a file is done in a thread; what is searched, in a process of its own.
"""

import errno
import os
import stat
from collections.abc import Callable
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import msgspec

from logos import beneath
from logos.abi.calls import Append, List, Read, Search, Write
from logos.abi.driver import Job, Verdict
from logos.abi.errors import Code, SysError
from logos.abi.limits import FILE_BYTES, READ_LINES
from logos.abi.lines import decode, numbered
from logos.drivers.workspace.change import Appends, Before, replace
from logos.drivers.workspace.places import below, failing
from logos.drivers.workspace.search import find

LISTED = 2000
"""Entries fs.list shows at most."""

T = TypeVar("T")


class Workspace:
    """`searches` is how many run at once, `search_s` how long one may take.  `_room` guards the
    processors: each search keeps one busy."""

    def __init__(self, *, searches: int = 2, search_s: float = 20.0) -> None:
        self._appends = Appends()
        self._room = anyio.Semaphore(searches)
        self._search_s = search_s

    async def run(self, job: Job) -> str:
        call = job.call
        match call:
            case Search():
                async with self._room:
                    return await find(job, call, min(self._search_s, job.deadline_s))
            case List():
                return await _apart(_list, job, call)
            case Read():
                return await _apart(_read, job, call)
            case Write():
                return await _apart(_write, job, call)
            case Append():
                return await _apart(self._append, job, call)
            case _:
                raise SysError(Code.INVALID, f"{type(call).__name__} is not a call on files")

    async def prepare(self, job: Job) -> bytes:
        if not isinstance(job.call, Append):
            return b""
        return await _apart(self._prepare, job, job.call)

    async def reconcile(self, job: Job, prepared: bytes) -> tuple[Verdict, Any]:
        if not isinstance(job.call, Append) or not prepared:
            return Verdict.UNKNOWN, None
        verdict = await _apart(self._reconcile, job, job.call, prepared)
        return verdict, _appended(job.call) if verdict is Verdict.DONE else None

    def _prepare(self, job: Job, call: Append) -> bytes:
        with failing(call.target(), job.workspace):
            before = self._appends.before(job.workspace, _place(call))
        return msgspec.msgpack.encode(before)

    def _append(self, job: Job, call: Append) -> str:
        data = _encoded(call.text)
        with failing(call.target(), job.workspace):
            self._appends.append(job.workspace, _place(call), data)
        return _appended(call)

    def _reconcile(self, job: Job, call: Append, prepared: bytes) -> Verdict:
        before = msgspec.msgpack.decode(prepared, type=Before)
        data = _encoded(call.text)
        with failing(call.target(), job.workspace):
            return self._appends.outcome(job.workspace, _place(call), data, before)


async def _apart(function: Callable[..., T], *arguments: Any) -> T:
    # Not abandoned on cancellation: a change half made would be left to nobody.
    return await anyio.to_thread.run_sync(function, *arguments)


def _list(job: Job, call: List) -> str:
    path = call.target()
    place = below(path)
    shown = []
    with failing(path, job.workspace), beneath.root(job.workspace) as at:
        try:
            with beneath.open_folder(at, place) as folder, os.scandir(folder) as entries:
                shown = sorted(filter(None, map(_entry, entries)))
        except NotADirectoryError:
            with beneath.open_file(at, place):  # raises when a folder on the way is the file
                pass
            raise SysError(Code.INVALID, f"{path} is a file", hint="read it with fs.read") from None
    if len(shown) > LISTED:
        shown[LISTED:] = [f"[{len(shown) - LISTED} more entries; search with fs.search]"]
    return "\n".join(shown) or "[the folder is empty]"


def _entry(entry: os.DirEntry[str]) -> str:
    """One line, or nothing for what has gone since the folder was read."""
    name = entry.name.encode("utf-8", "backslashreplace").decode().replace("\n", "\\n")
    try:
        about = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return ""
    if stat.S_ISDIR(about.st_mode):
        return f"{name}/"
    if stat.S_ISREG(about.st_mode):
        return f"{name}\t{about.st_size}"
    return f"{name}\t({'a link' if stat.S_ISLNK(about.st_mode) else 'not a file'})"


def _read(job: Job, call: Read) -> str:
    path = call.target()
    place = below(path)
    with failing(path, job.workspace), beneath.root(job.workspace) as at:
        try:
            data = beneath.read_file(at, place, FILE_BYTES)
        except OSError as error:
            if error.errno != errno.EFBIG:
                raise
            raise SysError(
                Code.LIMIT,
                f"{path} is larger than {FILE_BYTES >> 20} MiB",
                hint="find the part you need with fs.search",
            ) from error
    content = decode(data)
    if content is None:
        raise SysError(
            Code.INVALID,
            f"{path} is not a text file ({len(data)} bytes)",
            hint="a command such as file, strings or xxd can look into it",
        )
    return numbered(content, call.first, call.last, READ_LINES)


def _write(job: Job, call: Write) -> str:
    path = call.target()
    data = _encoded(call.text)
    with failing(path, job.workspace):
        replace(job.workspace, _place(call), data, key=job.id)
    return f"wrote {len(data)} bytes to {path}"


def _appended(call: Append) -> str:
    """Says nothing about the rest of the file: the same answer must follow from a crash."""
    return f"appended {len(_encoded(call.text))} bytes to {call.target()}"


def _place(call: Write | Append) -> str:
    place = below(call.target())
    if place == "." or call.path.endswith("/"):
        raise SysError(Code.INVALID, f"{call.path} is a folder", hint="name a file in it")
    return place


def _encoded(written: str) -> bytes:
    try:
        data = written.encode()
    except UnicodeEncodeError as error:
        raise SysError(Code.INVALID, f"the text is not Unicode: {error.reason}") from error
    if len(data) > FILE_BYTES:
        raise SysError(
            Code.LIMIT, f"more than {FILE_BYTES >> 20} MiB at once", hint="write it in pieces"
        )
    return data
