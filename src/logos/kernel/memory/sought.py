"""A search on purpose: within what, and along which links.  Pure.

    Sought               only below a path, by a speaker or role, of a kind or label, within times, as of a moment
    Sought.rules(shelf)  what that keeps out
    linked(shelf, pages) events joined to what was found
    joined(found, more)  two faults as one
    bearing(found, ...)  what of it bears on the question
    exact(found, ...)    what of it contains every word of the question

What is linked to a hit need share no word with the question.

Invariant: what is joined costs at most what the two faults cost.
"""

import itertools
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from logos.abi.calls import moment
from logos.abi.errors import Code, SysError
from logos.abi.ids import Seq
from logos.kernel.memory.gate import Rules
from logos.kernel.memory.page import Kind, Page
from logos.kernel.memory.pager import DEFAULT_MASS, Fault
from logos.kernel.memory.paths import folder, shared
from logos.kernel.memory.query import Query, read
from logos.kernel.memory.shelf import Shelf
from logos.kernel.memory.table import ROLES
from logos.kernel.memory.text import kinds, terms

_KINDS = tuple(Kind)

BESIDE = 2
"""Pages to both sides of one that bears on the question that may be part of the answer."""


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """Times are microseconds; `until` is the first moment that is too late.  What is known of the `label` of a
    page, and who may be its `reader`, is for the information flow to say."""

    path: str = ""
    by: str = ""
    kind: str = ""
    label: str = ""
    reader: str = ""
    since: int | None = None
    until: int | None = None
    as_of: int | None = None

    @classmethod
    def of(cls, within: str) -> "Sought":
        """From words such as `by:Ann since:2026-05-01`.  Raise `invalid`."""
        try:
            words = [word.partition(":") for word in shlex.split(within)]
        except ValueError as error:
            raise SysError(Code.INVALID, f"{within!r}: {error}") from error
        return cls.given({name: value for name, _, value in words})

    @classmethod
    def given(cls, words: Mapping[str, str]) -> "Sought":
        """Raise `invalid` for what is no path, kind or date."""
        if unknown := sorted(set(words).difference(cls.__struct_fields__)):
            fields = ", ".join(f"{name}:" for name in cls.__struct_fields__)
            raise SysError(Code.INVALID, f"nothing is kept by {unknown[0]!r}", hint=f"use {fields}")
        path = words.get("path", "")
        return cls(
            path=folder(path) if path else "",
            by=words.get("by", ""),
            kind=known(words.get("kind", "")),
            label=words.get("label", ""),
            reader=words.get("reader", ""),
            since=moment(words.get("since", "")),
            until=moment(words.get("until", "")),
            as_of=moment(words.get("as_of", "")),
        )

    def rules(self, shelf: Shelf, labelled: frozenset[Seq] | None = None) -> Rules:
        """`labelled`: the events whose label it is; None: it wants none."""
        role = self.by.lower() in ROLES
        below = frozenset(shelf.pages(shared(self.path)[1])) if self.path else None
        both = [each for each in (below, labelled) if each is not None]
        return Rules(
            at=self.as_of,
            only=frozenset.intersection(*both) if both else None,
            roles=frozenset({self.by.lower()}) if self.by and role else frozenset(),
            speakers=frozenset({self.by.lower()}) if self.by and not role else frozenset(),
            kinds=frozenset({self.kind}) if self.kind else frozenset(),
            after=self.since,
            before=self.until,
        )


def known(kind: str) -> str:
    if kind and kind not in _KINDS:
        raise SysError(Code.INVALID, f"no page is a {kind!r}", hint=f"one of {', '.join(_KINDS)}")
    return kind


def linked(shelf: Shelf, pages: Iterable[Page], as_of: int | None = None) -> frozenset[Seq]:
    """Those of `pages` themselves are not among them."""
    hits = {page.source.seq for page in pages}
    out: set[Seq] = set()
    for hit in hits:
        for node in filter(None, (str(hit), shelf.path(hit))):
            for edge in shelf.edges(node):
                other = edge.target if edge.source == node else edge.source
                if other.isdecimal():
                    out.add(Seq(int(other)))
                else:
                    out.update(version.seq for version in shelf.standing(other, as_of))
    return frozenset(out - hits)


def bearing(found: Fault, question: str) -> Fault:
    """Without pages that share neither words nor kinds of things with the question, nor stand beside one that
    does: in a small memory they come in because there is room.  Where a vector knows better the likeliest stay,
    too, and a question without words asks for whatever there is."""
    query = read(question, found.subjects)
    query = replace(query, terms=(*query.terms, *found.terms))
    if not (query.terms or query.subjects):
        return found
    hits = [page for page in found.pages if _bears(page, query)]
    there = {(page.group, page.id + step) for page in hits for step in range(-BESIDE, BESIDE + 1)}
    likely = _likeliest(found) if found.meant else frozenset()
    pages = [page for page in found.pages if (page.group, page.id) in there or page.id in likely]
    return found if len(pages) == len(found.pages) else _only(found, pages)


def _likeliest(found: Fault) -> frozenset[int]:
    """As many pages as hold nearly all of the probability of what came in."""
    ranked = sorted(found.why, key=lambda why: -why.likely)
    before = itertools.accumulate((why.likely for why in ranked), initial=0.0)
    least = DEFAULT_MASS * found.mass
    return frozenset(why.page for why, mass in zip(ranked, before, strict=False) if mass < least)


def exact(found: Fault, question: str) -> Fault:
    """Only pages in which, or of whose subject, every word of the question is said."""
    asked = set(terms(question))
    return _only(found, [p for p in found.pages if asked and asked <= _said(p)])


def _said(page: Page) -> set[str]:
    return {*terms(page.text), *terms(page.subject)}


def _only(found: Fault, pages: Sequence[Page]) -> Fault:
    kept = {page.id for page in pages}
    return replace(
        found,
        pages=tuple(pages),
        tokens=sum(page.tokens for page in pages),
        abstained=not pages,
        why=tuple(why for why in found.why if why.page in kept),
    )


def _bears(page: Page, query: Query) -> bool:
    said = terms(page.text)
    return (
        page.subject in query.subjects
        or not set(query.terms).isdisjoint(said)
        or not {*query.wanted, *query.related}.isdisjoint(kinds(said))
    )


def joined(found: Fault, more: Fault) -> Fault:
    """`found`, and what of `more` it has not got."""
    there = {page.id for page in found.pages}
    fresh = [page for page in more.pages if page.id not in there]
    if not fresh:
        return found
    ids = {page.id for page in fresh}
    return replace(
        found,
        pages=tuple(sorted([*found.pages, *fresh], key=lambda page: page.id)),
        tokens=found.tokens + more.tokens,
        abstained=False,
        why=(*found.why, *(why for why in more.why if why.page in ids)),
        meant=True,
    )
