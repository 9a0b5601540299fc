"""The Tool of http.fetch.

    Web.run   a Fetch -> the text of the page

Every address connected to, including those of redirects, was checked against the job's hosts; a
response is bounded in size and time.
"""

import codecs
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from ipaddress import ip_address
from urllib.parse import urljoin

import anyio
import httpx2

from logos.abi.calls import Fetch
from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.limits import FETCH_BYTES
from logos.drivers.http.hosts import Resolve, addresses, host_of, look_up, permitted
from logos.drivers.http.html import readable

REDIRECTS = 5
_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_TEXT = re.compile(
    r"text/|application/(.*\+)?(json|xml|javascript|ecmascript|yaml|toml|x-sh|sql)|image/svg"
)
_HEADERS = {
    "User-Agent": "LogOS/1 (an agent reads on behalf of a person)",
    "Accept": "text/html,text/*;q=0.9,application/json;q=0.9,*/*;q=0.1",
    "Accept-Encoding": "gzip, deflate",
}


class Web:
    """`resolve` turns names into addresses; `trust` is what TLS trusts (None: the system's list);
    `headers` are sent to the host they belong to and to no other."""

    def __init__(
        self,
        *,
        resolve: Resolve = look_up,
        trust: ssl.SSLContext | None = None,
        headers: Mapping[str, Mapping[str, str]] = {},
    ) -> None:
        self._headers = headers
        self._resolve = resolve
        self._trust = trust

    async def run(self, job: Job) -> str:
        call = job.call
        if not isinstance(call, Fetch):
            raise SysError(Code.INVALID, f"{type(call).__name__} is not a call to the web")
        try:
            with anyio.fail_after(job.deadline_s):
                return await self._fetched(call.url, job.hosts)
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise SysError(Code.TIMEOUT, f"{call.url} took too long") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            why = str(error) or type(error).__name__
            raise SysError(Code.UNAVAILABLE, f"{call.url}: {why}") from error

    async def _fetched(self, url: str, hosts: frozenset[str]) -> str:
        start = url
        for _ in range(REDIRECTS + 1):
            async with self._answer(checked(url, hosts), hosts) as response:
                if not response.has_redirect_location:
                    text = await _text(response, url)
                    return text if url == start else f"[{url}]\n\n{text}"
                url = urljoin(url, response.headers["location"])
        raise SysError(Code.TOOL, f"{start} redirects more than {REDIRECTS} times")

    @asynccontextmanager
    async def _answer(
        self, url: httpx2.URL, hosts: frozenset[str]
    ) -> AsyncIterator[httpx2.Response]:
        """A separate client for each request: connections are pooled by address, and one that was
        verified for a name must not serve another name at the same address."""
        found = await addresses(url, hosts, self._resolve)
        if self._trust is None:
            self._trust = httpx2.create_ssl_context(trust_env=False)
        async with httpx2.AsyncClient(verify=self._trust, trust_env=False) as client:
            own = self._headers.get(host_of(url), {})
            if url.scheme == "http" and not all(ip_address(a).is_loopback for a in found):
                own = {}  # secrets do not cross a network in clear
            response = await _first(client, url, found, own)
            try:
                yield response
            finally:
                await response.aclose()


async def _first(
    client: httpx2.AsyncClient, url: httpx2.URL, found: list[str], own: Mapping[str, str]
) -> httpx2.Response:
    """The response from the first address that can be connected to."""
    *others, last = found
    for address in others:
        try:
            return await client.send(_request(client, url, address, own), stream=True)
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            continue
    return await client.send(_request(client, url, last, own), stream=True)


def _request(
    client: httpx2.AsyncClient, url: httpx2.URL, address: str, own: Mapping[str, str]
) -> httpx2.Request:
    return client.build_request(
        "GET",
        url.copy_with(host=address),
        headers={**_HEADERS, **own} | {"Host": url.netloc.decode("ascii")},
        extensions={"sni_hostname": host_of(url)},
    )


def checked(url: str, hosts: frozenset[str]) -> httpx2.URL:
    parsed = httpx2.URL(url)
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise SysError(Code.INVALID, f"{url} is not an http address")
    if parsed.userinfo:
        raise SysError(Code.INVALID, "an address with a password in it", hint="leave it out")
    if not permitted(parsed, hosts):
        granted = ", ".join(sorted(hosts)) or "none"
        raise SysError(
            Code.DENIED, f"{url} is on a host that was not granted", hint=f"granted: {granted}"
        )
    return parsed.copy_with(fragment=None)


async def _text(response: httpx2.Response, url: str) -> str:
    _check_status(response, url)
    kind = response.headers.get("content-type", "text/html").lower()
    if not _TEXT.match(kind):
        raise SysError(Code.TOOL, f"{url} is {kind}, which is not text")
    data = bytearray()
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > FETCH_BYTES:
            break
    text = _decoded(bytes(data[:FETCH_BYTES]), kind)
    if "html" in kind:
        text = readable(text, url)
    return text + (f"\n[cut after {FETCH_BYTES >> 10} KiB]" if len(data) > FETCH_BYTES else "")


def _check_status(response: httpx2.Response, url: str) -> None:
    status = response.status_code
    if response.is_success:
        return
    message = f"{url} answers {status} {response.reason_phrase}".strip()
    if status in {404, 410}:
        raise SysError(Code.NOT_FOUND, message)
    if status == 429 or status >= 500:  # noqa: PLR2004  # as RFC 9110 has them
        after = response.headers.get("retry-after", "")
        raise SysError(
            Code.UNAVAILABLE, message, retry_after_s=float(after) if after.isdigit() else None
        )
    raise SysError(Code.TOOL, message)


def _decoded(data: bytes, kind: str) -> str:
    """By byte order mark, header, the page's own declaration, or else as UTF-8."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(name, "replace")
    said = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", kind)
    name = said[1] if said else ""
    if not name and "html" in kind and (found := _CHARSET.search(data[:4096])):
        name = found[1].decode("ascii", "replace")
    try:
        return data.decode(name or "utf-8", "replace")
    except LookupError:
        return data.decode("utf-8", "replace")
