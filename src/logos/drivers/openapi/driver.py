"""The place of an OpenAPI document: requests to its server.

    Api(name, source, reach)   `source` is a file or a URL; nothing is read before it is touched
    Reach                      the hosts that may be asked, what is sent with each request, how long

Redirects are not followed: where a request goes is what a person allowed.

Invariant: no byte goes to a host that is not in `Reach.hosts`, nor a secret over a network in clear.
"""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin

import anyio
import anyio.to_thread
import httpx2
import msgspec

from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.tools import Offer
from logos.drivers.openapi import request
from logos.drivers.openapi.document import Document, parsed

DOCUMENT_BYTES = 16 << 20
ANSWER_BYTES = 16 << 20
SHOWN = 2000
"""Characters of an answer that is an error."""


_CODES = {401: Code.UNAUTHENTICATED, 404: Code.NOT_FOUND}
_HINTS = dict.fromkeys(
    (401, 403), "a person: logos mount … --header NAME=env:TOKEN"
) | dict.fromkeys(
    (301, 302, 303, 307, 308),
    "redirects are not followed: write the right server into the document",
)
"""By status."""


class Reach(NamedTuple):
    hosts: frozenset[str]
    headers: Mapping[str, str]
    timeout_s: float


class _Asked(NamedTuple):
    """A request."""

    method: str
    url: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = {}
    content: bytes | None = None

    @property
    def looks(self) -> bool:
        return self.method in ("GET", "HEAD")


class Api:
    def __init__(self, name: str, source: str, reach: Reach) -> None:
        self._name = name
        self._source = source
        own = httpx2.URL(source).host if "://" in source else ""
        self._reach = reach._replace(hosts=reach.hosts | ({own} if own else set()))
        self._document: Document | None = None
        self._offers: tuple[Offer, ...] = ()

    @property
    def alive(self) -> bool:
        return self._document is not None

    def known(self) -> Sequence[Offer]:
        return self._offers

    async def offers(self) -> Sequence[Offer]:
        await self._read()
        return self._offers

    async def stop(self) -> None:
        self._document = None

    async def call(self, job: Job, tool: str, arguments: msgspec.Raw) -> msgspec.Raw:
        del job
        document = await self._read()
        if tool not in document.operations:
            raise SysError(Code.NOT_FOUND, f"{self._name} has no tool {tool!r}")
        operation = document.operations[tool]
        given = msgspec.json.decode(arguments or b"{}", type=dict[str, Any])
        where = urljoin(self._base(document), request.path(operation, given).lstrip("/"))
        asked = _Asked(
            operation.method,
            where,
            request.query(operation, given),
            request.headers(operation, given),
            request.content(operation, given),
        )
        status, kind, data = await self._asked(asked)
        text = data.decode("utf-8", "replace")
        if not 200 <= status < 300:  # noqa: PLR2004 - as RFC 9110 has them
            said = f"{self._name}/{tool} answers {status}: {text[:SHOWN]}".rstrip(": ")
            raise SysError(_CODES.get(status, Code.TOOL), said, hint=_HINTS.get(status, ""))
        return _value(kind, data, text)

    def _base(self, document: Document) -> str:
        start = self._source if "://" in self._source else ""
        base = urljoin(start, document.servers[0])
        if not base.startswith(("http://", "https://")) or "{" in base:
            raise SysError(
                Code.INVALID,
                f"{self._name}: {base!r} is no server to ask",
                hint="mount the document by its URL, or write the server's into it",
            )
        return base.rstrip("/") + "/"

    async def _read(self) -> Document:
        if self._document is None:
            if "://" in self._source:
                status, _, data = await self._asked(_Asked("GET", self._source))
                if status != 200:  # noqa: PLR2004
                    raise SysError(
                        Code.UNAVAILABLE,
                        f"{self._source} answers {status}",
                        hint=_HINTS.get(status, "look at the URL"),
                    )
            else:
                data = await _bytes(self._source)
            document = await anyio.to_thread.run_sync(parsed, data.decode("utf-8", "replace"))
            self._checked(self._base(document))  # a person hears of it at once, and no model later
            self._offers = tuple(one.offer for one in document.operations.values())
            self._document = document
        return self._document

    async def _asked(self, asked: "_Asked") -> tuple[int, str, bytes]:
        where = self._checked(asked.url)
        sent = {**asked.headers, **self._reach.headers, "Accept": "application/json, */*;q=0.5"}
        if asked.query:
            where = where.copy_merge_params(list(asked.query))
        try:
            with anyio.fail_after(self._reach.timeout_s):
                async with (
                    httpx2.AsyncClient(trust_env=False, timeout=self._reach.timeout_s) as client,
                    client.stream(
                        asked.method, where, headers=sent, content=asked.content
                    ) as answer,
                ):
                    data = await _bounded(answer)
                    return answer.status_code, answer.headers.get("content-type", ""), data
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise SysError(
                Code.TIMEOUT,
                f"{self._name} took too long: {asked.method} {asked.url}",
                hint="" if asked.looks else "look whether it happened all the same",
            ) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            why = str(error) or type(error).__name__
            raise SysError(Code.UNAVAILABLE, f"{asked.method} {asked.url}: {why}") from error

    def _checked(self, url: str) -> httpx2.URL:
        where = httpx2.URL(url)
        if where.host not in self._reach.hosts or where.userinfo:
            raise SysError(
                Code.DENIED,
                f"{self._name} may not ask {where.host}",
                hint=f"a person: logos mount … --host {where.host}",
            )
        if where.scheme != "https" and self._reach.headers and not _here(where.host):
            raise SysError(Code.DENIED, f"{url} is in clear, and a secret would go with it")
        return where


async def _bytes(source: str) -> bytes:
    try:
        async with await anyio.open_file(Path(source), "rb") as file:
            data = await file.read(DOCUMENT_BYTES + 1)
    except OSError as error:
        raise SysError(Code.NOT_FOUND, f"{source}: {error.strerror}") from error
    if len(data) > DOCUMENT_BYTES:
        raise SysError(Code.LIMIT, f"{source} is too long")
    return data


async def _bounded(answer: httpx2.Response) -> bytes:
    data = bytearray()
    async for chunk in answer.aiter_bytes():
        data += chunk
        if len(data) > ANSWER_BYTES:
            raise SysError(Code.LIMIT, f"the answer is longer than {ANSWER_BYTES >> 20} MiB")
    return bytes(data)


def _value(kind: str, data: bytes, text: str) -> msgspec.Raw:
    if "json" in kind and data:
        try:
            return msgspec.Raw(msgspec.json.encode(msgspec.json.decode(data)))
        except (msgspec.MsgspecError, RecursionError) as error:
            raise SysError(Code.TOOL, f"it answers something that is not JSON: {error}") from error
    binary = data and not kind.startswith(("text/", "application/xml")) and "\0" in text
    return msgspec.Raw(msgspec.json.encode(f"[{kind}, {len(data)} bytes]" if binary else text))


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
