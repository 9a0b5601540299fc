"""Carrying a plan out, one thought at a time.  Pure.

    follow     Plan, Transcript -> Progress: the calls to make next, or what the steps brought
    Cursor     which results belong to which step, and what is still wanted

A step's results are found in the transcript by tool and arguments, in order; what is not
there is wanted.  So a plan can be taken up at any point.
"""

import json
import re
from dataclasses import dataclass, field

from logos.drivers.model.reader import answer, evidence
from logos.drivers.model.reader.question import Question
from logos.drivers.model.reader.steps import (
    AppendEach,
    Call,
    CallEach,
    Match,
    Plan,
    ReadAround,
    Search,
    Step,
    WaitChildren,
    WriteResult,
    fill,
)
from logos.drivers.model.reader.transcript import Done, Transcript, key, page_named

BATCH = 8
"""Calls of one thought at most."""
_HITS = 40
_TRIES = 3
_AROUND_LINES = 12
_AGAIN = ("unavailable", "timeout", "limit", "conflict")
_PURE = frozenset({"fs_list", "fs_read", "fs_search", "http_fetch", "memory_read"})
_REST = re.compile(r"memory_read\(page=(\d+)(?:,\s*offset=(\d+))?\)")

Wanted = tuple[str, dict[str, object]]


class Cursor:
    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self.wanted: list[Wanted] = []
        self.problems: list[str] = []
        self._recent = transcript.done[transcript.recent :]
        self._used: dict[str, int] = {}

    def take(self, tool: str, arguments: dict[str, object]) -> Done | None:
        """The next result of this call; None (and it is wanted) when there is none yet."""
        name = key(tool, arguments)
        results = [done for done in self._recent if done.key == name]
        at = self._used.get(name, 0)
        for tries in range(_TRIES):
            if at >= len(results):
                break
            at += 1
            if tries + 1 < _TRIES and tool in _PURE | {"fs_write"} and _passing(results[at - 1]):
                continue
            self._used[name] = at
            return self._whole(results[at - 1])
        self._used[name] = at
        self.want(tool, arguments)
        return None

    def peek(self, tool: str, arguments: dict[str, object]) -> Done | None:
        """The last result of this call, whoever wanted it."""
        name = key(tool, arguments)
        results = [done for done in self._recent if done.key == name]
        if results and (not _passing(results[-1]) or len(results) >= _TRIES):
            return self._whole(results[-1])
        self.want(tool, arguments)
        return None

    def want(self, tool: str, arguments: dict[str, object]) -> None:
        if tool not in self.transcript.tools:
            self.problem(f"I have no tool {tool}.")
        elif (tool, arguments) not in self.wanted:
            self.wanted.append((tool, arguments))

    def problem(self, text: str) -> None:
        if text not in self.problems:
            self.problems.append(text)

    def _whole(self, done: Done) -> Done | None:
        """A result that was paged out, or came only in part, is brought back from its page."""
        if "memory_read" not in self.transcript.tools or done.tool == "memory_read":
            return done
        if (page := page_named(done.content)) is not None:
            back = self.peek("memory_read", {"page": page})
            return back and Done(done.tool, done.arguments, back.content, back.error)
        last = done.content.rstrip().rpartition("\n")[2]
        if last.startswith("[") and (rest := _REST.search(last)):
            more: dict[str, object] = {"page": int(rest[1])}
            head = ""
            if rest[2]:
                more["offset"] = int(rest[2])
                head = done.content.rstrip().removesuffix(last)
            back = self.peek("memory_read", more)
            return back and Done(done.tool, done.arguments, head + back.content, back.error)
        return done


@dataclass(slots=True)
class Progress:
    cursor: Cursor
    questions: tuple[Question, ...]
    matches: tuple[Match, ...] = ()
    searched: str = ""
    results: list[Done] = field(default_factory=list)
    added: dict[str, int] = field(default_factory=dict)

    @property
    def waiting(self) -> bool:
        return bool(self.cursor.wanted)


def follow(plan: Plan, transcript: Transcript, questions: tuple[Question, ...]) -> Progress:
    """Go through the steps until one waits for a result."""
    progress = Progress(Cursor(transcript), questions)
    for number, step in enumerate(plan.steps):
        if isinstance(step, WriteResult) and step.answers:
            continue  # the answers come last
        _do(step, progress)
        following = plan.steps[number + 1] if number + 1 < len(plan.steps) else None
        # Reads that stand side by side do not wait for one another.
        if progress.waiting and not (_reads(step) and following and _reads(following)):
            break
    return progress


def read_around(progress: Progress, matches: list[Match]) -> None:
    for match in matches:
        first = max(1, match.line - _AROUND_LINES)
        around: dict[str, object] = {
            "path": match.path, "first": first, "last": match.line + _AROUND_LINES,
        }  # fmt: skip
        progress.cursor.peek("fs_read", around)


def hits(cursor: Cursor, wanted: dict[str, object], *, most: int) -> list[Match] | None:
    """All matches of a search, asked for in portions; None while one is missing."""
    found: list[Match] = []
    while len(found) < most:
        portion = wanted | {"limit": _HITS} | ({"offset": len(found)} if found else {})
        done = cursor.peek("fs_search", portion)
        if done is None:
            return None
        if done.error:
            cursor.problem(f"The search failed: {done.content}.")
            return found
        new = list(evidence.matches(done.content))
        found += new
        if len(new) < _HITS or "more matches" not in done.content.rpartition("\n")[2]:
            break
    return found


def _do(step: Step, progress: Progress) -> None:
    match step:
        case Call():
            _call(step, progress)
        case Search():
            _search(step, progress)
        case ReadAround():
            read_around(progress, _chosen(progress, step.count))
        case AppendEach():
            _append_each(step, progress)
        case CallEach():
            _call_each(step, progress)
        case WriteResult():
            lines = [f"{m.path}:{m.line}: {m.text.strip()}\n" for m in progress.matches]
            text = "".join(lines) or _last_content(progress)
            _call(Call("fs_write", {"path": step.path, "text": text}), progress)
        case WaitChildren():
            _wait_children(progress)


def _call(step: Call, progress: Progress) -> None:
    done = progress.cursor.take(step.tool, step.arguments)
    if done is not None:
        progress.results.append(done)
        if done.error:
            progress.cursor.problem(f"{_told(step.tool, step.arguments)} failed: {done.content}.")


def _search(step: Search, progress: Progress) -> None:
    wanted: dict[str, object] = {"pattern": step.pattern, "path": step.path, "files": step.files}
    found = hits(progress.cursor, wanted, most=1000)
    if found is not None:
        progress.matches = tuple(found)
        progress.searched = f"`{step.pattern}` in {step.files} below {step.path}"


def _chosen(progress: Progress, count: int) -> list[Match]:
    """First what the questions are about, then spread over the rest."""
    chosen: dict[Match, None] = {}
    for question in progress.questions:
        chosen |= dict.fromkeys(answer.best(question, progress.matches, 1))
    every = max(1, len(progress.matches) // max(1, count))
    chosen |= dict.fromkeys(progress.matches[::every])
    return list(chosen)[: max(count, len(progress.questions))]


def _append_each(step: AppendEach, progress: Progress) -> None:
    """One line for each match that is not there yet.

    What is there is read first, and again after an append whose outcome is unknown or once the
    reading has left the window: so a line is never written twice.
    """
    cursor = progress.cursor
    known = _ledger(step.path, cursor)
    if known is None:
        return
    lines = [fill(step.template, match, n) for n, match in enumerate(progress.matches, 1)]
    progress.added[step.path] = len(lines)
    glue = "\n" if "\0unended" in known else ""
    for line in lines:
        if line.strip() in known:
            continue
        arguments: dict[str, object] = {"path": step.path, "text": f"{glue}{line}\n"}
        refused = [
            d for d in cursor.transcript.done if d.key == key("fs_append", arguments) and d.error
        ]
        if refused and (not _passing(refused[-1]) or len(refused) >= _TRIES):
            cursor.problem(f"Appending to {step.path} failed: {refused[-1].content}.")
            return
        glue = ""
        cursor.want("fs_append", arguments)


def _ledger(path: str, cursor: Cursor) -> set[str] | None:
    """The lines the file is known to hold; None while it must be read."""
    whole: dict[str, object] = {"path": path, "first": 1, "last": 1_000_000}
    known: set[str] | None = None
    for done in cursor.transcript.done[cursor.transcript.recent :]:
        if done.key == key("fs_read", whole):
            known = _lines_of(done)
        elif done.tool == "fs_append" and done.arguments.get("path") == path:
            if not done.error and known is not None:
                known.add(str(done.arguments.get("text")).strip())
                known.discard("\0unended")
            elif "unknown" in done.content:
                known = None  # only the file itself can tell
    if known is None:
        cursor.want("fs_read", whole)
    return known


def _lines_of(done: Done) -> set[str] | None:
    if done.error:
        # there is no file yet: nothing is in it
        return set() if done.content.startswith("not_found") else None
    if page_named(done.content) is not None:
        return None
    lines = {line.partition("\t")[2].strip() for line in done.content.splitlines()}
    return lines | ({"\0unended"} if "[no newline at the end]" in done.content else set())


def _call_each(step: CallEach, progress: Progress) -> None:
    for number, match in enumerate(progress.matches, 1):
        arguments = {name: _filled(value, match, number) for name, value in step.arguments.items()}
        _call(Call(step.tool, arguments), progress)


def _filled(value: object, match: Match, number: int) -> object:
    if isinstance(value, list):
        return [_filled(item, match, number) for item in value]
    return fill(value, match, number) if isinstance(value, str) else value


def _wait_children(progress: Progress) -> None:
    for done in list(progress.results):
        if done.tool == "process_spawn" and (pid := re.search(r"\d+", done.content)):
            _call(Call("process_wait", {"pid": int(pid[0])}), progress)


def _last_content(progress: Progress) -> str:
    contents = [done.content for done in progress.results if not done.error]
    return contents[-1].rstrip("\n") + "\n" if contents else ""


def _reads(step: Step) -> bool:
    return isinstance(step, Call) and step.tool in _PURE


def _passing(done: Done) -> bool:
    """A failure that may be over by the next try."""
    return done.error and done.content.startswith(_AGAIN)


def _told(tool: str, arguments: dict[str, object]) -> str:
    return f"{tool} {json.dumps(arguments, ensure_ascii=False)}"
