"""What can stand in the tree of a process besides its files: the Protocol of a mount.

    Entry    one line of a listing
    Mount    lists, reads, writes and gives its texts to a search, at the paths below its own
    Finder   a mount that is searched by meaning and not by lines

A process sees one tree: /home are the files of its workspace, and each other folder of / is a
mount.  Paths are absolute, normalised (no `..`, no slash at the end) and those of the process
that asks; whether it may ask at all was decided before, by its capabilities.  A mount whose
content differs by process looks at `job.pid`.

A mount raises SysError and nothing else: `not_found` for a path that is not there, `denied` for
what can never be written, `invalid` for reading a folder.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import msgspec

from logos.abi.driver import Job


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """`name` without a slash; `size` in bytes, of a file; `note` says in a few words what it is."""

    name: str
    kind: Literal["file", "folder", "tool"] = "file"
    size: int = 0
    note: str = ""


class Document(NamedTuple):
    """A text of a mount, for a search."""

    path: str
    text: str


class Mount(Protocol):
    async def list(self, job: Job, path: str) -> Sequence[Entry]:
        """What is in this folder, in the order to be shown."""
        ...

    async def read(self, job: Job, path: str) -> str:
        """The whole text at this path.  Lines are picked out and numbered by the kernel."""
        ...

    async def write(self, job: Job, path: str, text: str) -> None:
        """Replace the text at this path; twice is as good as once."""
        ...

    async def documents(self, job: Job, path: str) -> Sequence[Document]:
        """Every text at or below this path that a search may look into, by path.

        The kernel matches the lines, in a process of its own: a regular expression may run for
        ever.  Leave out what is expensive to get; the search is then without it.
        """
        ...


@runtime_checkable
class Finder(Protocol):
    """A mount whose things are found by what they are for: a search there has words, not a
    regular expression."""

    async def find(self, job: Job, path: str, words: str, limit: int) -> str:
        """The best first, one a line, as the caller is to read it."""
        ...
