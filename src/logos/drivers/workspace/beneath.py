"""Files below a folder, and nowhere else.

    root          a folder -> a descriptor to open below
    open_file     a path below it -> a descriptor; never through a symbolic link
    open_folder   the same for folders
    make_folders  the folders of a path, made where missing

Paths are relative, without `..`.  What is opened lies below the root even if somebody
renames folders and plants links meanwhile: openat2(2) resolves the whole path under one rule,
and where a kernel lacks it each step is opened by itself without following links.
"""

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OPENAT2 = 437  # the same number on every architecture
_NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x02, 0x04, 0x08
_RESOLVE = _BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS
_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


@contextmanager
def root(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def open_file(at: int, path: str, flags: int = os.O_RDONLY, mode: int = 0o644) -> Iterator[int]:
    """Open a regular file.  Pipes and devices raise EINVAL instead of blocking."""
    # O_NONBLOCK: opening a pipe somebody planted must not wait for its other end.
    descriptor = open_at(at, path, flags | os.O_NONBLOCK, mode)
    try:
        kind = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(kind):
            raise OSError(errno.EINVAL, "not a regular file", path)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def open_folder(at: int, path: str) -> Iterator[int]:
    descriptor = open_at(at, path, _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def make_folders(at: int, path: str, owner: tuple[int, int] | None = None) -> None:
    """Make the folders of `path`, durably, and give new ones to `owner`."""
    done = "."
    for segment in [s for s in path.split("/") if s not in {"", "."}]:
        with open_folder(at, done) as parent:
            try:
                os.mkdir(segment, 0o755, dir_fd=parent)
            except FileExistsError:
                pass
            else:
                if owner is not None:
                    os.chown(segment, *owner, dir_fd=parent, follow_symlinks=False)
                os.fsync(parent)
        done = f"{done}/{segment}"
    with open_folder(at, done):
        pass  # the last one may have been a file all along: then this raises


def open_at(at: int, path: str, flags: int, mode: int = 0) -> int:
    """openat2, or the same step by step.  The caller closes."""
    flags |= os.O_CLOEXEC
    creating = flags & os.O_CREAT
    how = struct.pack("QQQ", flags, mode if creating else 0, _RESOLVE)
    name = os.fsencode(path or ".")
    while True:
        descriptor = int(_libc.syscall(_OPENAT2, at, name, how, len(how)))
        if descriptor >= 0:
            return descriptor
        number = ctypes.get_errno()
        if number in {errno.ENOSYS, errno.EPERM}:
            return open_stepwise(at, path, flags, mode)
        # EAGAIN: a rename raced with the walk, and the kernel could not be sure.
        if number not in {errno.EINTR, errno.EAGAIN}:
            raise OSError(number, os.strerror(number), path)


def open_stepwise(at: int, path: str, flags: int, mode: int = 0) -> int:
    """For kernels before 5.6 and sandboxes that hide openat2 (they answer ENOSYS or EPERM)."""
    *folders, last = [s for s in path.split("/") if s not in {"", "."}] or ["."]
    if ".." in (*folders, last):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    current = os.dup(at)
    try:
        for segment in folders:
            below = os.open(segment, _FOLDER | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=current)
            os.close(current)
            current = below
        return os.open(last, flags | os.O_NOFOLLOW, mode, dir_fd=current)
    finally:
        os.close(current)
