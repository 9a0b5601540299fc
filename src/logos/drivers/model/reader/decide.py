"""What to do next: calls, or the answer.  Pure.

    decide     Transcript -> Decision

Steps first; then what the questions still lack is looked for; then everything is answered at
once, with what went wrong.
"""

import re
from dataclasses import dataclass

from logos.drivers.model.reader import answer, evidence, question
from logos.drivers.model.reader.follow import BATCH, Progress, Wanted, follow, hits, read_around
from logos.drivers.model.reader.language import understand
from logos.drivers.model.reader.lines import Chunk
from logos.drivers.model.reader.question import Kind, Question
from logos.drivers.model.reader.steps import Match, Plan, WriteResult
from logos.drivers.model.reader.transcript import Transcript, page_named, pages_in

UNKNOWN = "I don't know: nothing I have read says so."
_SHOWN_LINES = 60
_PAGES = 4


@dataclass(frozen=True, slots=True)
class Decision:
    text: str
    calls: tuple[Wanted, ...] = ()


def decide(transcript: Transcript) -> Decision:
    plan = understand("\n\n".join(transcript.asks))
    questions = tuple(question.asked(text) for text in plan.questions)
    progress = follow(plan, transcript, questions)
    if transcript.ending:
        return Decision("I was told to stop. So far:\n" + _report(plan, progress, transcript))
    if not progress.waiting:
        for asked in questions:
            _look(asked, progress, plan, transcript)
    if not progress.waiting:
        text = _report(plan, progress, transcript)
        _write_answers(plan, progress, text)
        if not progress.waiting:
            return Decision(_report(plan, progress, transcript))
    calls = tuple(progress.cursor.wanted[:BATCH])
    return Decision(_intention(calls, progress), calls)


def _chunks(plan: Plan, transcript: Transcript) -> list[Chunk]:
    statements = [
        *plan.unclear,
        *(s for text in transcript.letters for s in understand(text).unclear),
    ]
    return evidence.gather(transcript, dict.fromkeys(statements))


def _look(asked: Question, progress: Progress, plan: Plan, transcript: Transcript) -> None:
    """Want what might answer the question: pages first, then the workspace."""
    if _counted(asked, progress) or answer.answer(asked, _chunks(plan, transcript)):
        return
    _pages(asked, progress, transcript)
    if "fs_read" in transcript.tools:
        for path in asked.paths:
            progress.cursor.peek("fs_read", {"path": path})
    if progress.waiting or "fs_search" not in transcript.tools:
        return
    folder = next((path for path in asked.paths), "/home")
    first, *others = question.patterns(asked) or [""]
    found = _portions([first], folder, progress) if first else []
    if found is not None and not found:
        found = _portions(others, folder, progress)
    if found is None:
        return
    if "fs_read" in transcript.tools:
        read_around(progress, answer.best(asked, found, 3))


def _portions(patterns: list[str], folder: str, progress: Progress) -> list[Match] | None:
    """The first matches of each; None while some are missing."""
    portions = [
        hits(progress.cursor, {"pattern": pattern, "path": folder}, most=1) for pattern in patterns
    ]
    if any(portion is None for portion in portions):
        return None
    own = set(progress.added)
    return [match for portion in portions for match in portion or [] if match.path not in own]


def _pages(asked: Question, progress: Progress, transcript: Transcript) -> None:
    """Bring back pages the window names: stubs, and lines of a digest about the question."""
    if "memory_read" not in transcript.tools:
        return
    stubs = [page for done in transcript.done if (page := page_named(done.content)) is not None]
    about = set(asked.words) | {word for name in asked.names for word in question.terms(name)}
    named = [
        page
        for notice in transcript.notices
        for page, line in pages_in(notice)
        if about & set(question.terms(line))
    ]
    for page in list(dict.fromkeys([*named, *reversed(stubs)]))[:_PAGES]:
        progress.cursor.peek("memory_read", {"page": page})


def _write_answers(plan: Plan, progress: Progress, text: str) -> None:
    for step in plan.steps:
        if isinstance(step, WriteResult) and step.answers:
            done = progress.cursor.take("fs_write", {"path": step.path, "text": text + "\n"})
            if done is not None and done.error:
                progress.cursor.problem(f"Writing {step.path} failed: {done.content}.")


def _report(plan: Plan, progress: Progress, transcript: Transcript) -> str:
    chunks = _chunks(plan, transcript)
    parts = [_told(asked, progress, chunks) for asked in progress.questions]
    if len(parts) > 1:
        parts = [
            f"{number}. {asked.text}\n   {part}"
            for number, (asked, part) in enumerate(zip(progress.questions, parts, strict=True), 1)
        ]
    if done := _achieved(progress):
        parts.insert(0, done)
    if not progress.questions and (shown := _shown(progress)):
        parts.append(shown)
    parts += progress.cursor.problems
    if plan.unclear and not plan.steps and not plan.questions:
        parts.append("I did not understand what to do.")
    return "\n".join(parts) or "There was nothing to do that I understand."


def _told(asked: Question, progress: Progress, chunks: list[Chunk]) -> str:
    if counted := _counted(asked, progress):
        return counted
    found = answer.answer(asked, chunks)
    return found.text if found else UNKNOWN


def _counted(asked: Question, progress: Progress) -> str:
    """How many matches there were is known without being written anywhere."""
    about = r"\b(?:match|place|entr|hit|occurrence|line|deprecation)\w*"
    mine = r"\b(?:you|found|find|matched|ledger|in all|total)\b"
    if asked.kind is not Kind.COUNT or asked.names or not progress.searched:
        return ""
    if not re.search(about, asked.text) or not re.search(mine, asked.text):
        return ""
    return f"{len(progress.matches)}: so many lines match {progress.searched}."


def _achieved(progress: Progress) -> str:
    said = []
    if progress.searched:
        count = len(progress.matches)
        match = "line matches" if count == 1 else "lines match"
        said.append(f"{count} {match} {progress.searched}.")
    for path, lines in progress.added.items():
        said.append(f"{path} has a line for each of the {lines}.")
    return " ".join(said)


def _shown(progress: Progress) -> str:
    """What the last steps brought, when nobody asked anything about it."""
    if progress.matches and not progress.added:
        lines = [f"{m.path}:{m.line}: {m.text.strip()}" for m in progress.matches]
    elif progress.results:
        lines = [
            line
            for done in progress.results
            if not done.error
            for line in done.content.splitlines()
        ]
    else:
        return ""
    more = [f"[{len(lines) - _SHOWN_LINES} more lines]"] if len(lines) > _SHOWN_LINES else []
    return "\n".join(lines[:_SHOWN_LINES] + more)


def _intention(calls: tuple[Wanted, ...], progress: Progress) -> str:
    """One line for people who watch."""
    tool, arguments = calls[0]
    match tool:
        case "fs_search":
            return f"Looking for `{arguments['pattern']}`."
        case "fs_read":
            return "Reading " + ", ".join(dict.fromkeys(str(a.get("path")) for _, a in calls)) + "."
        case "fs_append":
            return f"Adding to {arguments['path']}; {len(progress.cursor.wanted)} to go."
        case "memory_read":
            return "Bringing back " + ", ".join(f"page {a.get('page')}" for _, a in calls) + "."
        case _:
            return f"Next: {tool}."
