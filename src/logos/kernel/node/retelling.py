"""Rewriting the digest of an idle process with a model: the request, and the resulting letter.

    Retelling.wanted(pid)          -> Draft: what the model would be shown; None: nothing to do
    Draft.request(model)           the request
    Draft.letter(text, name)       the valid lines of the answer, for the process; raise `model` if none

A digest made while no model was available lists the words of what left.  In idle time a model can
improve on that.  It is shown the beginning of each run of pages that a line stands for, the same
amount of each.

Invariant: every page stays in the range of some line, and the new text names only pages that have
left.
"""

from collections.abc import Sequence
from typing import NamedTuple

from logos.abi.driver import Model
from logos.abi.events import Compacted
from logos.abi.ids import Pid, Seq
from logos.abi.messages import Request
from logos.kernel import journal
from logos.kernel.memory import Leaving, estimate, page_text, ranges
from logos.kernel.node.compact import rebuilt_bound
from logos.kernel.node.digester import MOST_TOKENS, PAGE_CHARS, digest_lines, digest_request
from logos.kernel.node.stores import Stores
from logos.kernel.process.bodies import Squeeze
from logos.store import Store

PAGES = 400
"""Events considered for one digest."""


class Draft(NamedTuple):
    old: str
    base: Seq
    bound: int
    gone: Sequence[Leaving]

    def request(self, model: Model) -> Request:
        return digest_request(model, self.old, self.gone, self.bound)

    def letter(self, text: str, name: str) -> Squeeze:
        told = digest_lines(text, self.gone, self.old, self.bound)
        return Squeeze(told=tuple(told), model=name, base=self.base)


class Retelling:
    def __init__(self, store: Store, stores: Stores) -> None:
        self._store = store
        self._stores = stores

    async def wanted(self, pid: Pid) -> Draft | None:
        window = await self._stores.window(pid)
        runs = ranges(window.digest)
        old, base, bound = window.digest, window.compacted, rebuilt_bound(window)
        if not runs or await self._by_model(pid, base):
            return None
        gone = await self._gone(pid, runs)
        return Draft(old, base, bound, gone) if gone else None

    async def _by_model(self, pid: Pid, compacted: Seq) -> bool:
        rows = await journal.read_some(self._store, pid, [compacted])
        events = [journal.decode(row) for row in rows]
        return any(isinstance(event, Compacted) and event.model for event in events)

    async def _gone(self, pid: Pid, runs: Sequence[tuple[int, int]]) -> list[Leaving]:
        """The beginning of each run, the same amount of each."""
        most, tokens = max(PAGES // len(runs), 1), MOST_TOKENS // len(runs)
        found: list[Leaving] = []
        for first, last in runs:
            seqs = [Seq(n) for n in range(first, min(last + 1, first + most))]
            left = tokens
            for row in await journal.read_some(self._store, pid, seqs):
                text = page_text(journal.decode(row))[:PAGE_CHARS]
                if not text or left <= 0:
                    continue
                cost = estimate(text)
                left -= cost
                found.append(Leaving(pages=(row.seq,), tokens=cost, text=text))
        return found
