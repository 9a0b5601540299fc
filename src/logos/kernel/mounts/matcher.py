"""The program behind fs.search on mounts.  Standard library only: run with `python -I -S`.

stdin    one JSON object: pattern, files, limit, offset, documents [[path, text]], cpu_s
stdout   one JSON object: lines, total, files; or error
"""

import fnmatch
import json
import re
import resource
import sys
from typing import Any

LINE_CHARACTERS = 400
_MEMORY_BYTES = 1 << 30


def main() -> None:
    asked = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # in case the process that would kill this one dies first
    resource.setrlimit(resource.RLIMIT_CPU, (asked["cpu_s"], asked["cpu_s"]))
    try:
        pattern = re.compile(asked["pattern"])
    except (re.error, OverflowError, RecursionError) as error:
        answer: dict[str, Any] = {"error": f"the pattern is wrong: {error}"}
    else:
        answer = search(asked, pattern)
    json.dump(answer, sys.stdout, ensure_ascii=True)


def search(asked: dict[str, Any], pattern: re.Pattern[str]) -> dict[str, Any]:
    first, last = asked["offset"], asked["offset"] + asked["limit"]
    lines: list[str] = []
    total = files = 0
    for path, text in asked["documents"]:
        if not fnmatch.fnmatchcase(path.rpartition("/")[2], asked["files"]):
            continue
        files += 1
        for number, line in enumerate(text.split("\n"), 1):
            if (found := pattern.search(line)) is None:
                continue
            if first <= total < last:
                lines.append(f"{path}:{number}: {excerpt(line, found.start())}")
            total += 1
    return {"lines": lines, "total": total, "files": files}


def excerpt(line: str, at: int) -> str:
    """The line, or the part of a long one around the match."""
    if len(line) <= LINE_CHARACTERS:
        return line
    first = max(0, min(at - LINE_CHARACTERS // 4, len(line) - LINE_CHARACTERS))
    return f"…{line[first : first + LINE_CHARACTERS]}…"


if __name__ == "__main__":
    main()
