"""Finding in the journal what a process must forget.

    plan(store, pid, erase)    -> Forgot: every event that contains the words, and what is left of each
    obey(..., letter)          the same for a process driven here, if a letter asks for it
    bury(..., pid, erase)      the same for a process that has exited

The bodies are erased in the transaction that appends this event (journal/writer.py).  Invariant: it
is planned on the whole journal, and its caller ensures that nothing was appended in between.
"""

from collections.abc import Callable

import anyio.to_thread
from msgspec.structs import replace

from logos.abi.driver import Clock
from logos.abi.events import Forgot
from logos.abi.ids import Pid, Seq
from logos.abi.process import Status
from logos.kernel import journal
from logos.kernel.journal import Pending, Writer
from logos.kernel.memory import Shelf, forgotten
from logos.kernel.node.resident import Resident, fold_all
from logos.kernel.node.trail import Trail
from logos.kernel.process.bodies import Erase, erasure
from logos.store import Store

KINDS = ("remembered", "linked", "forgot")
"""Events that change what memory holds."""

CONTENT = frozenset({"remembered", "received", "returned", "told"})
"""What a process may have forgotten by its own call: what it was given, not what it did."""


async def plan(store: Store, pid: Pid, erase: Erase, may: Callable[[str], bool]) -> Forgot:
    """Pages of a kind that may not be forgotten are left as they are."""
    pages = set(erase.pages)
    if erase.path:
        pages.update(await _below(store, pid, erase.path))
    rows = [row async for row in journal.read(store, pid)]
    pages.intersection_update([row.seq for row in rows if may(row.kind)])
    if not pages:
        return Forgot(pages=(), reason=erase.reason)
    read = [(row.seq, row.kind, row.body) for row in rows if row.body is not None]
    left = await anyio.to_thread.run_sync(forgotten, read, pages)
    for one in left:  # it must still decode as an event
        journal.decode(rows[one.page - 1]._replace(body=bytes(one.body)))
    return Forgot(pages=tuple(one.page for one in left), left=tuple(left), reason=erase.reason)


async def obey(store: Store, resident: Resident, letter: Pending) -> None:
    """Plan and append the erasure, if the letter asks for one."""
    erase = erasure(letter.body)
    may = anything if letter.sender is None else content
    while erase is not None and resident.process.status is not Status.EXITED:
        end = resident.head.seq
        await resident.durable()
        forgot = await plan(store, resident.pid, erase, may)
        if resident.head.seq == end:
            resident.append(replace(forgot, mail=letter.id))
            return


async def bury(store: Store, writer: Writer, clock: Clock, pid: Pid, erase: Erase) -> Forgot:
    forgot = await plan(store, pid, erase, anything)
    head, process, window, _ = await fold_all(store, pid)
    dead = Resident(head, process, window, writer, clock, Trail(head.seq))
    await dead.append(forgot).durable(pid)
    return forgot


def anything(kind: str) -> bool:
    """The rule for people."""
    return kind != "forgot"


def content(kind: str) -> bool:
    """The rule for the process itself."""
    return kind in CONTENT


async def _below(store: Store, pid: Pid, path: str) -> list[Seq]:
    shelf = Shelf()
    async for row in journal.read_kinds(store, pid, KINDS):
        shelf.apply(row.seq, row.at, journal.decode(row))
    return shelf.pages(path)
