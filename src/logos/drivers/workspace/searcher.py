"""The program behind fs.search: a process of its own, because a regular expression can run
for ever, cannot be interrupted, and would hold the daemon's interpreter while it does.

    stdin    one JSON object: fd, path, pattern, files, limit, offset, owner, cpu_s
    stdout   one JSON object: matches, total, files, skipped; or error

Run with `python -I -S`: it imports the standard library only.  It never leaves the folder it is
given: it walks by descriptors and opens names without following links.
"""

import fnmatch
import json
import os
import re
import resource
import stat
import sys
from collections.abc import Callable, Iterator
from typing import Any

FILE_BYTES = 16 << 20
"""A larger file is skipped, and the answer says so."""
DEPTH = 100
"""Folders nested deeper are skipped: each level holds a descriptor."""
LINE_CHARACTERS = 400
_MEMORY_BYTES = 1 << 30
_SNIFFED = 8192

Found = tuple[str, int]  # path, an open descriptor


def main() -> None:
    asked = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # For the case that whoever would kill us dies first.
    resource.setrlimit(resource.RLIMIT_CPU, (asked["cpu_s"], asked["cpu_s"]))
    if asked["owner"] and os.geteuid() == 0:
        os.setgroups([])
        os.setgid(asked["owner"][1])
        os.setuid(asked["owner"][0])
    try:
        pattern = re.compile(asked["pattern"])
    except (re.error, OverflowError, RecursionError) as error:
        answer: dict[str, Any] = {"error": f"the pattern is wrong: {error}"}
    else:
        answer = search(asked, pattern)
    json.dump(answer, sys.stdout, ensure_ascii=True)


def search(asked: dict[str, Any], pattern: re.Pattern[str]) -> dict[str, Any]:
    first, last = asked["offset"], asked["offset"] + asked["limit"]
    literals = [text.encode() for text in required(pattern)]
    matches: list[str] = []
    total = files = 0
    skipped = {"binary": 0, "large": 0, "linked": 0, "unreadable": 0, "deep": 0}
    for path, descriptor in _files(asked, skipped):
        data = _content(descriptor, skipped)
        if data is None:
            continue
        files += 1
        if literals and not any(literal in data for literal in literals):
            continue
        text = data.decode("utf-8", "backslashreplace")
        shown = path.encode("utf-8", "backslashreplace").decode()
        for number, line, at in hits(pattern.search, text):
            if first <= total < last:
                matches.append(f"{shown}:{number}: {excerpt(line, at)}")
            total += 1
    return {"matches": matches, "total": total, "files": files, "skipped": skipped}


def hits(find: Callable[[str], Any], text: str) -> Iterator[tuple[int, str, int]]:
    """Line number, line, and where in it the match begins; one for each line that matches."""
    lines = text.removeprefix("\ufeff").split("\n")
    if lines[-1] == "":
        lines.pop()
    for number, ended in enumerate(lines, 1):
        line = ended.removesuffix("\r")
        if found := find(line):
            yield number, line, found.start()


def excerpt(line: str, at: int) -> str:
    """The line, or the part of a long one around the match."""
    if len(line) <= LINE_CHARACTERS:
        return line
    first = max(0, min(at - LINE_CHARACTERS // 4, len(line) - LINE_CHARACTERS))
    after = len(line) - first - LINE_CHARACTERS
    before = f"[{first} characters]…" if first else ""
    behind = f"…[{after} more characters]" if after else ""
    return before + line[first : first + LINE_CHARACTERS] + behind


def required(pattern: re.Pattern[str]) -> set[str]:
    """Texts of which every match contains at least one; empty when nothing is known.

    They let most files be dropped by a plain byte search.  A backslash in one would be looked
    for in vain where bytes that are not UTF-8 were spelled out.
    """
    if pattern.flags & re.IGNORECASE:
        return set()
    parser: Any = vars(re)["_parser"]  # the only one there is, and not for everybody
    found = _literals(parser.parse(pattern.pattern))
    good = all(len(text) > 2 and text.isascii() and "\\" not in text for text in found)  # noqa: PLR2004
    return found if good else set()


def _literals(tree: Any) -> set[str]:
    """The best of: runs of literal characters, and what groups and branches require."""
    candidates: list[set[str]] = []
    run = ""
    for operation, argument in tree:
        if str(operation) == "LITERAL":
            run += chr(argument)
            continue
        candidates.append({run})
        run = ""
        candidates.append(_inside(str(operation), argument))
    candidates.append({run})
    return max(candidates, key=lambda texts: min(map(len, texts), default=0))


def _inside(operation: str, argument: Any) -> set[str]:
    if operation == "SUBPATTERN":
        _, added, _, tree = argument
        return set() if added & re.IGNORECASE else _literals(tree)
    if operation == "BRANCH":
        each = [_literals(tree) for tree in argument[1]]
        return set().union(*each) if all(map(all, each)) and all(each) else set()
    if operation in {"MAX_REPEAT", "MIN_REPEAT"} and argument[0] > 0:
        return _literals(argument[2])
    return set()


def _files(asked: dict[str, Any], skipped: dict[str, int]) -> Iterator[Found]:
    descriptor, path = asked["fd"], asked["path"]
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        yield path, descriptor
        return
    glob = asked["files"]
    prefix = len(path) + 1

    def wanted(full: str) -> bool:
        subject = full[prefix:] if "/" in glob else full.rpartition("/")[2]
        return fnmatch.fnmatchcase(subject, glob.removeprefix("**/"))

    yield from _walk(descriptor, path, wanted, skipped)


def _walk(
    descriptor: int, path: str, wanted: Callable[[str], bool], skipped: dict[str, int]
) -> Iterator[Found]:
    """Files in the order of their full paths: a folder sorts as its name and a slash."""
    stack = [(descriptor, path, _entries(descriptor))]
    while stack:
        folder, above, entries = stack[-1]
        if not entries:
            os.close(folder)
            stack.pop()
            continue
        name = entries.pop()
        full = f"{above}/{name}"
        if name.endswith("/"):
            if len(stack) >= DEPTH:
                skipped["deep"] += 1
            elif (below := _open(name[:-1], folder, os.O_DIRECTORY)) is None:
                skipped["unreadable"] += 1
            else:
                stack.append((below, full[:-1], _entries(below)))
        elif wanted(full):
            if (opened := _open(name, folder, 0)) is None:
                skipped["unreadable"] += 1
            else:
                yield full, opened


def _entries(folder: int) -> list[str]:
    """Names, last first."""
    with os.scandir(folder) as entries:
        names = [
            entry.name + ("/" if entry.is_dir(follow_symlinks=False) else "")
            for entry in entries
            if not entry.is_symlink()
        ]
    return sorted(names, reverse=True)


def _open(name: str, folder: int, flags: int) -> int | None:
    # O_NONBLOCK: a pipe somebody planted must not stop the search.
    flags |= os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(name, flags, dir_fd=folder)
    except OSError:
        return None


def _content(descriptor: int, skipped: dict[str, int]) -> bytes | None:
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            return None
        if about.st_nlink > 1:  # the other name may lie outside
            skipped["linked"] += 1
            return None
        if about.st_size > FILE_BYTES:
            skipped["large"] += 1
            return None
        data = file.read(FILE_BYTES) or b""
    if b"\0" in data[:_SNIFFED]:
        skipped["binary"] += 1
        return None
    return data


if __name__ == "__main__":
    main()
