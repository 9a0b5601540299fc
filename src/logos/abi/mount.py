"""What can appear in the tree of a process besides its files: the Protocol of a mount.

    Entry    one line of a listing
    Mount    lists, reads, writes and offers its texts to a search, below its own path
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
    """`name` has no slash; `size` is in bytes, for a file; `note` describes it in a few words."""

    name: str
    kind: Literal["file", "folder", "tool"] = "file"
    size: int = 0
    note: str = ""


class Document(NamedTuple):
    """One searchable text of a mount."""

    path: str
    text: str


class Mount(Protocol):
    async def list(self, job: Job, path: str) -> Sequence[Entry]:
        """The contents of this folder, in display order."""
        ...

    async def read(self, job: Job, path: str) -> str:
        """The whole text at this path.  Lines are picked out and numbered by the kernel."""
        ...

    async def write(self, job: Job, path: str, text: str) -> None:
        """Replace the text at this path.  Must be idempotent."""
        ...

    async def documents(self, job: Job, path: str) -> Sequence[Document]:
        """Every searchable text at or below this path, by path.

        The kernel matches the lines, in a separate process: a regular expression may run for ever.
        Leave out what is expensive to get; the search then does without it.
        """
        ...


@runtime_checkable
class Finder(Protocol):
    """A mount whose entries are found by what they are for: a search there takes words, not a
    regular expression."""

    async def find(self, job: Job, path: str, words: str, limit: int) -> str:
        """The best matches first, one a line, as the caller will read them."""
        ...
