"""The place `browser`, on pages of this machine, in a real Chromium."""

import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pytest
from mounted import job
from tests.conftest import PATIENCE_S

from logos.abi.errors import Code, SysError
from logos.abi.events import Exited
from logos.abi.ids import Pid, Seq
from logos.drivers import browser
from logos.drivers.browser.chromium import PLACES
from logos.drivers.browser.tab import AT_ONCE
from logos.drivers.http import relay
from logos.kernel import check_manifests

pytest.importorskip("playwright")
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.skipif(not any(Path(p).is_file() for p in PLACES), reason="no Chromium here"),
]

PAGES = {
    "/": """<title>Shop</title><h1>Things</h1><a href="/form">Order</a><img src="/picture.svg">
<button onclick="document.querySelector('h1').innerText = 'Pressed'">Press</button>
<script>
fetch('http://127.0.0.2:PORT/stolen?x=1').catch(() => {});
new WebSocket('ws://127.0.0.2:PORT/stolen');
new Image().src = 'http://localhost:PORT/stolen';
fetch('/counted');
</script>""",
    "/form": """<form action="/done"><label>Name <input name="n"></label>
<label>Where <input name="w"></label><button>Send</button></form>""",
    "/done": "<p id=p></p><script>p.innerText = 'sent ' + location.search + document.cookie</script>",
    "/inside": "<p>moved here</p>",
    "/forms": """<title>Forms</title><h2>Search results</h2>
<a href="/inside" target="_blank">New</a><button onclick="window.open('/inside')">Popup</button>
<button onclick="alert('done'); document.title = confirm('Sure?') ? 'gone' : 'kept'">Delete</button>
<button aria-label="Close" onclick="document.title = 'closed'">x</button>
<form action="/done" target="_blank"><label>Colour <select name="c"><option value="r">Red
<option value="b">Blue</select></label><label><input type="checkbox" name="ok"> Agree</label>
<label>Name <input name="n"></label><button>Search</button></form>""",
    "/heavy": "<p>here</p><img src='/never'>",
    "/counted": "yes",
}


@pytest.fixture
def site() -> Iterator[tuple[str, list[str]]]:
    seen: list[str] = []

    class Answering(BaseHTTPRequestHandler):
        def log_message(self, *words: Any) -> None:
            del words

        def do_GET(self) -> None:
            host = self.headers["host"].partition(":")[0]
            seen.append(f"{host}{self.path}")
            path = self.path.partition("?")[0]
            if path == "/never":
                never.wait(PATIENCE_S)
            where = {
                "/round": "/round",
                "/moved": "/inside",
                "/away": f"http://127.0.0.2:{port}/inside",
            }.get(path)
            self.send_response(302 if where else 200 if path in PAGES else 404)
            if where:
                self.send_header("location", where)
            if path == "/":
                self.send_header("set-cookie", "seen=1")
            kind = {"/paper": "application/pdf"}.get(path, "text/html")
            self.send_header("content-type", kind)
            body = PAGES.get(path, "").replace("PORT", str(port)).encode()
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    never = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{port}", seen
    never.set()
    server.shutdown()
    server.server_close()


class World:
    def __init__(self, place: browser.Browsers, folder: Path) -> None:
        self.place, self.folder = place, folder
        self.witness: dict[Pid, Any] = {}
        place.attend(self._attend)

    def _attend(self, pid: Pid, witness: Any) -> Any:
        self.witness[pid] = witness
        return lambda: self.witness.pop(pid)

    async def use(self, tool: str, pid: int = 1, **arguments: Any) -> Any:
        asked = msgspec.structs.replace(
            job(self.folder / f"p{pid}", tool, arguments),
            pid=Pid(pid),
            hosts=frozenset({"127.0.0.1"}),
        )
        raw = msgspec.Raw(msgspec.json.encode(arguments))
        return msgspec.json.decode(await self.place.call(asked, tool, raw))

    async def refused(self, tool: str, **arguments: Any) -> Code:
        with pytest.raises(SysError) as caught:
            await self.use(tool, **arguments)
        return caught.value.code


@asynccontextmanager
async def browsing(folder: Path, by: Any = relay) -> AsyncIterator[World]:
    place = browser.Browsers(by, folder / "profiles")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(place.keep_house)
        try:
            yield World(place, folder)
        finally:
            with anyio.CancelScope(shield=True):
                await place.stop()
            tasks.cancel_scope.cancel()
    assert list((folder / "profiles").glob("*")) == []


def programs(folder: Path) -> list[int]:
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in line.read_bytes():
                found.append(int(line.parent.name))
        except OSError:
            continue
    return found


async def test_a_page_is_read_and_filled(tmp_path: Path, site: tuple[str, list[str]]) -> None:
    url, seen = site
    async with browsing(tmp_path) as world:
        assert await world.refused("read") is Code.STATE
        shown = await world.use("open", url=url)
        assert (shown["title"], shown["url"]) == ("Shop", f"{url}/")
        assert "Things" in shown["text"]
        assert {"role": "link", "name": "Order"} in shown["controls"]
        assert "Pressed" in (await world.use("click", name="Press", role="button"))["text"]
        shown = await world.use("click", name="Order")
        assert {"role": "textbox", "name": "Name"} in shown["controls"]
        await world.use("type", name="Name", text="a&b")
        shown = await world.use("type", name="Where", text="here", enter=True)
        assert shown["text"].startswith("sent ?n=a%26b&w=here")
        assert "seen=1" in shown["text"]
        shown = await world.use("open", url=f"{url}/moved")
        assert (shown["text"], shown["url"]) == ("moved here", f"{url}/inside")
        taken = await world.use("screenshot", path="shots/one.png")
        data = (tmp_path / "p1" / "shots" / "one.png").read_bytes()
        assert data.startswith(b"\x89PNG")
        assert taken == {"path": "/home/shots/one.png", "bytes": len(data)}
        assert await world.refused("screenshot", path="../one.png") is Code.INVALID
        assert await world.refused("screenshot", path="one.sh") is Code.INVALID
        # another process sees nothing of it
        shown = await world.use("open", pid=2, url=f"{url}/done")
        assert (shown["text"], seen[-1]) == ("sent", "127.0.0.1/done")
        assert await world.refused("close") is Code.NOT_FOUND


async def test_nothing_leaves_but_for_granted_hosts(
    tmp_path: Path, site: tuple[str, list[str]]
) -> None:
    url, seen = site
    async with browsing(tmp_path) as world:
        shown = await world.use("open", url=url)
        assert any("/counted" in one for one in seen)
        assert {one.partition("/")[0] for one in seen} == {"127.0.0.1"}
        assert not any("stolen" in one for one in seen)
        assert any("127.0.0.2" in one for one in shown["refused"])
        for away in (f"{url}/away", "http://127.0.0.2:1/", "http://169.254.169.254/"):
            assert await world.refused("open", url=away) is Code.DENIED
        assert await world.refused("open", url="file:///etc/passwd") is Code.INVALID
        assert not any("127.0.0.2" in one for one in seen)


async def test_a_browser_ends_with_its_process(tmp_path: Path, site: tuple[str, list[str]]) -> None:
    async with browsing(tmp_path) as world:
        await world.use("open", url=site[0])
        await world.use("open", pid=2, url=site[0])
        both = len(programs(tmp_path))
        assert both >= 2
        world.witness[Pid(1)](Seq(9), Exited(status=0))
        with anyio.fail_after(PATIENCE_S):
            while list((tmp_path / "profiles").glob("1-*")):
                await anyio.lowlevel.checkpoint()
        assert 0 < len(programs(tmp_path)) < both
        assert (await world.use("read", pid=2))["title"] == "Shop"
        assert await world.refused("read") is Code.STATE
    assert programs(tmp_path) == []


async def test_a_page_that_never_rests_is_read_as_it_is(
    tmp_path: Path, site: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        PAGES, "/", "<p>busy</p><script>setInterval(() => fetch('/counted'), 50)</script>"
    )
    async with browsing(tmp_path) as world:
        assert (await world.use("open", url=site[0]))["text"] == "busy"


async def test_a_page_that_asks_for_much_is_answered_a_little_at_a_time(
    tmp_path: Path, site: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever reads it would wait for all of it."""
    many = "<p>busy</p><script>for (let n = 0; n < 60; n++) fetch('/counted?' + n)</script>"
    monkeypatch.setitem(PAGES, "/", many)
    go, held, most = anyio.Event(), 0, 0

    async def slow(method: str, url: str, *more: Any) -> Any:
        nonlocal held, most
        if "counted" in url:
            held += 1
            most = max(most, held)
            await go.wait()
            held -= 1
        return await relay(method, url, *more)

    async with browsing(tmp_path, slow) as world:
        assert (await world.use("open", url=site[0]))["text"] == "busy"
        assert most == held == AT_ONCE
        go.set()


async def test_a_form_is_filled_as_a_person_fills_it(
    tmp_path: Path, site: tuple[str, list[str]]
) -> None:
    url, _ = site
    async with browsing(tmp_path) as world:
        await world.use("open", url=f"{url}/forms")
        with pytest.raises(SysError, match="no choice 'Green'") as caught:
            await world.use("type", name="Colour", text="Green")
        assert caught.value.hint == "there is Red, Blue"
        await world.use("type", name="Colour", text="Blue")
        await world.use("type", name="Name", text="Mira")
        shown = await world.use("click", name="Agree")
        assert {"role": "checkbox", "name": "Agree", "state": "checked"} in shown["controls"]
        assert {"role": "textbox", "name": "Name", "value": "Mira"} in shown["controls"]
        # the button of that name, not the heading before it; and no window of its own
        shown = await world.use("click", name="Search")
        assert shown["text"].startswith("sent ?c=b&ok=on&n=Mira")
        await world.use("open", url=f"{url}/forms")
        assert (await world.use("click", name="Close"))["title"] == "closed"
        with pytest.raises(SysError, match="nothing that is seen") as caught:
            await world.use("click", name="Nowhere")
        assert caught.value.code is Code.NOT_FOUND


async def test_what_a_page_asks_is_answered_and_told(
    tmp_path: Path, site: tuple[str, list[str]]
) -> None:
    async with browsing(tmp_path) as world:
        await world.use("open", url=f"{site[0]}/forms")
        kept = await world.use("click", name="Delete")
        assert kept["title"] == "kept"
        assert kept["dialogs"] == ["alert: done", "confirm: Sure? (answered Cancel)"]
        gone = await world.use("click", name="Delete", agree=True)
        assert (gone["title"], gone["dialogs"][1]) == ("gone", "confirm: Sure? (answered OK)")
        assert "dialogs" not in await world.use("read")


async def test_a_new_window_goes_on_in_the_one_there_is(
    tmp_path: Path, site: tuple[str, list[str]]
) -> None:
    async with browsing(tmp_path) as world:
        for name in ("New", "Popup"):
            await world.use("open", url=f"{site[0]}/forms")
            shown = await world.use("click", name=name)
            assert (shown["text"], shown["url"]) == ("moved here", f"{site[0]}/inside")


async def test_a_page_that_is_none_says_why_and_the_next_one_opens(
    tmp_path: Path, site: tuple[str, list[str]]
) -> None:
    url, _ = site
    async with browsing(tmp_path) as world:
        assert (await world.use("open", url=f"{url}/absent"))["status"] == 404
        for away, said, code in (
            (f"{url}/round", "redirects more than", Code.TOOL),
            (f"{url}/paper", "a file to download", Code.TOOL),
            ("http://127.0.0.1:9/", "attempts failed", Code.UNAVAILABLE),
        ):
            with pytest.raises(SysError, match=said) as caught:
                await world.use("open", url=away)
            assert caught.value.code is code
            shown = await world.use("open", url=f"{url}/inside")
            assert (shown["text"], "status" in shown) == ("moved here", False)
        assert (await world.use("open", url=f"{url}/heavy"))["text"] == "here"


async def test_a_browser_that_died_is_begun_anew(
    tmp_path: Path, site: tuple[str, list[str]]
) -> None:
    async with browsing(tmp_path) as world:
        await world.use("open", url=site[0])
        for pid in programs(tmp_path):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert await world.refused("read") in (Code.STATE, Code.UNAVAILABLE)
        assert (await world.use("open", url=site[0]))["title"] == "Shop"


def test_its_manifests_are_some() -> None:
    check_manifests(browser.MANIFESTS)
