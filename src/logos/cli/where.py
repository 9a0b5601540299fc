"""Where a home is, and what lies in it: without importing anything that takes time.

home()                the folder of the daemon, its database and its keys
socket_path(folder)   where its daemon listens
ours(folder)          may a socket in it be trusted?
log_path()            what its daemon has said
"""

import os
import sys

_PATH_BYTES = 100
"""A unix socket's path must be short."""

_SHARED = "/tmp/logos-"  # noqa: S108 - checked to be ours
"""Where the socket of a home with a long path is."""


def home() -> str:
    """The same as boot.home, without importing anything."""
    if named := os.environ.get("LOGOS_HOME"):
        return os.path.abspath(os.path.expanduser(named))
    if os.geteuid() == 0:
        return "/var/lib/logos"
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Application Support/logos")
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return os.path.join(data, "logos")


def socket_path(folder: str) -> str:
    path = os.path.join(folder, "logos.sock")
    if len(os.fsencode(path)) <= _PATH_BYTES:
        return path
    import zlib  # noqa: PLC0415 - only for long paths

    return f"{_SHARED}{os.geteuid()}-{zlib.crc32(os.fsencode(path)):08x}/logos.sock"


def ours(folder: str) -> bool:
    """Anybody can make a folder in /tmp: into one that is not ours we tell nothing."""
    try:
        return not folder.startswith(_SHARED) or os.lstat(folder).st_uid == os.geteuid()
    except OSError:
        return True  # there is none: connecting will say so


def log_path() -> str:
    return os.path.join(home(), "daemon.log")
