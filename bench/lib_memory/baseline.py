"""What others do on the same pages: the newest ones, BM25 alone, and PostgreSQL's full text.

    orders(conversation, space, db)   for each question, pages in the order each of them would take them
    packed(...)                       the turns there in full after packing such an order into a budget

Everybody's pages are packed by the same rule as the pager's, so that only the order differs.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lib_memory.data import Conversation, Question
from logos.kernel.memory.gate import Candidates, choose
from logos.kernel.memory.page import Source
from logos.kernel.memory.space import Space
from logos.kernel.memory.text import terms

NAMES = ("sliding", "bm25", "fts")
_STEP = 10.0
"""The difference in score between two ranks: so large that cost decides nothing."""
_TABLE = """
CREATE TEMP TABLE said (row int PRIMARY KEY, words tsvector) ON COMMIT PRESERVE ROWS"""
_FILL = "INSERT INTO said VALUES ($1, to_tsvector('english', $2))"
_ASK = """
SELECT row FROM said,
       (SELECT replace(plainto_tsquery('english', $1)::text, '&', '|')::tsquery AS q) AS asked
 WHERE words @@ q ORDER BY ts_rank(words, q) DESC, row"""

Orders = dict[str, dict[str, Sequence[int]]]


async def orders(conversation: Conversation, space: Space, db: Any) -> Orders:
    """Rows of the space, by name of the method and id of the question."""
    newest = list(reversed(range(len(space))))
    out: Orders = {name: {} for name in NAMES}
    await db.execute(_TABLE)
    cols = space.table.columns()
    spans = zip(cols.seq.tolist(), cols.start.tolist(), cols.end.tolist(), strict=True)
    texts = [conversation.event(seq).text[start:end] for seq, start, end in spans]
    who = [conversation.event(seq).subject for seq in cols.seq.tolist()]
    await db.executemany(
        _FILL,
        [(i, f"{name} {text}") for i, (name, text) in enumerate(zip(who, texts, strict=True))],
    )
    for question in conversation.questions:
        out["sliding"][question.id] = newest
        own = space.words.score(terms(question.text), window=False).own
        out["bm25"][question.id] = np.argsort(-own, kind="stable").tolist()
        found = await db.fetch(_ASK, question.text)
        out["fts"][question.id] = [row["row"] for row in found]
    await db.execute("DROP TABLE said")
    return out


def packed(conversation: Conversation, space: Space, order: Sequence[int], budget: int) -> set[str]:
    cols, rows = space.table.columns(), np.asarray(order, dtype=np.int64)
    found = Candidates(
        scores=-_STEP * np.arange(len(rows), dtype=np.float32),
        likely=np.zeros(len(rows), dtype=np.float32),
        costs=cols.cost[rows],
        turns=cols.turn[rows],
        groups=cols.group[rows],
    )
    chosen, _ = choose(found, budget=budget, mass=1.0)
    picked = rows[chosen]
    return conversation.resident(
        Source(seq=seq, start=start, end=end)
        for seq, start, end in zip(
            cols.seq[picked].tolist(),
            cols.start[picked].tolist(),
            cols.end[picked].tolist(),
            strict=True,
        )
    )


def share(
    asked: Sequence[tuple[Conversation, Space, Orders, Question]], name: str, budget: int
) -> float:
    """Of these questions, those whose evidence is all there."""
    hits = [
        question.evidence <= packed(conversation, space, found[name][question.id], budget)
        for conversation, space, found, question in asked
    ]
    return round(float(np.mean(hits)), 4) if hits else float("nan")
