"""What the kernel itself mounts in the tree of a process: /mem, /kv and /proc.

    Tree.entries, read, documents    one process's view of a path, now or as of a moment
    mounts(tree)                  the same as mounts, for the fs.* calls of processes

Read only: a write below /mem or /kv becomes a memory call (abi/calls/memory.py:  `kept`), journaled
with its answer.  Invariant: everything shown here is a fold of some journal.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid
from logos.abi.mount import Document, Entry, Mount
from logos.kernel.memory import CORE, FACTS, KV, Shelf, Version, abroad, shared
from logos.kernel.node.records import Records
from logos.kernel.node.stores import Stores

MOST_DOCUMENTS = 20_000
"""The most texts that one search of memory looks into."""

TOPS = ("kv", "mem", "proc")
PARTS = ("status", "window", "journal", "children")


class Tree:
    def __init__(self, records: Records, stores: Stores) -> None:
        self._records = records
        self._stores = stores

    async def entries(self, pid: Pid, path: str, as_of: int | None = None) -> Sequence[Entry]:
        if path == "/proc" or path.startswith("/proc/"):
            return await self._processes(pid, path)
        if path == "/":
            return [Entry(name=name, kind="folder") for name in TOPS]
        if path.split("/")[1] not in TOPS:
            raise SysError(
                Code.NOT_FOUND, f"there is no {path}", hint=f"there are {', '.join(TOPS)}"
            )
        return await self._kept(pid, path, as_of)

    async def _kept(self, pid: Pid, path: str, as_of: int | None) -> Sequence[Entry]:
        shelf, _, inside = await self._shelf(pid, path)
        entries = list(folded(shelf.below(inside, as_of), inside))
        if path == "/mem":
            there = {entry.name for entry in entries}
            own = [name for name in ("archive", "core", "facts") if name not in there]
            spaces = await self._stores.named()
            entries += [Entry(name=name, kind="folder") for name in own]
            entries += [Entry(name=name, kind="folder", note="a space") for name in spaces]
            entries.sort(key=lambda entry: entry.name)
        elif shared(path)[0] and path.count("/") == 2 and shelf.below(FACTS, as_of):  # noqa: PLR2004
            entries.append(Entry(name="facts", kind="folder"))
        elif not entries and path not in (CORE, KV) and path.count("/") > 2:  # noqa: PLR2004 - /mem/NAME
            raise SysError(
                Code.NOT_FOUND, f"nothing is kept at {path}", hint="list the folder above it"
            )
        return entries

    async def read(self, pid: Pid, path: str, as_of: int | None = None) -> str:
        if path.startswith("/proc"):
            return await self._process(pid, path)
        shelf, owner, inside = await self._shelf(pid, path)
        standing = shelf.standing(inside, as_of)
        if not standing:
            raise self._nothing(shelf, path, inside)
        texts = await self._stores.texts(owner, standing)
        if len(texts) == 1:
            return texts[0]
        return "\n".join(f"[{_says(v)}]\n{t}" for v, t in zip(standing, texts, strict=True))

    async def documents(
        self, pid: Pid, path: str, as_of: int | None = None, label: str = ""
    ) -> Sequence[Document]:
        if path.startswith("/proc"):
            if label:
                raise SysError(Code.INVALID, f"nothing in {path} has a label", hint="look in /mem")
            return await self._proc_documents(pid, path)
        shelf, owner, inside = await self._shelf(pid, path)
        labelled = await self._stores.labelled(owner, label)
        standing = [
            version
            for version in shelf.below(inside, as_of)
            if labelled is None or version.seq in labelled
        ]
        if len(standing) > MOST_DOCUMENTS:
            raise SysError(
                Code.LIMIT,
                f"{len(standing)} texts are kept at {path}, more than one search looks into",
                hint="search in a folder of it, or in plain words: memory_search (logos mem search)",
            )
        texts = await self._stores.texts(owner, standing)
        space, _ = shared(path)
        paths = [abroad(space, version.path) for version in standing]
        return [Document(*item) for item in zip(paths, texts, strict=True)]

    async def _shelf(self, pid: Pid, path: str) -> tuple[Shelf, Pid, str]:
        """Whose memory a path is in, and its path there."""
        space, inside = shared(path)
        if not space:
            return await self._stores.current(pid), pid, inside
        owner = await self._stores.find(space)
        if owner is None:
            raise SysError(Code.NOT_FOUND, f"there is no space {space!r}", hint="list /mem")
        return await self._stores.current(owner), owner, inside

    def _nothing(self, shelf: Shelf, path: str, inside: str) -> SysError:
        if shelf.below(inside):
            return SysError(Code.INVALID, f"{path} is a folder", hint="list it")
        ended = " any more" if shelf.history(inside) else ""
        return SysError(
            Code.NOT_FOUND, f"nothing is kept at {path}{ended}", hint="see fs.list (logos ls)"
        )

    # -- processes ---------------------------------------------------------------------------

    async def _processes(self, pid: Pid, path: str) -> Sequence[Entry]:
        if path == "/proc":
            listed = await self._records.list()
            shown = [
                Entry(name=str(p.pid), kind="folder", note=f"{p.agent} {p.status}") for p in listed
            ]
            return [Entry(name="self", kind="folder", note=f"process {pid}"), *shown]
        whose, part = _proc(pid, path)
        await self._records.process(whose)  # raises when there is no such process
        if part:
            raise SysError(Code.INVALID, f"{path} is not a folder", hint="read it with fs.read")
        return [Entry(name=name) for name in PARTS]

    async def _process(self, pid: Pid, path: str) -> str:
        whose, part = _proc(pid, path)
        match part:
            case "status":
                state = await self._records.process(whose)
                return msgspec.json.format(msgspec.json.encode(state)).decode()
            case "window":
                window = await self._records.window(whose)
                return _json_lines(window.messages())
            case "journal":
                await self._records.process(whose)
                lines = [t async for t in self._records.events(whose)]
                return "\n".join(f"{t.row.seq}\t{_json(t.event)}" for t in lines)
            case "children":
                await self._records.process(whose)
                listed = await self._records.list(everyone=True)
                ours = [p for p in listed if p.parent == whose]
                return "\n".join(f"{p.pid}\t{p.status}\t{p.agent}" for p in ours)
            case _:
                raise SysError(Code.NOT_FOUND, f"no {path}", hint=f"there are {', '.join(PARTS)}")

    async def _proc_documents(self, pid: Pid, path: str) -> Sequence[Document]:
        whose, part = _proc(pid, path)
        parts = (part,) if part else PARTS
        lead = "/".join(path.split("/")[:3])
        return [
            Document(f"{lead}/{one}", await self._process(pid, f"/proc/{whose}/{one}"))
            for one in parts
        ]


class _Mounted:
    """A Mount: the tree as seen by the process of the job."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    async def list(self, job: Job, path: str) -> Sequence[Entry]:
        return await self._tree.entries(job.pid, path)

    async def read(self, job: Job, path: str) -> str:
        return await self._tree.read(job.pid, path)

    async def write(self, job: Job, path: str, text: str) -> None:
        del job, text
        raise SysError(Code.DENIED, f"{path} cannot be written", hint="see memory.remember")

    async def documents(self, job: Job, path: str) -> Sequence[Document]:
        return await self._tree.documents(job.pid, path)


def mounts(tree: Tree) -> Mapping[str, Mount]:
    mounted = _Mounted(tree)
    return {"/mem": mounted, "/kv": mounted, "/proc": mounted}


def folded(versions: Sequence[Version], folder: str) -> Sequence[Entry]:
    """One level of a folder: its entries, and the folders below it."""
    lead = folder.rstrip("/") + "/"
    found: dict[str, Entry] = {}
    for version in versions:
        if version.path == folder:
            continue
        name, slash, _ = version.path.removeprefix(lead).partition("/")
        if slash:
            found.setdefault(name, Entry(name=name, kind="folder"))
        elif name in found:  # two sources say different things
            found[name] = Entry(name=name, size=found[name].size + version.size, note="disputed")
        else:
            found[name] = Entry(name=name, size=version.size, note=version.head)
    return [found[name] for name in sorted(found)]


def _says(version: Version) -> str:
    who = version.source or "somebody"
    against = ", ".join(f"page {seq}" for seq in version.contradicts)
    return f"page {version.seq}, {who} says" + (f"; contradicts {against}" if against else "")


def _proc(pid: Pid, path: str) -> tuple[Pid, str]:
    """/proc/self/status -> whose, which."""
    parts = path.split("/")
    name = parts[2] if len(parts) > 2 else ""  # noqa: PLR2004
    if len(parts) > 4 or not (name == "self" or name.isdecimal()):  # noqa: PLR2004
        raise SysError(Code.NOT_FOUND, f"no {path}", hint="list /proc")
    return pid if name == "self" else Pid(int(name)), "/".join(parts[3:])


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _json_lines(values: Sequence[Any]) -> str:
    return "\n".join(map(_json, values))
