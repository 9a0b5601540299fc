"""The place `web`, on a search engine of this machine."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from mounted import job

from logos.abi.errors import Code, SysError
from logos.drivers import search
from logos.kernel import check_manifests

pytestmark = pytest.mark.anyio

BRAVE = (
    b'{"web": {"results": [{"title": "A", "url": "https://a", "description": "x"}, '
    b'{"title": "B", "url": "javascript:1"}, {"title": "C", "url": "http://c"}]}}'
)
ANSWERS: dict[str, tuple[int, bytes]] = {
    "/searxng": (200, b'{"results": [{"title": "A\\u200b", "url": "https://a", "content": "x"}]}'),
    "/brave": (200, BRAVE),
    "/serper": (200, b'{"organic": [{"title": "A", "link": "https://a", "snippet": "x"}]}'),
    "/nothing": (200, b'{"results": []}'),
    "/html": (200, b"<html>"),
    "/closed": (401, b"{}"),
    "/busy": (429, b"{}"),
    "/away": (302, b""),
    "/large": (200, b" " * (5 << 20)),
}


@pytest.fixture
def engine() -> Iterator[tuple[str, list[Any]]]:
    seen: list[Any] = []

    class Answering(BaseHTTPRequestHandler):
        def log_message(self, *words: Any) -> None:
            del words

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            seen.append((parse_qs(parts.query), self.headers.get("x-token")))
            status, body = ANSWERS[parts.path]
            self.send_response(status)
            self.send_header("location", "http://127.0.0.1:9/")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()


async def found(url: str, folder: Path, **arguments: Any) -> Any:
    place = search.Search(search.Engine(url, paged="p", headers={"X-Token": "hush"}))
    raw = msgspec.Raw(json.dumps(arguments).encode())
    answer = await place.call(job(folder / "p", "search"), "search", raw)
    return msgspec.json.decode(answer)["results"]


async def test_what_engines_answer(engine: tuple[str, list[Any]], tmp_path: Path) -> None:
    url, seen = engine
    a = {"title": "A", "url": "https://a", "text": "x"}
    assert await found(f"{url}/searxng?format=json", tmp_path, query="a b&c") == [
        a | {"title": "A\\u{200b}"}
    ]
    assert seen == [({"format": ["json"], "q": ["a b&c"], "p": ["1"]}, "hush")]
    c = {"title": "C", "url": "http://c", "text": ""}
    assert await found(f"{url}/brave", tmp_path, query="x") == [a, c]
    assert await found(f"{url}/brave", tmp_path, query="x", count=1) == [a]
    assert await found(f"{url}/serper", tmp_path, query="x") == [a]
    assert await found(f"{url}/nothing", tmp_path, query="x") == []


@pytest.mark.parametrize(
    ("path", "given", "code"),
    [
        ("/html", {"query": "x"}, Code.TOOL),
        ("/closed", {"query": "x"}, Code.UNAUTHENTICATED),
        ("/busy", {"query": "x"}, Code.LIMIT),
        ("/away", {"query": "x"}, Code.UNAVAILABLE),
        ("/large", {"query": "x"}, Code.LIMIT),
        ("/searxng", {"query": ""}, Code.INVALID),
        ("/searxng", {"q": "x"}, Code.INVALID),
        ("/searxng", {"query": "x", "count": 1000}, Code.INVALID),
    ],
)
async def test_what_goes_wrong(
    engine: tuple[str, list[Any]], tmp_path: Path, path: str, given: dict[str, Any], code: Code
) -> None:
    with pytest.raises(SysError) as caught:
        await found(engine[0] + path, tmp_path, **given)
    assert caught.value.code is code
    assert len(engine[1]) <= 1


async def test_an_engine_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SysError) as caught:
        await found("http://127.0.0.1:9/", tmp_path, query="x")
    assert caught.value.code is Code.UNAVAILABLE


def test_its_manifest_is_one() -> None:
    check_manifests(search.MANIFESTS)
