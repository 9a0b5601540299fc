"""Where a path of the name space lies, and what to say when the operating system refuses.

    below      /home/notes/a.md -> notes/a.md
    refused    OSError -> SysError, with what to do about it
    failing    a context that does so

Every OSError leaves this room as a SysError that names the path as the caller wrote it.
"""

import difflib
import errno
import os
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from logos import beneath
from logos.abi.errors import Code, SysError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def below(path: str) -> str:
    """The path relative to the workspace; "." for /home itself."""
    normal = posixpath.normpath(path)
    if normal == "/home":
        return "."
    if "\0" in path or not normal.startswith("/home/"):
        raise SysError(Code.NOT_FOUND, f"{path!r} is not below /home", hint="files are in /home")
    try:
        normal.encode()
    except UnicodeEncodeError as error:
        raise SysError(Code.INVALID, f"{path!r} is not a path") from error
    return normal.removeprefix("/home/")


@contextmanager
def failing(path: str, workspace: Path) -> Iterator[None]:
    """Turn what the operating system says about `path` into a SysError."""
    try:
        yield
    except OSError as error:
        raise refused(error, path, workspace) from error


def refused(error: OSError, path: str, workspace: Path) -> SysError:
    number = error.errno or 0
    if number in FULL:
        return SysError(
            Code.UNAVAILABLE,
            f"no space for {path}: {os.strerror(number)}; nothing was changed",
            hint="make room, or write less",
        )
    if number in {errno.ENOENT, errno.ENOTDIR}:
        if not workspace.is_dir():
            return SysError(Code.UNAVAILABLE, "this process's workspace is gone")
        return SysError(Code.NOT_FOUND, f"no {path}", hint=_near(path, workspace))
    if number in _SENTENCES:
        code, message, hint = _SENTENCES[number]
        return SysError(code, f"{path} {message}", hint=hint)
    return SysError(Code.UNAVAILABLE, f"{path}: {error.strerror or error}")


_SENTENCES = {
    errno.ELOOP: (
        Code.INVALID, "is, or lies behind, a symbolic link", "links are not followed"
    ),
    errno.EISDIR: (Code.INVALID, "is a folder", "list it with fs.list"),
    errno.EINVAL: (Code.INVALID, "is not a regular file", "pipes and devices are not read"),
    errno.ENXIO: (Code.INVALID, "is not a regular file", "pipes and devices are not read"),
    errno.EMLINK: (
        Code.INVALID, "has a second name, which may lie outside", "copy it, and use the copy"
    ),
    errno.ENAMETOOLONG: (Code.INVALID, "is too long a name", "use a shorter one"),
    errno.EXDEV: (Code.DENIED, "leads out of the workspace", "files are in /home"),
    errno.EACCES: (Code.DENIED, "is closed to us by its permissions", "change its mode"),
    errno.EPERM: (Code.DENIED, "is closed to us by its permissions", "change its mode"),
    errno.EROFS: (Code.UNAVAILABLE, "is on a read-only file system", ""),
}  # fmt: skip


def _near(path: str, workspace: Path) -> str:
    """Names close to the one that is not there."""
    folder, _, name = below(path).rpartition("/")
    try:
        with beneath.root(workspace) as at, beneath.open_folder(at, folder) as descriptor:
            names = [entry.name for entry in os.scandir(descriptor)]
    except OSError:
        return f"there is no folder /home/{folder}; look with fs.list"
    near = difflib.get_close_matches(name, sorted(names), n=3)
    return f"did you mean {' or '.join(near)}?" if near else "look with fs.list"
