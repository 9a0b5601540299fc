"""Compacting a window on request: of its process, or of a person.

    Compactor.compressed(resident, squeeze)   the Compacted to be appended at once; None: nothing leaves
    Compactor.obey(resident, letter)          compact, if the letter asks for it
    Compactor.told(...)                       a planned Compacted, with its digest by a model
    rebuilt_bound(window)                     how long a rewritten digest may be

Invariant: a compaction is planned on the very window it is appended to.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio.to_thread
from msgspec.structs import replace

from logos.abi.errors import Code, SysError
from logos.abi.events import Compacted
from logos.abi.ids import Pid, Seq
from logos.abi.process import Status
from logos.kernel.journal import Pending
from logos.kernel.memory import (
    Ask,
    Fault,
    Window,
    digest_bound,
    estimate,
    leaving,
    plan,
    relined,
)
from logos.kernel.node.digester import Digester
from logos.kernel.node.resident import Resident
from logos.kernel.process.bodies import Squeeze, squeeze

Faults: TypeAlias = Callable[[Pid, str, Ask], Awaitable[Fault]]
"""The pages of a process's memory that a question needs."""

STAYS = 0.3
"""The share of a window that stays when it is compressed: as much as is left when it is full."""

ABOUT_SHARE = 0.3
"""The share of a window for pages about the given topic."""


class Compactor:
    def __init__(self, faults: Faults, digester: Digester) -> None:
        self._faults = faults
        self._digester = digester

    async def told(
        self, resident: Resident, window: Window, event: Compacted, room: int
    ) -> Compacted:
        return await self._digester.told(resident, window, event, room)

    async def settle(self, resident: Resident) -> None:
        await self._digester.settle(resident)

    async def compressed(
        self, resident: Resident, wanted: Squeeze, *, model: bool = True
    ) -> Compacted | None:
        """Raise `not_found` when a page to keep does not exist."""
        if gone := [page for page in wanted.keep if not 0 < page <= resident.head.seq]:
            raise SysError(Code.NOT_FOUND, f"there is no page {gone[0]}")
        while True:
            end, window = resident.head.seq, resident.window
            kept = [*window.pins, *wanted.keep, *await self._about(resident, wanted.about)]
            if resident.head.seq != end:
                continue
            held = replace(window, pins=kept)
            event = await anyio.to_thread.run_sync(_planned, held)
            if model and resident.head.seq == end and event is not None:
                event = await self.told(resident, held, event, window.total)
            if resident.head.seq == end:
                return event

    async def _about(self, resident: Resident, about: str) -> list[Seq]:
        if not about:
            return []
        budget = max(int(resident.window.total * ABOUT_SHARE), 64)
        fault = await self._faults(resident.pid, about, Ask(budget=budget, gate=False))
        return [Seq(page.source.seq) for page in fault.pages]

    async def obey(self, resident: Resident, letter: Pending) -> None:
        wanted = squeeze(letter.body)
        if wanted is None or _gone(resident):
            return
        try:
            event = (
                _rewritten(resident.window, wanted)
                if wanted.told
                else await self.compressed(resident, wanted, model=False)  # a signal must not wait
            )
        except SysError:
            event = None  # a page to keep does not exist: there is nobody to tell
        if not _gone(resident):
            nothing = Compacted(digest=resident.window.digest)
            resident.append(replace(event or nothing, mail=letter.id))


def _gone(resident: Resident) -> bool:
    return resident.process.status is Status.EXITED


def _rewritten(window: Window, wanted: Squeeze) -> Compacted | None:
    """None: it was compacted meanwhile, and the new text does not cover all that has left."""
    if window.compacted != wanted.base:
        return None
    text = relined(window.digest, wanted.told, bound=rebuilt_bound(window))
    return Compacted(digest=text, model=wanted.model)


def rebuilt_bound(window: Window) -> int:
    """Tokens of a rewritten digest: no more than it has now, except when that is very short."""
    return max(digest_bound(window.total), estimate(window.digest))


def _planned(window: Window) -> Compacted | None:
    event = plan(window, goal=int(window.total * STAYS), room=window.total, recent=1)
    saved = sum(one.tokens for one in leaving(window, event)) + bool(event.unpaged)
    return event if saved > estimate(event.digest) - estimate(window.digest) else None
