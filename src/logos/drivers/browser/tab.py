"""One tab of one process: its requests are made by us, and what it shows is read as text.

    Tab(context, relay)      of a context of Playwright's
    Relay                    makes a request to hosts of a process, each address checked
    open, read, click, type, screenshot

Invariant: every byte that comes from a network came through the Relay, for the hosts of the process.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import anyio

from logos.abi.errors import Code, SysError
from logos.abi.tools import visible

REDIRECTS = 5
TEXT = 1 << 20
CONTROLS = 200
STEP_MS = 15_000
SETTLE_MS = 1_500
AT_ONCE = 6
"""Requests to one host; a page that asks faster than it is answered waits, and not who reads it."""

_KEPT_OUT = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection"})
_CONTROL = re.compile(
    r'^\s*- (button|link|textbox|checkbox|radio|combobox|searchbox|tab|menuitem) "((?:[^"\\]|\\.)*)"'
)

Answer = tuple[int, Sequence[tuple[str, str]], bytes]


class Relay(Protocol):
    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, hosts: frozenset[str]
    ) -> Answer:
        """Status, headers, body.  Redirects are not followed.  Raise SysError."""
        ...


class Tab:
    def __init__(self, context: Any, relay: Relay) -> None:
        self._context = context
        self._relay = relay
        self._page: Any = None
        self.hosts: frozenset[str] = frozenset()
        self.refused: dict[str, str] = {}
        self._moved = ""
        self._denied: SysError | None = None
        self._asking: defaultdict[str, anyio.Semaphore] = defaultdict(
            lambda: anyio.Semaphore(AT_ONCE)
        )

    async def begin(self) -> None:
        await self._context.route("**/*", self._asked)
        await self._context.route_web_socket("**/*", lambda socket: socket.close())
        pages = self._context.pages
        self._page = pages[0] if pages else await self._context.new_page()
        self._page.set_default_timeout(STEP_MS)
        self._context.on("page", self._only_one)

    async def _only_one(self, page: Any) -> None:
        """What opens a window of its own goes on in this one."""
        url = page.url
        await page.close()
        if url.startswith(("http://", "https://")):
            await self._page.goto(url)

    def begun(self) -> None:
        """What was refused before is no answer to what comes now."""
        self._moved, self._denied = "", None

    async def open(self, url: str) -> dict[str, Any]:
        self.refused.clear()
        await self._page.goto(url, wait_until="load")
        return await self._now()

    async def read(self) -> dict[str, Any]:
        page = self._page
        body = page.locator("body")
        text = visible(await body.inner_text())[:TEXT]
        tree = await body.aria_snapshot()
        controls = [
            {"role": match[1], "name": visible(match[2].replace('\\"', '"'))}
            for line in tree.splitlines()
            if (match := _CONTROL.match(line))
        ][:CONTROLS]
        refused = [f"{place}: {why}" for place, why in list(self.refused.items())[:20]]
        seen = {"url": page.url, "title": visible(await page.title()), "text": text}
        return seen | {"controls": controls} | ({"refused": refused} if refused else {})

    async def click(self, name: str, role: str) -> dict[str, Any]:
        where = self._page.get_by_role(role, name=name) if role else self._page.get_by_text(name)
        await where.first.click()
        return await self._now()

    async def type(self, name: str, text: str, *, enter: bool) -> dict[str, Any]:
        page = self._page
        where = page.get_by_label(name).or_(page.get_by_placeholder(name))
        where = where.or_(page.get_by_role("textbox", name=name))
        await where.first.fill(text)
        if enter:
            await where.first.press("Enter")
        return await self._now()

    async def screenshot(self) -> bytes:
        data: bytes = await self._page.screenshot(full_page=False)
        return data

    async def _now(self) -> dict[str, Any]:
        """The page after something was done: where it led to, or why not."""
        await self._settled()
        for _ in range(REDIRECTS):
            if not self._moved:
                break
            url, self._moved = self._moved, ""
            await self._page.goto(url, wait_until="load")
            await self._settled()
        if self._denied is not None:
            denied, self._denied = self._denied, None
            raise denied
        return await self.read()

    async def _settled(self) -> None:
        """A page that never rests is read as it is."""
        try:
            await self._page.wait_for_load_state("networkidle", timeout=SETTLE_MS)
        except (
            Exception
        ) as error:  # why: Playwright's timeout is a class of a library that may be absent
            if type(error).__name__ != "TimeoutError":
                raise

    async def _asked(self, route: Any) -> None:
        """One request of the page."""
        url = route.request.url
        if url.startswith(("data:", "blob:", "about:")):
            await route.continue_()
            return
        async with self._asking[urlsplit(url).netloc]:
            await self._answer(route)

    async def _answer(self, route: Any) -> None:
        request = route.request
        url = request.url
        try:
            headers = await request.all_headers()
            own = {k: v for k, v in headers.items() if not k.startswith(":")}
            body = request.post_data_buffer or b""
            page = request.is_navigation_request() and request.frame == self._page.main_frame
            status, said, data = await self._answered(request.method, url, own, body, page=page)
        except SysError as error:
            self.refused[url[:200]] = error.message
            if request.is_navigation_request() and request.frame == self._page.main_frame:
                self._denied = error
            await route.abort("blockedbyclient")
            return
        await route.fulfill(status=status, headers=_joined(said), body=data)

    async def _answered(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, page: bool
    ) -> Answer:
        for _ in range(REDIRECTS):
            status, said, data = await self._relay(method, url, headers, body, self.hosts)
            where = next((v for k, v in said if k.lower() == "location"), "")
            if not where or not 300 <= status < 400:  # noqa: PLR2004 - as RFC 9110 has them
                return status, said, data
            url = urljoin(url, where)
            if page:  # the browser goes there itself, so that it knows where it is
                self._moved = url
                kept = [(k, v) for k, v in said if k.lower() == "set-cookie"]
                return 200, [*kept, ("content-type", "text/html")], b""
            method, body = ("GET", b"") if status != 307 and status != 308 else (method, body)  # noqa: PLR2004, PLR1714
        raise SysError(Code.TOOL, f"{url} redirects too often")


def _joined(said: Sequence[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in said:
        key = name.lower()
        if key not in _KEPT_OUT:
            found[key] = f"{found[key]}\n{value}" if key in found else value
    return found
