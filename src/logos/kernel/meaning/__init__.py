"""What models add to the search by words: embeddings of pages, and reranking of what was found.

    Meaning(store, settings, hooks)    for all processes, on this node
    Meaning.near(pid, question)        how near each page is to it -> Near, and the outcome
    Meaning.run(node)                  compute embeddings of pages in the background, until cancelled
    Meaning.written(entries)           these events were committed
    Meaning.forget(pid)                something of it was forgotten
    Meaning.model(), states()          the model, and the progress of each space
    Meaning.again(pid)                 compute those of one space again
    Hooks, Status                      what it needs of others; one line of `states`
    Relevance(settings, ...).judged    what was found, by a model that reads it with the question
    Judges                             what that needs of other rooms
    USED, LATE, OFF                    the outcome of a question

All of this is optional: without a model, or when it is slow or unavailable, memory is searched by
words. Vectors are an index beside the journal, and never on the path of a write.
"""

from logos.kernel.meaning.background import Hooks, Meaning
from logos.kernel.meaning.question import LATE, OFF, USED
from logos.kernel.meaning.relevance import Judges, Relevance
from logos.kernel.meaning.vectors import Status

__all__ = ["LATE", "OFF", "USED", "Hooks", "Judges", "Meaning", "Relevance", "Status"]
