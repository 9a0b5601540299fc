"""MCP over HTTP: both eras against the official server; sessions lost, tokens refused, redirects."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from mounted import called, job, opened, serving

from logos.abi.driver import Mode
from logos.abi.errors import Code, SysError
from logos.abi.tools import Place
from logos.drivers.mcp import Server, over_http
from logos.drivers.mcp.answer import value_of
from logos.drivers.mcp.client import Client
from logos.drivers.mcp.wire import Era
from logos.drivers.sandbox import open_sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def answering(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """A server that says one thing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(answer(connection.recv(1 << 16)))

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        listener.shutdown(socket.SHUT_RDWR)


async def test_mounted_by_url(tmp_path: Path, port: int) -> None:
    box = open_sandbox(Mode.NONE, state=tmp_path / "state")
    with serving(tmp_path, port) as url:
        async with opened(tmp_path, box, {"far": Place(url=url)}) as places:
            assert await called(places, tmp_path, "far/echo", text="hé") == "hé"
            assert await called(places, tmp_path, "far/add", a=1, b=2) == {"sum": 3}
            assert len(await called(places, tmp_path, "far/large", kib=2000)) == 2000 << 10
            with pytest.raises(SysError, match="Error executing tool fail"):
                await called(places, tmp_path, "far/fail")
            with pytest.raises(SysError, match="needs text"):
                await called(places, tmp_path, "far/echo")


@pytest.mark.parametrize("era", Era)
async def test_both_eras(tmp_path: Path, port: int, era: Era) -> None:
    with serving(tmp_path, port) as url:
        async with over_http(url)() as wire:
            client = await Client.open(wire, era)
            assert client.era is era
            assert "echo" in {offer.name for offer in await client.offers()}
            values: list[Any] = []

            async def one(n: int) -> None:
                text = msgspec.Raw(msgspec.json.encode({"text": str(n)}))
                found = value_of(await client.call("echo", text), "echo")
                values.append(msgspec.json.decode(found))

            async with anyio.create_task_group() as tasks:
                for n in range(10):
                    tasks.start_soon(one, n)
            assert sorted(values) == [str(n) for n in range(10)]


async def test_a_lost_session_is_begun_anew(tmp_path: Path, port: int) -> None:
    """A server of the first era forgets: what it did not take is asked again."""
    async with anyio.create_task_group() as tasks:
        with serving(tmp_path, port) as url:
            server = Server("far", over_http(url), tasks)
            server.prefer(Era.HANDSHAKE)
            await server.offers()
        with serving(tmp_path, port):
            arguments = msgspec.Raw(b'{"text":"again"}')
            value = await server.call(job(tmp_path, "x"), "echo", arguments)
            assert bytes(value) == b'"again"'
            assert server.starts == 2
        await server.stop()


@pytest.mark.parametrize(
    ("head", "code", "said"),
    [
        ("401 Unauthorized", Code.UNAUTHENTICATED, "wants to know who is asking"),
        ("302 Found\r\nlocation: http://127.0.0.1:1/", Code.UNAVAILABLE, "redirects to"),
        ("503 Busy\r\nretry-after: 7", Code.UNAVAILABLE, "answers 503"),
        ("200 OK\r\ncontent-type: application/json", Code.TOOL, "not JSON-RPC"),
    ],
)
async def test_what_is_no_answer(head: str, code: Code, said: str) -> None:
    reply = f"HTTP/1.1 {head}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]".encode()
    with answering(lambda _: reply) as url:
        async with over_http(url)() as wire:
            with pytest.raises(SysError, match=said) as failed:
                await Client.open(wire, Era.HANDSHAKE)
            assert failed.value.code is code


async def test_secrets_are_sent_and_not_kept(tmp_path: Path) -> None:
    heard: list[bytes] = []

    def answer(request: bytes) -> bytes:
        heard.append(request)
        return b"HTTP/1.1 401 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

    (tmp_path / "token").write_text("s3cret")
    box = open_sandbox(Mode.NONE, state=tmp_path / "state")
    with answering(answer) as url:
        headers = {"Authorization": f"Bearer file:{tmp_path}/token"}
        async with opened(tmp_path, box, {"far": Place(url=url, headers=headers)}) as places:
            with pytest.raises(SysError, match="wants to know") as failed:
                await called(places, tmp_path, "far/echo", text="a")
            assert failed.value.code is Code.UNAUTHENTICATED
    assert any(b"Bearer s3cret" in request for request in heard)
    kept = [p.read_bytes() for p in (tmp_path / "mounts").rglob("*") if p.is_file()]
    assert not any(b"s3cret" in data for data in kept)
