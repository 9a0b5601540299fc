"""Background work on memories: embeddings and consolidation.

upkeep(parts, ...)    the Meaning and Consolidator of one node
"""

from functools import partial

from logos.kernel.meaning import Hooks, Judges, Meaning, Relevance
from logos.kernel.node.accounts import RERANKING, Accounts
from logos.kernel.node.parts import Parts
from logos.kernel.node.private import Privacy
from logos.kernel.node.records import Records
from logos.kernel.node.sleep import Around, Consolidator
from logos.kernel.node.stores import Stores
from logos.kernel.sched import Slots
from logos.kernel.syscall import Tools


def upkeep(
    parts: Parts, records: Records, stores: Stores, tools: Tools, paid: tuple[Slots, Accounts]
) -> tuple[Meaning, Consolidator]:
    """From now on, searches of `records` also use embeddings, those of `stores` labels."""
    privacy = Privacy(parts.store, tools)
    hooks = Hooks(parts.embedder, records.spaces.after, privacy.holds)
    meaning = Meaning(parts.store, parts.memory, hooks, parts.clock, parts.vault)
    records.spaces.near = meaning.near
    if parts.memory.reranker:
        spent = partial(paid[1].charge, RERANKING)
        judges = Judges(parts.reranker, privacy.holds, spent)
        records.spaces.judge = Relevance(parts.memory, judges, parts.clock, parts.vault)
    stores.labels = privacy.labels
    return meaning, Consolidator(parts, Around(records, stores, parts.models, *paid, privacy))
