"""Where the value of one argument came from.  Pure.

    trace(history, arg, value)    the best source there is for it

Sources, most trusted first: the principal said it; it is their own; a person approved it; it is a
vouched field of a record they referred to; the kernel worked it out as the extreme they asked for;
they asked for all of them; somebody they named wrote it (links); it was computed from numbers that
count. Below the line: found in the text of something they pointed at; more than one fits; vouched
for, but not what they referred to; written by a member; in text nobody vouches for; nowhere.

Invariant: `trace` never looks further than the index and BOUND records of text, so a longer
history can only lose a value its source, never give it a better one.
"""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice

from logos.kernel.flow.amounts import derived
from logos.kernel.flow.choose import chosen
from logos.kernel.flow.manifest import Argument
from logos.kernel.flow.provenance import REFERRED, History, name_parts
from logos.kernel.flow.records import Record
from logos.kernel.flow.source import Found, Source, Traced
from logos.kernel.flow.value import (
    SHORT,
    STOP,
    WORD,
    Kind,
    find,
    host,
    normal,
    plain_string,
    stem,
    unquoted,
)

BOUND = 100
_OBJECTS = frozenset({Kind.ID, Kind.NAME, Kind.PATH})
_WORDED = frozenset({Kind.TEXT, Kind.CONTENT, Kind.SELECTOR, Kind.COMMAND})
_FEW = 16
_TRUST = {source: rank for rank, source in enumerate(Source)}
_LONG = 12
"""A shorter piece of a command stands in any text by chance."""


def trace(history: History, name: str, arg: Argument, value: object) -> Traced:
    """The best source there is for the value."""
    if value is None or value == "" or isinstance(value, bool) or arg.kind is Kind.CHOICE:
        return Traced(name, arg.kind, plain_string(value), Source.FIXED)
    shown = plain_string(value)
    spelt = normal(arg.kind, value)
    if arg.kind is Kind.AMOUNT:
        found = _amounts(history, spelt)
    elif arg.kind in _WORDED:
        found = _texts(history, arg, shown)
    else:
        found = _sources(history, arg, spelt, shown)
    source, records, pin, limit = next(found, (Source.NOWHERE, [], None, None))
    brought = _brought(history, arg, spelt)
    if brought is not None and _TRUST[brought[0]] < _TRUST[source]:
        return Traced(name, arg.kind, shown, brought[0], brought[1])
    return Traced(name, arg.kind, shown, source, _pages(records), pin=pin, limit=limit)


def _brought(history: History, arg: Argument, spelt: str) -> tuple[Source, tuple[str, ...]] | None:
    """The best that another process could say of it."""
    fitting = (
        (source, pages)
        for of, source, pages in history.carried.get((arg.kind, spelt), ())
        if not arg.of or not of or of == arg.of
    )
    return min(fitting, key=lambda one: _TRUST[one[0]], default=None)


def _sources(history: History, arg: Argument, spelt: str, shown: str) -> Iterator[Found]:
    spot = (arg.kind, spelt)
    if not spelt:
        return
    if history.words.says(arg.kind, spelt, arg.of) and not _elsewhere(history, arg, spelt):
        yield Source.WORDS, [], None, None
    if spot in history.words.own or spot in history.owned:
        yield Source.OWN, [], None, None
    if spot in history.approved:
        yield Source.APPROVED, [], None, None
    vouched = [r for r in history.vouched.get(spot, ())[-BOUND:] if _of(r, arg, spelt)]
    yield from _linked(history, arg, spelt, vouched)
    if vouched and arg.kind is not Kind.SECRET:
        yield from chosen(history, arg, spelt, vouched)
    spots = history.spots.get(spot, [])[-BOUND:]
    yield from _in_text(history, arg, spelt, shown, spots)
    if vouched:
        yield Source.KNOWN, vouched, None, None
    if any(r.member for r in spots):
        yield Source.MEMBER, spots, None, None
    if spots or (seen := _standing(history.recent, shown)):
        yield Source.UNTRUSTED, spots or seen, None, None


def _elsewhere(history: History, arg: Argument, spelt: str) -> bool:
    """A member of another set, and not of this one: a user is no channel, whoever said his name."""
    if arg.kind is not Kind.HANDLE or spelt in history.members.get((Kind.HANDLE, arg.of), ()):
        return False
    return any(
        kind is Kind.HANDLE and of != arg.of and spelt in members
        for (kind, of), members in history.members.items()
    )


def _linked(history: History, arg: Argument, spelt: str, vouched: list[Record]) -> Iterator[Found]:
    """A vouched field of a record the principal spoke of, unless another fits as well."""
    tied: list[Record] = []
    for record in vouched:
        claimed = record.claimed and arg.kind in _OBJECTS
        if record.reach != REFERRED and not claimed:
            continue
        of = _set_of(record, arg, spelt)
        if history.titles(record, (arg.kind, of), spelt):
            yield Source.LINKED, [record], None, None
            return
        top = history.tops.get((record.type, arg.kind, of))
        if top is None or top.values.get(spelt, 0) == 0:
            continue
        if top.values[spelt] == top.count:
            yield Source.LINKED, [record], None, None
            return
        tied.append(record)
    if arg.kind is Kind.ADDRESS and any(v == spelt for v in _named(history, spelt)):
        yield Source.LINKED, vouched, None, None
    elif tied:
        yield Source.KNOWN, tied, None, None


def _named(history: History, address: str) -> Iterator[str]:
    """The one known address of a person the principal named, if there is one.

    A list of members or the principal's own domain may be meant by a part of the name; anybody
    else must be named in full, because anybody may call his mailbox `manager`.
    """
    names = {stem(n) for n in history.words.names}
    parts = set(name_parts(address)) & names
    if not parts:
        return
    rivals: dict[str, int] = {}
    for part in parts:
        for other in history.name_parts.get(part, ()):
            rivals[other] = len(set(name_parts(other)) & names)
    best = max(rivals.values(), default=0)
    winners = [a for a, n in rivals.items() if n == best]
    domains = {v.rsplit("@", 1)[-1] for k, v in history.words.own if k is Kind.ADDRESS}
    full = set(name_parts(address)) <= names and len(name_parts(address)) > 1
    trusted = address in history.directed or address.rsplit("@", 1)[-1] in domains
    if winners == [address] and (full or trusted):
        yield address


def _in_text(
    history: History, arg: Argument, spelt: str, shown: str, spots: list[Record]
) -> Iterator[Found]:
    reached = [r for r in spots if r.reach]
    if arg.kind is Kind.URL:
        named = [r for r in reached if r.member]
        if named:
            yield Source.COLLEAGUE, named, None, None
        if _same_site(history, spelt, spots):
            yield Source.SITE, [], None, None
    if not reached and arg.kind in (Kind.HANDLE, Kind.NAME, Kind.ID, Kind.PATH):
        reached = _standing(history.linked[-BOUND:], shown)
    for record in reached:
        if _candidates(history, record, arg.kind) > 1:
            yield Source.AMBIGUOUS, reached, None, None
        else:
            yield Source.POINTED, reached, None, None


def _same_site(history: History, link: str, spots: list[Record]) -> bool:
    """A page that was read may not send anybody to a page of its choice, unless a capability names
    the host; and never with a query, which carries something there."""
    if host(link) not in history.words.sites:
        return False
    return not spots or ((Kind.URL, host(link)) in history.words.own and "?" not in link)


def _candidates(history: History, record: Record, kind: Kind) -> int:
    """How many values of this kind the text offers: one yes is no answer to `which?`."""
    if kind not in (Kind.ADDRESS, Kind.ACCOUNT):
        return 1
    known = history.words.values | history.words.own
    return len({spot for spot in find(record.text) if spot[0] is kind and spot not in known})


def _amounts(history: History, spelt: str) -> Iterator[Found]:
    said = history.words
    if said.says(Kind.AMOUNT, spelt):
        yield Source.WORDS, [], None, None
    number = Decimal(spelt or "-1")
    if number < 0:
        return
    records = history.vouched.get((Kind.AMOUNT, spelt), [])[-BOUND:]
    if any(r.reach == REFERRED for r in records):
        yield Source.LINKED, records, None, None
    weighty = history.numbers_of_weight()
    if derived(number, weighty, said.percent):
        yield Source.DERIVED, [], None, None
    pointed = list(islice(reversed(history.pointed_numbers), _FEW))
    known = [Decimal(n) for _, n in islice(reversed(history.amounts), _FEW)] if pointed else []
    if pointed and derived(number, [*weighty[-_FEW:], *known, *pointed], said.percent):
        yield Source.POINTED, history.linked[-BOUND:], None, None
    if records:
        yield Source.KNOWN, records, None, None


def _texts(history: History, arg: Argument, text: str) -> Iterator[Found]:
    if (arg.kind, text.strip()) in history.approved:
        yield Source.APPROVED, [], None, None
    if history.words.phrase(text) or is_plain(history, text):
        yield Source.WORDS, [], None, None
    by_chance = arg.kind is Kind.COMMAND and len(text) < _LONG
    if by_chance or arg.kind in (Kind.SELECTOR, Kind.CONTENT):
        return
    vouched = history.vouched.get((arg.kind, normal(arg.kind, text)), [])[-BOUND:]
    if any(r.reach == REFERRED for r in vouched):
        yield Source.LINKED, vouched, None, None
    if held := _standing(history.linked[-BOUND:], text):
        yield Source.POINTED, held, None, None
    if vouched:
        yield Source.KNOWN, vouched, None, None
    if seen := _standing(history.recent, text):
        yield Source.UNTRUSTED, seen, None, None


def is_plain(history: History, text: str) -> bool:
    """Nothing in it but the principal's words, numbers and the names of what he spoke of."""
    said, trusted = history.words.all, history.trusted_words
    for match in WORD.finditer(text):
        word = unquoted(match.group())
        if len(word) == 1 or word in STOP or word in said:
            continue
        root = stem(word)
        if root not in said and root not in trusted and not _ordinal(root):
            return False
    return True


def _ordinal(word: str) -> bool:
    return word.rstrip("stndrh").isdigit() or word in ("st", "nd", "rd", "th")


def _standing(records: Iterable[Record], shown: str) -> list[Record]:
    """The newest of the records whose text holds it, between word boundaries."""
    low = shown.strip().casefold()
    if len(low) < SHORT:
        return []
    edge = re.compile(rf"(?<!\w){re.escape(low)}(?!\w)")
    return [r for r in records if low in r.folded and edge.search(r.folded)]


def _of(record: Record, arg: Argument, spelt: str) -> bool:
    return any(
        v.normal == spelt and v.kind is arg.kind and (not arg.of or not v.of or v.of == arg.of)
        for v in record.values
    )


def _set_of(record: Record, arg: Argument, spelt: str) -> str:
    return next(v.of for v in record.values if v.normal == spelt and v.kind is arg.kind)


def _pages(records: list[Record]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(r.page for r in records[-5:]))
