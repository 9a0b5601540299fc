"""memory.* and kv.*: what a process keeps.  Its own is an event of its journal; what it puts into a
space travels to the space's process by mail, in the same transaction as the call."""

from msgspec.structs import replace

from logos.abi.calls import (
    Compress,
    Forget,
    GetKey,
    Kept,
    Link,
    Pin,
    ReadPage,
    Remember,
    SearchMemory,
    SetKey,
    Todo,
    moment,
)
from logos.abi.errors import Code, SysError
from logos.abi.events import Linked, Pinned, Remembered
from logos.abi.ids import Seq
from logos.kernel.handlers.table import TABLE
from logos.kernel.journal import Letter
from logos.kernel.memory import (
    ARCHIVE,
    CORE,
    FACTS,
    KV,
    Shelf,
    abroad,
    entry,
    folder,
    place,
    shared,
    slug,
    todo_list,
)
from logos.kernel.process.bodies import Deposit, Erase, Squeeze, encode
from logos.kernel.syscall import Context, Effects

MOST_EDGES = 50


@TABLE.handles(ReadPage)
async def read(ctx: Context, call: ReadPage) -> Effects:
    text = await ctx.kernel.page(ctx.pid, Seq(call.page))
    return Effects(value=text[call.offset :])


@TABLE.handles(SearchMemory)
async def search(ctx: Context, call: SearchMemory) -> Effects:
    space, _ = shared(call.space) if call.space else ("", "")
    if not space:
        return Effects(value=await ctx.kernel.search(ctx.pid, call))
    return Effects(value=await ctx.kernel.stores.search(space, call))


@TABLE.handles(Remember)
async def remember(ctx: Context, call: Remember) -> Effects:
    if not (call.text or call.path or call.undo):
        raise SysError(Code.INVALID, "there is no text", hint="say what to remember")
    path = place(call.path or _implied(ctx, call))
    space, inside = shared(path)
    about = call.subject, call.relation
    event = entry(inside, call.text, about=about, since=moment(call.since), source=call.source)
    if space:
        return await _share(ctx, space, event, path)
    if inside.startswith(f"{CORE}/"):
        event = _block(await ctx.kernel.stores.current(ctx.pid), event, undo=call.undo)
    elif call.undo:
        raise SysError(
            Code.INVALID, f"{path} is not a core block", hint="undo works on /mem/core/NAME"
        )
    return Effects(value=path, events=(event,))


def _implied(ctx: Context, call: Remember) -> str:
    """Where it goes when nobody says."""
    if call.subject and call.relation:
        return f"{FACTS}/{slug(call.subject)}/{slug(call.relation)}"
    return f"{ARCHIVE}/notes/{ctx.process.thoughts}-{ctx.process.calls + 1}"


async def _share(ctx: Context, space: str, event: Remembered, path: str) -> Effects:
    """Who put it there is its source: what two processes say of one thing is a contradiction."""
    pid = await ctx.kernel.stores.open(space)
    if not event.source:
        event = replace(event, source=f"process {ctx.pid}")
    return Effects(value=path, letters=(Letter(pid, ctx.pid, encode(Deposit((event,)))),))


def _block(shelf: Shelf, event: Remembered, *, undo: bool) -> Remembered:
    path = event.path
    if undo:
        before = shelf.before(path)
        if before is None:
            raise SysError(Code.NOT_FOUND, f"nothing stood at {path} before")
        return Remembered(path=path, text=before.text or "", restores=before.seq)
    shelf.fit([event])
    return event


@TABLE.handles(Link)
async def link(ctx: Context, call: Link) -> Effects:
    space, source = shared(_node(call.node))
    other, target = shared(_node(call.to)) if call.to else (space, "")
    if not target:
        shelf = await (ctx.kernel.stores.of(space) if space else ctx.kernel.stores.current(ctx.pid))
        relations = (call.relation,) if call.relation else ()
        walked = shelf.walk(source, relations, most=MOST_EDGES + 1)
        lines = [
            f"{far}: {abroad(space, e.source)} {e.relation} {abroad(space, e.target)}"
            for far, e in walked[:MOST_EDGES]
        ]
        if len(walked) > MOST_EDGES:
            lines.append("[there are more edges: name a relation]")
        return Effects(value="\n".join(lines) or f"[nothing is linked to {call.node}]")
    if not call.relation:
        raise SysError(Code.INVALID, "an edge has a relation", hint="such as cites or part-of")
    if target.isdecimal() or source.isdecimal():
        other = space = other or space
    if other != space:
        raise SysError(
            Code.INVALID, "an edge joins two entries of one memory", hint="copy one of them"
        )
    event = Linked(source=source, relation=call.relation, target=target, removed=call.remove)
    said = f"{call.node} {call.relation} {call.to}"
    if not space:
        return Effects(value=said, events=(event,))
    pid = await ctx.kernel.stores.open(space)
    return Effects(value=said, letters=(Letter(pid, ctx.pid, encode(Deposit((event,)))),))


def _node(text: str) -> str:
    """A path of memory, or the number of a page."""
    return text if text.isdecimal() else place(text)


@TABLE.handles(Forget)
async def forget(ctx: Context, call: Forget) -> Effects:
    if not (call.pages or call.path):
        raise SysError(Code.INVALID, "what is to be forgotten?", hint="name pages, or a path")
    space, inside = shared(folder(call.path)) if call.path else ("", "")
    erase = Erase(tuple(map(Seq, call.pages)), inside, call.reason)
    if space:
        await ctx.kernel.stores.of(space)  # says so when there is none
        pid = await ctx.kernel.stores.open(space)
        return Effects(value="asked for", letters=(Letter(pid, ctx.pid, encode(erase)),))
    forgot = await ctx.kernel.stores.forget(ctx.pid, erase)
    return Effects(value=f"forgotten, and every copy: {len(forgot.pages)} pages", events=(forgot,))


@TABLE.handles(Pin)
async def pin(ctx: Context, call: Pin) -> Effects:
    await ctx.kernel.page(ctx.pid, Seq(call.page))  # says so when there is none
    return Effects(events=(Pinned(page=Seq(call.page), pinned=call.pinned),))


@TABLE.handles(Compress)
async def compress(ctx: Context, call: Compress) -> Effects:
    wanted = Squeeze(tuple(map(Seq, call.keep)), call.about)
    event = await ctx.kernel.compressed(ctx.pid, wanted)
    if event is None:
        return Effects(value="nothing left: there is too little in the window")
    pages = len(event.out) + len({part.page for part in event.parts})
    return Effects(value=f"{pages} pages left the window", events=(event,))


@TABLE.handles(Todo)
async def todo(ctx: Context, call: Todo) -> Effects:
    del ctx
    return Effects(events=(todo_list(call.items),))


@TABLE.handles(GetKey)
async def get(ctx: Context, call: GetKey) -> Effects:
    path = _key(call.key)
    shelf = await ctx.kernel.stores.current(ctx.pid)
    found = shelf.one(path)
    value = None if found is None else found.text
    return Effects(value=Kept(value=value, version=shelf.changes(path)))


@TABLE.handles(SetKey)
async def set_(ctx: Context, call: SetKey) -> Effects:
    path = _key(call.key)
    version = (await ctx.kernel.stores.current(ctx.pid)).changes(path)
    if call.version is not None and call.version != version:
        raise SysError(
            Code.CONFLICT, f"{path} has version {version}, not {call.version}", hint="read it again"
        )
    event = Remembered(path=path, text=call.value or "", ends=call.value is None)
    return Effects(value=Kept(value=call.value, version=version + 1), events=(event,))


def _key(key: str) -> str:
    return place(key if key.startswith(f"{KV}/") else f"{KV}/{key}")
