"""mem ...: what processes keep, for people; what stands at a fixed place of it is in standing.py.

`--of` says whose memory: a number is a process, anything else a space.  Without it, the space `home`,
which begins when something is first put there.
"""

from collections.abc import Sequence
from typing import Any

from logos.abi.calls import moment
from logos.abi.errors import Code, SysError
from logos.abi.events import Linked, Pinned, Remembered
from logos.abi.ids import Pid, Seq
from logos.cli.registry import DRY_RUN, Argument, Asked, Command
from logos.cli.shown import counted, when
from logos.kernel import FACTS, Sought, abroad, entry, folder, place, shared, slug, view

HOME = "home"

MOST_EDGES = 1000
"""Shown at a time."""

OF = Argument(
    "--of",
    "whose memory: the number of a process, or the name of a space",
    default=HOME,
    value="WHOSE",
)
AS_OF = Argument("--as-of", "as of this date or time", default="", value="TIME")

LABEL = Argument(
    "--label",
    "only trusted, untrusted, principal, agent, tool, public or confidential; several with commas",
    default="",
)


async def whose(asked: Asked, given: str | None = None, *, begin: bool = False) -> Pid:
    """Raise `not_found` for a space that there is not; `begin` says to start it instead."""
    of = asked.arguments.of if given is None else given
    if not of:
        raise SysError(
            Code.INVALID, "whose memory?", hint="the number of a process, or the name of a space"
        )
    if of.isdecimal():
        await asked.node.kernel.records.process(Pid(int(of)))  # says so when there is none
        return Pid(int(of))
    kernel, space = asked.node.kernel, of.removeprefix("/mem/")
    if begin or space == HOME:
        return await kernel.space(space)
    if (found := await kernel.stores.find(space)) is None:
        raise SysError(Code.NOT_FOUND, f"there is no space {space!r}", hint="see `logos mem space`")
    return found


async def put(asked: Asked, *items: Remembered | Linked | Pinned) -> list[Seq]:
    return await asked.node.kernel.remember(await whose(asked, begin=True), items)


async def remember(asked: Asked) -> int:
    given = asked.arguments
    if not given.text:
        raise SysError(Code.INVALID, "there is no text", hint='logos mem remember "..."')
    pid = await whose(asked, begin=True)
    path = await _inside(asked, pid, place(given.at)) if given.at else ""
    if not path:
        fact = given.subject and given.relation
        path = f"{FACTS}/{slug(given.subject)}/{slug(given.relation)}" if fact else ""
    event = entry(
        path or f"/mem/archive/notes/{asked.node.kernel.now()}",
        given.text,
        about=(given.subject, given.relation),
        since=moment(given.since),
        source=given.source,
    )
    [seq] = await put(asked, event)
    shown = _outside(asked, event.path)
    asked.out.data({"path": shown, "page": seq}, f"{shown} (page {seq})")
    return 0


async def search(asked: Asked) -> int:
    kernel, pid = asked.node.kernel, await whose(asked)
    given = asked.arguments
    names = ("path", "by", "kind", "label", "reader", "since", "until", "as_of")
    sought = Sought.given({name: getattr(given, name) for name in names})
    found = await kernel.stores.seek(pid, given.question, given.tokens, sought)
    shelf = await kernel.stores.shelf(pid)
    reasons = {why.page: why for why in found.why}
    rows = [
        {
            "page": page.source.seq,
            "start": page.source.start,
            "path": _outside(asked, shelf.path(page.source.seq) or "") or None,
            "role": page.role,
            "subject": page.subject,
            "time": page.time,
            "valid_to": page.valid_to,
            "score": round(reasons[page.id].score, 3),
            "why": dict(reasons[page.id].moved),
            "text": page.text,
        }
        for page in found.pages
    ]
    shown = "\n\n".join(f"{_head(asked, row)}\n{str(row['text']).strip()}" for row in rows)
    if found.vectors == "late":
        asked.out.note("the question got no vector in time: searched by words alone")
    if found.reranked == "late":
        asked.out.note(
            "the reranker did not answer in time: what was found is in the order of words"
        )
    asked.out.data(
        {"vectors": found.vectors, "reranked": found.reranked, "pages": rows},
        shown or "nothing fits",
    )
    return 0


def _head(asked: Asked, row: dict[str, Any]) -> str:
    who = row["subject"] or row["role"]
    time = f", {when(row['time'])}" if row["time"] else ""
    past = f", until {when(row['valid_to'])}" if row["valid_to"] else ""
    return asked.out.style(f"page {row['page']}, {row['path'] or who}{time}{past}", "dim")


async def read(asked: Asked) -> int:
    pid = await whose(asked)
    text = await asked.node.kernel.records.page(pid, Seq(asked.arguments.page))
    asked.out.data({"page": asked.arguments.page, "text": text}, text)
    return 0


async def link(asked: Asked) -> int:
    given = asked.arguments
    pid = await whose(asked)
    node = await _node(asked, pid, given.node, new=given.to and not given.remove)
    if not given.to and not given.remove:
        shelf = await asked.node.kernel.stores.shelf(pid)
        relations = (given.relation,) if given.relation else ()
        walked = shelf.walk(node, relations, steps=given.steps, most=MOST_EDGES)
        rows = [
            (far, _outside(asked, e.source), e.relation, _outside(asked, e.target))
            for far, e in walked
        ]
        names = ("steps", "source", "relation", "target")
        data = [dict(zip(names, row, strict=True)) for row in rows]
        if not rows:
            by = f" by {given.relation}" if given.relation else ""
            asked.out.data(data, f"nothing is linked to {given.node}{by}")
            return 0
        if len(rows) == MOST_EDGES:
            asked.out.note(f"the first {MOST_EDGES}: there may be more")
        asked.out.table(("STEPS", "FROM", "RELATION", "TO"), rows, data)
        return 0
    if not (given.relation and given.to):
        raise SysError(Code.INVALID, "which edge?", hint="logos mem link NODE RELATION TO")
    target = await _node(asked, pid, given.to, new=not given.remove)
    event = Linked(source=node, relation=given.relation, target=target, removed=given.remove)
    await put(asked, event)
    said = f"{event.source} {event.relation} {event.target}"
    asked.out.data({"linked": said, "removed": given.remove}, said)
    return 0


async def _node(asked: Asked, pid: Pid, given: str, *, new: bool) -> str:
    """An entry as its own memory calls it, or a page; for a `new` edge, say if it is not there."""
    kernel = asked.node.kernel
    if given.isdecimal():
        await kernel.records.page(pid, Seq(int(given)))
        return given
    path = await _inside(asked, pid, place(given))
    if new and not (await kernel.stores.shelf(pid)).changes(path):
        asked.out.note(f"nothing is kept at {given} yet")
    return path


async def _inside(asked: Asked, pid: Pid, path: str) -> str:
    """A path as its own memory calls it.  Raise `invalid` for one of another."""
    name, inside = shared(path)
    if name and await asked.node.kernel.stores.find(name) != pid:
        raise SysError(Code.INVALID, f"{path} is in another memory", hint=f"--of {name}")
    return inside


def _outside(asked: Asked, path: str) -> str:
    """The same as everybody calls it."""
    of = asked.arguments.of.removeprefix("/mem/")
    return path if of.isdecimal() or of == HOME else abroad(of, path)


async def forget(asked: Asked) -> int:
    given = asked.arguments
    if not (given.path or given.page):
        raise SysError(Code.INVALID, "what is to be forgotten?", hint="name a path, or --page N")
    pid = await whose(asked)
    path = await _inside(asked, pid, folder(given.path)) if given.path else ""
    kernel, dry = asked.node.kernel, given.dry_run
    pages = await kernel.forget(
        pid, [Seq(n) for n in given.page], path=path, reason=given.reason, dry=dry
    )
    if not pages:
        at = given.path or "these pages"
        raise SysError(Code.NOT_FOUND, f"nothing is kept at {at}", hint="see `logos ls`")
    shelf = await kernel.stores.shelf(pid)
    named = [shelf.path(page) or f"page {page}" for page in pages]
    would = [f"would go: {_outside(asked, name)}" for name in dict.fromkeys(named)] if dry else []
    said = f"the words of {counted(pages, 'event')} {'would be' if dry else 'are'} gone for good"
    asked.out.data({"forgotten": pages, "dry": dry}, "\n".join([*would, said]))
    return 0


async def pin(asked: Asked) -> int:
    page, off = Seq(asked.arguments.page), asked.arguments.off
    if not asked.arguments.of.isdecimal():
        raise SysError(Code.INVALID, "a space has no window", hint="say whose: --of PID")
    kernel, pid = asked.node.kernel, await whose(asked)
    await kernel.records.page(pid, page)
    await put(asked, Pinned(page=page, pinned=not off))
    seen = view(await kernel.stores.window(pid))
    there = {n for one in seen for n in (*one.pages, *(piece.page for piece in one.brought))}
    if page not in there and not off:
        asked.out.note("it is not in the window now: it stays from when it comes back")
    asked.out.data({"page": page, "pinned": not off}, f"page {page} {'goes' if off else 'stays'}")
    return 0


async def space(asked: Asked) -> int:
    kernel = asked.node.kernel
    if asked.arguments.name:
        pid = await kernel.space(asked.arguments.name)
        asked.out.data(
            {"name": asked.arguments.name, "pid": pid},
            f"/mem/{asked.arguments.name} is process {pid}",
        )
        return 0
    named = await kernel.stores.named()
    rows = [(name, pid) for name, pid in named.items()]
    asked.out.table(("SPACE", "PID"), rows, [{"name": n, "pid": p} for n, p in rows])
    return 0


def _command(
    name: str, summary: str, run: Any, arguments: Sequence[Argument], **more: Any
) -> Command:
    return Command(name, summary, run, tuple(arguments), **more)


REMEMBER = _command(
    "mem remember",
    "store a text in a memory; with a subject and a relation, as a fact",
    remember,
    (
        Argument("text", "what to remember"),
        Argument(
            "--at",
            "path: /mem/archive/..., /mem/core/NAME, /mem/facts/A/B",
            default="",
            value="PATH",
        ),
        Argument("--subject", "what a fact is about", default=""),
        Argument("--relation", "what the fact says about it", default=""),
        Argument("--since", "date from which it holds, if not from now", default="", value="TIME"),
        Argument("--source", "who says so", default="", value="WHO"),
        OF,
    ),
    effect="write",
    idempotent=False,
)
SEARCH = _command(
    "mem search",
    "search a memory for what bears on a question",
    search,
    (
        Argument("question", "in plain words"),
        Argument("--tokens", "the most tokens of text to show", int, default=1024),
        Argument("--path", "only entries below this path", default=""),
        Argument("--by", "only this speaker or role", default="", value="WHO"),
        Argument("--kind", "only chat, people, tool, document, fact or summary", default=""),
        LABEL,
        Argument("--reader", "only what this person may read", default="", value="WHO"),
        Argument("--since", "only from this date or time on", default="", value="TIME"),
        Argument("--until", "only before this date or time", default="", value="TIME"),
        AS_OF,
        OF,
    ),
)
READ = _command(
    "mem read", "show one page, exactly", read, (Argument("page", "number of the page", int), OF)
)
LINK = _command(
    "mem link",
    "link two entries by a typed edge; without the second, show what is linked to the first",
    link,
    (
        Argument("node", "a path, or the number of a page"),
        Argument("relation", "such as cites or part-of", default=""),
        Argument("to", "a path, or the number of a page", default=""),
        Argument("--remove", "remove the edge", bool),
        Argument("--steps", "how far to follow edges", int, default=2, least=1),
        OF,
    ),
    effect="write",
)
FORGET = _command(
    "mem forget",
    "erase pages and every copy of them in a journal, for good",
    forget,
    (
        Argument("path", "everything at and below it", default=""),
        Argument(
            "--page",
            "a page by its number; may be given several times",
            int,
            many=True,
            value="PAGE",
        ),
        Argument("--reason", "kept in the journal", default=""),
        OF,
        DRY_RUN,
    ),
    effect="write",
)
PIN = _command(
    "mem pin",
    "keep a page in the window of its process",
    pin,
    (Argument("page", "number of the page", int), Argument("--off", "unpin it", bool), OF),
    effect="write",
)
SPACE = _command(
    "mem space",
    "list the spaces that processes share; with a name, start one",
    space,
    (Argument("name", "name of the space", default=""),),
    effect="write",
)
MEMORY = (
    REMEMBER, SEARCH, READ, LINK, FORGET, PIN, SPACE,
)  # fmt: skip
