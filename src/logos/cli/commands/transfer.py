"""mem import, mem export: memories from files, and to files."""

import msgspec
from msgspec.structs import replace

from logos.abi.errors import MEANING, Code
from logos.abi.events import Linked, Remembered
from logos.abi.ids import MailId, Seq
from logos.cli.commands.mem import HOME, OF, whose
from logos.cli.importing import Import, Result, plan
from logos.cli.registry import Argument, Asked, Command


async def import_(asked: Asked) -> int:
    found, folders = plan(asked.arguments.path, asked.cwd)
    pid = await whose(asked, asked.arguments.to, begin=True)

    def tell(done: int, name: str) -> None:
        asked.out.progress(done, len(found), name)
        asked.out.item({"type": "file", "number": done + 1, "of": len(found), "name": name}, None)

    importer = Import(asked.node.kernel, pid, tell, asked.interrupted.is_set)
    result = await importer.run(found, folders)
    asked.out.progress(len(found), len(found), "")
    for line in result.skipped:
        asked.out.note(f"skipped {line}")
    data = result._asdict() | {"type": "imported", "pid": pid}
    asked.out.item(data, _told(result))
    if result.stopped:
        asked.out.note("stopped: the same command goes on where it stopped")
        return MEANING[Code.CANCELLED].exit_status
    return 0


def _told(result: Result) -> str:
    return (
        f"{result.entries} entries of {result.files} files; {result.unchanged} unchanged, "
        f"{result.closed} closed, {len(result.skipped)} skipped"
    )


async def export(asked: Asked) -> int:
    """Versions as they were said, so that an import says the same again."""
    kernel, pid = asked.node.kernel, await whose(asked)
    entries = 0
    _line(asked, {"type": "export", "v": 1})
    async for told in kernel.records.events(pid):
        event = told.event
        kept: Remembered | Linked
        if isinstance(event, Remembered):
            since = told.row.at if event.valid_from is None else event.valid_from
            kept = replace(event, valid_from=since, by=None, mail=MailId(0), restores=Seq(0))
        elif isinstance(event, Linked):
            kept = replace(event, by=None, mail=MailId(0))
        else:
            continue
        entries += 1
        line = {"type": told.row.kind} | msgspec.to_builtins(kept)
        _line(asked, line)
    _line(asked, {"type": "end", "entries": entries})
    return 0


def _line(asked: Asked, line: dict[str, object]) -> None:
    """The same for people and programs: it is a file."""
    asked.out.text(msgspec.json.encode(line).decode() + "\n")


MEM_IMPORT = Command(
    "mem import",
    "import files and folders into a memory; repeated, only what has changed",
    import_,
    (
        Argument("path", "files and folders", many=True),
        Argument(
            "--to", "the number of a process, or the name of a space", default=HOME, value="WHOSE"
        ),
    ),
    effect="write",
    stream=True,
    leaves=True,
)
MEM_EXPORT = Command(
    "mem export", "print everything a memory was told, as JSON Lines", export, (OF,), stream=True
)
