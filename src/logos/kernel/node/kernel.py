"""The kernel's public interface.

    open_kernel(...)     an async context manager: a node that serves until it is left
    Kernel               start, signal, message and listen to processes
    Kernel.records       what the journals contain
    Kernel.sleep         consolidation of memories
    Kernel.meaning       embeddings of pages, if a model is configured
    Kernel.keys          the keys of clients
    Kernel.accounts      what clients have used
    Kernel.approvals     questions that wait for a person
    Kernel.asker         what the gate would decide
    Kernel.slots         the models' slots
    Kernel.meter         recent spending

The holder of a Kernel acts for the owner, as init does.  What it requests is journaled at the
process concerned.
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.abc

from logos.abi.agent import Agent, Limits
from logos.abi.errors import Code, SysError
from logos.abi.events import Proposed, Spawned
from logos.abi.ids import INIT, MailId, Pid, Seq
from logos.abi.messages import ToolSpec
from logos.abi.mount import Mount
from logos.abi.process import Signal
from logos.abi.rights import EVERYTHING
from logos.kernel import caps, journal
from logos.kernel.audit import Notary, export
from logos.kernel.handlers import TABLE
from logos.kernel.journal import Entry, Writer
from logos.kernel.mounts import Mounts
from logos.kernel.node.accounts import Accounts
from logos.kernel.node.act import Actor
from logos.kernel.node.approvals import Approvals
from logos.kernel.node.ask import Asker
from logos.kernel.node.births import OUTSIDE, Births
from logos.kernel.node.compact import Compactor
from logos.kernel.node.digester import Digester
from logos.kernel.node.fit import Fitter
from logos.kernel.node.forgetting import anything, bury, plan
from logos.kernel.node.hearing import Ear, Hearing, Witness
from logos.kernel.node.lease import Lease
from logos.kernel.node.letters import posted
from logos.kernel.node.meter import Meter
from logos.kernel.node.node import Node
from logos.kernel.node.once import Once
from logos.kernel.node.parts import Noted, Parts, Payer, Terms, payer_of
from logos.kernel.node.records import Records
from logos.kernel.node.running import Hold, Runner
from logos.kernel.node.services import ForHandlers
from logos.kernel.node.spaces import weights_in
from logos.kernel.node.stores import Hooks, Item, Stores
from logos.kernel.node.sweep import sweeping
from logos.kernel.node.think import Shared, Thinker
from logos.kernel.node.tree import Tree, mounts
from logos.kernel.node.upkeep import upkeep
from logos.kernel.process import tighter, told
from logos.kernel.process.bodies import AnyMail, Erase, Note, Order, Squeeze, Turn
from logos.kernel.sched import Slots
from logos.kernel.syscall import Gate, Tools

log = logging.getLogger("logos.kernel")


class Kernel:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store = parts.store
        self._lease = Lease(parts.store, parts.settings.lease_s)
        self.keys = caps.Keys(parts.store, self.now)
        self.accounts = Accounts(parts.store)
        self._notary = None if parts.seal is None else Notary(parts.store, parts.seal, parts.clock)
        self.records = Records(parts.store, weights_in(parts.settings.weights))
        resident = lambda pid: self._node.resident(pid)  # noqa: E731, PLW0108 - the node does not exist yet
        hooks = Hooks(self._post, resident, self._begin)
        self.stores = Stores(parts.store, self.records, hooks)
        self.tree = Tree(self.records, self.stores)
        self.approvals = Approvals(parts.store, self.records, self._post)
        self._hearing = Hearing()
        self._once = Once(parts.store, self.records.known)
        self.meter = Meter(parts.store, parts.limits, self.now, lambda: self._node.peers)
        self.slots = Slots()
        self._gate = Gate(parts.functions, [lambda p, c: caps.check(p, c, parts.clock.now())])
        tools = Tools(parts.functions, parts.manifests, parts.rules)
        self.asker = Asker(self._gate, tools, parts.store, parts.trust)
        paid = (self.slots, self.accounts)
        self.meaning, self.sleep = upkeep(parts, self.records, self.stores, tools, paid)
        self._births: Births
        self._writer: Writer
        self._node: Node

    async def _start(self, tasks: anyio.abc.TaskGroup) -> None:
        self._tasks = tasks
        node = await self._lease.take(self._parts.place, alone=self._parts.alone)
        self._writer = Writer(self._store, node, self._committed, self._parts.vault)
        self._node = Node(
            store=self._store,
            settings=self._parts.settings,
            clock=self._parts.clock,
            lease=self._lease,
            writer=self._writer,
            programs=self._parts.programs,
        )
        self._births = Births(self._writer, self._parts, self._node.hold)
        digester = Digester(self._parts.models, self.slots, self.accounts, self._parts.memory)
        compactor = Compactor(self.records.fault, digester)
        self._services = ForHandlers(
            agent_named=self._parts.agents,
            records=self.records,
            stores=self.stores,
            births=self._births,
            compactor=compactor,
            resident=self._node.resident,
        )
        actor = Actor(
            asker=self.asker,
            table=TABLE,
            driver=Mounts(self._mounts(), self._parts.drivers).tool,
            services=self._services,
            runner=Runner(self.asker, tasks, Hold(lambda: self._lease.fresh, self._node.lost)),
        )
        fitter = Fitter(self.records.fault, compactor, self.records.spaces.expect)
        shared = Shared(self.slots, self.accounts, self.meter)
        thinker = Thinker(self._parts.models, shared, self._gate, fitter, self._hearing.heard)
        await self._node.run(thinker, actor, tasks)
        tasks.start_soon(self.records.spaces.run)
        tasks.start_soon(sweeping, self._store)
        tasks.start_soon(self.meaning.run, node)
        tasks.start_soon(self.sleep.run, node)
        if await self.records.known(INIT) is None:
            await self._begin_init()
        if self._notary is not None:
            tasks.start_soon(self._notary.run)

    async def _abandon(self) -> None:
        """After an exception: write what is known, and release the processes at once.  If even that
        fails the lease expires by itself, and there is nothing to wait for."""
        if not self._lease.node:
            return
        with anyio.move_on_after(self._parts.settings.lease_s, shield=True):
            for step in (self._writer.drain, self._lease.resign):
                try:
                    await step()
                except Exception:  # why: the exception that ended the node is the one to report
                    log.exception("a node that ends could not %s", step.__name__)

    async def _begin_init(self) -> None:
        agent = Agent(name="init", description="the first process", program="init")
        event = Spawned(agent=agent, task="", at=self._parts.clock.now(), caps=EVERYTHING)
        entry, resident = self._births.birth(INIT, event)
        try:
            await self._writer.append(entry).durable(INIT)
        except journal.Fenced:
            return  # another node was first
        self._node.hold(resident)

    def now(self) -> int:
        """Microseconds since the Unix epoch, by this node's clock."""
        return self._parts.clock.now()

    @property
    def commits(self) -> int:
        """Batches this node has committed so far."""
        return self._writer.batches

    @property
    def nodes(self) -> int:
        """How many nodes share the database, as of the last heartbeat."""
        return self._node.peers

    @property
    def notary(self) -> Notary:
        """Raise `unavailable` on a node that has no signing key."""
        if self._notary is None:
            raise SysError(Code.UNAVAILABLE, "this node signs nothing", hint="it was given no key")
        return self._notary

    def export(self, pid: Pid | None = None) -> AsyncIterator[bytes]:
        """The record of all processes or of one, under a fresh checkpoint, line by line."""
        return export(self._store, self.notary, pid)

    # -- for people and surfaces -----------------------------------------------------------

    async def spawn(
        self,
        agent: Agent,
        task: str,
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        workspace: Path | None = None,
        by: str | Payer = "",
        first: Sequence[Proposed] = (),
    ) -> Pid:
        """Start a process under init.  It is in the journal when this returns.  `first` is what it
        must do before its program is asked.

        Raise `not_found` for a tool, a model or a program that does not exist.
        """
        self._gate.tools(agent)
        if agent.program not in self._parts.programs:
            raise SysError(Code.NOT_FOUND, f"there is no program {agent.program!r}")
        await self._parts.models(agent.model)
        payer = payer_of(by)
        terms = payer.terms(tighter(agent.limits, limits), first)._replace(workspace=workspace)

        async def begin(pid: Pid | None = None) -> Pid:
            return await self._begin(agent, task, terms._replace(pid=pid))

        if not payer.once:
            return await begin()
        words = (payer.name, agent.name, payer.once)
        return await self._once.process(words, self._writer.new_pid, begin)

    async def send(self, pid: Pid, text: str, once: str = "") -> None:
        """Post a message.  The same `once` again is the same letter.  Raise `not_found` or `state`
        when nobody can receive it."""
        number = await self._once.letter((str(pid), once)) if once else None
        await posted(self._store, pid, Note(text), self._parts.vault, number)
        self._node.wake(pid)

    async def converse(
        self,
        agent: Agent,
        turn: Turn,
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        by: str | Payer = "",
        meet: Callable[[Pid], object] = lambda _: None,
    ) -> Pid:
        """Start a process whose first turn comes from a client.  Both are in the journal when this
        returns. `meet` is given its pid before it starts; it starts at once."""
        options = turn.options
        await self._parts.models(options.model if options else agent.model)
        terms = payer_of(by).terms(tighter(agent.limits, limits), told(turn))
        entry, _ = await self._births.make(agent, "", terms, OUTSIDE)
        meet(entry.head.pid)
        # it may think meanwhile, since its program makes no calls
        self._births.begun(entry.head.pid)
        await self._writer.append(entry).durable(entry.head.pid)
        return entry.head.pid

    async def tell(self, pid: Pid, turn: Turn) -> None:
        """A client continues: directly if the process is driven here, else by a letter.

        Raise `not_found` or `state` when nobody can receive it.
        """
        if not self._node.tell(pid, told(turn)):
            await self._post(pid, turn)

    async def note(self, pid: Pid, *events: Noted) -> None:
        """Journal what the program of a process does beside its calls.  Durable when this returns.

        Raise `unavailable` when another node drives it, `state` when it has ended.
        """
        try:
            await self._node.note(pid, events)
        except journal.Fenced as fenced:
            raise SysError(Code.UNAVAILABLE, f"{fenced}") from fenced

    async def confided(self, pid: Pid) -> bool:
        """Has this process read anything confidential?  Also true when it is not driven here, since
        then nobody can rule it out."""
        resident = self._node.resident(pid)
        return resident is None or await self.asker.confided(resident)

    def tools(self, agent: Agent) -> tuple[ToolSpec, ...]:
        """The tools it lists, as its model would be shown them."""
        return self._gate.tools(agent)

    def drives(self, pid: Pid) -> bool:
        """Is it in this node's memory, so that it can be listened to here?"""
        return self._node.drives(pid)

    async def signal(self, pid: Pid, signal: Signal, reason: str = "") -> None:
        if pid == INIT:
            raise SysError(Code.DENIED, "init takes no signals", hint="`logos down` stops the node")
        await self._post(pid, Order(signal, reason))

    async def remember(self, pid: Pid, items: Sequence[Item]) -> list[Seq]:
        """Put these into the memory of a process, in this order; durable when it returns.  Return
        the numbers of the events.  Raise `invalid` for a path that memory does not have, `state`
        when it has exited."""
        return await self.stores.remember(pid, items)

    async def forget(
        self,
        pid: Pid,
        pages: Sequence[Seq] = (),
        *,
        path: str = "",
        reason: str = "",
        dry: bool = False,
    ) -> Sequence[Seq]:
        """Erase these pages, or everything kept at and below a path, and every copy in the journal
        of the process.  Return the numbers of the events that lost their words; with `dry`, of those
        that would lose them."""
        erase = Erase(tuple(pages), path, reason)
        if dry:
            return (await plan(self._store, pid, erase, anything)).pages
        known = await self.records.known(pid)
        if known is not None and known.exit_status is not None:
            forgot = await bury(self._store, self._writer, self._parts.clock, pid, erase)
            return forgot.pages
        return await self.stores.forgotten(pid, erase)

    async def compress(self, pid: Pid, keep: Sequence[Seq] = (), about: str = "") -> int:
        """Take most of its window out; return how many pages left.  Raise `state` when it has
        exited."""
        event = await self.stores.compacted(pid, Squeeze(tuple(keep), about))
        return len(event.out) + len({part.page for part in event.parts})

    async def space(self, name: str) -> Pid:
        """The process that keeps the space /mem/NAME; started if there is none."""
        return await self.stores.open(name)

    async def _begin(self, agent: Agent, task: str = "", terms: Terms | None = None) -> Pid:
        """Raise Fenced when its name is taken."""
        entry, _ = await self._births.make(agent, task, terms or Terms(agent.limits), OUTSIDE)
        await self._writer.append(entry).durable(entry.head.pid)
        return entry.head.pid

    def _mounts(self) -> Mapping[str, Mount]:
        return {**mounts(self.tree), **self._parts.mounts}

    async def _post(self, pid: Pid, mail: AnyMail) -> MailId:
        id_ = await posted(self._store, pid, mail, self._parts.vault)
        self._node.wake(pid)
        return id_

    def listen(self, pid: Pid, ear: Ear) -> Callable[[], None]:
        """Listen to a process think, as it happens: each delta, with the number of the event that
        began the thought.  Returns a function that stops listening.  Nothing heard is certain."""
        return self._hearing.listen(pid, ear)

    def attend(self, pid: Pid, witness: Witness, kinds: Collection[str] = ()) -> Callable[[], None]:
        """Be told each event (of these kinds) of a process that this node drives, once it is on
        disk. Returns a function that stops it."""
        return self._hearing.attend(pid, witness, kinds)

    # -- called by the writer and the thinker -----------------------------------------------

    def _committed(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            for child in entry.children:
                self._births.begun(child.head.pid)
            self._births.begun(entry.head.pid)
        self._node.committed(entries)
        self.meter.committed(entries)
        self.records.committed(entries)
        self.meaning.written(entries)
        for entry in entries:
            if entry.erased:
                self.stores.drop(entry.head.pid)
                self.meaning.forget(entry.head.pid)
                self._tasks.start_soon(self.records.spaces.forget, entry.head.pid)
        self._hearing.committed(entries)


@asynccontextmanager
async def open_kernel(parts: Parts) -> AsyncGenerator[Kernel]:
    """A node that serves until this is left; then other nodes may take its processes."""
    kernel = Kernel(parts)
    try:
        async with anyio.create_task_group() as tasks:
            await kernel._start(tasks)  # noqa: SLF001 - its constructor starts it
            try:
                yield kernel
            finally:
                tasks.cancel_scope.cancel()
    except (Exception, anyio.get_cancelled_exc_class()):
        await kernel._abandon()  # noqa: SLF001
        raise
    with anyio.CancelScope(shield=True):  # what is left must be written even then
        await kernel._writer.drain()  # noqa: SLF001
        await kernel._lease.resign()  # noqa: SLF001
