"""fs.*: the files of the workspace, at /home."""

import re
from typing import Annotated

from msgspec import Meta

from logos.abi.calls.base import Call
from logos.abi.driver import Effect
from logos.abi.errors import Code

_IN_BIN = re.compile(r"/usr/bin/[^/]+").fullmatch

PathArgument = Annotated[str, Meta(description="/home is yours, /tools has tools", min_length=1)]


def absolute_program(program: str) -> str:
    """`git` and `/usr/bin/git` are /bin/git; `./git` is a file of the workspace."""
    short = program.removeprefix("/usr") if _IN_BIN(program) else program
    return absolute(short) if "/" in short else f"/bin/{short}"


def absolute(path: str) -> str:
    """Relative paths are relative to /home."""
    return path if path.startswith("/") else f"/home/{path}"


class List(Call[str], tag="fs.list", frozen=True, kw_only=True):
    """List a folder: one name a line, folders with a slash, files with their size in bytes."""

    effect = Effect.PURE
    verb = "read"
    errors = (Code.NOT_FOUND,)

    path: PathArgument = "/home"

    def target(self) -> str:
        return absolute(self.path)


class Read(Call[str], tag="fs.read", frozen=True, kw_only=True):
    """Read a text file, or lines `first` to `last` of it.

    Each line comes as `NUMBER<tab>TEXT`.  Without a range the first 400 lines come, and a last
    line says how many there are.
    """

    effect = Effect.PURE
    verb = "read"
    errors = (Code.NOT_FOUND, Code.LIMIT)

    path: PathArgument
    first: Annotated[int, Meta(ge=1)] = 1
    last: Annotated[int, Meta(ge=1)] | None = None

    def target(self) -> str:
        return absolute(self.path)


class Search(Call[str], tag="fs.search", frozen=True, kw_only=True):
    """Find a regular expression in the files below a folder.

    One match a line, as `PATH:LINE: TEXT`, at most `limit`; a last line
    says how many more there are.  `offset` skips that many.  Below /tools and /skills the pattern
    is words that say what you want.
    """

    effect = Effect.PURE
    verb = "read"
    errors = (Code.NOT_FOUND,)

    pattern: Annotated[str, Meta(description="Python's re", min_length=1)]
    path: PathArgument = "/home"
    files: Annotated[str, Meta(description="names such as *.py")] = "*"
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    offset: Annotated[int, Meta(ge=0)] = 0

    def target(self) -> str:
        return absolute(self.path)


class Write(Call[str], tag="fs.write", frozen=True, kw_only=True):
    """Write a text file, replacing what was there.  Makes the folders it needs."""

    effect = Effect.IDEMPOTENT
    verb = "write"
    errors = (Code.LIMIT, Code.UNAVAILABLE)

    path: PathArgument
    text: str

    def target(self) -> str:
        return absolute(self.path)


class Append(Call[str], tag="fs.append", frozen=True, kw_only=True):
    """Add text at the end of a file, in one piece.  Makes the file if there is none."""

    effect = Effect.EFFECT
    verb = "write"
    errors = (Code.LIMIT, Code.UNAVAILABLE)

    path: PathArgument
    text: Annotated[str, Meta(min_length=1)]

    def target(self) -> str:
        return absolute(self.path)
