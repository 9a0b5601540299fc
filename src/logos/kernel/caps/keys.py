"""Client keys: a secret identifies the client, and so whose processes may be reached.

    Keys.create(client, limits)    -> Made: a secret, which is shown once, and what it is called
    Keys.find(secret)              -> Key, or None: unknown or revoked
    Keys.rotate(id)                -> another secret in its place
    Keys.list, Keys.revoke

Only a hash is stored.  The secrets are long and random, so a plain hash is enough.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from logos.abi.agent import Limits
from logos.abi.errors import Code, SysError
from logos.store import Queries, Store

_SQL = Queries("logos.kernel.caps", "keys.sql")

PREFIX = "lgk_"
"""How every key begins."""

SECRET_BYTES = 32

FRESH_S = 5.0
"""How long a key is cached: another node may have revoked it meanwhile."""

MOST = 4096


class Key(NamedTuple):
    """Times in microseconds."""

    id: int
    client: str
    limits: Limits
    created_at: int
    revoked_at: int | None


class Made(NamedTuple):
    """`secret` exists only here; it cannot be shown again."""

    secret: str
    key: Key


class Keys:
    def __init__(self, store: Store, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now
        self._seen: dict[bytes, tuple[float, Key | None]] = {}

    async def create(self, client: str, limits: Limits) -> Made:
        """Raise `invalid` for a name that no process could carry."""
        if not client or len(client) > len("x" * 64) or not client.replace("-", "").isalnum():
            raise SysError(Code.INVALID, f"{client!r} is not a name", hint="letters, digits and -")
        secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        body = msgspec.json.encode(limits)
        given = {"client": client, "hash": _hash(secret), "limits": body, "at": self._now()}
        return Made(secret, _key(await self._one(_SQL.add_key, **given)))

    async def rotate(self, id_: int) -> Made:
        """Replace the secret; client and limits stay, the old secret is revoked.  Raise `not_found`
        for a key that is unknown or was revoked."""
        secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        row = await self._one(_SQL.rotate_key, id=id_, hash=_hash(secret), at=self._now())
        if row is None:
            raise SysError(
                Code.NOT_FOUND, f"there is no key {id_} that is valid", hint="logos key list"
            )
        self._seen.clear()
        return Made(secret, _key(row))

    async def find(self, secret: str) -> Key | None:
        hashed = _hash(secret)
        at, known = self._seen.get(hashed, (0.0, None))
        if time.monotonic() - at < FRESH_S:
            return known
        row = await self._one(_SQL.find_key, hash=hashed)
        if len(self._seen) >= MOST:
            self._seen.clear()
        key = None if row is None else _key(row)
        self._seen[hashed] = (time.monotonic(), key)
        return key

    async def list(self) -> Sequence[Key]:
        async def fetch() -> Sequence[Any]:
            async with self._store.connection() as db:
                return await db.all(_SQL.list_keys)

        return [_key(row) for row in await self._store.persist(fetch)]

    async def revoke(self, id_: int) -> None:
        """Takes effect at once on this node, within seconds on others.  Raise `not_found`."""
        if await self._one(_SQL.revoke_key, id=id_, at=self._now()) is None:
            raise SysError(Code.NOT_FOUND, f"there is no key {id_}", hint="logos key list")
        self._seen.clear()

    async def _one(self, statement: Any, **given: object) -> Any:
        async def fetch() -> Any:
            async with self._store.connection() as db:
                return await db.one(statement, **given)

        return await self._store.persist(fetch)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _key(row: Any) -> Key:
    id_, client, limits, created, revoked = row
    return Key(id_, client, msgspec.json.decode(limits, type=Limits), created, revoked)
