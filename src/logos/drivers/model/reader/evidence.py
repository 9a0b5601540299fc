"""What has been read, line by line, each with where it stands.

    gather    Transcript -> chunks of lines
    matches   the result of a search -> Match
    Line      a text and its source

Files the process has written itself are no evidence: they would only repeat it.
"""

import json
import re
from collections.abc import Iterable, Iterator

from logos.drivers.model.reader.lines import Chunk, Line
from logos.drivers.model.reader.memory import remembered
from logos.drivers.model.reader.steps import Match
from logos.drivers.model.reader.transcript import Done, Transcript, page_named

_HIT = re.compile(r"(/\S[^:\n]*):(\d+): ?(.*)")
_NUMBERED = re.compile(r"(\d+)\t(.*)")


def gather(transcript: Transcript, statements: Iterable[str]) -> list[Chunk]:
    own = {
        _absolute(str(done.arguments.get("path", "")))
        for done in transcript.done
        if done.tool in {"fs_write", "fs_append"}
    }
    chunks: list[Chunk] = []
    for done in transcript.done:
        if not done.error and page_named(done.content) is None:
            chunks += _chunks(done, own)
    for text in transcript.memories:
        chunks += remembered(text)
    chunks += [
        tuple(Line("your message", "", n, text) for n, text in enumerate(said.splitlines(), 1))
        for said in statements
    ]
    return [chunk for chunk in dict.fromkeys(chunks) if chunk]


def matches(content: str) -> Iterator[Match]:
    for line in content.splitlines():
        if found := _HIT.fullmatch(line):
            yield Match(found[1], int(found[2]), found[3])


def _chunks(done: Done, own: set[str]) -> Iterator[Chunk]:
    if done.tool == "fs_read":
        path = _absolute(str(done.arguments.get("path", "")))
        if path not in own:
            yield tuple(_numbered(path, done.content))
    elif done.tool in {"fs_search", "memory_read"} and (hits := list(matches(done.content))):
        for hit in hits:
            if hit.path not in own:
                yield (Line(f"{hit.path}:{hit.line}", hit.path, hit.line, hit.text),)
    elif done.tool not in {"fs_write", "fs_append", "fs_search"}:
        yield tuple(
            Line(_label(done), "", n, text)
            for n, text in enumerate(_said(done).splitlines(), 1)
            if text.strip()
        )


def _said(done: Done) -> str:
    """A child's answer is what counts of how it ended."""
    if done.tool == "process_wait":
        try:
            return str(json.loads(done.content)["answer"])
        except (ValueError, KeyError, TypeError):
            return done.content
    return done.content


def _numbered(path: str, content: str) -> Iterator[Line]:
    for line in content.splitlines():
        if found := _NUMBERED.fullmatch(line):
            yield Line(f"{path}:{found[1]}", path, int(found[1]), found[2])


def _label(done: Done) -> str:
    match done.tool:
        case "memory_read":
            return f"page {done.arguments.get('page')}"
        case "http_fetch":
            return str(done.arguments.get("url"))
        case "command_run":
            argv = done.arguments.get("argv")
            return f"output of {' '.join(map(str, argv)) if isinstance(argv, list) else argv}"
        case "fs_list":
            return f"list of {done.arguments.get('path', '/home')}"
        case "process_wait":
            return f"answer of process {done.arguments.get('pid')}"
        case _:
            return f"result of {done.tool}"


def _absolute(path: str) -> str:
    return path if path.startswith("/") else f"/home/{path}"
