"""Requests that are repeated are carried out once.

    Once.process(words, new, begin)    the process that this request starts, started or found
    Once.letter(words)                 the number of the letter that this request sends

A client that got no answer repeats its request in the same words.  The number is on disk before
anything is started under it, so a repetition, also after a crash, finds what was started or starts
it.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio

from logos.abi.ids import MailId, Pid
from logos.kernel.node.letters import letter_number
from logos.store import Queries, Store

_SQL = Queries("logos.kernel.node", "node.sql")


class Once:
    def __init__(self, store: Store, known: Callable[[Pid], Awaitable[Any]]) -> None:
        self._store = store
        self._known = known
        self._beginning = anyio.Lock()

    async def process(
        self,
        words: Sequence[str],
        new: Callable[[], Awaitable[int]],
        begin: Callable[[Pid], Awaitable[object]],
    ) -> Pid:
        async with self._beginning:  # two simultaneous requests get the same answer
            pid = Pid(await self._number(("start", *words), await new()))
            if await self._known(pid) is None:
                await begin(pid)
            return pid

    async def letter(self, words: Sequence[str]) -> MailId:
        return MailId(await self._number(("send", *words), await letter_number(self._store)))

    async def _number(self, words: Sequence[str], given: int) -> int:
        """The number that was stored first."""
        parts = (word.encode("utf-8", "surrogatepass") for word in words)
        digest = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()

        async def keep() -> int:
            async with self._store.connection() as db:
                return int((await db.one(_SQL.once, hash=digest, number=given))["number"])

        return await self._store.persist(keep)
