"""A page fault, whole: search, gate, fetch of the texts, append of what came in to the journal.

    uv run --extra bench python bench/faults.py --pages 100000 --json

Address spaces of 10,000 pages each, every page an event of a journal on a real server, fsync on.  With
--written N only so many go in the way events do; the other spaces are copies of those, made in SQL, so that
the tables have their size without the hours (ingest_per_s is of what was written).

    p50_ms, p95_ms      warm: the space is in memory (as many spaces as fit the node's default)
    cold_p95_ms         the space is in the database alone: its index is loaded first
    first_p95_ms        warm and cold as they come: any space of all, with the node's default memory
    durable_p95_ms      a warm fault, and the wait until its PagedIn is on disk
    ingest_per_s        pages a second until journal and index are on disk; journal_per_s: the journal alone
    rebuild_s           the index of one space from its journal
    sql_p95_ms          the same questions as PostgreSQL full text of one space (any word, ts_rank, GIN);
                        sql_postings_p95_ms: as an exact postings table in SQL, BM25
    p95_vs_few          p95_ms over that with ten spaces, in this run
    cpu_p50_ms, …       of the same faults, processor time of this process: a busy machine changes it less
    disk_bytes_a_page   of the index, beside journal_bytes_a_page; memory_bytes_a_page
"""

import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import anyio
import asyncpg

from common import arguments, database, execute, folder, median, note, percentile, report
from lib_memory import journaled
from lib_memory.journaled import Journals
from logos.abi.events import PagedIn, Remembered
from logos.abi.ids import Pid
from logos.abi.paging import Shown
from logos.boot import settle
from logos.kernel.memory import Ask, Fault
from logos.kernel.memory.text import terms
from logos.kernel.node.records import Records

WORDS = 30_000
PAGE_WORDS = (12, 60)
ASKED_WORDS = (4, 9)
SQL_PAGES = 100_000
FEW = 10
"""Spaces with which more are compared in the same run."""
ASK = Ask(budget=1024, gate=False)


class Timed(NamedTuple):
    """In milliseconds: on the clock, and of this process's processors."""

    wall: list[float]
    cpu: list[float]

    def figures(self, name: str) -> dict[str, float]:
        return {
            f"{name}p50_ms": median(self.wall),
            f"{name}p95_ms": percentile(self.wall, 0.95),
            f"{name}cpu_p50_ms": median(self.cpu),
            f"{name}cpu_p95_ms": percentile(self.cpu, 0.95),
        }


class Talk:
    """Pages with words as rare as words are, and questions about some of them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._words = [f"{chr(97 + n % 26)}{n:x}ra" for n in range(WORDS)]
        self._weights = [1 / (n + 2.7) for n in range(WORDS)]

    def words(self, least: int, most: int) -> list[str]:
        number = self.random.randint(least, most)
        return self.random.choices(self._words, self._weights, k=number)

    def page(self, n: int) -> Remembered:
        text = " ".join(self.words(*PAGE_WORDS))
        role = ("user", "assistant")[n % 2]
        time_ = 1_600_000_000_000_000 + n * 600_000_000
        return Remembered(
            path=f"/mem/archive/{n}",
            text=text,
            kind="chat",
            role=role,
            time=time_,
            group=str(n // 50),
        )

    def question(self, page: Remembered) -> str:
        held = page.text.split()
        mine = self.random.sample(held, min(len(held), self.random.randint(*ASKED_WORDS)))
        return f"When did I mention {' '.join(mine)}?"


class Memory:
    """Spaces in journals, and questions for them."""

    def __init__(self, journals: Journals, talk: Talk) -> None:
        self.journals = journals
        self.talk = talk
        self.pids: list[Pid] = []
        self.asked: dict[Pid, list[str]] = {}

    async def fill(self, spaces: int, size: int, questions: int) -> tuple[float, float, int]:
        """Seconds until everything is on disk, those of the journal alone, and the size of the index in memory."""
        records = Records(self.journals.store)
        whole = journal = 0.0
        held = 0
        for number in range(spaces):
            pages = [self.talk.page(n) for n in range(size)]
            began = time.perf_counter()
            pid = await self.journals.put(pages)
            journal += time.perf_counter() - began
            await records.spaces.pages(pid)
            held = records.spaces.nbytes
            await records.spaces.drop()
            whole += time.perf_counter() - began
            self.pids.append(pid)
            self.asked[pid] = [
                self.talk.question(page) for page in self.talk.random.sample(pages, questions)
            ]
            note(f"space {number + 1} of {spaces}")
        return whole, journal, held

    async def copy(self, url: str, spaces: int) -> None:
        """More spaces, copied from those there are."""
        db = await asyncpg.connect(url)
        for number in range(spaces):
            old = self.pids[number]  # also of copies
            pid = await self.journals.writer.new_pid()
            async with db.transaction():
                for statement in COPIES:
                    await db.execute(statement, old, pid)
            self.journals.copied(old, pid)
            self.pids.append(pid)
            self.asked[pid] = self.asked[old]
        await db.close()

    async def fault(self, records: Records, pid: Pid, question: str) -> Any:
        found = await records.fault(pid, question, ASK)
        return self.journals.append(pid, paged(question, found))


def paged(question: str, found: Fault) -> PagedIn:
    likely = {why.page: why.likely for why in found.why}
    pages = tuple(
        Shown(
            page=page.source.seq, start=page.source.start, end=page.source.end, text=page.text,
            role=page.role, subject=page.subject, group=page.group, time=page.time,
            likely=likely.get(page.id, 0.0),
        )
        for page in found.pages
    )  # fmt: skip
    return PagedIn(question=question, pages=pages, confidence=found.confidence)


async def timed(works: Sequence[Callable[[], Awaitable[Any]]]) -> Timed:
    out = Timed([], [])
    for work in works:
        began, busy = time.perf_counter(), time.process_time()
        await work()
        out.wall.append((time.perf_counter() - began) * 1e3)
        out.cpu.append((time.process_time() - busy) * 1e3)
    return out


async def warm(memory: Memory, *, durable: bool) -> Timed:
    """Spaces that fit into memory together."""
    records = Records(memory.journals.store)
    pids = memory.pids[:FEW]
    for pid in pids:
        await records.fault(pid, memory.asked[pid][0], ASK)

    async def one(pid: Pid, question: str) -> None:
        batch = await memory.fault(records, pid, question)
        if durable:
            await batch.durable(pid)

    pairs = [(pid, question) for pid in pids for question in memory.asked[pid]]
    memory.talk.random.shuffle(pairs)
    return await timed([lambda pair=pair: one(*pair) for pair in pairs[:300]])


async def cold(memory: Memory) -> Timed:
    async def one(pid: Pid, question: str) -> None:
        await memory.fault(Records(memory.journals.store), pid, question)

    pairs = [(pid, question) for pid in memory.pids for question in memory.asked[pid][:10]]
    memory.talk.random.shuffle(pairs)
    return await timed([lambda pair=pair: one(*pair) for pair in pairs[:100]])


async def as_they_come(memory: Memory) -> Timed:
    records = Records(memory.journals.store)
    pairs = [(pid, question) for pid in memory.pids for question in memory.asked[pid]]
    memory.talk.random.shuffle(pairs)
    return await timed([lambda pair=pair: memory.fault(records, *pair) for pair in pairs[:300]])


COPIES = (
    (
        "INSERT INTO process (pid, node, epoch, head_seq, head_hash, status, agent, task, model, spawned_at)"
        " SELECT $2, node, epoch, head_seq, head_hash, status, agent, task, model, spawned_at"
        " FROM process WHERE pid = $1"
    ),
    (
        "INSERT INTO journal (pid, seq, epoch, at, kind, body, digest, prev, hash)"
        " SELECT $2, seq, epoch, at, kind, body, digest, prev, hash FROM journal WHERE pid = $1 ORDER BY seq"
    ),
    (
        "INSERT INTO space (pid, seq, version, pages, body)"
        " SELECT $2, seq, version, pages, body FROM space WHERE pid = $1"
    ),
)
FULL_TEXT = """
SELECT row FROM said,
       (SELECT replace(plainto_tsquery('english', $2)::text, '&', '|')::tsquery AS q) AS asked
 WHERE space = $1 AND words @@ q ORDER BY ts_rank(words, q) DESC LIMIT 50"""
POSTINGS = """
SELECT row, sum(t.idf * p.tf * 1.9 / (p.tf + 0.36 + 0.54 * l.length / $4)) AS score
  FROM unnest($2::text[], $3::float8[]) AS t (term, idf)
  JOIN posting p ON p.space = $1 AND p.term = t.term
  JOIN length l USING (space, row)
 GROUP BY row ORDER BY score DESC LIMIT 50"""


async def in_sql(url: str, memory: Memory, size: int) -> tuple[Timed, Timed]:
    """Full text over at most SQL_PAGES pages, and a postings table of one space; one space is asked."""
    db = await asyncpg.connect(url)
    await db.execute("CREATE TABLE said (space bigint, row bigint, words tsvector)")
    pids = memory.pids[: max(1, SQL_PAGES // size)]
    for pid in pids:
        await db.execute(
            "INSERT INTO said SELECT pid, seq, to_tsvector('english', convert_from(body, 'utf8')::json"
            "->>'text') FROM journal WHERE pid = $1 AND kind = 'remembered'",
            pid,
        )
    await db.execute("CREATE INDEX ON said USING gin (words)")
    await db.execute("CREATE INDEX ON said (space)")
    idf, mean = await _postings(db, pids[0])
    await db.execute("ANALYZE")
    asked = memory.asked[pids[0]][:60]

    async def postings(question: str) -> None:
        found = list(dict.fromkeys(terms(question)))
        await db.fetch(POSTINGS, pids[0], found, [idf.get(term, 0.0) for term in found], mean)

    slow = await timed([lambda q=q: db.fetch(FULL_TEXT, pids[0], q) for q in asked])
    quick = await timed([lambda q=q: postings(q) for q in asked])
    await db.close()
    return slow, quick


async def _postings(db: Any, pid: Pid) -> tuple[dict[str, float], float]:
    """How rare each term is (about), and how long a page is."""
    await db.execute("CREATE TABLE posting (space bigint, term text, row bigint, tf real)")
    await db.execute("CREATE TABLE length (space bigint, row bigint, length real)")
    rows = await db.fetch(
        "SELECT seq, convert_from(body, 'utf8')::json->>'text' AS text FROM journal"
        " WHERE pid = $1 AND kind = 'remembered'",
        pid,
    )
    found = {row["seq"]: Counter(terms(row["text"])) for row in rows}
    await db.copy_records_to_table(
        "posting",
        records=[
            (pid, term, seq, float(tf)) for seq, each in found.items() for term, tf in each.items()
        ],
    )
    await db.copy_records_to_table(
        "length", records=[(pid, seq, float(each.total())) for seq, each in found.items()]
    )
    await db.execute("CREATE INDEX ON posting (space, term) INCLUDE (row, tf)")
    await db.execute("CREATE UNIQUE INDEX ON length (space, row) INCLUDE (length)")
    df = Counter(term for each in found.values() for term in each)
    mean = sum(each.total() for each in found.values()) / max(len(found), 1)
    return {term: 1.0 / (1 + count) for term, count in df.items()}, mean


async def main() -> None:
    args = arguments(__doc__ or "", pages=100_000, space=10_000, questions=40, written=0)
    size = min(args.space, args.pages)
    spaces = max(1, args.pages // size)
    written = min(spaces, max(1, args.written // size) if args.written else spaces)
    settle()
    with folder() as place:
        async with database(place) as url, journaled.opened(url) as journals:
            memory = Memory(journals, Talk(1))
            whole, journal, held = await memory.fill(written, size, args.questions)
            await memory.copy(url, min(spaces, FEW) - written)
            few = await warm(memory, durable=False)
            await memory.copy(url, spaces - len(memory.pids))
            quick = few if spaces <= FEW else await warm(memory, durable=False)
            safe = await warm(memory, durable=True)
            late = await cold(memory)
            mixed = await as_they_come(memory)
            rebuild = await timed([lambda: rebuilt(memory)])
            disk = await execute(url, "SELECT sum(octet_length(body))::bigint FROM space")
            logged = await execute(url, "SELECT pg_total_relation_size('journal_default')")
            slow, postings = await in_sql(url, memory, size)
    pages = spaces * size
    report(
        args,
        {
            **quick.figures(""),
            "p95_vs_few": percentile(quick.wall, 0.95) / percentile(few.wall, 0.95),
            "cpu_p95_vs_few": percentile(quick.cpu, 0.95) / percentile(few.cpu, 0.95),
            **late.figures("cold_"),
            **mixed.figures("first_"),
            **safe.figures("durable_"),
            **slow.figures("sql_"),
            **postings.figures("sql_postings_"),
            "ingest_per_s": written * size / whole,
            "journal_per_s": written * size / journal,
            "rebuild_s": rebuild.wall[0] / 1e3,
            "rebuild_cpu_s": rebuild.cpu[0] / 1e3,
            "disk_bytes_a_page": disk / pages,
            "journal_bytes_a_page": logged / pages,
            "memory_bytes_a_page": held / size,
            "pages": pages,
            "pages_written": written * size,
        },
    )


async def rebuilt(memory: Memory) -> None:
    await Records(memory.journals.store).spaces.rebuild(memory.pids[0])


if __name__ == "__main__":
    anyio.run(main)
