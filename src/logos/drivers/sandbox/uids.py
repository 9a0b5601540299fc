"""Throw-away uids: each workspace has one of its own, and no two runs have the same at a time.

A workspace keeps its uid: it is the owner of the workspace's top folder, so what one run made
the next can change, and no tree is chowned twice.  A new workspace gets a uid by hash.  While
a uid is in use somebody holds a lock on a file named after it, and whoever finds it locked
takes the next: two drivers on one machine never give out the same.

Interface: `Uids.lease(workspace_fd)` -> Lease; `Lease.close()`.
Invariant: while a Lease is open no other Lease of any driver has its uid.
"""

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from logos.abi.errors import Code, SysError

#: Above everything a distribution or a service manager gives out, below 2**31.
HIGH = range(1_900_000_000, 1_900_065_536)
#: Where only 16 bits are mapped (a container with a uid map of its own).
LOW = range(64_600, 65_112)
_TRIES = 64


@dataclass(frozen=True, slots=True)
class Lease:
    uid: int
    lock: int
    path: Path

    def close(self) -> None:
        """Unlinked while still locked, so that nobody else's lock is taken away."""
        with suppress(FileNotFoundError):
            self.path.unlink()
        os.close(self.lock)


@dataclass(frozen=True, slots=True)
class Uids:
    folder: Path
    numbers: range

    def lease(self, workspace: int) -> Lease:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for uid in self._candidates(os.fstat(workspace)):
            lease = self._try(uid)
            if lease is not None:
                return lease
        raise SysError(
            Code.LIMIT, "no free uid to run a command as", hint="fewer commands at a time"
        )

    def _candidates(self, workspace: os.stat_result) -> Iterator[int]:
        if workspace.st_uid in self.numbers:
            yield workspace.st_uid
        hashed = zlib.crc32(struct.pack("QQ", workspace.st_dev, workspace.st_ino))
        for step in range(_TRIES):
            yield self.numbers[(hashed + step) % len(self.numbers)]

    def _try(self, uid: int) -> Lease | None:
        path = self.folder / str(uid)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The last holder may have unlinked it between the open and the lock.
            if path.stat().st_ino == os.fstat(fd).st_ino:
                return Lease(uid, fd, path)
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(fd)
        return None


def mapped(text: str) -> range | None:
    """Which range this user namespace has, given /proc/self/uid_map."""
    for numbers in (HIGH, LOW):
        for line in text.splitlines():
            inside, _, length = map(int, line.split())
            if inside <= numbers.start and numbers.stop <= inside + length:
                return numbers
    return None
