"""What accompanies a text from one process to another: its label, and where its values came from.
Pure.

    Carried                       as journaled at the receiver
    vouched(history, text, who)   the values in a text, and their sources
    kept(value)                   the source that a value has in the receiver
    unread(*said)                 for a process that has read nothing
    fit(given)                    from a journal: `{}` is text of unknown origin

A value has in the receiver the source that it had in the sender, if the principal's words that gave
it that source are the receiver's, too: so in a child, and in its parent when it answers.  Between
strangers a value keeps no more than that a tool vouched for it.  Secrets and what only some may
read stay that.  The extremes that were used, what was paid and what was written into the common
folder travel along, so that a child is no way to do a thing twice.

Invariant: no value has a better source after a journey than the better of the two ends gives it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from logos.kernel.flow.label import TOP_TRUST, Label
from logos.kernel.flow.manifest import Argument
from logos.kernel.flow.provenance import History
from logos.kernel.flow.source import Source
from logos.kernel.flow.trace import trace
from logos.kernel.flow.value import NAME, Kind, find, normal, numbers

MOST = 128
"""The most values passed on with one text."""

_KNOWN_MOST = 5_000
DEEDS = 64
"""The most payments reported."""

_LOCAL = frozenset({Source.FIXED, Source.WORDS, Source.UNTRUSTED, Source.NOWHERE, Source.MEMBER})
"""What the receiver sees for itself: its own words, and text."""
_VOUCHED = frozenset(
    {Source.LINKED, Source.SELECTED, Source.PARTIAL, Source.EACH, Source.KNOWN, Source.ANY}
)


class Vouched(msgspec.Struct, frozen=True, omit_defaults=True):
    """One value in the text, and its source in the sender; `pages` are the sender's."""

    kind: Kind
    value: str
    shown: str
    source: Source
    of: str = ""
    pages: tuple[str, ...] = ()


class Carried(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`said` are digests of the principal's words that the sources rest on.  `secrets` are parts of
    the text that give a secret of a class away; `readers`: who may read it.  `pins`, `done`:
    extremes that were used and payments that were made.  `wrote` are files the sender wrote;
    `stained`: it ran programs that may have written others."""

    label: Label = Label()
    said: tuple[str, ...] = ()
    values: tuple[Vouched, ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()
    readers: tuple[str, ...] | None = None
    pins: tuple[tuple[str, str], ...] = ()
    done: tuple[tuple[str, ...], ...] = ()
    wrote: tuple[str, ...] = ()
    stained: bool = False


def fit(given: Mapping[str, Any]) -> Carried:
    return msgspec.convert(given, Carried) if given else Carried()


def digest(said: str) -> str:
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def unread(*said: str) -> Carried:
    """Of a process that has read nothing: all it says is its own."""
    return Carried(label=TOP_TRUST, said=tuple(map(digest, said)))


def vouched(history: History, text: str, who: str) -> tuple[Vouched, ...]:
    """The values in the text, each with its source.  `who` names the sender in the numbers of its
    pages."""
    return tuple(islice(_values(history, text, who), MOST))


def _values(history: History, text: str, who: str) -> Iterator[Vouched]:
    for kind, of, shown in dict.fromkeys(_candidates(history, text)):
        found = trace(history, "", Argument(kind=kind, of=of), shown)
        if found.source in _LOCAL or found.limit is not None:
            continue
        pages = tuple(page if "/" in page else f"{who}/{page}" for page in found.pages)
        yield Vouched(kind, normal(kind, shown), shown, found.source, of, pages)


def _candidates(history: History, text: str) -> Iterator[tuple[Kind, str, str]]:
    """What in the text can be a value that was looked up."""
    folded, there = text.casefold(), set(find(text))
    for (kind, of), members in history.members.items():
        if kind in (Kind.SECRET, Kind.CONTENT, Kind.AMOUNT):
            continue
        for spelt, shown in islice(reversed(members.items()), _KNOWN_MOST):
            enough = len(shown) >= NAME or (kind is Kind.ID and shown.isdigit())
            if (enough and shown.casefold() in folded and _stands(folded, shown.casefold())) or (
                kind is Kind.ACCOUNT and (kind, spelt) in there
            ):
                yield kind, of, shown
    for kind, spelt in there:
        yield kind, "", spelt
    for number in numbers(text)[0]:
        yield Kind.AMOUNT, "", str(number)


def _stands(text: str, wanted: str) -> bool:
    """Does it stand there between word boundaries?"""
    start = 0
    while (at := text.find(wanted, start)) >= 0:
        before, after = text[at - 1 : at], text[at + len(wanted) :][:1]
        if not (before.isalnum() and wanted[0].isalnum()) and not (
            after.isalnum() and wanted[-1].isalnum()
        ):
            return True
        start = at + 1
    return False


def kept(value: Vouched, *, same: bool) -> Source | None:
    """Its source in the receiver; `same`: the words that it rests on are the receiver's own,
    too."""
    if same:
        return value.source
    return Source.KNOWN if value.source in _VOUCHED else None
