"""fs.search: the searcher program, run, bounded and read.

    find   job, call, places -> the matches as text

When time is up or the caller is cancelled, the searcher is killed and waited for.
"""

import math
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import msgspec

from logos import beneath
from logos.abi.calls import Search
from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.drivers.workspace.places import below, failing

_PROGRAM = Path(__file__).with_name("searcher.py")


async def find(job: Job, call: Search, within_s: float) -> str:
    target = call.target()
    place = below(target)
    with failing(target, job.workspace), beneath.root(job.workspace) as at:
        owner = os.fstat(at)
        descriptor = beneath.open_at(at, place)
    try:
        kind = os.fstat(descriptor).st_mode
        if not (stat.S_ISDIR(kind) or stat.S_ISREG(kind)):
            raise SysError(Code.INVALID, f"{target} is neither a folder nor a file")
        asked = {
            "fd": descriptor,
            "path": "/home" if place == "." else f"/home/{place}",
            "pattern": call.pattern,
            "files": call.files,
            "limit": call.limit,
            "offset": call.offset,
            "cpu_s": math.ceil(within_s) + 1,
            "owner": [owner.st_uid, owner.st_gid] if owner.st_uid else None,
        }
        return _rendered(call, await _searched(asked, descriptor, within_s))
    finally:
        os.close(descriptor)


async def _searched(asked: dict[str, Any], descriptor: int, within_s: float) -> dict[str, Any]:
    try:
        with anyio.fail_after(within_s):
            done = await anyio.run_process(
                [sys.executable, "-I", "-S", str(_PROGRAM)],
                input=msgspec.json.encode(asked),
                stderr=subprocess.PIPE,
                pass_fds=(descriptor,),
                check=False,
            )
    except TimeoutError as error:
        raise SysError(
            Code.TIMEOUT,
            f"the search took longer than {within_s:g} s",
            hint="search a smaller folder, or a simpler pattern: "
            "nested repeats such as (a+)+ can take for ever",
        ) from error
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise SysError(
            Code.UNAVAILABLE, f"the search died: {last or done.returncode}", hint="search less"
        )
    answer: dict[str, Any] = msgspec.json.decode(done.stdout)
    if "error" in answer:
        raise SysError(Code.INVALID, answer["error"], hint="the syntax is Python's re")
    return answer


def _rendered(call: Search, answer: dict[str, Any]) -> str:
    """The matches, and a last line where there is something left to say."""
    lines: list[str] = list(answer["matches"])
    notes = []
    total, after = answer["total"], call.offset + call.limit
    if not total:
        notes.append(f"no match in {answer['files']} files")
    elif not lines:
        notes.append(f"there are only {total} matches")
    elif total > after:
        notes.append(f"{total - after} more matches; go on with offset={after}")
    if left := [f"{count} {why}" for why, count in answer["skipped"].items() if count]:
        notes.append(f"skipped: {', '.join(left)}")
    if notes:
        lines.append(f"[{'; '.join(notes)}]")
    return "\n".join(lines)
