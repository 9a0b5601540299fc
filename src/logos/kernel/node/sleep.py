"""Consolidation of idle memories: remove duplicates, extract facts from conversations, and improve
digests.

    Consolidator.consolidate(pid, dry=)   one memory, once -> Report
    Consolidator.run(node)                those of idle processes, until cancelled

What needs no model (kernel/memory/tidy.py) is always done.  Episodes become facts only where a
model is configured, while the day's tokens last; a digest is rewritten where `memory.digester`
names a model and no model wrote it.  All results are `remembered`, `linked` or `compacted` events
of the memory's own journal.  How far its episodes have been read is kept in the memory, too (MARK),
in the same letter as the facts: a node that dies in between repeats all of it, or none.

Invariant: no page is read for facts twice, once its facts are in the journal.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import anyio

from logos import config
from logos.abi.driver import Model
from logos.abi.errors import Code, SysError
from logos.abi.events import Remembered
from logos.abi.ids import INIT, NodeId, Pid, Seq
from logos.abi.messages import Request
from logos.kernel.memory import ARCHIVE, FACTS, Closed, Kind, Page, tidied
from logos.kernel.node import episodes
from logos.kernel.node.accounts import Accounts
from logos.kernel.node.asked import Models, answered
from logos.kernel.node.parts import Parts
from logos.kernel.node.private import Privacy
from logos.kernel.node.records import Records
from logos.kernel.node.retelling import Retelling
from logos.kernel.node.stores import Item, Stores
from logos.kernel.process import SECOND
from logos.kernel.sched import Slots
from logos.store import Queries, Store

_SQL = Queries("logos.kernel.node", "sleep.sql")

log = logging.getLogger("logos.kernel")

MARK = "/kv/consolidated"
"""The position up to which its episodes were read: `SEQ:START`."""

PAGES = 64
TOKENS = 6000
"""Of one request to the model."""

CONFIDENTIAL = "it holds what not everybody may read"

PATIENCE_S = 120.0
LOOK_S = 60.0
"""How often it looks for idle processes, at most."""


class Report(NamedTuple):
    """`facts` written, entries `closed`, `pages` read, lines of the new `digest`, and the tokens
    used.  `why` says what kept it from reading more."""

    closed: Sequence[Closed]
    facts: Sequence[Remembered] = ()
    pages: int = 0
    tokens: int = 0
    why: str = ""
    digest: Sequence[str] = ()

    def but(self, why: str) -> "Report":
        both = [self.why, why] if self.why and why != self.why else [why]
        return self._replace(why="; ".join(both))


class Around(NamedTuple):
    """What it works with."""

    records: Records
    stores: Stores
    models: Models
    slots: Slots
    accounts: Accounts
    privacy: Privacy


class Consolidator:
    def __init__(self, parts: Parts, around: Around) -> None:
        self._store: Store = parts.store
        self._clock = parts.clock
        self._memory: config.Memory = parts.memory
        self._settings = parts.memory.consolidate
        self._around = around
        self._retelling = Retelling(parts.store, around.stores)
        self._lock = anyio.Lock()
        self._done: dict[Pid, int] = {}

    async def consolidate(self, pid: Pid, *, dry: bool = False) -> Report:
        """Raise `state` when it has exited."""
        async with self._lock:
            if await self._around.stores.behind(pid):  # perhaps with what we posted
                return Report((), why="it has letters to read first")
            closed = await self._tidied(pid)
            if closed and not dry:
                items: list[Item] = [event for one in closed for event in one.events]
                await self._around.stores.remember(pid, items)
            report = await self._digest(pid, Report(closed), dry=dry)
            return await self._episodes(pid, report, dry=dry)

    async def _tidied(self, pid: Pid) -> list[Closed]:
        shelf = await self._around.stores.shelf(pid)
        standing = [*shelf.below(ARCHIVE), *shelf.below(FACTS)]
        return tidied(standing, await self._around.stores.texts(pid, standing))

    async def _digest(self, pid: Pid, report: Report, *, dry: bool) -> Report:
        """Rewrite a digest that was made without a model."""
        name = self._memory.digester
        draft = await self._retelling.wanted(pid) if name else None
        if draft is None:
            return report
        if await self._held_back(pid):
            return report.but(CONFIDENTIAL)
        if dry:
            return report._replace(digest=[f"{len(draft.gone)} pages to tell of"])
        tokens = 0
        try:
            model = await self._around.models(name)
            text, tokens = await self._asked(model, draft.request(model))
            letter = draft.letter(text, name)
        except (SysError, TimeoutError) as error:
            return report._replace(tokens=tokens).but(str(error) or "too late")
        event = await self._around.stores.compacted(pid, letter)
        told = letter.told if event.model else ()
        return report._replace(tokens=tokens, digest=told)

    async def _held_back(self, pid: Pid) -> bool:
        """Does it hold text that no model here may read?"""
        return not self._memory.embed_confidential and await self._around.privacy.holds(pid)

    async def _episodes(self, pid: Pid, report: Report, *, dry: bool) -> Report:
        if not self._settings.model:
            return report.but("no model: memory.consolidate.model")
        if await self._held_back(pid):
            return report.but(CONFIDENTIAL)
        pages, mark = await self._unread(pid)
        if dry or not mark:
            return report._replace(pages=len(pages))
        found: list[Item] = []
        tokens = 0
        if pages:
            model = await self._around.models(self._settings.model)
            try:
                text, tokens = await self._asked(model, episodes.request(model, pages))
                found = [*episodes.facts(text, pages)]
            except (SysError, TimeoutError) as error:
                spent = report._replace(tokens=report.tokens + tokens)
                return spent.but(str(error) or "too late")
        await self._around.stores.remember(pid, [Remembered(path=MARK, text=mark), *found])
        facts = [one for one in found if isinstance(one, Remembered)]
        return report._replace(facts=facts, pages=len(pages), tokens=report.tokens + tokens)

    async def _unread(self, pid: Pid) -> tuple[list[Page], str]:
        """The next pages of conversation, and the mark behind them; no mark: there is nothing."""
        shelf = await self._around.stores.shelf(pid)
        marked = shelf.one(MARK)
        seq, _, start = (marked.text if marked and marked.text else "0:-1").partition(":")
        place, said, tokens = (Seq(int(seq)), int(start)), list[Page](), 0
        pages = await self._around.records.spaces.after(pid, place, PAGES)
        last: Page | None = None
        for page in pages:
            spoken = page.kind in (Kind.CHAT, Kind.PEOPLE, Kind.TOOL) and page.text.strip()
            tokens += page.tokens if spoken else 0
            if said and tokens > TOKENS:
                break
            said += [page] if spoken else []
            last = page
        return said, "" if last is None else f"{last.source.seq}:{last.source.start}"

    async def _asked(self, model: Model, request: Request) -> tuple[str, int]:
        """Raise `budget` when the day's tokens are used up."""
        day = datetime.fromtimestamp(self._clock.now() / SECOND, UTC).date()
        name = f"consolidation {day}"
        used = (await self._around.accounts.used(name)).tokens
        if used + model.count(request) + request.max_output > self._settings.tokens_per_day:
            raise SysError(Code.BUDGET, f"{used} tokens were used today", hint="tokens_per_day")
        with anyio.fail_after(PATIENCE_S):
            text, usage = await answered(model, self._around.slots, request)
        await self._around.accounts.charge(name, usage)
        return text, usage.tokens

    async def run(self, node: NodeId) -> None:
        while self._settings.on:
            await anyio.sleep(min(LOOK_S, self._settings.idle_s))
            try:
                for pid, head in await self._idle(node):
                    report = await self.consolidate(pid)
                    read = report.closed or report.pages or report.digest
                    if not read or report.why:
                        self._done[pid] = head  # nothing to do until it grows
            except SysError as error:
                log.warning("nothing is consolidated for now: %s", error)
            except Exception:  # why: it can be done later; the node must not die of it
                log.exception("bug in consolidation")

    async def _idle(self, node: NodeId) -> list[tuple[Pid, int]]:
        before = self._clock.now() - int(self._settings.idle_s * SECOND)

        async def look() -> Sequence[Any]:
            async with self._store.connection() as db:
                return await db.all(_SQL.idle, node=node, init=INIT, before=before)

        rows = await self._store.persist(look)
        found = [(Pid(row["pid"]), int(row["head_seq"])) for row in rows]
        return [(pid, head) for pid, head in found if self._done.get(pid) != head]
