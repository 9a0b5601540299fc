"""One clause -> the step it asks for.  Pure.

    step     Clause -> steps (none: not an order we understand)
    Clause   its words, and what stood in backticks and quotes
    VERBS    the words that begin an order

A verb alone is not an order: without what it needs (a pattern, a path) the clause is left alone.
"""

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from logos.drivers.model.reader.steps import (
    DEFAULT_TEMPLATE,
    AppendEach,
    Call,
    CallEach,
    ReadAround,
    Search,
    Step,
    WaitChildren,
    WriteResult,
)

_URL = re.compile(r"https?://[^\s\x01<>\"]+[^\s\x01<>\".,;:!?)]")
_PATH = re.compile(
    r"(?<![\w:/])/(?:[\w.@+-]+/?)+|(?<![\w/])[\w-]+(?:/[\w.-]+)+|(?<![\w/])[\w-]+\.[a-z]{1,5}\b"
)
_GLOB = re.compile(r"(?<!\S)[\w./*-]*\*[\w./*-]*")
_REGEX = re.compile(r"\\[dwsbDWSB.()\[]|\[[^\]]+\]|[.\])\w][*+?]|\||\{\d|\(\?|^\^|\$$")
_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "a couple": 2, "three": 3, "a few": 3, "some": 3, "four": 4,
    "five": 5, "six": 6, "several": 5, "eight": 8, "ten": 10,
}  # fmt: skip
_SECONDS = {"second": 1, "sec": 1, "s": 1, "minute": 60, "min": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True, slots=True)
class Clause:
    text: str
    codes: tuple[str, ...]
    quotes: tuple[str, ...]
    each: bool

    @property
    def literals(self) -> tuple[str, ...]:
        return self.codes + self.quotes

    def paths(self) -> list[str]:
        """Paths in the words first, then those in backticks."""
        bare = [found.rstrip(".") for found in _PATH.findall(_URL.sub(" ", self.text))]
        return bare + [code for code in self.codes if _is_path(code)]

    def globs(self) -> list[str]:
        return _GLOB.findall(self.text) + [code for code in self.codes if _is_glob(code)]

    def url(self) -> str:
        found = _URL.search(" ".join((self.text, *self.literals)))
        return found[0] if found else ""

    def others(self) -> list[str]:
        """Literal texts that are neither paths, file patterns nor addresses."""
        return [
            *self.quotes,
            *(c for c in self.codes if not (_is_path(c) or _is_glob(c) or _URL.match(c))),
        ]


def step(clause: Clause) -> list[Step]:
    """The first reading that makes sense."""
    for pattern, read in _READINGS:
        if re.match(rf"(?:{pattern})\b", clause.text, re.IGNORECASE) and (steps := read(clause)):
            return steps
    return []


def _search(clause: Clause) -> list[Step]:
    # `os.path` looks like a file's name, but is what a search is for
    named = [c for c in clause.codes if not c.startswith("/") and not _is_glob(c)]
    patterns = [text for text in clause.others() or named if not _template(text)]
    if not patterns:
        bare = re.search(r"\b(?:word|string|text|phrase)\s+([\w.-]+)", clause.text)
        if bare is None:
            return []
        patterns = [_literally(bare[1].rstrip(".-"))]
    elif not _meant_as_regex(clause, patterns[0]):
        patterns[0] = _literally(patterns[0])
    folders = [path for path in clause.paths() if path.startswith("/")] or ["/home"]
    kind = re.search(r"\b(Python|Markdown|text|JSON|YAML) files\b", clause.text)
    kinds = {
        "Python": "*.py",
        "Markdown": "*.md",
        "text": "*.txt",
        "JSON": "*.json",
        "YAML": "*.yaml",
    }
    files = (clause.globs() or [kinds[kind[1]] if kind else "*"])[0]
    return [Search(patterns[0], folders[0], files)]


def _literally(text: str) -> str:
    return re.escape(text).replace("\\ ", " ")


def _meant_as_regex(clause: Clause, pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    if re.search(r"regular expression|regexp?\b|\bpattern\b", clause.text, re.IGNORECASE):
        return True
    return pattern in clause.codes and _REGEX.search(pattern) is not None


def _read(clause: Clause) -> list[Step]:
    if re.search(r"\baround\b|\bcontext\b|\bsurround", clause.text) and not clause.paths():
        return [ReadAround(_number(clause.text))]
    lines = re.search(r"\blines? (\d+)(?:\s*(?:-|to|through|until)\s*(\d+))?", clause.text)
    span: dict[str, object] = {}
    if lines:
        span = {"first": int(lines[1]), "last": int(lines[2] or lines[1])}
    if (page := re.search(r"\bpage (\d+)", clause.text)) and not clause.paths():
        return [Call("memory_read", {"page": int(page[1])})]
    return [Call("fs_read", {"path": path} | span) for path in clause.paths()]


def _list(clause: Clause) -> list[Step]:
    folder = r"\bfolders?\b|\bfiles?\b|\bdirector(?:y|ies)\b|\bworkspace\b|/home|contents?"
    paths = clause.paths()
    if not paths and not re.search(folder, clause.text):
        return []
    return [Call("fs_list", {"path": path}) for path in paths or ["/home"]]


def _write(clause: Clause) -> list[Step]:
    paths = clause.paths()
    if not paths:
        return []
    if clause.each:
        return _append(clause)
    if texts := clause.others():
        return [Call("fs_write", {"path": paths[-1], "text": _ended(texts[0])})]
    about = r"\b(?:answers?|reports?|summary|findings|conclusions?)\b"
    return [WriteResult(paths[-1], answers=re.search(about, clause.text) is not None)]


def _append(clause: Clause) -> list[Step]:
    paths = clause.paths()
    if not paths:
        return []
    texts = clause.others()
    if clause.each or not texts:
        return [AppendEach(paths[-1], texts[0] if texts else DEFAULT_TEMPLATE)]
    return [Call("fs_append", {"path": paths[-1], "text": _ended(texts[0])})]


def _run(clause: Clause) -> list[Step]:
    if not clause.literals:
        return []
    command = clause.literals[0]
    shell = re.search(r"[|&;<>$*?~]|\b(?:cd|export)\b", command)
    try:
        argv = ["sh", "-c", command] if shell else shlex.split(command)
    except ValueError:
        return []
    arguments: dict[str, object] = {"argv": argv}
    if clause.each:
        return [CallEach("command_run", arguments)]
    return [Call("command_run", arguments)] if argv else []


def _fetch(clause: Clause) -> list[Step]:
    return [Call("http_fetch", {"url": clause.url()})] if clause.url() else []


def _spawn(clause: Clause) -> list[Step]:
    literals = [text for text in clause.literals if not re.fullmatch(r"[\w.-]+", text)]
    names = [text for text in clause.literals if re.fullmatch(r"[\w.-]+", text)]
    bare = re.search(
        r"^\w+\s+(?:(?:an?|the|another|agents?|named|called|process|child)\s+)*([\w-]+)",
        clause.text,
    )
    name = names[0] if names else bare[1] if bare else ""
    rest = re.search(r"\b(?:on|to|with the task|with)\s+(?!the task\b)(.+)$", clause.text)
    task = literals[0] if literals else rest[1].rstrip(".") if rest else ""
    if not name or not task or task == "\x01":
        return []
    arguments: dict[str, object] = {"agent": name, "task": task}
    return (
        [CallEach("process_spawn", arguments)]
        if clause.each
        else [Call("process_spawn", arguments)]
    )


def _wait(clause: Clause) -> list[Step]:
    if re.search(r"\bmessage|\bletter", clause.text):
        return [Call("message_receive", {})]
    if asleep := _sleep(clause):
        return asleep
    if pid := re.search(r"\b(?:pid|process|child)\s+(\d+)", clause.text):
        return [Call("process_wait", {"pid": int(pid[1])})]
    return [WaitChildren()]


def _send(clause: Clause) -> list[Step]:
    to = re.search(r"\b(?:to\s+)?(?:pid|process|child|parent)?\s*(\d+)\b", clause.text)
    if to is None or not clause.quotes:
        return []
    return [Call("message_send", {"to": int(to[1]), "text": clause.quotes[0]})]


def _sleep(clause: Clause) -> list[Step]:
    found = re.search(r"(\d+(?:\.\d+)?)\s*(second|sec|minute|min|hour|day|s)s?\b", clause.text)
    if found is None:
        return []
    return [Call("time_sleep", {"seconds": float(found[1]) * _SECONDS[found[2]]})]


def _call(clause: Clause) -> list[Step]:
    if not clause.codes:
        return []
    tool, *given = clause.codes
    tool = tool.replace(".", "_")
    try:
        arguments = json.loads(given[0]) if given else {}
    except ValueError:
        return []
    if not re.fullmatch(r"[\w-]+", tool) or not isinstance(arguments, dict):
        return []
    return [Call(tool, arguments)]


_READINGS: tuple[tuple[str, Callable[[Clause], list[Step]]], ...] = (
    ("search|grep|find|look for|locate", _search),
    ("list", _list),
    ("read|open|look at|look around|show|view|check", _read),
    ("append|add|record|note|log", _append),
    ("write|save|store|put|create", _write),
    ("run|execute", _run),
    ("fetch|download|get|retrieve|read|open", _fetch),
    ("spawn|start|launch|ask|delegate", _spawn),
    ("wait|receive", _wait),
    ("send|tell", _send),
    ("sleep|pause|wait", _sleep),
    ("call|use|invoke", _call),
)
VERBS = (
    "|".join(dict.fromkeys([verb for words, _ in _READINGS for verb in words.split("|")]))
    + "|answer|report|tell me|say|explain"
)


def _template(text: str) -> bool:
    return re.search(r"\b(?:PATH|LINE|TEXT)\b", text) is not None


def _is_path(text: str) -> bool:
    return (
        re.fullmatch(r"/?[\w.@+-]+(?:/[\w.@+-]+)+/?|/[\w.-]+|[\w-]+\.[a-z]{1,5}", text) is not None
    )


def _is_glob(text: str) -> bool:
    return re.fullmatch(r"[\w./-]*\*[\w./*-]*", text) is not None


def _number(text: str) -> int:
    for pattern, value in sorted(_NUMBERS.items(), key=lambda pair: -len(pair[0])):
        if re.search(rf"\b{pattern}\b", text, re.IGNORECASE):
            return value
    found = re.search(r"\b(\d{1,2})\b", text)
    return int(found[1]) if found else 3


def _ended(text: str) -> str:
    text = text.replace("\\n", "\n")
    return text if text.endswith("\n") else text + "\n"
