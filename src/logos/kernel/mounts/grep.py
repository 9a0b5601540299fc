"""fs.search on mounts: lines are matched in a separate process.

    grep(call, documents, within_s)   the matches, in the order of the documents

A regular expression can run for ever and cannot be interrupted, so it must not run where the
node does.  When time is up, the matcher is killed and waited for.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import anyio
import msgspec

from logos.abi.calls import Search
from logos.abi.errors import Code, SysError
from logos.abi.mount import Document

_PROGRAM = Path(__file__).with_name("matcher.py")


class Matches(NamedTuple):
    """`lines` are the requested ones, of `total` in `files` documents."""

    lines: Sequence[str]
    total: int
    files: int


class _Answer(msgspec.Struct):
    lines: list[str] = []
    total: int = 0
    files: int = 0
    error: str = ""


async def grep(call: Search, documents: Sequence[Document], within_s: float) -> Matches:
    """Raise `invalid` for a malformed pattern, `timeout` for one that does not end."""
    asked = {
        "pattern": call.pattern,
        "files": call.files,
        "limit": call.limit,
        "offset": call.offset,
        "documents": documents,
        "cpu_s": int(within_s) + 1,
    }
    try:
        with anyio.fail_after(within_s):
            done = await anyio.run_process(
                [sys.executable, "-I", "-S", str(_PROGRAM)],
                input=msgspec.json.encode(asked),
                stderr=subprocess.PIPE,
                check=False,
            )
    except TimeoutError as error:
        raise SysError(
            Code.TIMEOUT,
            f"the search took longer than {within_s:g} s",
            hint="search less, or with a simpler pattern: nested repeats such as (a+)+ can "
            "take for ever",
        ) from error
    if done.returncode:
        raise SysError(Code.UNAVAILABLE, f"the search died: {done.returncode}", hint="search less")
    answer = msgspec.json.decode(done.stdout, type=_Answer)
    if answer.error:
        raise SysError(Code.INVALID, answer.error, hint="the syntax is Python's re")
    return Matches(answer.lines, answer.total, answer.files)
