"""mem todo, facts, core: what stands in a memory now, at places of its own."""

from typing import Any

from logos.abi.calls import moment
from logos.abi.errors import Code, SysError
from logos.abi.events import Remembered
from logos.cli.commands.mem import AS_OF, OF, put, whose
from logos.cli.registry import Argument, Asked, Command
from logos.cli.shown import when
from logos.kernel import CORE, FACTS, TODO, Shelf, Version, todo_list


async def todo(asked: Asked) -> int:
    if asked.arguments.item or asked.arguments.clear:
        await put(asked, todo_list(asked.arguments.item))
    shelf = await asked.node.kernel.stores.shelf(await whose(asked))
    found = shelf.one(TODO)
    text = "" if found is None else found.text or ""
    asked.out.data(text.splitlines(), text or "nothing to do")
    return 0


async def facts(asked: Asked) -> int:
    shelf = await asked.node.kernel.stores.shelf(await whose(asked))
    standing = shelf.below(FACTS, moment(asked.arguments.as_of))
    if asked.arguments.history:
        standing = _ever(shelf, FACTS)
    rows = [
        (
            version.seq,
            version.subject,
            version.relation,
            when(version.since),
            when(version.until) if version.until else None,
            version.source or None,
            ",".join(map(str, version.contradicts)) or None,
            version.text,
        )
        for version in standing
    ]
    columns = ("PAGE", "ABOUT", "WHAT", "SINCE", "UNTIL", "SOURCE", "AGAINST", "FACT")
    asked.out.table(columns, rows, [_data(version) for version in standing])
    return 0


def _data(version: Version) -> dict[str, Any]:
    names = (
        "path",
        "seq",
        "text",
        "subject",
        "relation",
        "source",
        "since",
        "until",
        "contradicts",
    )
    return {name: getattr(version, name) for name in names}


async def core(asked: Asked) -> int:
    given = asked.arguments
    change = bool(given.undo or given.text or given.limit or given.clear)
    if change and not given.name:
        raise SysError(Code.INVALID, "which block?", hint="logos mem core NAME ...")
    pid = await whose(asked, begin=change)
    shelf = await asked.node.kernel.stores.shelf(pid)
    path = f"{CORE}/{given.name}"
    if change:
        await put(asked, _block(shelf, path, asked))
        shelf = await asked.node.kernel.stores.shelf(pid)
    below = path if given.name else CORE
    blocks = _ever(shelf, below) if given.history else shelf.below(below)
    data = [_data(block) | {"limit": shelf.limit(block.path)} for block in blocks]
    shown = [f"{_head(asked, shelf, block)}\n{block.text}" for block in blocks]
    asked.out.data(data, "\n\n".join(shown) or "no blocks")
    return 0


def _head(asked: Asked, shelf: Shelf, block: Version) -> str:
    head = f"{block.path} ({len(block.text or '')} of {shelf.limit(block.path)})"
    if block.until is not None:
        head += f", from {when(block.since)} to {when(block.until)}"
    return asked.out.style(head, "dim")


def _ever(shelf: Shelf, folder: str) -> list[Version]:
    """Every version, oldest first, path by path."""
    return [v for path in shelf.paths(folder) for v in shelf.history(path) if not v.ends]


def _block(shelf: Shelf, path: str, asked: Asked) -> Remembered:
    given = asked.arguments
    if given.clear:
        return Remembered(path=path, ends=True)
    if given.undo:
        before = shelf.before(path)
        if before is None:
            raise SysError(
                Code.NOT_FOUND, f"nothing stood at {path} before", hint="see `logos mem core`"
            )
        return Remembered(path=path, text=before.text or "", restores=before.seq)
    stands = shelf.one(path)
    text = given.text or ("" if stands is None else stands.text or "")
    return Remembered(path=path, text=text, limit=given.limit)


TODO_ = Command(
    "mem todo",
    "show the todo list; with items, replace it",
    todo,
    (
        Argument("item", "an item; one that begins with [x] is done", default=(), many=True),
        Argument("--clear", "empty the list", bool),
        OF,
    ),
    effect="write",
)
FACTS_ = Command(
    "mem facts",
    "list the facts that hold, and those that disagree",
    facts,
    (Argument("--history", "include facts that no longer hold", bool), AS_OF, OF),
)
CORE_ = Command(
    "mem core",
    "list the core blocks; with a name and a text, write one",
    core,
    (
        Argument("name", "name of the block", default=""),
        Argument("text", "the new text", default=""),
        Argument("--undo", "restore the previous text", bool),
        Argument("--clear", "remove the block", bool),
        Argument("--history", "include texts that stood there before", bool),
        Argument("--limit", "the most characters it may have from now on", int, default=0, least=1),
        OF,
    ),
    effect="write",
)
STANDING = (TODO_, FACTS_, CORE_)
