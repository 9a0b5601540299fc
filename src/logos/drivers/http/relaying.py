"""One request on behalf of a browser, to the hosts of its process, at addresses that were checked.

    relay    make the request

Invariant: only addresses that were checked here are connected to.
"""

from collections.abc import Mapping
from functools import partial

import anyio
import httpx2

from logos.abi.errors import Code, SysError
from logos.drivers.http.hosts import Resolve, addresses, host_of, look_up, permitted

ANSWER_BYTES = 32 << 20
WITHIN_S = 30.0
_OWN = frozenset({"host", "content-length", "connection", "accept-encoding", "transfer-encoding"})

Answer = tuple[int, list[tuple[str, str]], bytes]


async def _relayed(
    resolve: Resolve,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    hosts: frozenset[str],
) -> Answer:
    where = httpx2.URL(url)
    if where.scheme not in ("http", "https") or where.userinfo or not permitted(where, hosts):
        granted = ", ".join(sorted(hosts)) or "none"
        raise SysError(
            Code.DENIED,
            f"{where.host or url[:80]} is a host that was not granted",
            hint=f"granted: {granted}",
        )
    try:
        with anyio.fail_after(WITHIN_S):
            address, *_ = await addresses(where, hosts, resolve)
            return await _asked(method, where, address, headers, body)
    except TimeoutError as error:
        raise SysError(Code.TIMEOUT, f"{where.host} took too long") from error
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        why = str(error) or type(error).__name__
        raise SysError(Code.UNAVAILABLE, f"{where.host}: {why}") from error


async def _asked(
    method: str, where: httpx2.URL, address: str, headers: Mapping[str, str], body: bytes
) -> Answer:
    sent = {k: v for k, v in headers.items() if k.lower() not in _OWN}
    async with (
        httpx2.AsyncClient(trust_env=False, timeout=WITHIN_S) as client,
        client.stream(
            method,
            where.copy_with(host=address, fragment=None),
            headers=sent | {"Host": where.netloc.decode("ascii")},
            content=body or None,
            extensions={"sni_hostname": host_of(where)},
        ) as answer,
    ):
        data = bytearray()
        async for chunk in answer.aiter_bytes():
            data += chunk
            if len(data) > ANSWER_BYTES:
                raise SysError(Code.LIMIT, f"{where.host} answers too much")
        return answer.status_code, list(answer.headers.multi_items()), bytes(data)


relay = partial(_relayed, look_up)
