"""Results of calls as questions to memory: what an agent file with `recalls: results` gains, and costs.

    uv run --extra bench python bench/returned.py --json

An agent with a window of 8k tokens first reads how HOSTS hosts are looked after, then goes through records of a
port until these have long left its window.  In every EVERY-th of TURNS further records a host is named in
passing, in the words of an error or of a log, and nobody asks anything.  Do the lines about that host stand in
its next prompt?  Some records name hosts of which memory knows nothing.

    resident_results, resident_said      share of the hosts named whose lines are there, with and without
    kept_results, kept_said              share of prompt tokens that are the beginning of the prompt before
    cost_ratio                           with cached tokens at a tenth, with over without
    brought_tokens                       what is brought back for a thought, on the mean of all thoughts
    precision                            share of the pieces brought back that are about a host named
    idle_share                           of thoughts after a record that names nobody: where something came in
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import anyio

from common import arguments, database, folder, report
from lib_window.prompts import measured
from lib_window.running import READS, Text, agent, loop, tool_tokens
from logos.abi.agent import Recalls
from logos.abi.driver import Job
from logos.abi.events import AnyEvent, Asked, PagedIn
from logos.abi.messages import Request
from logos.kernel.memory import estimate
from lone import lone

WINDOW = 8192
HOSTS = 24
EVERY = 5
UNKNOWN = 4
"""One in so many of the records that name somebody names a host that memory does not know."""
NAMES = [
    "Kestrel",
    "Heron",
    "Gannet",
    "Plover",
    "Dunlin",
    "Curlew",
    "Avocet",
    "Whimbrel",
    "Turnstone",
    "Sanderling",
    "Fulmar",
    "Puffin",
]
FORMS = (
    "connection to {host} refused after 3 attempts",
    '{{"level": "warn", "host": "{host}", "took_ms": 412}}',
    "copied 14 files, the last of them to {host} at noon",
)


def host(n: int) -> str:
    return f"{NAMES[n % len(NAMES)].lower()}-{n}"


def about(n: int) -> str:
    return f"{host(n)} is looked after by crew {chr(65 + n)}; before a restart its pump {n * 7 + 3} must be off."


class Records:
    """fs.read: first the notes on the hosts, then records of a port, some of which name a host."""

    def __init__(self) -> None:
        self.named: dict[int, str] = {}

    async def run(self, job: Job) -> str:
        number = int(job.call.path.split("/")[-1])
        text = Text(number)(60, 120)
        if number <= HOSTS:
            return f"{about(number)}\n\n{text}"
        if number <= 3 * HOSTS or number % EVERY:
            return text
        turn = number // EVERY
        which = HOSTS * 9 + turn if not turn % UNKNOWN else 1 + turn % HOSTS
        self.named[number] = host(which)
        return f"{text}\n{FORMS[turn % len(FORMS)].format(host=host(which))}\n{Text(number + 1)(20, 40)}"


class Run(NamedTuple):
    requests: Sequence[Request]
    named: dict[int, str]
    events: Sequence[AnyEvent]


async def run(url: str, place: Path, turns: int, recalls: Recalls) -> Run:
    model, records = loop(turns, WINDOW), Records()
    async with lone(url, place, model, drivers={READS: records}) as running:
        pid = await running.spawn(agent(recalls=recalls), "Go through the records of the port.")
        ended = await running.records.wait(pid)
        if ended.status:
            raise SystemExit(f"the agent ended with {ended.status}: {ended.answer}")
        events = [told.event async for told in running.records.events(pid)]
    return Run(model.requests, records.named, events)


def resident(done: Run) -> float:
    """The request behind a record is one further."""
    known = {host(n): about(n) for n in range(1, HOSTS + 1)}
    found = [
        known[name] in "\n".join(_text(done.requests[number]))
        for number, name in done.named.items()
        if name in known
    ]
    return sum(found) / len(found)


def _text(request: Request) -> list[str]:
    return [str(message.content).replace("\\n", "\n") for message in request.messages]


def brought(done: Run) -> dict[str, float]:
    """Of each thought, in order: what came in before it."""
    each: list[list[Any]] = [[]]
    for event in done.events:
        if isinstance(event, PagedIn):
            each[-1] += event.pages
        elif isinstance(event, Asked):
            each.append([])
    right = total = idle = silent = tokens = 0
    for number, pages in enumerate(each[: len(done.requests)]):
        name = done.named.get(number)
        total += len(pages)
        tokens += sum(estimate(one.text) for one in pages)
        right += sum(name is not None and name in one.text for one in pages)
        silent += name is None
        idle += name is None and bool(pages)
    return {
        "brought_tokens": tokens / len(done.requests),
        "precision": right / max(total, 1),
        "idle_share": idle / max(silent, 1),
    }


async def main() -> None:
    args = arguments(__doc__ or "", turns=500)
    with folder() as place:
        async with database(place) as url:
            said = await run(url, place, args.turns, Recalls.SAID)
            results = await run(url, place, args.turns, Recalls.RESULTS)
    fixed = tool_tokens(said.requests[0])
    before, after = (
        measured((request.messages for request in one.requests), fixed) for one in (said, results)
    )
    report(
        args,
        {
            "resident_results": resident(results),
            "resident_said": resident(said),
            "kept_results": after.share,
            "kept_said": before.share,
            "cost_ratio": after.cost / before.cost,
            **brought(results),
            "named": len(results.named),
        },
    )


if __name__ == "__main__":
    anyio.run(main)
