"""mem status, embed, compress, consolidate: what is made of memories beside what is put into them."""

from collections.abc import Mapping
from typing import Any

import anyio

from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid, Seq
from logos.cli.commands.mem import whose
from logos.cli.registry import DRY_RUN, Argument, Asked, Command
from logos.kernel import RERANKING

POLL_S = 0.25


async def status(asked: Asked) -> int:
    meaning = asked.node.kernel.meaning
    model = await meaning.model()
    lines = await meaning.states()
    left = sum(line.events - line.done for line in lines)
    reranker = asked.node.loaded.config.memory.reranker
    judging = await asked.node.kernel.accounts.used(RERANKING)
    data: dict[str, Any] = {
        "embedder": model or None,
        "pages": sum(line.pages for line in lines),
        "left": left if model else 0,
        "tokens": sum(line.tokens for line in lines),
        "reranker": reranker or None,
        "reranker_tokens": judging.tokens,
        "spaces": [line._asdict() for line in lines] if model else [],
    }
    if reranker or judging.tokens:
        asked.out.note(f"{reranker or 'no reranker'}: {judging.tokens} tokens for its judgements")
    if not model or asked.out.json:
        asked.out.data(data, "memory is searched by words: memory.embedder names no model")
        return 0
    asked.out.note(f"{model}: {data['pages']} pages, {data['left']} events to look at")
    columns = ("PID", "NAME", "EVENTS", "DONE", "PAGES", "SKIPPED", "TOKENS", "OTHERS", "ERROR")
    asked.out.table(columns, lines, data["spaces"])
    return 0


async def embed(asked: Asked) -> int:
    given = asked.arguments
    meaning = asked.node.kernel.meaning
    if not await meaning.model():
        raise SysError(
            Code.STATE, "there is no embedding model", hint="set memory.embedder, and start again"
        )
    if not (given.all or given.pid):
        raise SysError(Code.INVALID, "of which memory?", hint="logos mem embed PID, or --all")
    only = None if given.all else await whose(asked, given.pid)
    wanted = {
        line.pid: line.events for line in await meaning.states() if given.all or line.pid == only
    }
    if given.again:
        for pid in wanted:
            await meaning.again(pid)
    pages = await _followed(asked, wanted)
    asked.out.data(
        {"pages": pages, "spaces": len(wanted)},
        f"{pages} pages of {len(wanted)} memories have vectors",
    )
    return 0


async def _followed(asked: Asked, wanted: Mapping[Pid, int]) -> int:
    """How many pages have vectors when all of these are done up to there."""
    meaning = asked.node.kernel.meaning
    total = sum(wanted.values())
    while True:
        lines = [line for line in await meaning.states() if line.pid in wanted]
        left = {line.pid: max(0, wanted[line.pid] - line.done) for line in lines}
        behind = [line for line in lines if left[line.pid]]
        if failed := [line for line in behind if line.error]:
            raise SysError(
                Code.UNAVAILABLE,
                f"memory of {failed[0].pid}: {failed[0].error}",
                hint="it is tried again in the background: `logos mem status`",
            )
        if not behind:
            return sum(line.pages for line in lines)
        asked.out.progress(total - sum(left.values()), total, f"process {behind[0].pid}")
        await anyio.sleep(POLL_S)


async def compress(asked: Asked) -> int:
    given = asked.arguments
    pid = Pid(given.pid)
    kernel, keep = asked.node.kernel, [Seq(n) for n in given.keep]
    await kernel.records.process(pid)  # says so when there is none
    for page in keep:
        await kernel.records.page(pid, page)
    pages = await kernel.compress(pid, keep, given.about)
    said = f"{pages} pages left the window; a digest names them"
    asked.out.data({"pages": pages}, said if pages else "nothing left: too little is in the window")
    return 0


async def consolidate(asked: Asked) -> int:
    given = asked.arguments
    report = await asked.node.kernel.sleep.consolidate(
        await whose(asked, given.pid), dry=given.dry_run
    )
    data = {
        "closed": [one._asdict() for one in report.closed],
        "facts": [{"path": one.path, "text": one.text} for one in report.facts],
        "digest": list(report.digest),
        "pages": report.pages,
        "tokens": report.tokens,
        "dry": given.dry_run,
        "why": report.why,
    }
    lines = [f"{one.path} {one.why} {one.kept}" for one in report.closed]
    lines += [f"{one.path}: {one.text}" for one in report.facts]
    lines += [f"digest: {line}" for line in report.digest]
    read = "to read" if given.dry_run else "read"
    lines.append(
        f"{len(report.closed)} entries closed, {len(report.facts)} facts, {report.pages} pages {read}"
    )
    if report.why:
        asked.out.note(report.why)
    asked.out.data(data, "\n".join(lines))
    return 0


STATUS = Command("mem status", "show which memories have embeddings, and the progress", status)
EMBED = Command(
    "mem embed",
    "wait until a memory has its embeddings",
    embed,
    (
        Argument("pid", "number of a process, or the name of a space", default=""),
        Argument("--all", "every memory", bool),
        Argument("--again", "compute them again", bool),
    ),
    effect="write",
)
COMPRESS = Command(
    "mem compress",
    "take most of a window out now; nothing is lost",
    compress,
    (
        Argument("pid", "number of the process", int),
        Argument(
            "--keep", "a page that stays; may be given several times", int, many=True, value="PAGE"
        ),
        Argument("--about", "pages about this topic stay, too", default="", value="WORDS"),
    ),
    effect="write",
)
CONSOLIDATE = Command(
    "mem consolidate",
    "close entries that are duplicates or were replaced; with a model, extract facts",
    consolidate,
    (
        Argument("pid", "number of a process, or the name of a space"),
        DRY_RUN,
    ),
    effect="write",
)
UPKEEP = (STATUS, EMBED, COMPRESS, CONSOLIDATE)
