"""One tab of one process: its requests are made by us, and what it shows is read as text.

    Tab(context, relay, errors)   of a context of Playwright's, whose exceptions are `errors`
    Relay                         makes a request to hosts of a process, each address checked
    open, read, click, type, screenshot

A page that a link or a script opens in a new window goes on in this one.  What a page asks in a dialog is
answered and told.

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
from logos.drivers.browser.find import chosen, controls, field, thing

REDIRECTS = 5
TEXT = 1 << 20
STEP_MS = 15_000
LOAD_MS = 5_000
SETTLE_MS = 1_500
DIALOGS = 10
AT_ONCE = 6
"""Requests to one host; a page that asks faster than it is answered waits, and not who reads it."""

_KEPT_OUT = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection"})
_SHOWN = re.compile(r"text/|image/|application/([\w.+-]+\+)?(json|xml|xhtml)|$")
"""What a tab shows; anything else would be a download."""

_ONE_WINDOW = """
const here = (e) => {
  const target = e && e.target;
  if (target && !['_self', '_parent', '_top'].includes(target) && !frames[target]) e.target = '_self';
};
addEventListener('click', (e) => here(e.target.closest && e.target.closest('a, area')), true);
addEventListener('submit', (e) => here(e.target), true);
window.open = (url) => { if (url) location.href = url; return window; };
"""
"""What would open in a new window opens in this one."""

Answer = tuple[int, Sequence[tuple[str, str]], bytes]


class Relay(Protocol):
    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, hosts: frozenset[str]
    ) -> Answer:
        """Status, headers, body.  Redirects are not followed.  Raise SysError."""
        ...


class Tab:
    def __init__(self, context: Any, relay: Relay, errors: type[Exception]) -> None:
        self._context = context
        self._relay = relay
        self._errors = errors
        self._page: Any = None
        self.hosts: frozenset[str] = frozenset()
        self.refused: dict[str, str] = {}
        self.denied: SysError | None = None
        self.gone = False
        self._moved = ""
        self._status = 0
        self._agree = False
        self._said: list[str] = []
        self._windows: list[Any] = []
        self._asking: defaultdict[str, anyio.Semaphore] = defaultdict(
            lambda: anyio.Semaphore(AT_ONCE)
        )

    async def begin(self) -> None:
        await self._context.add_init_script(_ONE_WINDOW)
        await self._context.route("**/*", self._asked)
        await self._context.route_web_socket("**/*", lambda socket: socket.close())
        pages = self._context.pages
        self._page = pages[0] if pages else await self._context.new_page()
        self._page.set_default_timeout(STEP_MS)
        self._context.on("page", self._opened)
        self._page.on("dialog", self._asks)
        self._page.on("crash", self._ended)
        self._context.on("close", self._ended)

    def _opened(self, page: Any) -> None:
        self._windows.append(page)

    def _ended(self, _: Any) -> None:
        self.gone = True

    async def _asks(self, dialog: Any) -> None:
        """An alert is only read; any other question is answered with no, unless it was said to agree."""
        yes = self._agree or dialog.type in ("alert", "beforeunload")
        await (dialog.accept() if yes else dialog.dismiss())
        if len(self._said) < DIALOGS:
            answer = "" if dialog.type == "alert" else f" (answered {'OK' if yes else 'Cancel'})"
            self._said.append(f"{dialog.type}: {visible(dialog.message)}{answer}")

    def begun(self) -> None:
        """What was refused or asked before is no answer to what comes now."""
        self._moved, self.denied, self._agree = "", None, False
        self._said.clear()

    async def open(self, url: str) -> dict[str, Any]:
        self.refused.clear()
        await self._goto(url)
        return await self._now()

    async def _goto(self, url: str) -> None:
        await self._page.goto(url, wait_until="domcontentloaded")

    async def read(self) -> dict[str, Any]:
        page = self._page
        body = page.locator("body")
        text = visible(await body.inner_text())[:TEXT]
        refused = [f"{place}: {why}" for place, why in list(self.refused.items())[:20]]
        seen = {"url": page.url, "title": visible(await page.title()), "text": text}
        if self._status >= 400:  # noqa: PLR2004 - as RFC 9110 has them
            seen["status"] = self._status
        seen["controls"] = controls(await body.aria_snapshot())
        return (
            seen
            | ({"dialogs": list(self._said)} if self._said else {})
            | ({"refused": refused} if refused else {})
        )

    async def click(self, name: str, role: str, *, agree: bool) -> dict[str, Any]:
        self._agree = agree
        await (await thing(self._page, name, role)).click()
        return await self._now()

    async def type(self, name: str, text: str, *, enter: bool) -> dict[str, Any]:
        where = await field(self._page, name)
        if not await chosen(where, name, text):
            await where.fill(text)
        if enter:
            await where.press("Enter")
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
            await self._goto(url)
            await self._settled()
        if self._moved:
            raise SysError(Code.TOOL, f"{self._moved} redirects more than {REDIRECTS} times")
        if self.denied is not None:
            raise self.denied
        return await self.read()

    async def _settled(self) -> None:
        """A page that never rests is read as it is."""
        for state, within in (("load", LOAD_MS), ("networkidle", SETTLE_MS)):
            try:
                await self._page.wait_for_load_state(state, timeout=within)
            except self._errors as error:
                if type(error).__name__ != "TimeoutError":
                    raise
        while self._windows:
            await self._windows.pop().close()

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
        url, leads = request.url, self._leads(request)
        try:
            headers = await request.all_headers()
            own = {k: v for k, v in headers.items() if not k.startswith(":")}
            body = request.post_data_buffer or b""
            if leads is None and request.method == "GET":  # a window of its own: we go there
                self._moved = url
                await route.fulfill(status=204)
                return
            page = leads is True
            status, said, data = await self._answered(request.method, url, own, body, page=page)
            if page:
                data = self._checked(url, status, dict(said), data)
        except SysError as error:
            self.refused[url[:200]] = error.message
            if leads is False:
                await route.abort("blockedbyclient")
                return
            self.denied = error
            await route.fulfill(status=204)  # it stays where it is
            return
        await route.fulfill(status=status, headers=_joined(said), body=data)

    def _leads(self, request: Any) -> bool | None:
        """Is it the page that this tab goes to?  None: another window would."""
        if not request.is_navigation_request():
            return False
        try:
            frame = request.frame
        except self._errors:  # there is no window yet
            return None
        if frame.parent_frame is not None:
            return False
        return True if frame == self._page.main_frame else None

    def _checked(self, url: str, status: int, said: Mapping[str, str], data: bytes) -> bytes:
        """Raise `tool` for what a tab does not show."""
        headers = {name.lower(): value for name, value in said.items()}
        kind = headers.get("content-type", "").lower()
        if headers.get("content-disposition", "").startswith("attachment") or not _SHOWN.match(
            kind
        ):
            raise SysError(
                Code.TOOL,
                f"{url} is a file to download ({kind or 'of no type'}), which no tab shows",
                hint="http.fetch reads it if it is text",
            )
        self._status = status
        return data or (f"<p>{status}</p>".encode() if status >= 400 else b"")  # noqa: PLR2004

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
