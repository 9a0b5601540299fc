"""Virtual context memory: pages, the search for them, the gate they must pass, and what leaves.

A page is an immutable piece of context.  A pager holds the pages of one address space in process and
answers a question with the few it needs, or with none; it is rebuilt from its pages at any time. A
pure policy says which pages leave the window and what a compaction keeps.

    Recall, SPACE_VERSION              all a process has seen, searchable; how it is packed
    found_text                         what was found, for who searched on purpose
    Shelf, Version, Edge               what is kept at paths: a fold of the journal
    place, shared, slug                paths of memory
    Window                             the fold of a journal that a prompt is made of
    Page, Kind, Source, page_of, split   what memory is made of
    Pager, Ask, Rules, Fault           pages in; a question; what may come in; what came, and why
    render                             pages as the text a model sees
    Resident, marks, victims           replacement
    memorability, keep                 compaction
    Weights, load, parse               what was learned, as data
    estimate                           what text costs
    page_text                          the exact text of a page of the window
    render_result                      an answer of a call as the model reads it

Nothing here reads a clock, a store, or anything but the table of weights that ships.
"""

from logos.kernel.memory.gate import Rules
from logos.kernel.memory.layout import render
from logos.kernel.memory.page import Kind, Page, Piece, Source, page_of, split
from logos.kernel.memory.pager import Ask, Fault, Pager, Refused, Why
from logos.kernel.memory.policy import Marks, Resident, keep, marks, memorability, victims
from logos.kernel.memory.recall import SPACE_VERSION, Recall, found_text
from logos.kernel.memory.scorer import Weights, load, parse
from logos.kernel.memory.shelf import OWN, Edge, Shelf, Version, place, shared, slug
from logos.kernel.memory.tokens import estimate
from logos.kernel.memory.window import Turn, Window, page_text, render_result

__all__ = [
    "OWN",
    "SPACE_VERSION",
    "Ask",
    "Edge",
    "Fault",
    "Kind",
    "Marks",
    "Page",
    "Pager",
    "Piece",
    "Recall",
    "Refused",
    "Resident",
    "Rules",
    "Shelf",
    "Source",
    "Turn",
    "Version",
    "Weights",
    "Why",
    "Window",
    "estimate",
    "found_text",
    "keep",
    "load",
    "marks",
    "memorability",
    "page_of",
    "page_text",
    "parse",
    "place",
    "render",
    "render_result",
    "shared",
    "slug",
    "split",
    "victims",
]
