"""The place `browser`: a page for each process that asks for one.

    Browsers(relay, folder, program, confined)   a Provider
    Browsers.attend(attend)                      how to hear that a process has ended
    Browsers.keep_house()                        closes what nobody needs; runs as long as we do
    MANIFESTS                                    what its tools do, for who decides about calls

What a page says is text that anybody may have written; a click may send what stands on it.

Invariant: a browser is one process's, and gone with it.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import anyio
import anyio.to_thread
import msgspec
from msgspec import Meta

from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent, Exited
from logos.abi.ids import Pid, Seq
from logos.abi.tools import Hints, Offer, arguments_of, declared
from logos.beneath import give, make_folders, open_file, root
from logos.drivers.browser.chromium import chromium, opened
from logos.drivers.browser.tab import Relay, Tab

LIBRARY = "playwright.async_api"
IDLE_S = 300.0
LOOK_S = 15.0
AT_ONCE = 8
"""Browsers: each takes a few hundred megabytes."""

Attend = Callable[[Pid, Callable[[Seq, AnyEvent], None]], Callable[[], None]]

_ACT: Mapping[str, Any] = {"impact": "irreversible", "result": {"type": "page"}}
MANIFESTS: Mapping[str, Mapping[str, Any]] = {
    "open": {
        "impact": "read_egress",
        "arguments": {"url": "url"},
        "result": {"type": "page", "context": ["url"], "keys": ["url"]},
    },
    "read": {"impact": "read", "result": {"type": "page"}},
    "click": {
        **_ACT,
        "arguments": {"name": "selector", "role": "choice", "agree": "choice"},
        "verbs": ["click", "press", "submit", "choose", "follow"],
    },
    "type": {
        **_ACT,
        "arguments": {"name": "selector", "text": "content", "enter": "choice"},
        "verbs": ["type", "fill", "enter", "write", "search"],
    },
    "screenshot": {
        "impact": "reversible_write",
        "private": True,
        "arguments": {"path": {"kind": "path", "free": True}},
    },
}


class _Nothing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class _Open(_Nothing, frozen=True, kw_only=True):
    url: Annotated[str, Meta(description="http:// or https://", pattern="^https?://")]


class _Click(_Nothing, frozen=True, kw_only=True):
    name: Annotated[
        str, Meta(description="the name of a control, or a text on the page", min_length=1)
    ]
    role: Annotated[str, Meta(description="as `controls` says: button, link, tab …")] = ""
    agree: Annotated[bool, Meta(description="answer OK when the page asks; else it is Cancel")] = (
        False
    )


class _Type(_Nothing, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the label or name of a field", min_length=1)]
    text: str
    enter: Annotated[bool, Meta(description="press Enter afterwards")] = False


class _Screenshot(_Nothing, frozen=True, kw_only=True):
    path: Annotated[str, Meta(description="below /home, ends in .png")] = "screenshot.png"


_TAKES: Mapping[str, tuple[type[_Nothing], str, bool]] = {
    "click": (
        _Click,
        "Click something on the page that is open; returns the page as it is then.",
        False,
    ),
    "open": (
        _Open,
        "Open a page in the browser; its text and controls. Only hosts you were granted.",
        True,
    ),
    "read": (
        _Nothing,
        "The page that is open: address, title, text, and what can be clicked or filled.",
        True,
    ),
    "screenshot": (_Screenshot, "A picture of the page that is open, as a file of yours.", False),
    "type": (
        _Type,
        "Fill a field of the page that is open, or choose from a list; returns the page as it is then.",
        False,
    ),
}
_OFFERS = tuple(
    declared(name, said, takes, Hints(read_only=looks, open_world=True))
    for name, (takes, said, looks) in _TAKES.items()
)


@dataclass(slots=True)
class _Held:
    """`turn` guards the tab: a person has one pair of hands, too."""

    tab: Tab
    stack: AsyncExitStack
    forget: Callable[[], None]
    turn: anyio.Lock
    used: float
    ended: bool = False


class Browsers:
    """`clock` is monotonic, in seconds."""

    def __init__(
        self,
        relay: Relay,
        folder: Path,
        program: str = "",
        *,
        confined: bool = True,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self._relay = relay
        self._folder = folder
        self._program = program
        self._confined = confined
        self._clock = clock
        self._held: dict[Pid, _Held] = {}
        self._playwright: Any = None
        self._starting = anyio.Lock()
        self._attend: Attend | None = None
        self._left = anyio.Event()
        self._numbers = count(1)

    @property
    def alive(self) -> bool:
        return bool(self._held)

    def attend(self, attend: Attend) -> None:
        self._attend = attend

    def known(self) -> Sequence[Offer]:
        return _OFFERS

    async def offers(self) -> Sequence[Offer]:
        return _OFFERS

    async def call(self, job: Job, tool: str, arguments: msgspec.Raw) -> msgspec.Raw:
        if tool not in _TAKES:
            raise SysError(Code.NOT_FOUND, f"browser has no tool {tool!r}")
        asked = arguments_of(f"browser/{tool}", _TAKES[tool][0], arguments)
        held: _Held | None = None
        try:
            held = await self._of(job, begin=isinstance(asked, _Open))
            async with held.turn:
                held.used = self._clock()
                held.tab.hosts = job.hosts
                held.tab.begun()
                value = await self._done(job, held.tab, asked)
        except SysError:
            raise
        except (
            Exception
        ) as error:  # why: Playwright's errors are classes of a library that may be absent
            raise _in_our_words(error, held.tab if held else None) from error
        return msgspec.Raw(msgspec.json.encode(value))

    async def stop(self) -> None:
        for pid in list(self._held):
            await self._close(pid)
        if self._playwright is not None:
            playwright, self._playwright = self._playwright, None
            await playwright.stop()

    async def keep_house(self) -> None:
        while True:
            with anyio.move_on_after(LOOK_S):
                await self._left.wait()
            self._left = anyio.Event()
            now = self._clock()
            for pid, held in list(self._held.items()):
                if held.ended or (now - held.used > IDLE_S and not held.turn.locked()):
                    await self._close(pid)

    async def _done(self, job: Job, tab: Tab, asked: _Nothing) -> Any:
        match asked:
            case _Open():
                return await tab.open(asked.url)
            case _Click():
                return await tab.click(asked.name, asked.role, agree=asked.agree)
            case _Type():
                return await tab.type(asked.name, asked.text, enter=asked.enter)
            case _Screenshot():
                data = await tab.screenshot()
                await anyio.to_thread.run_sync(_written, job.workspace, asked.path, data)
                return {"path": f"/home/{_relative(asked.path)}", "bytes": len(data)}
            case _:
                return await tab.read()

    async def _of(self, job: Job, *, begin: bool) -> _Held:
        if held := self._living(job.pid):
            return held
        async with self._starting:  # guards who has which browser
            if held := self._living(job.pid):
                return held
            if job.pid in self._held:
                await self._close(job.pid)
            if not begin:
                raise SysError(Code.STATE, "no page is open", hint="browser/open opens one")
            if len(self._held) >= AT_ONCE:
                raise SysError(Code.LIMIT, f"{AT_ONCE} browsers are open", hint="try again later")
            held = self._held[job.pid] = await self._begun(job.pid)
            return held

    def _living(self, pid: Pid) -> _Held | None:
        held = self._held.get(pid)
        return None if held is None or held.ended or held.tab.gone else held

    async def _begun(self, pid: Pid) -> _Held:
        program = chromium(self._program)
        if self._playwright is None:
            self._playwright = await _library()
        folder = self._folder / f"{pid}-{next(self._numbers)}"
        async with AsyncExitStack() as stack:
            context = await stack.enter_async_context(
                opened(self._playwright, program, folder, confined=self._confined)
            )
            tab = Tab(context, self._relay, import_module(LIBRARY).Error)
            await tab.begin()
            forget = (
                self._attend(pid, lambda _, event: self._heard(pid, event)) if self._attend else _no
            )
            return _Held(tab, stack.pop_all(), forget, anyio.Lock(), self._clock())

    def _heard(self, pid: Pid, event: AnyEvent) -> None:
        if isinstance(event, Exited) and pid in self._held:
            self._held[pid].ended = True
            self._left.set()

    async def _close(self, pid: Pid) -> None:
        held = self._held.pop(pid)
        held.forget()
        with anyio.CancelScope(shield=True):
            await held.stack.aclose()


def _no() -> None:
    return


async def _library() -> Any:
    try:
        api = import_module(LIBRARY)
    except ImportError as error:
        raise SysError(
            Code.UNAVAILABLE, "Playwright is not installed", hint="pip install 'logos[browser]'"
        ) from error
    return await api.async_playwright().start()


def _in_our_words(error: Exception, tab: Tab | None) -> SysError:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    if tab is None:
        return SysError(
            Code.UNAVAILABLE, f"no browser comes up here: {said}", hint="a person: logos doctor"
        )
    if tab.denied is not None:
        return tab.denied
    if tab.gone:
        return SysError(Code.UNAVAILABLE, "the browser has ended", hint="open the page again")
    if type(error).__name__ == "TimeoutError":
        return SysError(
            Code.TIMEOUT, f"the page did not do that in time: {said}", hint="browser/read shows it"
        )
    return SysError(Code.TOOL, f"the browser: {said}", hint="browser/read shows where it is")


def _relative(path: str) -> str:
    return path.removeprefix("/home").strip("/")


def _written(workspace: Path, path: str, data: bytes) -> None:
    relative = _relative(path)
    if not relative.endswith(".png"):
        raise SysError(Code.INVALID, f"{path} does not end in .png")
    try:
        with root(workspace) as at:
            make_folders(at, relative.rpartition("/")[0])
            with open_file(at, relative, os.O_WRONLY | os.O_CREAT) as descriptor:
                give(at, descriptor)
                os.ftruncate(descriptor, 0)
                with os.fdopen(os.dup(descriptor), "wb") as out:
                    out.write(data)
    except OSError as error:
        raise SysError(Code.INVALID, f"{path}: {error.strerror}") from error
