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
from urllib.parse import quote, urljoin

import anyio
import anyio.to_thread
import httpx2
import msgspec

from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.tools import Offer
from logos.drivers.openapi.document import Document, Operation, parsed

DOCUMENT_BYTES = 16 << 20
ANSWER_BYTES = 16 << 20
SHOWN = 2000
"""Characters of an answer that is an error."""


class Reach(NamedTuple):
    hosts: frozenset[str]
    headers: Mapping[str, str]
    timeout_s: float


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
        url = urljoin(self._base(document), operation_path(operation, given).lstrip("/"))
        query = _of(operation, given, "query")
        headers = {
            name: str(_plain(value)) for name, value in _of(operation, given, "header").items()
        }
        body = msgspec.json.encode(given["body"]) if operation.body and "body" in given else None
        status, kind, data = await self._asked(operation.method, url, query, headers, body)
        text = data.decode("utf-8", "replace")
        if not 200 <= status < 300:  # noqa: PLR2004 - as RFC 9110 has them
            code = Code.NOT_FOUND if status == 404 else Code.TOOL  # noqa: PLR2004
            raise SysError(
                code, f"{self._name}/{tool} answers {status}: {text[:SHOWN]}".rstrip(": ")
            )
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
                status, _, data = await self._asked("GET", self._source, {}, {}, None)
                if status != 200:  # noqa: PLR2004
                    raise SysError(Code.UNAVAILABLE, f"{self._source} answers {status}")
            else:
                data = await _bytes(self._source)
            document = await anyio.to_thread.run_sync(parsed, data.decode("utf-8", "replace"))
            self._offers = tuple(one.offer for one in document.operations.values())
            self._document = document
        return self._document

    async def _asked(
        self,
        method: str,
        url: str,
        query: Mapping[str, Any],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> tuple[int, str, bytes]:
        where = self._checked(url)
        sent = {**headers, **self._reach.headers, "Accept": "application/json, */*;q=0.5"}
        if body is not None:
            sent["Content-Type"] = "application/json"
        try:
            with anyio.fail_after(self._reach.timeout_s):
                async with (
                    httpx2.AsyncClient(trust_env=False, timeout=self._reach.timeout_s) as client,
                    client.stream(
                        method, where, params=_flat(query) or None, headers=sent, content=body
                    ) as answer,
                ):
                    data = await _bounded(answer)
                    return answer.status_code, answer.headers.get("content-type", ""), data
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise SysError(Code.TIMEOUT, f"{self._name} took too long: {method} {url}") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            why = str(error) or type(error).__name__
            raise SysError(Code.UNAVAILABLE, f"{method} {url}: {why}") from error

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


def operation_path(operation: Operation, given: Mapping[str, Any]) -> str:
    """An argument is one segment of the path, whatever is in it."""
    path = operation.path
    for name, value in _of(operation, given, "path").items():
        text = str(_plain(value))
        if text in ("", ".", ".."):
            raise SysError(Code.INVALID, f"{name} cannot be {text!r}")
        path = path.replace("{" + name + "}", quote(text, safe=""))
    if "{" in path:
        raise SysError(Code.INVALID, f"{operation.offer.name} needs what is in {path}")
    return path


def _of(operation: Operation, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    return {
        p.name: given[p.name] for p in operation.parameters if p.where == where and p.name in given
    }


def _flat(query: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: [_plain(one) for one in value] if isinstance(value, list) else _plain(value)
        for name, value in query.items()
        if value is not None
    }


def _plain(value: Any) -> str | int | float:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str | int | float) else msgspec.json.encode(value).decode()


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
