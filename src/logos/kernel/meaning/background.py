"""Pages get their vectors in the background, and questions are compared with them.

    Meaning     see the door

One space after the other, a batch of pages at a time; how far it came is written with each batch, so
whoever goes on begins there.  A model that fails is asked again, ever later; a page it does not take is
passed over.  When another model is configured its vectors are made beside the old ones, which are
compared with until the new ones reach as far.

Invariant: no text leaves this machine that its settings do not let out.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

import anyio

from logos import config
from logos.abi.driver import Clock, Embedder
from logos.abi.errors import Code, SysError
from logos.abi.ids import NodeId, Pid, Seq
from logos.kernel.journal import Entry
from logos.kernel.meaning.question import LATE, OFF, USED, Questions
from logos.kernel.meaning.vectors import Claim, Filled, State, Status, Vectors, packed
from logos.kernel.memory import SPACE_VERSION, Near, Page
from logos.store import Store
from logos.vault import Vault

log = logging.getLogger("logos.kernel")

BATCH = 64
"""Pages in one request."""

SPACES = 200
"""Looked for at a time."""

PATIENCE_S = 60.0
"""For one batch."""

LONGEST_S = 300.0
"""Between two attempts."""

PAUSE_S = 0.25
"""Between two looks at who has grown."""

LOOK_S = 30.0
"""How often it looks unasked: other nodes write, too."""

CONFIDENTIAL = "confidential: memory.embed_confidential is off"

PASSED_OVER = frozenset({Code.INVALID, Code.CONTEXT})
"""What an endpoint says of a text it does not take."""


class Hooks(NamedTuple):
    """`embedder` by the name of a model.  `pages` of a space that stand behind a place, in order,
    with their texts.  `private`: has it read what not everybody may?"""

    embedder: Callable[[str], Awaitable[Embedder]]
    pages: Callable[[Pid, tuple[Seq, int], int], Awaitable[Sequence[Page]]]
    private: Callable[[Pid], Awaitable[bool]]


class Meaning:
    def __init__(
        self, store: Store, settings: config.Memory, hooks: Hooks, clock: Clock, vault: Vault
    ) -> None:
        self._settings = settings
        self._hooks = hooks
        self._vault = vault
        self._clock = clock
        self.vectors = Vectors(store)
        self._questions = Questions(clock, settings.embed_wait_ms / 1000)
        self._work = anyio.Event()
        self._failures = 0
        self._proved = False

    # -- questions -------------------------------------------------------------------------

    async def near(self, pid: Pid, question: str) -> tuple[Near | None, str]:
        """How near each page of a space is to a question, and USED, LATE or OFF."""
        if not self._settings.embedder or not question.strip():
            return None, OFF
        embedder = await self._asked(await self.vectors.of(pid))
        if embedder is None:
            return None, OFF
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.vectors.ready, pid, embedder.name)  # while it waits for the model
            vector, tokens = await self._questions.vector(embedder, self._vault.text(question))
        if vector is None:
            return None, LATE
        if tokens:
            await self.vectors.spent(pid, embedder.name, tokens)
        try:
            near = await self.vectors.near(pid, embedder.name, vector)
        except ValueError as error:  # why: the model has vectors of another length since
            log.warning("vectors of process %d are not comparable: %s", pid, error)
            return None, LATE
        return near, OFF if near is None else USED

    async def _asked(self, states: Sequence[State]) -> Embedder | None:
        """The one whose vectors reach furthest; the configured one when none reaches further."""
        here = [one for one in states if one.pages and one.version == SPACE_VERSION]
        mine = self._settings.embedder
        for state in sorted(here, key=lambda s: (-s.seq, -s.start, s.setting != mine)):
            try:
                embedder = await self._hooks.embedder(state.setting)
            except SysError:
                continue  # it is configured no more
            if embedder.name == state.model:
                return embedder
        return None

    # -- for people ------------------------------------------------------------------------

    async def model(self) -> str:
        """The name of what vectors are made by; none: nothing.  Raise `not_found`."""
        if not self._settings.embedder:
            return ""
        return (await self._hooks.embedder(self._settings.embedder)).name

    async def states(self) -> list[Status]:
        return await self.vectors.states(await self.model())

    async def again(self, pid: Pid) -> None:
        await self.vectors.drop(pid)
        self._work.set()

    # -- the background --------------------------------------------------------------------

    def written(self, entries: Iterable[Entry]) -> None:
        del entries
        self._work.set()

    def forget(self, pid: Pid) -> None:
        self.vectors.let_go(pid)

    async def run(self, node: NodeId) -> None:
        while self._settings.embedder:
            try:
                embedder = await self._hooks.embedder(self._settings.embedder)
                await self._all(embedder, node)
            except SysError as error:
                log.warning("pages get no vectors for now: %s", error)
                await self._rest(error)
                continue
            except Exception:  # why: an index can be made again; the node must not die of one
                log.exception("bug in the vectors of memory")
                await anyio.sleep(LOOK_S)
            with anyio.move_on_after(LOOK_S):
                await self._work.wait()
            self._work = anyio.Event()
            await anyio.sleep(PAUSE_S)

    async def _rest(self, error: SysError) -> None:
        wait = min(self._settings.embed_retry_s * 2**self._failures, LONGEST_S)
        self._failures = min(self._failures + 1, 20)
        await anyio.sleep(max(wait, min(error.retry_after_s or 0.0, LONGEST_S)))

    async def _all(self, embedder: Embedder, node: NodeId) -> None:
        while behind := await self.vectors.behind(embedder.name, node, SPACES):
            done = [await self._space(pid, embedder, node) for pid in behind]
            if not any(done):
                return

    async def _space(self, pid: Pid, embedder: Embedder, node: NodeId) -> bool:
        """False: another node is at it."""
        setting = self._settings.embedder
        claim = await self.vectors.claim(pid, embedder.name, setting, node)
        if claim is None:
            return False
        try:
            open_ = not await self._secret(pid) and await self._pages(pid, embedder, claim)
        except SysError as error:
            await self.vectors.fail(pid, embedder.name, str(error))
            raise
        if open_:
            await self.vectors.finish(pid, embedder.name, claim.journal)
            return True
        await self.vectors.drop(pid)
        if await self.vectors.claim(pid, embedder.name, setting, node):
            await self.vectors.finish(pid, embedder.name, claim.journal, error=CONFIDENTIAL)
        return True

    async def _secret(self, pid: Pid) -> bool:
        return not self._settings.embed_confidential and await self._hooks.private(pid)

    async def _pages(self, pid: Pid, embedder: Embedder, claim: Claim) -> bool:
        """False: some of them are nobody else's business.  Asked when they are at hand, because the journal
        grows meanwhile."""
        at = (claim.seq, claim.start)
        dimension = claim.dimension if claim.pages else 0
        while pages := await self._hooks.pages(pid, at, BATCH):
            if await self._secret(pid):
                return False
            filled = await self._filled(embedder, pages, dimension)
            await self.vectors.add(pid, embedder.name, filled)
            self._failures = 0
            at, dimension = filled.upto, filled.dimension
            await anyio.sleep(1 / self._settings.embed_rate)
        return True

    async def _filled(self, embedder: Embedder, pages: Sequence[Page], dimension: int) -> Filled:
        """Raise what the embedder raises, and `model` for vectors of another length."""
        told = [page for page in pages if page.text.strip()]
        found, tokens = await self._embedded(embedder, told)
        known = [(page, vector) for page, vector in zip(told, found, strict=True) if vector]
        self._proved |= bool(known)
        if told and not known and not self._proved:
            raise SysError(
                Code.MODEL, "it takes no text at all", hint="is this an embedding model?"
            )
        lengths = {len(vector) for _, vector in known} | ({dimension} if dimension else set())
        if len(lengths) > 1:
            raise SysError(
                Code.MODEL,
                f"vectors have {' and '.join(map(str, sorted(lengths)))} numbers",
                hint="another model answers there now: `logos mem embed --all --again`",
            )
        last = pages[-1].source
        return Filled(
            places=[(Seq(page.source.seq), page.source.start) for page, _ in known],
            vectors=[packed(vector) for _, vector in known],
            upto=(Seq(last.seq), last.start),
            skipped=len(told) - len(known),
            tokens=tokens,
            dimension=lengths.pop() if lengths else 0,
        )

    async def _embedded(
        self, embedder: Embedder, pages: Sequence[Page]
    ) -> tuple[list[tuple[float, ...]], int]:
        """A vector for each; none for a page that it does not take."""
        if not pages:
            return [], 0
        try:
            with anyio.fail_after(PATIENCE_S):
                made = await embedder.embed([self._vault.text(page.text) for page in pages])
        except TimeoutError as error:
            raise SysError(Code.TIMEOUT, f"no vectors within {PATIENCE_S:g} s") from error
        except SysError as error:
            if error.code not in PASSED_OVER:
                raise
            if len(pages) == 1:
                log.info("page %d is passed over: %s", pages[0].source.seq, error)
                return [()], 0
            half = len(pages) // 2
            first, spent = await self._embedded(embedder, pages[:half])
            second, more = await self._embedded(embedder, pages[half:])
            return [*first, *second], spent + more
        return list(made.vectors), made.tokens
