"""Paths to mounts, and fs.* on them.

A mount is named by its path; the longest name that fits wins, so that a mount may be inside another
(/mem/team in /mem).
"""

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from logos.abi.calls import Append, Call, List, Read, Search, Write
from logos.abi.driver import Job, Tool
from logos.abi.errors import Code, SysError
from logos.abi.limits import FILE_BYTES, READ_LINES
from logos.abi.lines import numbered
from logos.abi.mount import Entry, Finder, Mount
from logos.kernel.mounts.grep import Matches, grep

LISTED = 2000
"""The most entries that fs.list shows."""

SEARCH_S = 20.0

Drivers = Mapping[type[Call[Any]], Tool]

OnFiles = List | Read | Search | Write | Append


class Mounts:
    """`mounts` are by path, such as `/mem`; `drivers` by type of call."""

    def __init__(self, mounts: Mapping[str, Mount], drivers: Drivers) -> None:
        assert all(path == normal(path) and path != "/home" for path in mounts), mounts
        self._mounts = dict(mounts)
        self._drivers = drivers
        self._tool = _Served(self)

    @property
    def names(self) -> Sequence[str]:
        return sorted(path[1:] for path in self._mounts if path.count("/") == 1)

    def tool(self, call: Call[Any]) -> Tool | None:
        """The driver that carries it out; None: none here."""
        if isinstance(call, OnFiles) and _top(call) != "home":
            return self._tool
        return self._drivers.get(type(call))

    def at(self, path: str) -> Mount:
        """Raise `not_found`, listing what there is."""
        for prefix in _prefixes(path):
            if (mount := self._mounts.get(prefix)) is not None:
                return mount
        there = ", ".join(f"/{name}" for name in ("home", *self.names))
        raise SysError(Code.NOT_FOUND, f"nothing is mounted at {path}", hint=f"there are {there}")


class _Served:
    """The Tool for calls on mounts."""

    def __init__(self, mounts: Mounts) -> None:
        self._mounts = mounts

    async def run(self, job: Job) -> str:
        call: OnFiles = job.call
        path = normal(call.target())
        if path == "/":
            return self._root(call)
        mount = self._mounts.at(path)
        match call:
            case List():
                return _listed(await mount.list(job, path))
            case Read():
                return numbered(await mount.read(job, path), call.first, call.last, READ_LINES)
            case Search():
                return await _searched(mount, job, path)
            case Write():
                return await _written(mount, job, path)
            case Append():
                raise SysError(
                    Code.DENIED, f"nothing can be appended to {path}", hint="use fs.write"
                )

    def _root(self, call: OnFiles) -> str:
        if isinstance(call, List):
            return "\n".join(f"{name}/" for name in ("home", *self._mounts.names))
        raise SysError(Code.INVALID, "/ is a folder", hint="name something in it; see fs.list")


def _top(call: OnFiles) -> str:
    return normal(call.target()).split("/")[1]


def normal(path: str) -> str:
    """One spelling of each path: the one capabilities are checked against."""
    return posixpath.normpath("/" + path.lstrip("/"))


def _prefixes(path: str) -> list[str]:
    """/a/b/c, /a/b, /a."""
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(len(parts), 1, -1)]


def _listed(entries: Sequence[Entry]) -> str:
    lines = [_line(entry) for entry in entries[:LISTED]]
    if len(entries) > LISTED:
        lines.append(f"[{len(entries) - LISTED} more entries; search with fs.search]")
    return "\n".join(lines) or "[the folder is empty]"


def _line(entry: Entry) -> str:
    name = entry.name.replace("\n", "\\n")
    shown = f"{name}/" if entry.kind == "folder" else name
    if entry.kind == "file":
        shown += f"\t{entry.size}"
    return f"{shown}\t{entry.note}" if entry.note else shown


async def _searched(mount: Mount, job: Job, path: str) -> str:
    call: Search = job.call
    if isinstance(mount, Finder):
        return await mount.find(job, path, call.pattern, call.limit)
    documents = await mount.documents(job, path)
    found = await grep(call, documents, min(SEARCH_S, job.deadline_s))
    return _matches(call, found)


def _matches(call: Search, found: Matches) -> str:
    lines = list(found.lines)
    after = call.offset + call.limit
    if not found.total:
        lines.append(f"[no match in {found.files} files]")
    elif not lines:
        lines.append(f"[there are only {found.total} matches]")
    elif found.total > after:
        lines.append(f"[{found.total - after} more matches; go on with offset={after}]")
    return "\n".join(lines)


async def _written(mount: Mount, job: Job, path: str) -> str:
    data = job.call.text.encode("utf-8", "surrogatepass")
    if len(data) > FILE_BYTES:
        raise SysError(Code.LIMIT, f"more than {FILE_BYTES >> 20} MiB at once", hint="write less")
    await mount.write(job, path, job.call.text)
    return f"wrote {len(data)} bytes to {path}"
