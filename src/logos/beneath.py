"""Opening files in a folder that hostile code may have written to: never outside it, never
blocking.

    root          a folder -> a descriptor to open things below it
    open_at       a path below it -> a descriptor of whatever is there
    open_file     the same for ordinary files
    open_folder   the same for folders
    read_file     the bytes of an ordinary file
    make_folders  create the missing folders of a path
    give          give a new file to the owner of the root
    adopt         give a whole tree to a uid

Invariant: no symbolic link, magic link, `..` or mount below the root is ever followed, even if
folders are renamed and links planted meanwhile: openat2(2) resolves the whole path under one rule,
and on a kernel without it each step is opened separately.
"""

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OPENAT2 = 437  # the same on every architecture
_NO_XDEV, _NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x01, 0x02, 0x04, 0x08
_RESOLVE = _NO_XDEV | _NO_MAGICLINKS | _NO_SYMLINKS | _BENEATH
# O_NONBLOCK: opening a planted pipe must not wait for its other end.
_ALWAYS = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | _ALWAYS
_CHUNK = 1 << 20
_RETRIES = 8

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


# -- opening ---------------------------------------------------------------------------------------


@contextmanager
def root(folder: Path) -> Iterator[int]:
    """The root itself is trusted, so its own path may contain links."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_at(at: int, path: str, flags: int = os.O_RDONLY, mode: int = 0o644) -> int:
    """The caller closes the descriptor.  A pipe or a device does not block it."""
    flags |= _ALWAYS
    path = path or "."
    try:
        return _openat2(at, path, flags, mode)
    except OSError as error:
        # EPERM: a seccomp filter older than the call, as in some containers.
        if error.errno not in {errno.ENOSYS, errno.EPERM, errno.EAGAIN}:
            raise
    return _step_by_step(at, path, flags, mode)


def _openat2(at: int, path: str, flags: int, mode: int) -> int:
    how = struct.pack("QQQ", flags, mode if flags & os.O_CREAT else 0, _RESOLVE)
    for _ in range(_RETRIES):
        descriptor = int(_libc.syscall(_OPENAT2, at, os.fsencode(path), how, len(how)))
        if descriptor >= 0:
            return descriptor
        # EAGAIN: a rename raced with the lookup, and the kernel could not be sure.
        if ctypes.get_errno() not in {errno.EAGAIN, errno.EINTR}:
            break
    raise _error(ctypes.get_errno(), path)


def _step_by_step(at: int, path: str, flags: int, mode: int) -> int:
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if path.startswith("/") or ".." in parts:
        raise _error(errno.EXDEV, path)
    device = os.fstat(at).st_dev
    here = os.dup(at)
    try:
        for part in parts[:-1]:
            below = _step(here, part, _FOLDER)
            os.close(here)
            here = below
            if os.fstat(here).st_dev != device:
                raise _error(errno.EXDEV, path)
        descriptor = _step(here, parts[-1] if parts else ".", flags, mode)
    finally:
        os.close(here)
    if os.fstat(descriptor).st_dev != device:
        os.close(descriptor)
        raise _error(errno.EXDEV, path)
    return descriptor


def _step(here: int, name: str, flags: int, mode: int = 0) -> int:
    try:
        return os.open(name, flags | os.O_NOFOLLOW, mode, dir_fd=here)
    except NotADirectoryError:
        # O_DIRECTORY gives the same for a link; openat2 tells them apart.
        if stat.S_ISLNK(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
            raise _error(errno.ELOOP, name) from None
        raise


@contextmanager
def open_file(at: int, path: str, flags: int = os.O_RDONLY, mode: int = 0o644) -> Iterator[int]:
    """Raises EISDIR for a folder, EINVAL for a pipe or a device, EMLINK for a file with more than
    one hard link, since the other may lie outside."""
    descriptor = open_at(at, path, flags, mode)
    try:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise _error(errno.EISDIR, path)
        if not stat.S_ISREG(found.st_mode):
            raise _error(errno.EINVAL, path)
        if found.st_nlink > 1:
            raise _error(errno.EMLINK, path)
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


def read_file(at: int, path: str, limit: int) -> bytes:
    """Raises EFBIG for a file over the limit, even if it grows while being read."""
    kept = bytearray()
    with open_file(at, path) as descriptor:
        if os.fstat(descriptor).st_size > limit:
            raise _error(errno.EFBIG, path)
        while more := os.read(descriptor, min(_CHUNK, limit + 1 - len(kept))):
            kept += more
            if len(kept) > limit:
                raise _error(errno.EFBIG, path)
    return bytes(kept)


# -- what is new, and whose it is ------------------------------------------------------------------


def make_folders(at: int, path: str) -> None:
    """Create the folders of `path`, durably, and give the new ones to the owner of the root."""
    done = "."
    for part in [part for part in path.split("/") if part not in {"", "."}]:
        with open_folder(at, done) as parent:
            try:
                os.mkdir(part, 0o755, dir_fd=parent)
            except FileExistsError:
                pass
            else:
                with open_folder(parent, part) as made:
                    give(at, made)
                os.fsync(parent)
        done = f"{done}/{part}"
    with open_folder(at, done):
        pass  # the last component may have been a file all along: then this raises


def give(at: int, descriptor: int) -> None:
    """A daemon that runs as root works for the owner of the root folder."""
    owner = os.fstat(at)
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def adopt(at: int, uid: int) -> None:
    """Give the tree to the uid.  Files with more than one hard link stay as they are, since the
    other may be outside.  The top folder is last, so that its owner shows the work was
    completed."""
    device = os.fstat(at).st_dev
    for folder in folders(at):
        with os.scandir(folder) as entries:
            for entry in entries:
                found = entry.stat(follow_symlinks=False)
                shared = found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode)
                if found.st_uid != uid and found.st_dev == device and not shared:
                    os.chown(entry.name, uid, uid, dir_fd=folder, follow_symlinks=False)
    os.chown(".", uid, uid, dir_fd=at)


def folders(at: int) -> Iterator[int]:
    """Every folder of the tree, open until the next step; one descriptor whatever the depth.

    Mounts are left out.  Going up uses `..`, checked to be the folder we came from.
    """
    here = _step(at, ".", _FOLDER)
    try:
        path = [(_identity(here), _names(here))]
        yield here
        while path:
            down = path[-1][1].pop() if path[-1][1] else None
            if down is None:
                path.pop()
                if not path:
                    return
            there = _step(here, down or "..", _FOLDER)
            os.close(here)
            here = there
            if down is not None:
                path.append((_identity(here), _names(here)))
                yield here
            elif _identity(here) != path[-1][0]:
                raise _error(errno.EXDEV, "..")
    finally:
        os.close(here)


def _identity(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def _names(descriptor: int) -> list[str]:
    """The folders in a folder."""
    device = os.fstat(descriptor).st_dev
    with os.scandir(descriptor) as entries:
        return [
            entry.name
            for entry in entries
            if entry.is_dir(follow_symlinks=False)
            and entry.stat(follow_symlinks=False).st_dev == device
        ]


def _error(number: int, path: str) -> OSError:
    return OSError(number, os.strerror(number), path)
