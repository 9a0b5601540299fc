"""ls, cat, grep: the tree as a process sees it.

Without `--pid`, what a path says by itself: spaces by their names, processes by their numbers; one's
own folders (/mem/core, /kv ...) are those of the space `home`.  What is mounted (/tools, /skills, /net) is
the same for everybody.
"""

import posixpath
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import regex  # type: ignore[import-untyped]
from anyio import to_thread

from logos.abi.calls import moment
from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.ids import INIT, CallId, Pid
from logos.abi.mount import Document, Entry, Mount
from logos.cli.commands.mem import AS_OF, HOME, LABEL
from logos.cli.registry import Argument, Asked, Command
from logos.kernel import shared

GREP_S = 5.0
"""What a pattern may take."""


async def _seen(asked: Asked) -> tuple[Pid, str, int | None]:
    """As whom, which path, as of when."""
    path = asked.arguments.path
    if not path.startswith("/"):
        raise SysError(Code.INVALID, f"{path!r} is not a path of the tree", hint="see `logos ls /`")
    path = posixpath.normpath(path).replace("//", "/")
    pid = Pid(asked.arguments.pid)
    if pid:
        await asked.node.kernel.records.process(pid)  # says so when there is none
    elif not shared(path)[0] and not path.startswith("/proc") and not _mounted(asked, path):
        pid = await asked.node.kernel.stores.find(HOME) or INIT  # without one nothing is kept
    return pid or INIT, path, moment(asked.arguments.as_of)


def _mounted(asked: Asked, path: str) -> Mount | None:
    return asked.node.mounts.get(f"/{path.split('/')[1]}")


def _job(asked: Asked, pid: Pid) -> Job:
    """As if this process looked."""
    return Job(id=CallId("0-0"), pid=pid, call=None, workspace=asked.cwd)


async def _entries(asked: Asked) -> Sequence[Entry]:
    pid, path, as_of = await _seen(asked)
    if mount := _mounted(asked, path):
        return await mount.list(_job(asked, pid), path)
    entries = await asked.node.kernel.tree.entries(pid, path, as_of)
    if path != "/":
        return entries
    tops = [Entry(name=top[1:], kind="folder") for top in asked.node.mounts]
    return sorted([*entries, *tops], key=lambda entry: entry.name)


async def ls(asked: Asked) -> int:
    entries = await _entries(asked)
    rows = [
        (
            f"{e.name}/" if e.kind == "folder" else e.name,
            e.size if e.kind == "file" else None,
            e.note,
        )
        for e in entries
    ]
    data = [msgspec.structs.asdict(entry) for entry in entries]
    asked.out.table(("NAME", "BYTES", "NOTE"), rows, data)
    return 0


async def cat(asked: Asked) -> int:
    pid, path, as_of = await _seen(asked)
    if mount := _mounted(asked, path):
        text = await mount.read(_job(asked, pid), path)
    else:
        text = await asked.node.kernel.tree.read(pid, path, as_of)
    asked.out.data({"path": path, "text": text}, text)
    return 0


async def grep(asked: Asked) -> int:
    pid, path, as_of = await _seen(asked)
    given = asked.arguments
    wanted = _pattern(given.pattern, plain=not given.regex)
    if (mount := _mounted(asked, path)) and not given.label:
        documents = await mount.documents(_job(asked, pid), path)
    else:
        documents = await asked.node.kernel.tree.documents(pid, path, as_of, given.label)
    found = await to_thread.run_sync(_matches, wanted, documents)
    data = [{"path": p, "line": n, "text": t} for p, n, t in found]
    asked.out.data(data, "\n".join(f"{p}:{n}: {t}" for p, n, t in found) or "no match")
    return 0


def _pattern(pattern: str, *, plain: bool) -> Any:
    """Raise `invalid` for what is no expression."""
    try:
        return regex.compile(regex.escape(pattern) if plain else pattern, regex.IGNORECASE)
    except regex.error as error:
        raise SysError(
            Code.INVALID, f"not an expression: {error}", hint="without --regex it is a text"
        ) from error


def _matches(wanted: Any, documents: Sequence[Document]) -> list[tuple[str, int, str]]:
    """In a thread, and no longer than a pattern may take: some would run for ever."""
    ends = time.monotonic() + GREP_S
    found: list[tuple[str, int, str]] = []
    for one in documents:
        for number, line in enumerate(one.text.split("\n"), 1):
            left = ends - time.monotonic()
            try:
                if wanted.search(line, timeout=max(left, 0.001), concurrent=True):
                    found.append((one.path, number, line))
            except TimeoutError as error:
                raise SysError(
                    Code.TIMEOUT,
                    f"no answer within {GREP_S} s, at {one.path}:{number}",
                    hint="write a pattern that does not repeat what is repeated, such as (a+)+",
                ) from error
    return found


PATH = Argument("path", "a path in the tree, such as /mem/team or /proc/5/status", default="/mem")
AS = Argument("--pid", "as this process sees it", int, default=0, value="PID")
TREE_ARGUMENTS = (PATH, AS, AS_OF)

LS = Command("ls", "list a folder of the tree: /mem, /proc, /tools, /skills …", ls, TREE_ARGUMENTS)
CAT = Command("cat", "print a text of the tree", cat, TREE_ARGUMENTS)
GREP = Command(
    "grep",
    "search the tree for lines that contain a text",
    grep,
    (
        Argument("pattern", "the text to look for, ignoring case"),
        Argument("--regex", "the pattern is a regular expression", bool),
        LABEL,
        *TREE_ARGUMENTS,
    ),
)

TREE_ = (LS, CAT, GREP)
