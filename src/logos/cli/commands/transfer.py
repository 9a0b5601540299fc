"""mem import, mem export: memories from files, and to files."""

from typing import Any

import anyio.to_thread
import msgspec

from logos.abi.errors import MEANING, Code, SysError
from logos.abi.ids import Pid
from logos.cli.commands.mem import HOME, OF, whose
from logos.cli.exporting import Export
from logos.cli.importing import Import, Result
from logos.cli.out import sayable
from logos.cli.registry import DRY_RUN, Argument, Asked, Command
from logos.cli.sources import EXPORT, plan
from logos.kernel import Shelf, place

ROOT = "/mem/archive"


async def import_(asked: Asked) -> int:
    given = asked.arguments
    root = place(f"{given.at}/-").removesuffix("/-")  # says so where nothing can be kept
    if not f"{root}/".startswith(f"{ROOT}/"):
        raise SysError(Code.INVALID, f"files cannot go to {root}", hint=f"--at {ROOT}/...")
    planned = await anyio.to_thread.run_sync(plan, given.path, asked.cwd, root)
    pid = await _target(asked)
    dry = ["--dry-run"] if given.dry_run else []
    options = ["--to", given.to, "--at", root, *dry, *asked.same]
    asked.resume(["mem", "import", *options, "--", *given.path])
    shelf = Shelf() if pid is None else await asked.node.kernel.stores.read_up(pid)

    def tell(done: int, name: str) -> None:
        shown, all_ = sayable(name), len(planned.found)
        asked.out.progress(done, all_, shown)
        asked.out.item({"type": "file", "number": done + 1, "of": all_, "name": shown}, None)

    keeper = None if given.dry_run else pid
    importer = Import(asked.node.kernel, keeper, tell, asked.interrupted.is_set)
    result = await importer.run(planned, shelf)
    asked.out.progress(len(planned.found), len(planned.found), "")
    skipped = [sayable(line) for line in result.skipped]
    for line in skipped:
        asked.out.note(f"skipped {line}")
    data = result._asdict() | {"type": "imported", "pid": pid, "skipped": skipped}
    asked.out.item(data | {"dry": given.dry_run}, _told(result, dry=given.dry_run))
    if result.stopped:
        asked.out.note("stopped: the same command goes on where it stopped")
        return MEANING[Code.CANCELLED].exit_status
    return 0


async def _target(asked: Asked) -> Pid | None:
    """Whose memory it is; None: a space that nobody begins for a dry run."""
    to = asked.arguments.to
    if asked.arguments.dry_run and not to.isdecimal():
        return await asked.node.kernel.stores.find(to.removeprefix("/mem/"))
    return await whose(asked, to, begin=True)


def _told(result: Result, *, dry: bool) -> str:
    entries = f"{result.entries} {'entry' if result.entries == 1 else 'entries'}"
    files = f"{result.files} file{'' if result.files == 1 else 's'}"
    return (
        f"{'would take in ' if dry else ''}{entries} of {files}; "
        f"{result.unchanged} unchanged, {result.closed} closed, {len(result.skipped)} skipped"
    )


async def export(asked: Asked) -> int:
    """A next daemon goes on after as many lines as were written."""
    kernel, given = asked.node.kernel, asked.arguments
    pid = await whose(asked)
    exported = Export(pid, await kernel.stores.shelf(pid), recall=given.recall)
    recall = ["--recall"] if given.recall else []
    words = ["mem", "export", "--of", given.of, *recall, *asked.same]
    lines = 0

    def write(line: dict[str, Any]) -> None:
        nonlocal lines
        lines += 1
        if lines > given.skip:
            with asked.together():
                asked.out.text(msgspec.json.encode(line).decode() + "\n")
                asked.resume([*words, "--skip", str(lines)])

    write({"type": "export", "v": EXPORT})
    async for told in kernel.records.events(pid):
        kept = exported.line(told.row.seq, told.row.at, told.event)
        if kept is not None:
            write({"type": type(kept).__name__.lower()} | msgspec.to_builtins(kept))
    write({"type": "end", "entries": lines - 1, "left_out": exported.left_out})
    return 0


MEM_IMPORT = Command(
    "mem import",
    "import files and folders into a memory; repeated, only what has changed",
    import_,
    (
        Argument("path", "files and folders", many=True),
        Argument(
            "--to", "the number of a process, or the name of a space", default=HOME, value="WHOSE"
        ),
        Argument("--at", "below this path", default=ROOT, value="PATH"),
        DRY_RUN,
    ),
    effect="write",
    stream=True,
    leaves=True,
    details="Text, Markdown, HTML, PDF, JSON, CSV and source code; lines of JSON with `text`, and `speaker` or "
    "`role` and `time`, are what was said; a file of `logos mem export` is that memory. Hidden files, links, "
    "and folders of built or fetched things (node_modules, target, dist, build) are left out.",
)
MEM_EXPORT = Command(
    "mem export",
    "print everything a memory was told, as JSON Lines",
    export,
    (
        OF,
        Argument("--recall", "also what was said to it, by it, and returned to it", bool),
        Argument("--skip", "leave out this many lines at the beginning", int, default=0, least=0),
    ),
    stream=True,
)
