"""Files and folders of people -> what is to be remembered of them.

    plan(paths, cwd, root)       the files, each with the place where it goes
    read(one, shelf, before)     what is new in a file, beside what stands of it

A file is known by the SHA-256 of its bytes, which its last entry carries.  What `logos mem export` has
written is taken for what it is: of that, what is there already is left out.

Invariant: what this gives is what memory takes; a file that holds anything else raises, as a whole.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec
from msgspec.structs import replace

from logos.abi.errors import Code, SysError
from logos.abi.events import Linked, Remembered
from logos.abi.limits import FILE_BYTES
from logos.cli.documents import conversation, parts
from logos.kernel import Shelf, Version, place

Item: TypeAlias = Remembered | Linked

MOST_BYTES = 64 << 20
"""Of a file."""

SKIPPED = frozenset({"node_modules", "__pycache__", "target", "dist", "build"})

EXPORT = 1
"""Version of what `logos mem export` writes."""

_EXPORTED: msgspec.json.Decoder[Remembered | Linked] = msgspec.json.Decoder(Remembered | Linked)


class Found(NamedTuple):
    """A file, and the path of memory it goes to."""

    file: Path
    place: str

    def holds(self, path: str) -> bool:
        return path == self.place or path.startswith(f"{self.place}/")


class Planned(NamedTuple):
    """The files, by name; the folders they were looked for in; what could not be looked into."""

    found: Sequence[Found]
    folders: Sequence[Path]
    skipped: Sequence[str]


def plan(paths: Sequence[str], cwd: Path, root: str) -> Planned:
    """Raise `not_found`, and `invalid` where two files go to one place."""
    found: dict[str, Path] = {}
    folders: list[Path] = []
    skipped: list[str] = []
    for given in paths:
        path = (cwd / Path(given).expanduser()).resolve()
        if path.is_dir():
            folders.append(path)
            files = [(file, file.relative_to(path.parent)) for file in _files(path, skipped)]
        elif path.is_file():
            files = [(path, Path(path.name))]
        else:
            raise SysError(
                Code.NOT_FOUND, f"there is no file {given}", hint="name files or folders"
            )
        for file, name in files:
            goes = f"{root}/{name.as_posix()}"
            if found.setdefault(goes, file) != file:
                raise SysError(
                    Code.INVALID,
                    f"{found[goes]} and {file} both go to {goes}",
                    hint="import one of them elsewhere: --at /mem/archive/OTHER",
                )
    return Planned([Found(file, goes) for goes, file in found.items()], folders, skipped)


def _files(folder: Path, skipped: list[str]) -> Iterator[Path]:
    """Those that are no links, by name; what cannot be looked into is `skipped`."""

    def tell(error: OSError) -> None:
        skipped.append(f"{error.filename}: {error.strerror}")

    for top, folders, names in os.walk(folder, onerror=tell):
        folders[:] = sorted(name for name in folders if not _left_out(name))
        files = (Path(top, name) for name in sorted(names) if not _left_out(name))
        yield from (file for file in files if file.is_file() and not file.is_symlink())


def _left_out(name: str) -> bool:
    return name.startswith(".") or name in SKIPPED


def read(one: Found, shelf: Shelf, before: Sequence[Version]) -> Sequence[Item]:
    """Nothing if it is as it was.  Raise SysError for a file that cannot be taken in."""
    try:
        if one.file.stat().st_size > MOST_BYTES:
            raise SysError(
                Code.LIMIT, f"it is larger than {MOST_BYTES >> 20} MiB", hint="cut it up"
            )
        data = one.file.read_bytes()
    except OSError as error:
        raise SysError(Code.UNAVAILABLE, error.strerror or str(error)) from error
    if data.startswith(b'{"type":"export"'):
        return missing(exported(data), shelf)
    digest = hashlib.sha256(data).digest()
    if any(version.digest == digest for version in before):
        return ()
    made = [_checked(entry) for entry in _entries(one, data)]
    if not made:
        raise SysError(Code.INVALID, "it holds no text")
    made[-1] = replace(made[-1], digest=digest)
    paths = {entry.path for entry in made}
    ended = [Remembered(path=v.path, ends=True) for v in before if v.path not in paths]
    return [*ended, *made]


def _checked(entry: Remembered) -> Remembered:
    """Raise `invalid` and `limit` for what memory would not take."""
    if entry.path != place(entry.path):
        raise SysError(Code.INVALID, f"{entry.path} is not a plain path")
    if len(entry.text) > FILE_BYTES:
        raise SysError(Code.LIMIT, f"{entry.path} would be too long", hint="cut it up")
    return entry


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


def exported(data: bytes) -> Sequence[Item]:
    """What `logos mem export` has written: between its first and its last line.  Raise `invalid`."""
    first, *lines = data.splitlines()
    whole = bool(lines) and lines.pop().startswith(b'{"type":"end"')
    if not whole:
        raise SysError(Code.INVALID, "it was cut off", hint="export it again")
    if b'"v":%d' % EXPORT not in first:
        raise SysError(Code.INVALID, "another version of LogOS has written it")
    try:
        said = [_EXPORTED.decode(line) for line in lines]
    except msgspec.DecodeError as error:
        raise SysError(Code.INVALID, f"it is not an export: {error}") from error
    return [_checked(one) if isinstance(one, Remembered) else one for one in said]


def missing(said: Sequence[Item], shelf: Shelf) -> Sequence[Item]:
    """What is not there already.  Of an edge that was joined and taken away counts how it ended."""
    ended = {_edge(one): one for one in said if isinstance(one, Linked)}
    return [
        one
        for one in said
        if not (
            _stands(shelf, one)
            if isinstance(one, Remembered)
            else ended[_edge(one)] is not one or _joined(shelf, one) is not one.removed
        )
    ]


def _edge(one: Linked) -> tuple[str, str, str]:
    return one.source, one.relation, one.target


def _joined(shelf: Shelf, one: Linked) -> bool:
    return any((e.source, e.relation, e.target) == _edge(one) for e in shelf.edges(one.source))


def _stands(shelf: Shelf, one: Remembered) -> bool:
    """It was said there before: so, then, and by the same."""
    size = len(one.text.encode("utf-8", "surrogatepass"))
    return any(
        (version.since, version.size, version.source, version.ends, version.closed)
        == (one.valid_from, size, one.source, one.ends, one.valid_to)
        and version.text in (None, one.text)
        and " ".join(one.text.split()).startswith(version.head)
        for version in shelf.history(one.path)
    )
