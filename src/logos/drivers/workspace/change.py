"""Changing files: all of the text, durably, or none of it.

    replace   a file's content at once: a temporary file beside it, synced and renamed
    Appends   text at the end in one write, and what became of it after a crash

After an error the file holds what it held before.
"""

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from logos import beneath
from logos.abi.driver import Verdict
from logos.abi.errors import Code, SysError
from logos.drivers.workspace.places import FULL

_TAIL_BYTES = 4096
_STRIPES = 64


def replace(workspace: Path, place: str, data: bytes, *, key: str) -> None:
    """`key` names the temporary file, so that a second try after a crash clears the first's."""
    folder, _, name = place.rpartition("/")
    temporary = temporary_name(key, name)
    with beneath.root(workspace) as at:
        beneath.make_folders(at, folder)
        with beneath.open_folder(at, folder) as parent:
            mode = _mode(parent, name)
            _discard(parent, temporary)
            try:
                with _fresh(parent, temporary, mode) as file:
                    _fill(file, data)
                    beneath.give(at, file)
                    os.fsync(file)
                os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                _discard(parent, temporary)
                raise
            os.fsync(parent)


def temporary_name(key: str, name: str) -> str:
    return f".{hashlib.sha256(f'{key}/{name}'.encode()).hexdigest()[:16]}.tmp"


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """A file before text is appended: its size (-1: no file) and a digest of its last bytes."""

    size: int
    tail: bytes = b""


class Appends:
    """`_locks` guard the end of a file (striped by inode) against other appends of this node."""

    def __init__(self) -> None:
        self._locks = [threading.Lock() for _ in range(_STRIPES)]

    def before(self, workspace: Path, place: str) -> Before:
        try:
            with beneath.root(workspace) as at, beneath.open_file(at, place) as file:
                size = os.fstat(file).st_size
                return Before(size=size, tail=_tail(file, size))
        except FileNotFoundError:
            return Before(size=-1)

    def append(self, workspace: Path, place: str, data: bytes) -> None:
        folder = place.rpartition("/")[0]
        with beneath.root(workspace) as at:
            beneath.make_folders(at, folder)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
            with beneath.open_file(at, place, flags) as file, self._lock(file):
                about = os.fstat(file)
                if about.st_size == 0 and about.st_uid == 0:
                    beneath.give(at, file)
                _grow(file, about.st_size, data)
            with beneath.open_folder(at, folder) as parent:
                os.fsync(parent)

    def outcome(self, workspace: Path, place: str, data: bytes, before: Before) -> Verdict:
        """Is the text there?  A part of it at the very end is taken back."""
        try:
            with (
                beneath.root(workspace) as at,
                beneath.open_file(at, place, os.O_RDWR) as file,
                self._lock(file),
            ):
                return _outcome(file, data, before)
        except FileNotFoundError:
            return Verdict.NOT_DONE if before.size < 0 else Verdict.UNKNOWN

    def _lock(self, file: int) -> threading.Lock:
        about = os.fstat(file)
        return self._locks[hash((about.st_dev, about.st_ino)) % _STRIPES]


def _outcome(file: int, data: bytes, before: Before) -> Verdict:
    size, start = os.fstat(file).st_size, max(before.size, 0)
    if size < start or (before.size >= 0 and _tail(file, start) != before.tail):
        return Verdict.UNKNOWN  # somebody has rewritten what was there
    if size == start:
        return Verdict.NOT_DONE
    there = os.pread(file, len(data), start)
    if there == data:
        return Verdict.DONE
    if size - start < len(data) and data.startswith(there):
        os.ftruncate(file, start)
        os.fsync(file)
        return Verdict.NOT_DONE
    return Verdict.UNKNOWN


def _grow(file: int, size: int, data: bytes) -> None:
    try:
        written = os.write(file, data)
    except OSError as error:
        if error.errno not in FULL:
            raise
        written = 0
    if written < len(data):
        if os.fstat(file).st_size == size + written:
            os.ftruncate(file, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(file)


def _tail(file: int, end: int) -> bytes:
    start = max(0, end - _TAIL_BYTES)
    return hashlib.sha256(os.pread(file, end - start, start)).digest()


@contextmanager
def _fresh(parent: int, name: str, mode: int) -> Iterator[int]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, mode, dir_fd=parent)
    try:
        os.fchmod(descriptor, mode)
        yield descriptor
    finally:
        os.close(descriptor)


def _fill(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def _mode(parent: int, name: str) -> int:
    """A file that is replaced keeps its permissions."""
    try:
        there = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return 0o644
    if stat.S_ISREG(there.st_mode):
        return there.st_mode & 0o777
    number = errno.ELOOP if stat.S_ISLNK(there.st_mode) else errno.EINVAL
    raise OSError(errno.EISDIR if stat.S_ISDIR(there.st_mode) else number, os.strerror(number))


def _discard(parent: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        pass
    except IsADirectoryError as error:
        raise SysError(Code.CONFLICT, f"a folder {name} is in the way", hint="remove it") from error
