"""The way out of a sandbox: what it lets, what it refuses, and that it says so.

The program's side is a socket here, the world a server on this machine's loopback.
"""

import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import anyio.abc
import pytest
from anyio.abc import SocketStream

from logos.abi.calls import Exec, Run
from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.events import Reached
from logos.abi.ids import CallId, Pid
from logos.drivers.http import Bounds, Proxy
from logos.drivers.http.hello import Hello

pytestmark = pytest.mark.anyio

Handler = Callable[[SocketStream], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def origin(handler: Handler, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A server on loopback; its port."""
    listener = await anyio.create_tcp_listener(local_host=host)
    async with listener, anyio.create_task_group() as tasks:

        async def each(stream: SocketStream) -> None:
            async with stream:
                await handler(stream)

        tasks.start_soon(listener.serve, each)
        yield int(listener.extra(anyio.abc.SocketAttribute.local_port))
        tasks.cancel_scope.cancel()


class Journal:
    def __init__(self) -> None:
        self.events: list[Reached] = []
        self.broken = False
        self.secret = False

    async def note(self, pid: Pid, *events: Reached) -> None:
        assert pid == Pid(7)
        if self.broken:
            raise SysError(Code.UNAVAILABLE, "no journal")
        self.events += events

    async def confided(self, pid: Pid) -> bool:
        assert pid == Pid(7)
        return self.secret

    def told(self) -> list[tuple[str, int, str]]:
        return list(dict.fromkeys((e.host, e.port, e.refused) for e in self.events))


class Way:
    """An open way out, and how a program knocks at it."""

    def __init__(self, port: int, refused: Sequence[str]) -> None:
        self.port = port
        self.refused = refused
        self.streams: list[SocketStream] = []

    async def knock(self) -> SocketStream:
        stream = await anyio.connect_tcp("127.0.0.1", self.port)
        self.streams.append(stream)
        return stream

    async def ask(self, *pieces: bytes) -> bytes:
        """Send, say no more, and read to the end."""
        async with await self.knock() as stream:
            for piece in pieces:
                await stream.send(piece)
            return await everything(stream)

    async def get(self, url: str, *headers: str) -> bytes:
        host = url.split("/")[2]
        head = "\r\n".join([f"GET {url} HTTP/1.1", f"Host: {host}", *headers])
        return await self.ask(head.encode() + b"\r\n\r\n")

    async def connect(self, where: str) -> tuple[bytes, SocketStream]:
        stream = await self.knock()
        await stream.send(f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n\r\n".encode())
        return await stream.receive(), stream


async def everything(stream: SocketStream) -> bytes:
    found = b""
    try:
        while True:
            found += await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        return found


Names = dict[str, list[list[str]]]
Open = Callable[..., AbstractAsyncContextManager[Way]]


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def opened(journal: Journal) -> Open:
    """`names` gives each name the addresses of its first look-up, its second, and so on."""

    @asynccontextmanager
    async def open_way(
        *hosts: str,
        names: Names | None = None,
        bounds: Bounds | None = None,
        stays: bool = False,
    ) -> AsyncIterator[Way]:
        async def resolve(host: str, port: int) -> list[str]:
            del port
            found = (names or {}).get(host)
            if not found:
                raise OSError("no such name")
            return found.pop(0) if len(found) > 1 else found[0]

        proxy = Proxy(resolve=resolve, bounds=bounds or Bounds())
        proxy.tell(journal.note, journal.confided)
        call = (Exec if stays else Run)(argv=("true",), hosts=hosts)
        job = Job(id=CallId("7-c3"), pid=Pid(7), call=call, workspace=None)  # type: ignore[arg-type]
        with socket.create_server(("127.0.0.1", 0)) as door:
            async with proxy.open(door.fileno(), job, hosts) as refused:
                way = Way(door.getsockname()[1], refused)
                try:
                    yield way
                finally:
                    for stream in way.streams:
                        await stream.aclose()

    return open_way


async def greet(stream: SocketStream) -> None:
    await stream.receive()
    await stream.send(OK)


async def test_a_granted_host_is_reached_and_journaled_before_and_after(
    opened: Open, journal: Journal
) -> None:
    heard = b""

    async def handler(stream: SocketStream) -> None:
        nonlocal heard
        assert [e.connections for e in journal.events] == [0]
        heard = await stream.receive()
        await stream.send(OK)

    async with origin(handler) as port, opened(f"localhost:{port}", names=HERE) as way:
        url = f"http://localhost:{port}/a?b=c"
        answer = await way.get(url, "Proxy-Authorization: Basic eA==", "Cookie: c", "TE: x")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"hi")
    assert heard.startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert f"host: localhost:{port}".encode() in heard.lower()
    assert b"cookie: c" in heard.lower()
    assert b"proxy" not in heard.lower()
    assert b"te: x" not in heard.lower()
    first, last = journal.events
    assert (first.id, first.host, first.address) == ("c3", "localhost", "127.0.0.1")
    assert (last.connections, last.sent > 0, last.received) == (1, True, len(OK))


HERE: Names = {"localhost": [["127.0.0.1"]]}


async def test_a_tunnel_carries_both_ways(opened: Open, journal: Journal) -> None:
    async def handler(stream: SocketStream) -> None:
        while True:
            try:
                data = await stream.receive()
            except anyio.EndOfStream:
                break
            await stream.send(data.upper())
        await stream.send(b"!")

    async with origin(handler) as port, opened(f"127.0.0.1:{port}") as way:
        said, stream = await way.connect(f"127.0.0.1:{port}")
        assert said.startswith(b"HTTP/1.1 200")
        await stream.send(b"ab")
        assert await stream.receive() == b"AB"
        await stream.send_eof()
        assert await everything(stream) == b"!"
    assert (journal.events[-1].sent, journal.events[-1].received) == (2, 3)


@pytest.mark.parametrize("way_of_asking", ["get", "connect"])
async def test_another_host_is_refused_with_the_right_that_is_missing(
    opened: Open, journal: Journal, way_of_asking: str
) -> None:
    async with opened("pypi.org") as way:
        if way_of_asking == "get":
            answer = await way.get("http://evil.example/x")
        else:
            answer, stream = await way.connect("evil.example:443")
            answer += await everything(stream)
        assert way.refused == [f"evil.example:{80 if way_of_asking == 'get' else 443}: not granted"]
    assert answer.startswith(b"HTTP/1.1 403 lacks connect:/net/evil.example")
    assert b"x-logos-lacks: connect:/net/evil.example" in answer
    assert b"it may reach pypi.org" in answer.partition(b"\r\n\r\n")[2]
    assert journal.told()[0][0] == "evil.example"


@pytest.mark.parametrize(
    "where", ["pypi.org:22", "pypi.org:8443", "PYPI.ORG:25", "xpypi.org:443", "pypi.org.evil:443"]
)
async def test_the_right_to_a_host_is_for_its_web_ports_and_its_name_alone(
    opened: Open, where: str
) -> None:
    async with opened("pypi.org", names={"pypi.org": [["203.0.113.9"]]}) as way:
        answer, _ = await way.connect(where)
    assert answer.startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "fe80::1", "fd00::1", "0.0.0.0",
     "::ffff:127.0.0.1", "64:ff9b::7f00:1", "100.64.0.1", "224.0.0.1"],
)  # fmt: skip
async def test_a_name_that_leads_inside_is_refused(
    opened: Open, journal: Journal, address: str
) -> None:
    async with opened("rebind.example", names={"rebind.example": [[address]]}) as way:
        answer, _ = await way.connect("rebind.example:443")
    assert answer.startswith(b"HTTP/1.1 403")
    assert "not a public address" in journal.told()[0][2]


async def test_one_address_inside_among_others_is_enough_to_refuse(opened: Open) -> None:
    names = {"mixed.example": [["93.184.216.34", "192.168.1.1"]]}
    async with opened("mixed.example", names=names) as way:
        answer, _ = await way.connect("mixed.example:443")
    assert answer.startswith(b"HTTP/1.1 403")


async def test_a_name_that_comes_to_lead_inside_is_refused_from_then_on(
    opened: Open, journal: Journal
) -> None:
    """Each connection looks the name up once, and connects to what it found."""
    async with origin(greet) as port:
        hosts = [f"a.localhost:{port}", f"b.example:{port}"]
        names = {"a.localhost": [["127.0.0.1"]], "b.example": [["203.0.113.1"], ["127.0.0.1"]]}
        async with opened(*hosts, names=names) as way:
            assert b" 200 " in await way.get(f"http://a.localhost:{port}/")
            names["b.example"].pop(0)
            assert b" 403 " in await way.get(f"http://b.example:{port}/")
    assert ("b.example", port) in [(host, p) for host, p, why in journal.told() if why]


@pytest.mark.parametrize("literal", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1"])
async def test_an_address_in_another_spelling_is_that_address(opened: Open, literal: str) -> None:
    async with opened(literal, names={literal: [["127.0.0.1"]]}) as way:
        answer, _ = await way.connect(f"{literal}:443")
    assert answer.startswith(b"HTTP/1.1 403")


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="no IPv6")
async def test_ipv6_is_reached_where_it_is_named_and_only_there(opened: Open) -> None:
    async with origin(greet, "::1") as port, opened(f"[::1]:{port}") as way:
        assert b" 200 " in await way.get(f"http://[::1]:{port}/")
        assert b" 403 " in await way.get(f"http://[::2]:{port}/")


async def test_a_redirect_is_the_programs_to_follow_and_is_checked_again(opened: Open) -> None:
    async def handler(stream: SocketStream) -> None:
        await stream.receive()
        await stream.send(
            b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest\r\n"
            b"content-length: 0\r\n\r\n"
        )

    async with origin(handler) as port, opened(f"localhost:{port}", names=HERE) as way:
        answer = await way.get(f"http://localhost:{port}/")
        assert b"location: http://169.254.169.254/latest" in answer
        assert b" 403 " in await way.get("http://169.254.169.254/latest")


async def test_a_second_request_on_a_connection_is_never_looked_at(opened: Open) -> None:
    heard = b""

    async def handler(stream: SocketStream) -> None:
        nonlocal heard
        heard = await stream.receive()
        await stream.send(OK)
        heard += await everything(stream)

    async with origin(handler) as port, opened(f"localhost:{port}", names=HERE) as way:
        first = f"GET http://localhost:{port}/ HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        second = b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n"
        answer = await way.ask(first + second)
    assert answer.count(b"HTTP/1.1") == 1
    assert b"evil" not in heard
    assert b"connection: close" in answer


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET https://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://user:pw@localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT localhost HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT localhost:x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT localhost:99999 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"POST http://localhost/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\n",
    ],
)
async def test_what_is_no_request_to_a_proxy_is_refused(opened: Open, request_: bytes) -> None:
    async with opened("localhost", names=HERE) as way:
        assert (await way.ask(request_)).startswith(b"HTTP/1.1 400")


async def test_a_huge_head_is_refused(opened: Open) -> None:
    async with opened("pypi.org") as way:
        filler = b"X: " + b"a" * 40_000 + b"\r\n"
        answer = await way.ask(b"GET http://pypi.org/ HTTP/1.1\r\nHost: h\r\n", filler, filler)
    assert answer.startswith(b"HTTP/1.1 431")


async def test_a_head_that_comes_too_slowly_is_given_up(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logos.drivers.http.proxy.HEAD_S", 0.05)
    async with opened("pypi.org") as way:
        assert (await way.ask(b"GET http://pypi.org/ HTTP/1.1\r\n")).startswith(b"HTTP/1.1 408")


async def test_silence_ends_a_tunnel(opened: Open) -> None:
    async def handler(stream: SocketStream) -> None:
        await everything(stream)

    bounds = Bounds(idle_s=0.05)
    async with origin(handler) as port, opened(f"127.0.0.1:{port}", bounds=bounds) as way:
        _, stream = await way.connect(f"127.0.0.1:{port}")
        assert await everything(stream) == b""


async def test_more_connections_than_may_be_at_once_wait(opened: Open) -> None:
    now = most = 0

    async def handler(stream: SocketStream) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await stream.receive()
        await anyio.lowlevel.checkpoint()
        await stream.send(OK)
        now -= 1

    bounds = Bounds(at_once=4)
    async with origin(handler) as port, opened(f"127.0.0.1:{port}", bounds=bounds) as way:
        answers: list[bytes] = []

        async def one() -> None:
            answers.append(await way.get(f"http://127.0.0.1:{port}/"))

        async with anyio.create_task_group() as tasks:
            for _ in range(40):
                tasks.start_soon(one)
    assert all(b" 200 " in answer for answer in answers)
    assert len(answers) == 40
    assert most <= 4


async def test_connections_bytes_and_places_are_bounded(opened: Open, journal: Journal) -> None:
    async def much(stream: SocketStream) -> None:
        try:
            await stream.receive()
            while True:
                await stream.send(b"x" * 4096)
        except (anyio.BrokenResourceError, anyio.EndOfStream):
            return

    async with origin(much) as port:
        async with opened(f"127.0.0.1:{port}", bounds=Bounds(bytes=50_000)) as way:
            _, stream = await way.connect(f"127.0.0.1:{port}")
            await stream.send(b"go")
            assert len(await everything(stream)) <= 50_000
            assert b" 413 " in await way.get(f"http://127.0.0.1:{port}/")
        async with opened(f"127.0.0.1:{port}", bounds=Bounds(connections=2)) as way:
            for status in (b"403", b"403", b"429"):
                assert status in (await way.get("http://x.example/"))[:20]
    journal.events.clear()
    async with opened("pypi.org") as way:
        answers = [await way.get(f"http://{n}.example/") for n in range(258)]
    assert answers[-1].startswith(b"HTTP/1.1 429")
    assert len({e.host for e in journal.events}) == 256


async def test_nothing_leaves_that_cannot_be_journaled(opened: Open, journal: Journal) -> None:
    reached = False

    async def handler(stream: SocketStream) -> None:
        nonlocal reached
        del stream
        reached = True

    journal.broken = True
    async with origin(handler) as port, opened(f"localhost:{port}", names=HERE) as way:
        assert b" 503 " in await way.get(f"http://localhost:{port}/")
    assert not reached


async def test_a_program_that_reads_on_is_cut_off_when_it_reads_in_confidence(
    opened: Open, journal: Journal
) -> None:
    async with origin(greet) as port, opened(f"127.0.0.1:{port}", stays=True) as way:
        assert b" 200 " in await way.get(f"http://127.0.0.1:{port}/")
        journal.secret = True
        answer = await way.get(f"http://127.0.0.1:{port}/")
    assert answer.startswith(b"HTTP/1.1 403 something confidential was read")
    assert any("confidential" in why for _, _, why in journal.told())


async def test_a_tunnel_that_asks_for_another_name_is_cut(opened: Open, journal: Journal) -> None:
    heard = b""

    async def handler(stream: SocketStream) -> None:
        nonlocal heard
        heard = await everything(stream)

    async with origin(handler) as port:
        for name in ("fronted.example", "localhost"):
            async with opened(f"localhost:{port}", names=HERE) as way:
                _, stream = await way.connect(f"localhost:{port}")
                for piece in pieces(hello(name)):
                    await stream.send(piece)
                await stream.send_eof()
                await everything(stream)
            assert bool(heard) == (name == "localhost")
    assert any("fronted.example" in why for _, _, why in journal.told())


def hello(name: str) -> bytes:
    """What a TLS client of ours says first."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(into, out, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


def pieces(data: bytes) -> list[bytes]:
    return [data[:3], data[3:40], data[40:]]


def test_the_name_is_found_however_the_message_is_cut() -> None:
    data = hello("some.example")
    for size in (1, 7, 10_000):
        reader = Hello()
        found = [reader.feed(data[at : at + size]) for at in range(0, len(data), size)]
        assert found[-1] is not None
        assert found[-1].name == "some.example"
    body = data[5:]
    spread = b"".join(
        b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part for part in (body[:50], body[50:])
    )
    named = Hello().feed(spread)
    assert named is not None
    assert named.name == "some.example"
    plain = Hello().feed(b"SSH-2.0")
    assert plain is not None
    assert plain.name is None


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x00\x00", b"\x16\x03\x01\x00\x04\x02\x00\x00\x00"])
def test_what_only_begins_like_tls_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"message|hello"):
        Hello().feed(data)
