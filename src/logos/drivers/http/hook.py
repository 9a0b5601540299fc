"""Notifying another server, at a URL that its owner gave.

    Hook.post(url, body, headers)    -> the status it answered with

Only hosts that the operator named are contacted, at addresses that were checked; redirects are not
followed, and the body of the answer is not read.
"""

import ssl
from collections.abc import Mapping

import anyio
import httpx2

from logos.abi.errors import Code, SysError
from logos.drivers.http.driver import checked
from logos.drivers.http.hosts import Resolve, addresses, host_of, look_up

PATIENCE_S = 20.0


class Hook:
    """`hosts` as for http.fetch."""

    def __init__(
        self,
        hosts: frozenset[str],
        *,
        resolve: Resolve = look_up,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._hosts = hosts
        self._resolve = resolve
        self._trust = trust

    def check(self, url: str) -> None:
        """Raise `invalid` for a malformed URL, `denied` for a host the operator did not name."""
        checked(url, self._hosts)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Raise `denied`, `timeout`, `unavailable`."""
        try:
            with anyio.fail_after(PATIENCE_S):
                return await self._posted(checked(url, self._hosts), body, headers)
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise SysError(Code.TIMEOUT, f"{url} took too long") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise SysError(Code.UNAVAILABLE, f"{url}: {error}") from error

    async def _posted(self, url: httpx2.URL, body: bytes, headers: Mapping[str, str]) -> int:
        found = await addresses(url, self._hosts, self._resolve)
        if self._trust is None:
            self._trust = httpx2.create_ssl_context(trust_env=False)
        async with httpx2.AsyncClient(verify=self._trust, trust_env=False) as client:
            request = client.build_request(
                "POST",
                url.copy_with(host=found[0]),
                content=body,
                headers={**headers, "Host": url.netloc.decode("ascii")},
                extensions={"sni_hostname": host_of(url)},
            )
            response = await client.send(request, stream=True)
            await response.aclose()
            return response.status_code
