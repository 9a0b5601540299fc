"""Die while pages get their vectors: before every statement, and by `kill -9` after every batch.

Whoever goes on must find each page with its own vector, once, what is counted must be what is there, and only
what was under way when it died may be sent again.
"""

import signal
import subprocess
import sys
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import asyncpg
import pytest
from tests.conftest import PATIENCE_S
from tests.crash import embedding
from tests.pg.meanings import HANG, Server, meaning, serving

from logos import config
from logos.abi.events import Remembered
from logos.abi.ids import Pid
from logos.kernel import Kernel, open_kernel
from logos.kernel.meaning import background
from logos.kernel.meaning.vectors import packed
from logos.store import Fault, open_store

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

BATCH = 8
PAGES = 20
MOST = 200
COUNTED = {
    "behind", "claim", "stale", "guard", "add", "advance", "finish", "drop_others", "BEGIN", "COMMIT",
}  # fmt: skip
"""Statements of what makes vectors, and the ends of their transactions."""


class DiedError(BaseException):
    """The power went off."""


class Fate:
    """Dies at the `at`-th of those statements since it was armed, and does nothing more afterwards."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.armed = False
        self.died = ""

    async def __call__(self, name: str) -> None:
        if self.armed and not self.died and name in COUNTED:
            self.at -= 1
            if not self.at:
                self.died = name
        if self.died:
            raise DiedError(name)


@asynccontextmanager
async def opened(url: str, world: Any, server: Server | None, fault: Fault | None = None) -> Any:
    """Without a server nothing gets vectors."""
    embedder = None if server is None else server.embedder()

    async def embeddings(name: str) -> Any:
        del name
        return embedder

    async with open_store(url, config.Store(), fault) as store:
        memory = config.Memory() if server is None else embedding.MEMORY
        parts = world.parts(store)._replace(memory=memory, embedder=embeddings)
        try:
            async with open_kernel(parts) as kernel:
                yield kernel
        finally:
            if embedder is not None:
                await embedder.aclose()


def texts(name: str) -> list[str]:
    return [f"The beagle of {name} sleeps in room {n}." for n in range(PAGES)]


async def stored(kernel: Kernel, name: str) -> Pid:
    pid = await kernel.space(name)
    await kernel.remember(
        pid, [Remembered(path=f"/mem/archive/{n}", text=t) for n, t in enumerate(texts(name))]
    )
    return pid


async def done(kernel: Kernel) -> None:
    with anyio.fail_after(PATIENCE_S):
        while any(line.done < line.events for line in await kernel.meaning.states()):  # noqa: ASYNC110
            await anyio.sleep(0.01)  # why: a task of its own does it


async def check(url: str, pid: Pid, name: str, dimension: int) -> None:
    """Each page has its own vector, and no page two; what is counted is what is there."""
    db = await asyncpg.connect(url)
    try:
        rows = await db.fetch(
            "SELECT v.seq, v.start, v.vector, convert_from(j.body, 'utf8')::json->>'text' AS text"
            " FROM page_vector v JOIN journal j ON j.pid = v.pid AND j.seq = v.seq WHERE v.pid = $1",
            pid,
        )
        [state] = await db.fetch("SELECT * FROM page_vector_state WHERE pid = $1", pid)
    finally:
        await db.close()
    assert Counter(row["text"] for row in rows) == Counter(texts(name))
    assert all(row["vector"] == packed(meaning(row["text"], dimension)) for row in rows)
    assert (state["pages"], state["skipped"], state["error"]) == (len(rows), 0, "")
    assert state["tokens"] == sum(map(len, texts(name)))
    assert state["node"] is None


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "BATCH", BATCH)


async def test_dead_before_every_statement(url: str, world: Any) -> None:
    deaths: Counter[str] = Counter()
    async with serving() as server:
        for at in range(1, MOST):
            name, fate = f"room{at}", Fate(at)
            async with opened(url, world, None) as kernel:
                pid = await stored(kernel, name)
            try:
                async with opened(url, world, server, fate) as kernel:
                    fate.armed = True
                    kernel.meaning.written([])
                    await done(kernel)
                    fate.armed = False
            except* DiedError:
                assert fate.died
            async with opened(url, world, server) as kernel:
                await done(kernel)
            await check(url, pid, name, server.dimension)
            again = Counter(text for text in server.texts if name in text)
            assert sum(again.values()) <= PAGES + BATCH
            if not fate.died:
                break
            deaths[fate.died] += 1
    assert deaths.keys() >= {"claim", "guard", "add", "advance", "finish", "drop_others", "COMMIT"}
    assert deaths["add"] >= PAGES // BATCH


async def test_killed_after_every_batch(url: str, world: Any, tmp_path: Path) -> None:
    async with serving() as server:
        async with opened(url, world, None) as kernel:
            pid = await stored(kernel, "hall")
        kills = 0
        for answered in (0, 1, 0, 1):
            server.faults.clear()
            server.faults += [*[same] * answered, HANG]
            node = working(url, server, tmp_path)
            try:
                await server.until(len(server.asked) + answered + 1)
            finally:
                node.send_signal(signal.SIGKILL)
                kills += node.wait() == -signal.SIGKILL
        assert kills == 4
        server.faults.clear()
        async with opened(url, world, server) as kernel:
            await done(kernel)
        await check(url, pid, "hall", server.dimension)
        sent = [len(batch) for batch in server.asked]
        assert sum(sent) == PAGES + sum(sent[n] for n in (0, 2, 3, 5))  # those that hung


def same(answer: Any) -> Any:
    return answer


def working(url: str, server: Server, folder: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, embedding.__file__, url, server.url, str(folder), str(BATCH)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)
