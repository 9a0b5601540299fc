"""Which client is asking.

    Client                 the client
    Access.client(ask)     the client of a request.  Raise `unauthenticated`, `denied`
    Access.who(peer, ...)  the same for other surfaces, by the peer's address and the headers

A key identifies the client, wherever the request comes from; a wrong one is refused.  On this
machine no key is needed, and the client is the owner's.  A browser is an exception: a page from
anywhere could make it ask.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from msgspec.structs import replace

from logos.abi.agent import Account, Limits
from logos.abi.errors import Code, SysError
from logos.gateway.ask import Ask
from logos.kernel import Kernel, counted


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks: its `name` is in its processes' agents, `limits` hold for each of them, `accounts`
    for all of them together.  `owner`: it is on this machine and has no key of ours."""

    name: str
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    owner: bool = False
    accounts: tuple[Account, ...] = ()


LOCAL = Client("local", owner=True)

OURS = "lgk_"
"""How a key of ours begins; anything else is for a vendor, and says nothing here."""


class Access:
    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def client(self, ask: Ask) -> Client:
        if ask.program is None:
            return await self.who(ask.peer, ask.headers)
        process = await self._kernel.records.process(ask.program)
        return dataclasses.replace(LOCAL, accounts=counted(ask.program, process))

    async def who(self, peer: str, headers: Mapping[str, str]) -> Client:
        secret = _secret(headers)
        if secret.startswith(OURS):
            return await self._holder(secret)
        if not _loopback(peer):
            raise SysError(
                Code.UNAUTHENTICATED, "this needs a key", hint="logos key create, on the machine"
            )
        if not _named_here(headers):
            raise SysError(Code.DENIED, "a web page may not ask without a key")
        return LOCAL

    async def _holder(self, secret: str) -> Client:
        """What is left of the key's limits holds for a new process of its client's; the limits
        themselves for all that the client has anywhere."""
        key = await self._kernel.keys.find(secret)
        if key is None:
            raise SysError(Code.UNAUTHENTICATED, "this key is unknown, or revoked")
        limits = key.limits
        if limits.tokens is not None or limits.cost is not None:
            used = await self._kernel.accounts.used(account_of(key.client))
            limits = replace(
                limits,
                tokens=_rest(limits.tokens, used.tokens, "tokens"),
                cost=_rest(limits.cost, used.cost, "money"),
            )
        account = Account(
            name=account_of(key.client), tokens=key.limits.tokens, cost=key.limits.cost
        )
        return Client(key.client, limits, accounts=(account,))


def _rest(limit: int | None, used: int, of: str) -> int | None:
    if limit is not None and used >= limit:
        raise SysError(Code.BUDGET, f"the key's limit of {of} is used up", hint="ask for more")
    return None if limit is None else limit - used


def account_of(client: str) -> str:
    """Where all is counted that a client has used, on every surface."""
    return f"key/{client}"


def agent_name(client: str) -> str:
    """The agent of a client's processes."""
    return f"gateway/{client}"


def _secret(headers: Mapping[str, str]) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if kind.lower() == "bearer" else ""
    return bearer or headers.get("x-api-key", "") or headers.get("api-key", "")


@lru_cache(maxsize=256)
def _loopback(host: str) -> bool:
    try:
        return not host or ip_address(host).is_loopback
    except ValueError:
        return False


def _named_here(headers: Mapping[str, str]) -> bool:
    """Asked under a name of this machine's, and not by a page from elsewhere."""
    origin = headers.get("origin", "")
    host = origin.partition("://")[2] if origin else headers.get("host", "")
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    return name in ("", "localhost") or _loopback(name.strip("[]"))
