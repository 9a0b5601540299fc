"""Ledger and journal against each other, when everything has finished.

    compare(url, folder)                             a Verdict: what is lost, duplicated, unexplained
    python -m lib_chaos.compare URL FOLDER           the same, as JSON (PYTHONPATH=bench)

Reads the tables alone: what the kernel believes plays no part.
"""

import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import asyncpg
import msgspec

from lib_chaos.ledger import lines
from logos.kernel.journal import START, Row, genesis, verify
from logos.kernel.journal import decode as event_of

UNKNOWN = "outcome unknown"


class Verdict(NamedTuple):
    """`lost`, `duplicated` and `unexplained` are to be empty; `in_doubt` counts the effects
    whose outcome the journal says it does not know."""

    lost: list[str]
    duplicated: list[str]
    unexplained: list[str]
    in_doubt: int
    events: int
    processes: int
    charges: int


class Books:
    """What all the journals say, gathered."""

    def __init__(self) -> None:
        self.lost: list[str] = []
        self.duplicated: list[str] = []
        self.unexplained: list[str] = []
        self.called: dict[str, str] = {}
        self.returned: set[str] = set()
        self.unknown: set[str] = set()
        self.received: Counter[str] = Counter()
        self.events = 0

    def read(self, line: Any, rows: list[Row]) -> None:
        pid = line["pid"]
        self.events += len(rows)
        if (broken := verify(rows, genesis(pid), START)) is not None:
            self.lost.append(f"the chain of {pid}: {broken}")
        if not rows or rows[-1].seq != line["head_seq"]:
            self.lost.append(f"the journal of {pid} ends before its head")
        for row in rows:
            self._read(pid, event_of(row))
        if line["agent"] == "worker" and line["exit_status"] != 0:
            self.lost.append(f"process {pid} never finished: {line['status']}")

    def _read(self, pid: int, event: Any) -> None:
        match type(event).__name__:
            case "Called":
                call = msgspec.json.decode(event.call)
                self.called[f"{pid}-{event.id}"] = call.get("tool", event.name)
            case "Returned":
                self.returned.add(f"{pid}-{event.id}")
            case "Failed" if event.message.startswith(UNKNOWN):
                self.unknown.add(f"{pid}-{event.id}")
            case "Failed":
                self.lost.append(f"{pid}-{event.id} failed: {event.message}")
            case "Received":
                self.received[event.text] += 1
            case _:
                pass

    def of(self, tool: str) -> set[str]:
        return {id_ for id_, name in self.called.items() if name == tool}

    def settle(self, tool: str, written: Counter[str], *, repeatable: bool) -> None:
        """The calls of one tool against the lines it has written."""
        ours = self.of(tool)
        self.lost += (f"{tool} {id_}" for id_ in sorted(ours & self.returned - written.keys()))
        open_ = ours - self.returned - self.unknown
        self.lost += (f"{tool} {id_} was never answered" for id_ in sorted(open_))
        if not repeatable:
            self.duplicated += (f"{tool} {id_}" for id_, n in written.items() if n > 1)
        known = ours & (self.returned | self.unknown)
        self.unexplained += (f"{tool} {id_}" for id_ in sorted(written.keys() - known))


async def compare(url: str, folder: Path) -> Verdict:
    books = Books()
    db = await asyncpg.connect(url)
    try:
        table = await db.fetch("SELECT * FROM process ORDER BY pid")
        for line in table:
            rows = await db.fetch(
                "SELECT j.id, pid, seq, epoch, at, kind, coalesce(j.body, b.body), j.digest, prev,"
                " hash FROM journal j LEFT JOIN blob b ON j.body IS NULL AND b.digest = j.digest"
                " WHERE pid = $1 ORDER BY seq",
                line["pid"],
            )
            books.read(line, [Row(*row) for row in rows])
    finally:
        await db.close()
    books.settle("charge", Counter(lines(folder / "charges")), repeatable=False)
    books.settle("put", Counter(lines(folder / "puts")), repeatable=True)
    books.settle("fs.append", _diaries(books, folder), repeatable=False)
    _acknowledged(books, {line["pid"] for line in table}, lines(folder / "acknowledged"))
    return Verdict(
        books.lost,
        books.duplicated,
        books.unexplained,
        len(books.unknown),
        books.events,
        len(table),
        len(lines(folder / "charges")),
    )


def _diaries(books: Books, folder: Path) -> Counter[str]:
    """The diary of a process has the number of a thought in each line; its append is `cN_3`."""
    written: Counter[str] = Counter()
    for pid in sorted({id_.partition("-")[0] for id_ in books.of("fs.append")}):
        for line in lines(folder / "workspaces" / pid / "diary"):
            written[f"{pid}-c{int(line) + 1}_3"] += 1
    return written


def _acknowledged(books: Books, pids: set[int], told: list[str]) -> None:
    for line in told:
        kind, _, what = line.partition(" ")
        if kind == "spawned" and int(what) not in pids:
            books.lost.append(f"process {what} was acknowledged")
        if kind == "sent" and not books.received[what]:
            books.lost.append(f"message {what} was acknowledged")
    books.duplicated += (f"message {text}" for text, n in books.received.items() if n > 1)


if __name__ == "__main__":
    found = anyio.run(compare, sys.argv[1], Path(sys.argv[2]))
    sys.stdout.write(msgspec.json.encode(found._asdict()).decode() + "\n")
