"""ls, cat, grep: the tree as a process sees it.

Without `--pid`, what a path says by itself: spaces by their names, processes by their numbers; one's
own folders (/mem/core, /kv ...) are those of the space `home`.
"""

import re
from collections.abc import Callable

import msgspec

from logos.abi.calls import moment
from logos.abi.ids import INIT, Pid
from logos.cli.commands.mem import AS_OF, HOME, whose
from logos.cli.registry import Argument, Asked, Command
from logos.kernel import shared


async def _seen(asked: Asked) -> tuple[Pid, str, int | None]:
    """As whom, which path, as of when."""
    path = asked.arguments.path
    pid = Pid(asked.arguments.pid)
    if not pid:
        name, _ = shared(path)
        pid = INIT if name or path.startswith(("/proc", "/mem")) else await whose(asked, HOME)
    return pid, path.rstrip("/") or "/", moment(asked.arguments.as_of)


async def ls(asked: Asked) -> int:
    pid, path, as_of = await _seen(asked)
    entries = await asked.node.kernel.tree.entries(pid, path, as_of)
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
    text = await asked.node.kernel.tree.read(pid, path, as_of)
    asked.out.data({"path": path, "text": text}, text)
    return 0


async def grep(asked: Asked) -> int:
    pid, path, as_of = await _seen(asked)
    matches = _matcher(asked.arguments.pattern)
    documents = await asked.node.kernel.tree.documents(pid, path, as_of)
    found = [
        (one.path, number, line)
        for one in documents
        for number, line in enumerate(one.text.split("\n"), 1)
        if matches(line)
    ]
    data = [{"path": p, "line": n, "text": t} for p, n, t in found]
    asked.out.data(data, "\n".join(f"{p}:{n}: {t}" for p, n, t in found) or "no match")
    return 0


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Plain words in any case: a pattern could run for ever in the daemon."""
    wanted = re.compile(re.escape(pattern), re.IGNORECASE)
    return lambda line: wanted.search(line) is not None


PATH = Argument("path", "a path in the tree, such as /mem/team or /proc/5/status", default="/mem")
AS = Argument("--pid", "as this process sees it", int, default=0)
TREE_ARGUMENTS = (PATH, AS, AS_OF)

LS = Command("ls", "a folder of the tree: /mem, /kv, /proc", ls, TREE_ARGUMENTS)
CAT = Command("cat", "a text of the tree", cat, TREE_ARGUMENTS)
GREP = Command(
    "grep",
    "lines of the tree that contain a text",
    grep,
    (Argument("pattern", "the text, in any case"), *TREE_ARGUMENTS),
)

TREE_ = (LS, CAT, GREP)
