"""A person's folder -> our own copy of it, which nobody changes.

    copied(source, shelf)   -> Copy: what it says of itself, its hash, where the copy is

The hash is over the paths and the bytes of all files, and over which of them are programs: it is
the version.  Links, pipes and devices are refused: a copy must not hold what the folder's owner
could read and its author could not.

Invariant: a folder named by a hash holds exactly what has that hash.
"""

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from logos.abi.errors import Code, SysError
from logos.abi.limits import FILE_BYTES
from logos.abi.tools import visible
from logos.beneath import open_file, read_file, root
from logos.drivers.skills.front import Front, front

SKILL = "SKILL.md"
FILES = 2000
BYTES = 64 << 20
SHOWN = 8
"""Skills of a folder that are named to who names the folder."""

SHORT = 16
"""Characters of a hash in a folder's name."""


class Copy(NamedTuple):
    front: Front
    version: str
    folder: Path


class _File(NamedTuple):
    path: str
    data: bytes
    program: bool


def copied(source: Path, shelf: Path) -> Copy:
    """`source` is a skill's folder, or its SKILL.md.  Raise `not_found` where there is no skill, `invalid`
    for one that is none."""
    if source.name == SKILL and source.is_file():
        source = source.parent
    if not (source / SKILL).is_file():
        raise _none(source)
    files = list(_files(source.resolve()))
    texts = {file.path: file.data for file in files}
    said = front(_text(texts[SKILL]), source.resolve().name)
    version = _hash(files)
    folder = shelf / said.name / version[:SHORT]
    if not folder.exists():
        _placed(files, folder)
    return Copy(said, version, folder)


def _none(source: Path) -> SysError:
    within = sorted(visible(file.parent.name) for file in source.glob(f"*/{SKILL}"))[:SHOWN]
    hint = f"name one of the skills in it: {', '.join(within)}" if within else "a skill's folder"
    return SysError(Code.NOT_FOUND, f"there is no {visible(str(source / SKILL))}", hint=hint)


def _files(source: Path) -> Iterator[_File]:
    """By path.  Hidden files are left out: they are of tools, not of skills."""
    number = size = 0
    with root(source) as at:
        for path in _paths(source, source):
            number += 1
            if number > FILES:
                raise SysError(Code.LIMIT, f"a skill has at most {FILES} files")
            try:
                data = read_file(at, path, BYTES - size)
                with open_file(at, path) as descriptor:
                    mode = os.fstat(descriptor).st_mode
            except OSError as error:
                raise SysError(
                    Code.INVALID,
                    f"{visible(path)}: {error.strerror}",
                    hint=f"a skill is made of ordinary files, {BYTES >> 20} MiB in all",
                ) from error
            size += len(data)
            yield _File(path, data, bool(mode & stat.S_IXUSR))


def _paths(folder: Path, source: Path) -> Iterator[str]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _paths(path, source)
        elif entry.is_file(follow_symlinks=False):
            yield path.relative_to(source).as_posix()
        else:
            raise SysError(
                Code.INVALID,
                f"{path.relative_to(source)} is a link or no file at all",
                hint="a skill is made of ordinary files",
            )


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise SysError(Code.INVALID, f"{SKILL} is not UTF-8: {error}") from error


def _hash(files: list[_File]) -> str:
    whole = hashlib.sha256()
    for file in files:
        name = os.fsencode(file.path)
        whole.update(b"%d:%s:%d:%d:" % (len(name), name, file.program, len(file.data)))
        whole.update(file.data)
    return whole.hexdigest()


def _placed(files: list[_File], folder: Path) -> None:
    """All of it or nothing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
    try:
        for file in files:
            made = beside / file.path
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_bytes(file.data)
            made.chmod(0o555 if file.program else 0o444)
        for one in (beside, *(path for path in beside.rglob("*") if path.is_dir())):
            one.chmod(0o755)
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside)
        raise


def text_of(folder: Path, path: str) -> str:
    """A file of a copy.  Raise `not_found`; `invalid` for what is not text."""
    try:
        with root(folder) as at:
            return read_file(at, path, FILE_BYTES).decode()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SysError(Code.NOT_FOUND, f"the skill has no {path}") from error
    except IsADirectoryError as error:
        raise SysError(Code.INVALID, f"{path} is a folder", hint="list it with fs.list") from error
    except (UnicodeDecodeError, OSError) as error:
        raise SysError(
            Code.INVALID, f"{path} is not text", hint="a program can read it: command.run"
        ) from error
