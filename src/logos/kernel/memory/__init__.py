"""Virtual context memory: pages, the search for them, the gate they must pass, and what leaves.

A page is an immutable piece of context.  A pager holds the pages of one address space in process and
answers a question with the few it needs, or with none; it is rebuilt from its pages at any time. A
pure policy says which pages leave the window and what a compaction keeps.

    Recall, SPACE_VERSION              all a process has seen, searchable; how it is packed
    Spoken                             what was said, for another memory
    Sought, linked, joined             a search on purpose: within what, along which links
    found_text                         what was found, for who searched on purpose
    Shelf, Version, Edge               what is kept at paths: a fold of the journal
    place, shared, abroad, slug        paths of memory
    entry, todo_list                   what is to stand at one
    tidied, Closed                     what is said twice, or was replaced
    forgotten                          what is left of a journal without some pages
    Window                             the fold of a journal that a prompt is made of
    Page, Kind, Source, page_of, split   what memory is made of
    Pager, Ask, Rules, Fault           pages in; a question; what may come in; what came, and why
    render                             pages as the text a model sees
    Resident, marks, victims           replacement
    memorability, keep, survivors      what a compaction keeps
    ask_for, paged_in                  before a thought: what to ask memory, and what its answer means
    leaving, retold, accepted, told_in   a digest that a model writes; relined, ranges: of what has left
    plan                               what leaves the window, and the digest that stands for it
    tail                               what is recited at the end of a prompt
    view                               a window as people look at it
    Near, Judged, key                  how near pages are to a question by vectors; what a reranker says of them
    Heard                              both, where there are any
    Weights, load, parse               what was learned, as data
    estimate, number                   what text costs, and a message
    page_text                          the exact text of a page of the window
    render_result                      an answer of a call as the model reads it

Nothing here reads a clock, a store, or anything but the table of weights that ships.
"""

from logos.kernel.memory.compaction import digest_bound, leaving, plan, retold
from logos.kernel.memory.digest import Leaving, accepted, ranges, relined, told_in
from logos.kernel.memory.faults import Question, ask_for, paged_in
from logos.kernel.memory.forget import forgotten
from logos.kernel.memory.gate import Rules
from logos.kernel.memory.layout import render
from logos.kernel.memory.near import Judged, Near, key
from logos.kernel.memory.page import Kind, Page, Piece, Source, page_of, split
from logos.kernel.memory.pager import SPENT, Ask, Fault, Heard, Pager, Refused, Why
from logos.kernel.memory.paths import (
    ARCHIVE,
    CORE,
    FACTS,
    KV,
    OWN,
    TODO,
    abroad,
    folder,
    place,
    shared,
    slug,
)
from logos.kernel.memory.policy import (
    Marks,
    Resident,
    keep,
    marks,
    memorability,
    survivors,
    victims,
)
from logos.kernel.memory.recall import NOTHING, SPACE_VERSION, Recall, Spoken, found_text
from logos.kernel.memory.recital import tail
from logos.kernel.memory.scorer import Weights, load, parse
from logos.kernel.memory.seen import Seen, view
from logos.kernel.memory.shelf import Edge, Shelf, Version, entry, todo_list
from logos.kernel.memory.sought import Sought, bearing, exact, joined, linked
from logos.kernel.memory.telling import number, page_text, render_result
from logos.kernel.memory.tidy import Closed, tidied
from logos.kernel.memory.tokens import estimate
from logos.kernel.memory.turns import Turn
from logos.kernel.memory.window import Window

__all__ = [
    "ARCHIVE",
    "CORE",
    "FACTS",
    "KV",
    "NOTHING",
    "OWN",
    "SPACE_VERSION",
    "SPENT",
    "TODO",
    "Ask",
    "Closed",
    "Edge",
    "Fault",
    "Heard",
    "Judged",
    "Kind",
    "Leaving",
    "Marks",
    "Near",
    "Page",
    "Pager",
    "Piece",
    "Question",
    "Recall",
    "Refused",
    "Resident",
    "Rules",
    "Seen",
    "Shelf",
    "Sought",
    "Source",
    "Spoken",
    "Turn",
    "Version",
    "Weights",
    "Why",
    "Window",
    "abroad",
    "accepted",
    "ask_for",
    "bearing",
    "digest_bound",
    "entry",
    "estimate",
    "exact",
    "folder",
    "forgotten",
    "found_text",
    "joined",
    "keep",
    "key",
    "leaving",
    "linked",
    "load",
    "marks",
    "memorability",
    "number",
    "page_of",
    "page_text",
    "paged_in",
    "parse",
    "place",
    "plan",
    "ranges",
    "relined",
    "render",
    "render_result",
    "retold",
    "shared",
    "slug",
    "split",
    "survivors",
    "tail",
    "tidied",
    "todo_list",
    "told_in",
    "victims",
    "view",
]
