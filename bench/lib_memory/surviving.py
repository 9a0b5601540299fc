"""What a compaction keeps that does not know the questions.

survive(conversations, weights, share)   the share of questions whose evidence is all kept
"""

from collections.abc import Sequence

import numpy as np

from lib_memory.data import Conversation
from logos.kernel.memory import Weights, policy
from logos.kernel.memory.space import Space


def survive(
    conversations: Sequence[tuple[Conversation, Space]], weights: dict[str, Weights], share: float
) -> float:
    """Questions whose evidence a compaction to `share` of the tokens keeps word for word."""
    kept = []
    for each, space in conversations:
        cols = space.table.columns()
        worth = policy.memorability(cols, weights[each.name])
        tokens = dict(zip(cols.id.tolist(), cols.tokens.tolist(), strict=True))
        values = dict(zip(cols.id.tolist(), worth.tolist(), strict=True))
        left = policy.keep(tokens, values, budget=int(sum(tokens.values()) * share))
        pages = (space.table.page(space.table.row(id_)) for id_ in left)
        there = each.resident(page.source for page in pages)
        kept += [question.evidence <= there for question in each.questions if question.evidence]
    return round(float(np.mean(kept)), 4) if kept else float("nan")
