"""What is asked for twice is begun once.

    number_of(store, words, new)    the number kept for these words; `new` gives one for the first time

A client that has heard no answer asks again with the same words.  The number is on disk before anything is
begun under it, so whoever comes back, after a crash as well, finds what was begun or begins it there.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence

from logos.store import Queries, Store

_SQL = Queries("logos.kernel.node", "node.sql")


async def number_of(store: Store, words: Sequence[str], new: Callable[[], Awaitable[int]]) -> int:
    parts = (word.encode("utf-8", "surrogatepass") for word in words)
    digest = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()
    given = await new()

    async def keep() -> int:
        async with store.connection() as db:
            return int((await db.one(_SQL.once, hash=digest, number=given))["number"])

    return await store.persist(keep)
