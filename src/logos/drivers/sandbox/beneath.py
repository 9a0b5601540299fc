"""Files in a folder where hostile code has been: never led outside it, never blocked.

    open_beneath(root_fd, path, flags)   a descriptor, or OSError
    read_regular(root, path, limit)      the bytes of an ordinary file
    write_regular(root, path, data)      replace a file whole
    listing(root, path)                  names and kinds
    remove(root, path)                   a file or a whole tree, however deep
    directories(root_fd)                 every folder of a tree, open
    adopt(root_fd, uid)                  give a tree to a uid

Invariant: no symbolic link, magic link, `..` or mount below `root` is ever followed.
"""

import ctypes
import errno
import itertools
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_OPENAT2 = 437  # the same on every architecture
_NO_XDEV, _NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x01, 0x02, 0x04, 0x08
_RESOLVE = _NO_XDEV | _NO_MAGICLINKS | _NO_SYMLINKS | _BENEATH
_ALWAYS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
_CHUNK = 1 << 20
_RETRIES = 8

_libc = ctypes.CDLL(None, use_errno=True)


def open_beneath(root: int, path: str, flags: int = os.O_RDONLY, mode: int = 0o644) -> int:
    """Open `path` below the folder open at `root`; a FIFO or a device does not block it."""
    if flags & os.O_PATH:
        flags |= os.O_CLOEXEC | os.O_NOFOLLOW  # the others make no sense with it
    else:
        flags |= _ALWAYS
    try:
        return _openat2(root, path, flags, mode)
    except OSError as error:
        # EPERM: a seccomp filter older than the call, as in some containers.
        if error.errno not in (errno.ENOSYS, errno.EPERM):
            raise
    return _walk_open(root, path, flags, mode)


def _openat2(root: int, path: str, flags: int, mode: int) -> int:
    creates = flags & os.O_CREAT
    how = struct.pack("QQQ", flags, mode if creates else 0, _RESOLVE)
    for _ in range(_RETRIES):  # EAGAIN: a rename raced with the walk
        fd: int = _libc.syscall(_OPENAT2, root, os.fsencode(path), how, len(how))
        if fd >= 0:
            return fd
        if ctypes.get_errno() != errno.EAGAIN:
            break
    raise _error(ctypes.get_errno(), path)


def _walk_open(root: int, path: str, flags: int, mode: int) -> int:
    """The same by hand, one component at a time."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in parts:
        raise _error(errno.EXDEV, path)
    device = os.fstat(root).st_dev
    here = os.dup(root)
    try:
        for part in parts[:-1]:
            there = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = there
            if os.fstat(here).st_dev != device:
                raise _error(errno.EXDEV, path)
        fd = os.open(parts[-1] if parts else ".", flags, mode, dir_fd=here)
    finally:
        os.close(here)
    if os.fstat(fd).st_dev != device:
        os.close(fd)
        raise _error(errno.EXDEV, path)
    return fd


@contextmanager
def opened(root: Path) -> Iterator[int]:
    """The root itself is ours, so its own path may go through links."""
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def read_regular(root: Path, path: str, limit: int) -> bytes:
    """An ordinary file's bytes.

    Refused: anything but a regular file, a file with a second name (the other one may lie
    outside), a file over the limit even if it grows while it is read.
    """
    with opened(root) as folder:
        fd = open_beneath(folder, path)
    with open(fd, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor has no Path
        _regular(fd, path)
        if os.fstat(fd).st_size > limit:
            raise _error(errno.EFBIG, path)
        kept = bytearray()
        while more := file.read(min(_CHUNK, limit + 1 - len(kept))):
            kept += more
            if len(kept) > limit:
                raise _error(errno.EFBIG, path)
    return bytes(kept)


def write_regular(root: Path, path: str, data: bytes, mode: int = 0o644) -> None:
    """Put a file there whole or not at all, owned like the root so that the next run can
    change it.  Folders on the way must exist; a symbolic link at `path` is replaced."""
    parent, _, name = path.rstrip("/").rpartition("/")
    if name in ("", ".", ".."):
        raise _error(errno.EINVAL, path)
    with opened(root) as folder:
        owner = os.fstat(folder)
        there = open_beneath(folder, parent or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        part, fd = _fresh(there)
        try:
            with open(fd, "wb") as file:  # noqa: PTH123
                file.write(data)
                os.fchmod(fd, mode)
                if os.geteuid() == 0:
                    os.fchown(fd, owner.st_uid, owner.st_gid)
            os.rename(part, name, src_dir_fd=there, dst_dir_fd=there)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(part, dir_fd=there)
            raise
    finally:
        os.close(there)


def _fresh(folder: int) -> tuple[str, int]:
    for number in itertools.count():
        name = f".{os.getpid()}-{number}.part"
        try:
            return name, os.open(
                name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _ALWAYS, 0o600, dir_fd=folder
            )
        except FileExistsError:
            continue
    raise AssertionError


def listing(root: Path, path: str, limit: int) -> list[tuple[str, int]]:
    """Names and `st_mode` in a folder, at most `limit`, sorted."""
    with opened(root) as folder:
        fd = open_beneath(folder, path or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        with os.scandir(fd) as entries:
            found = [
                (entry.name, entry.stat(follow_symlinks=False).st_mode)
                for entry in itertools.islice(entries, limit)
            ]
    finally:
        os.close(fd)
    return sorted(found)


def remove(root: Path, path: str) -> None:
    """Remove a file or a tree.  Depth costs nothing: folders are lifted to the top, emptied
    there, and removed, so neither the stack nor a path's length is a bound."""
    parent, _, name = path.rstrip("/").rpartition("/")
    if name in ("", ".", ".."):
        raise _error(errno.EINVAL, path)
    with opened(root) as folder:
        there = open_beneath(folder, parent or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _kind(there, name) != stat.S_IFDIR:
            os.unlink(name, dir_fd=there)
            return
        lifted = (f".{os.getpid()}-{number}.gone" for number in itertools.count())
        waiting = [name]
        while waiting:
            doomed = waiting.pop()
            waiting += _empty(there, doomed, lifted)
            os.rmdir(doomed, dir_fd=there)
    finally:
        os.close(there)


def _empty(top: int, name: str, lifted: Iterator[str]) -> list[str]:
    """Unlink a folder's files, lift its folders to `top`; their new names."""
    _unlock(top, name)
    fd = os.open(name, _FOLDER, dir_fd=top)
    found = []
    try:
        for entry in os.listdir(fd):  # noqa: PTH208 - a descriptor
            if _kind(fd, entry) == stat.S_IFDIR:
                _unlock(fd, entry)
                found.append(_lift(fd, entry, top, lifted))
            else:
                os.unlink(entry, dir_fd=fd)
    finally:
        os.close(fd)
    return found


def _unlock(folder: int, name: str) -> None:
    """Whoever is not root may have been shut out of a folder of his own."""
    if os.geteuid() == 0:
        return
    fd = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        Path(f"/proc/self/fd/{fd}").chmod(0o700)
    finally:
        os.close(fd)


def _lift(source: int, name: str, top: int, lifted: Iterator[str]) -> str:
    for new in lifted:
        try:
            os.mkdir(new, dir_fd=top)  # rename replaces only an empty folder: take the name first
        except FileExistsError:
            continue
        os.rename(name, new, src_dir_fd=source, dst_dir_fd=top)
        return new
    raise AssertionError


def directories(root: int) -> Iterator[int]:
    """Every folder of the tree, open until the next step; one descriptor whatever the depth.

    Mounts are left out.  Going up is by `..`, and checked to be the folder we came from.
    """
    here = os.open(".", _FOLDER, dir_fd=root)
    try:
        path = [(_identity(here), _folders(here))]
        yield here
        while path:
            down = path[-1][1].pop() if path[-1][1] else None
            if down is None:
                path.pop()
                if not path:
                    return
            there = os.open(down or "..", _FOLDER, dir_fd=here)
            os.close(here)
            here = there
            if down is not None:
                path.append((_identity(here), _folders(here)))
                yield here
            elif _identity(here) != path[-1][0]:
                raise _error(errno.EXDEV, "..")
    finally:
        os.close(here)


def _identity(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino


def _folders(fd: int) -> list[str]:
    device = os.fstat(fd).st_dev
    with os.scandir(fd) as entries:
        return [
            entry.name
            for entry in entries
            if entry.is_dir(follow_symlinks=False)
            and entry.stat(follow_symlinks=False).st_dev == device
        ]


def adopt(root: int, uid: int) -> None:
    """Give the tree to the uid.  Files with a second name stay as they are: the other name may
    be outside.  The top folder is last, so that its owner says the work was finished."""
    device = os.fstat(root).st_dev
    for folder in directories(root):
        with os.scandir(folder) as entries:
            for entry in entries:
                found = entry.stat(follow_symlinks=False)
                shared = found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode)
                if found.st_uid != uid and found.st_dev == device and not shared:
                    os.chown(entry.name, uid, uid, dir_fd=folder, follow_symlinks=False)
    os.fchown(root, uid, uid)


def _kind(folder: int, name: str) -> int:
    return stat.S_IFMT(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def _regular(fd: int, path: str) -> None:
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        raise _error(errno.EINVAL, path)
    if found.st_nlink != 1:
        raise _error(errno.EMLINK, path)


def _error(number: int, path: str) -> OSError:
    return OSError(number, os.strerror(number), path)
