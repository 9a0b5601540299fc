"""memory.* and kv.*: what a process keeps beyond its window, for itself or with others.

Its own memory needs no capability; a space that others see, /mem/SPACE/..., needs `read` or
`write` for that path.
"""

import posixpath
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from logos.abi.calls.base import Call
from logos.abi.calls.fs import Write
from logos.abi.dates import microseconds
from logos.abi.errors import Code

PRIVATE = frozenset({"core", "archive", "facts", "todo"})
"""Names in /mem that are private to each process; any other name there is a space."""


def shared_part(path: str) -> str:
    """The path if it is in a space, else "": a process's own memory needs no right."""
    normal = posixpath.normpath("/" + path.lstrip("/"))
    parts = normal.split("/")
    own = len(parts) < 3 or parts[1] != "mem" or parts[2] in PRIVATE  # noqa: PLR2004
    return "" if own else normal


class Remember(Call[str], tag="memory.remember", frozen=True, kw_only=True):
    """Keep a text beyond the window; return its path.

    With subject and relation it is a fact, and closes the older one.  /mem/core/NAME stays in your
    window; undo brings back what stood there before.
    """

    verb = "write"
    errors = (Code.NOT_FOUND, Code.LIMIT, Code.STATE)

    text: str = ""
    path: Annotated[str, Meta(description="left out: a note")] = ""
    subject: str = ""
    relation: str = ""
    since: Annotated[str, Meta(description="date, if not now")] = ""
    source: Annotated[str, Meta(description="who says so")] = ""
    undo: bool = False

    def target(self) -> str:
        return shared_part(self.path)


class SearchMemory(Call[str], tag="memory.search", frozen=True, kw_only=True):
    """Find what was said, read, returned or remembered before.

    Each page comes with its number for memory_read.
    """

    verb = "read"
    errors = (Code.NOT_FOUND, Code.INVALID)

    question: Annotated[str, Meta(description="in plain words", min_length=1)]
    tokens: Annotated[int, Meta(description="at most", ge=64, le=8000)] = 1024
    space: Annotated[str, Meta(description="/mem/SPACE, if not yours")] = ""
    within: Annotated[str, Meta(description="as path:/mem/X by:WHO kind:chat label:trusted")] = ""

    def target(self) -> str:
        return shared_part(self.space)


class ReadPage(Call[str], tag="memory.read", frozen=True, kw_only=True):
    """Bring back a page that left the window, exactly.  `offset` counts characters."""

    errors = (Code.NOT_FOUND,)

    page: Annotated[int, Meta(ge=1)]
    offset: Annotated[int, Meta(ge=0)] = 0


class Link(Call[str], tag="memory.link", frozen=True, kw_only=True):
    """Join `node` to another by a typed edge; without `to`, show what is linked to it."""

    verb = "write"
    errors = (Code.NOT_FOUND, Code.STATE)

    node: Annotated[str, Meta(description="path or page number", min_length=1)]
    relation: str = ""
    to: str = ""
    remove: bool = False

    def target(self) -> str:
        return shared_part(self.node) or shared_part(self.to)


class Forget(Call[str], tag="memory.forget", frozen=True, kw_only=True):
    """Destroy pages, or all at and below a path, for good, with every copy in your memory."""

    verb = "write"
    errors = (Code.NOT_FOUND, Code.STATE)

    pages: tuple[Annotated[int, Meta(ge=1)], ...] = ()
    path: str = ""
    reason: str = ""

    def target(self) -> str:
        return shared_part(self.path)


class Pin(Call[None], tag="memory.pin", frozen=True, kw_only=True):
    """Keep a page in the window, or let it go again."""

    errors = (Code.NOT_FOUND,)

    page: Annotated[int, Meta(ge=1)]
    pinned: bool = True


class Compress(Call[str], tag="memory.compress", frozen=True, kw_only=True):
    """Take most of your window out now.  Nothing is lost: a digest names its pages."""

    keep: Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(description="pages")] = ()
    about: Annotated[str, Meta(description="what stays")] = ""


class Todo(Call[None], tag="memory.todo", frozen=True, kw_only=True):
    """Replace your todo list.  What is done begins with [x]."""

    items: tuple[str, ...]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The value of a key.  `version` counts its changes; 0 means never set."""

    value: str | None
    version: int


class GetKey(Call[Kept], tag="kv.get", frozen=True, kw_only=True):
    """Read a key, with its version."""

    key: Annotated[str, Meta(min_length=1)]


class SetKey(Call[Kept], tag="kv.set", frozen=True, kw_only=True):
    """Set a key, or delete it (null).  With `version`: only if it has that one still."""

    errors = (Code.CONFLICT,)

    key: Annotated[str, Meta(min_length=1)]
    value: str | None
    version: Annotated[int, Meta(ge=0)] | None = None


def kept(call: Call[Any]) -> Call[Any]:
    """Writing to a file in memory is a memory call, so it is journaled together with its answer."""
    if isinstance(call, Write):
        path = posixpath.normpath("/" + call.target().lstrip("/"))
        if path.startswith("/kv/"):
            return SetKey(key=path, value=call.text)
        if path.startswith("/mem/"):
            return Remember(path=path, text=call.text)
    return call


def moment(date: str) -> int | None:
    """An ISO date or time -> microseconds; None for none.  Raise `invalid`."""
    return microseconds(date) if date else None
