"""What models make of pages, beside their words: vectors to find them by, and a judgement of what was found.

    Meaning(store, settings, hooks)    of all processes, on this node
    Meaning.near(pid, question)        how near each page is to it -> Near, and what came of it
    Meaning.run(node)                  give pages their vectors in the background, until cancelled
    Meaning.written(entries)           these journals have grown
    Meaning.forget(pid)                something of it was forgotten
    Meaning.model(), states()          by what, and how far each space is
    Meaning.again(pid)                 begin one anew
    Hooks, Status                      what it needs of others; one line of `states`
    Relevance(settings, ...).judged    what was found, by a model that reads it with the question
    Judges                             what that needs of others
    USED, LATE, OFF                    what came of a question

Nothing here is needed: without a model, or when it is slow or away, memory is searched by words.
Vectors are an index beside the journal; they are never on the path of a write.
"""

from logos.kernel.meaning.background import Hooks, Meaning
from logos.kernel.meaning.question import LATE, OFF, USED
from logos.kernel.meaning.relevance import Judges, Relevance
from logos.kernel.meaning.vectors import Status

__all__ = ["LATE", "OFF", "USED", "Hooks", "Judges", "Meaning", "Relevance", "Status"]
