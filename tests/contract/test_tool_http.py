"""http.fetch against a server on loopback; names are resolved by the test."""

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import anyio.abc
import httpx2
import pytest

from logos.abi.calls import Fetch
from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.ids import CallId, Pid
from logos.drivers.http import Web
from logos.drivers.http.hosts import permitted

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(head).encode() + body


PLAIN = "Content-Type: text/plain; charset=utf-8"
PAGES = {
    "/plain": answer("é".encode(), PLAIN),
    "/html": answer(b"<h1>Hi</h1><p>there", "Content-Type: text/html"),
    "/latin": answer(b"caf\xe9", "Content-Type: text/plain; charset=ISO-8859-1"),
    "/meta": answer(b'<meta charset="windows-1252"><p>\x80', "Content-Type: text/html"),
    "/strange": answer("é".encode(), "Content-Type: text/plain; charset=klingon"),
    "/gzip": answer(gzip.compress(b"small"), PLAIN, "Content-Encoding: gzip"),
    "/bomb": answer(gzip.compress(b"0" * (64 << 20)), PLAIN, "Content-Encoding: gzip"),
    "/image": answer(b"\x89PNG", "Content-Type: image/png"),
    "/loop": answer(b"", "Location: /loop", status="302 Found"),
    "/hop": answer(b"", "Location: /html", status="301 Moved"),
    "/out": answer(b"", "Location: http://other.test/", status="302 Found"),
    "/inside": answer(b"", "Location: http://127.0.0.1/secret", status="302 Found"),
    "/file": answer(b"", "Location: file:///etc/passwd", status="302 Found"),
    "/busy": answer(b"", "Retry-After: 7", status="503 Busy"),
    "/teapot": answer(b"", status="418 Teapot"),
    "/junk": b"this is not HTTP\r\n\r\n",
}


class Server:
    port = 0
    seen: list[str]

    def __init__(self) -> None:
        self.seen = []

    async def serve(self, stream: anyio.abc.SocketStream) -> None:
        async with stream:
            head = b""
            while b"\r\n\r\n" not in head:
                try:
                    head += await stream.receive()
                except anyio.EndOfStream:
                    return
            self.seen.append(head.decode())
            path = head.split()[1].decode()
            if path == "/slow":
                await anyio.sleep_forever()
            with suppress(anyio.BrokenResourceError):  # the driver may have read enough
                await stream.send(PAGES.get(path) or answer(b"", status="404 Not Found"))

    def url(self, path: str, host: str = "site.localhost") -> str:
        return f"http://{host}:{self.port}{path}"


@asynccontextmanager
async def served() -> AsyncIterator[Server]:
    server = Server()
    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        server.port = listener.extra(anyio.abc.SocketAttribute.local_port)
        tasks.start_soon(listener.serve, server.serve)
        yield server
        tasks.cancel_scope.cancel()


NAMES = {
    "site.localhost": ["127.0.0.1"],
    "two.localhost": ["127.0.0.2", "127.0.0.1"],
    "evil.test": ["127.0.0.1"],
    "mixed.test": ["93.184.216.34", "10.0.0.1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "nat64.test": ["64:ff9b::a9fe:a9fe"],
    "meta.test": ["169.254.169.254"],
    "intranet.test": ["10.0.0.1"],
    "empty.test": [],
}


async def resolve(host: str, port: int) -> list[str]:
    if host not in NAMES:
        raise OSError("no such name")
    return NAMES[host]


async def fetch(url: str, *hosts: str, deadline_s: float = 5.0) -> str:
    job = Job(
        id=CallId("1"),
        pid=Pid(1),
        call=Fetch(url=url),
        workspace=Path("/nonexistent"),
        hosts=frozenset(hosts or ("site.localhost",)),
        deadline_s=deadline_s,
    )
    return await Web(resolve=resolve).run(job)


async def refused(url: str, *hosts: str, deadline_s: float = 5.0) -> SysError:
    with pytest.raises(SysError) as caught:
        await fetch(url, *hosts, deadline_s=deadline_s)
    return caught.value


@pytest.mark.slow
async def test_pages() -> None:
    async with served() as server:
        for path, text in (
            ("/plain", "é"),
            ("/html", "# Hi\n\nthere"),
            ("/latin", "café"),
            ("/meta", "€"),
            ("/strange", "é"),
            ("/gzip", "small"),
            ("/hop", f"[{server.url('/html')}]\n\n# Hi\n\nthere"),
        ):
            assert await fetch(server.url(path)) == text
        assert f"host: site.localhost:{server.port}" in server.seen[0].lower()
        bomb = await fetch(server.url("/bomb"))
        assert len(bomb) < (1 << 20) + 100
        assert bomb.endswith("[cut after 1024 KiB]")


async def test_the_next_address_is_tried() -> None:
    async with served() as server:
        assert await fetch(server.url("/plain", "two.localhost"), "two.localhost") == "é"


async def test_failures_say_what_happened() -> None:
    async with served() as server:
        for path, code, message in (
            ("/gone", Code.NOT_FOUND, "answers 404 Not Found"),
            ("/busy", Code.UNAVAILABLE, "answers 503 Busy"),
            ("/teapot", Code.TOOL, "answers 418 Teapot"),
            ("/image", Code.TOOL, "image/png, which is not text"),
            ("/loop", Code.TOOL, "redirects more than 5 times"),
            ("/junk", Code.UNAVAILABLE, ""),
        ):
            error = await refused(server.url(path))
            assert error.code is code
            assert message in error.message
        assert (await refused(server.url("/busy"))).retry_after_s == 7.0
        assert (await refused(server.url("/slow"), deadline_s=0.05)).code is Code.TIMEOUT
    assert (await refused("http://nowhere.test/", "nowhere.test")).code is Code.UNAVAILABLE
    assert (await refused("http://empty.test/", "empty.test")).code is Code.UNAVAILABLE


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("/out", Code.DENIED, "http://other.test/ is on a host that was not granted"),
        ("/inside", Code.DENIED, "http://127.0.0.1/secret is on a host"),
        ("/file", Code.INVALID, "is not an http address"),
    ],
)
async def test_every_redirect_is_checked(path: str, code: Code, message: str) -> None:
    async with served() as server:
        error = await refused(server.url(path))
        assert (error.code, len(server.seen)) == (code, 1)
        assert message in error.message


@pytest.mark.parametrize(
    ("host", "grant"),
    [
        ("evil.test", "evil.test"),
        ("evil.test", "*"),
        ("mixed.test", "*"),
        ("mapped.test", "mapped.test"),
        ("nat64.test", "nat64.test"),
        ("meta.test", "meta.test"),
        ("intranet.test", "*"),
        ("127.0.0.1", "*"),
        ("[::1]", "*"),
        ("site.localhost", "*"),
        ("evillocalhost.test", "*"),
    ],
)
async def test_addresses_of_this_network_are_closed(host: str, grant: str) -> None:
    async with served() as server:
        error = await refused(server.url("/plain", host), grant)
        assert error.code in {Code.DENIED, Code.UNAVAILABLE}
        assert server.seen == []


async def test_unless_named_outright() -> None:
    async with served() as server:
        assert await fetch(server.url("/plain", "127.0.0.1"), "127.0.0.1") == "é"


def test_what_a_grant_covers() -> None:
    def may(url: str, *hosts: str) -> bool:
        return permitted(httpx2.URL(url), hosts)

    assert may("https://docs.python.org/3/", "docs.python.org")
    assert may("https://DOCS.python.org./3/", "docs.python.org")
    assert may("https://anything.org/", "*")
    assert may("https://a.org/docs/x", "a.org/docs/**")
    assert not may("https://a.org/other", "a.org/docs/**")
    assert not may("https://a.org/docs/../other", "a.org/docs/**")
    assert not may("https://a.org/docs/%2e%2e/other", "a.org/docs/**")
    assert not may("https://docs.python.org.evil.org/", "docs.python.org")
    assert not may("https://python.org/", "docs.python.org")
    assert not may("https://a.org/")


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@site.localhost/",
        "http://",
        "http://[",
        "http://site.localhost@evil.test/",
    ],
)
async def test_strange_addresses_are_refused(url: str) -> None:
    error = await refused(url)
    assert error.code in {Code.INVALID, Code.DENIED}
    assert "secret" not in str(error)
