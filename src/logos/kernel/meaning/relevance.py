"""The pages a search found, judged by a model that reads each of them with the question.

    Relevance.most                           how many it is shown
    Relevance.judged(pid, question, pages)   -> Judged, and USED, LATE or OFF

It only orders what words and vectors have found, and who waits for it waits briefly.

Invariant: no text leaves this machine that its settings do not let out.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import numpy as np

from logos import config
from logos.abi.driver import Clock, Reranked, Reranker
from logos.abi.ids import Pid
from logos.abi.messages import Usage
from logos.kernel.meaning.patience import Patience
from logos.kernel.meaning.question import CHARS, LATE, OFF, USED
from logos.kernel.memory import Judged, Page, key
from logos.vault import Vault

FEW = 2
"""Fewer pages have no order."""


class Judges(NamedTuple):
    """`reranker` by the name of a model.  `private`: has this process read what not everybody may?  `spent`
    is told what an answer took."""

    reranker: Callable[[str], Awaitable[Reranker]]
    private: Callable[[Pid], Awaitable[bool]]
    spent: Callable[[Usage], Awaitable[None]]


class Relevance:
    def __init__(self, settings: config.Memory, judges: Judges, clock: Clock, vault: Vault) -> None:
        self._settings = settings
        self._judges = judges
        self._vault = vault
        self._patience = Patience(clock, settings.rerank_wait_ms / 1000)
        self.most = settings.rerank_pages if settings.reranker else 0

    async def judged(
        self, pid: Pid, question: str, pages: Sequence[Page]
    ) -> tuple[Judged | None, str]:
        told = [page for page in pages if page.text.strip()]
        if len(told) < FEW or not question.strip():
            return None, OFF
        if not self._settings.embed_confidential and await self._judges.private(pid):
            return None, OFF
        asked = self._vault.text(question[:CHARS])
        texts = [self._vault.text(page.text) for page in told]

        async def made() -> Reranked:
            reranker = await self._judges.reranker(self._settings.reranker)
            return await reranker.rerank(asked, texts)

        found = await self._patience.within(made, "what was found is not judged")
        if found is None:
            return None, LATE
        if found.tokens:
            await self._judges.spent(Usage(input=found.tokens))
        seqs = np.array([page.source.seq for page in told], dtype=np.int64)
        starts = np.array([page.source.start for page in told], dtype=np.int64)
        return Judged(key(seqs, starts), np.array(found.scores, dtype=np.float32)), USED
