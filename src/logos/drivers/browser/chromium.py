"""Start one Chromium, where it reaches nothing.

    chromium()                     the program on this machine, or none
    wrapped(program, folder)       a script that starts it in namespaces of its own
    opened(start, program, ...)    a tab, while held

Its only network is what is answered to it request by request (tab.py), so a request that nobody has
checked has nowhere to go.  It dies with us.

Invariant: in mode `full` it runs confined or not at all.
"""

import shlex
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from logos.abi.errors import Code, SysError

PLACES = (
    "/usr/lib/chromium/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome-stable",
    "/opt/google/chrome/chrome",
)
START_MS = 60_000
SIZE = {"width": 1280, "height": 800}
_SHOWN = ("/etc/fonts", "/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime")
_NOWHERE = "http://127.0.0.1:9"


def chromium(named: str = "") -> str:
    """Raise `unavailable` where there is none."""
    for place in (named, *PLACES):
        if place and Path(place).is_file():
            return place
    raise SysError(
        Code.UNAVAILABLE,
        "there is no Chromium here",
        hint="Debian: apt-get install chromium; or browser.program",
    )


def wrapped(program: str, folder: Path) -> Path:
    """Raise `unavailable` where nothing confines it."""
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None:
        raise SysError(
            Code.UNAVAILABLE,
            "nothing here confines a browser",
            hint="install bubblewrap; see `logos doctor`",
        )
    line = [bubblewrap, "--unshare-user", "--uid", "1000", "--gid", "1000", "--unshare-net"]
    line += [
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--die-with-parent",
        "--new-session",
    ]
    line += ["--cap-drop", "ALL", "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        path = Path("/", name)
        if path.is_symlink():
            line += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            line += ["--ro-bind", str(path), str(path)]
    for shown in _SHOWN:
        line += ["--ro-bind-try", shown, shown]
    home = Path(program).resolve().parent
    if not home.is_relative_to("/usr"):
        line += ["--ro-bind", str(home), str(home)]
    line += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/dev/shm"]  # noqa: S108 - its own
    line += ["--bind", str(folder), str(folder), "--setenv", "HOME", str(folder)]
    script = folder.parent / f"{folder.name}.sh"
    words = " ".join(map(shlex.quote, [*line, "--chdir", str(folder), "--", program]))
    script.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
    script.chmod(0o700)
    return script


@asynccontextmanager
async def opened(
    playwright: Any, program: str, folder: Path, *, confined: bool
) -> AsyncGenerator[Any]:
    """A context of Playwright's, with one profile; gone with all that belongs to it afterwards."""
    start = await anyio.to_thread.run_sync(_started, program, folder, confined)
    try:
        context = await playwright.chromium.launch_persistent_context(
            str(folder),
            executable_path=start,
            headless=True,
            timeout=START_MS,
            accept_downloads=False,
            service_workers="block",
            viewport=SIZE,
            args=["--disable-gpu", "--disable-dev-shm-usage", f"--proxy-server={_NOWHERE}"],
        )
        try:
            yield context
        finally:
            await context.close()
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(_gone, folder)


def _started(program: str, folder: Path, confined: bool) -> str:  # noqa: FBT001 - called by a thread
    folder.mkdir(parents=True, mode=0o700)
    return str(wrapped(program, folder)) if confined else program


def _gone(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_name(f"{folder.name}.sh").unlink(missing_ok=True)
