"""Values that the principal described instead of naming, worked out by the kernel.  Pure.

    chosen(history, arg, value, records)   the sources by which the principal's words select the value

"Starting with X", "the largest file", "the channel with the most users", "all users", "the 10.00 I
got", "a restaurant".  Worked out over the records that were read, never by the agent.

Invariant: an extreme that was used once stays what it was: when the largest file is gone, the
next one does not become it.
"""

import re
from collections.abc import Iterator
from decimal import Decimal

from logos.kernel.flow.manifest import Argument
from logos.kernel.flow.provenance import History
from logos.kernel.flow.records import Record
from logos.kernel.flow.source import Found, Source
from logos.kernel.flow.value import Kind, among, cents, normal, stem, words

_PRICE = among("price cost fee rate fare amount total price_per_day price_per_night")
_RATING = among("rating score stars rank review_score")
_SIZE = among("size bytes amount length")
_MEASURES: dict[str, frozenset[str]] = {
    **dict.fromkeys(("cheapest", "least expensive", "lowest priced", "best priced"), _PRICE),
    **dict.fromkeys(("dearest", "priciest", "most expensive", "highest priced"), _PRICE),
    **dict.fromkeys(("best", "worst", "best rated", "top rated", "highest rated"), _RATING),
    **dict.fromkeys(("worst rated", "lowest rated"), _RATING),
    **dict.fromkeys(("largest", "biggest", "smallest", "heaviest", "lightest"), _SIZE),
    "longest": among("length duration"),
    "shortest": among("length duration distance"),
}
"""Which column a superlative speaks of, when a record has several."""


def chosen(history: History, arg: Argument, spelt: str, vouched: list[Record]) -> Iterator[Found]:
    """The extreme, the prefix, the amount or the set the principal's words pick out."""
    said = history.words
    if arg.of and any(spelt.startswith(p) for p in said.prefixes):
        rivals = {
            m for m in history.members.get((arg.kind, arg.of), {}) if m.startswith(said.prefixes)
        }
        if rivals == {spelt}:
            yield Source.SELECTED, vouched, None, None
    yield from _extreme(history, arg, spelt, vouched)
    if arg.of and said.each(arg.of):
        yield Source.EACH, vouched, None, None
    if arg.kind is Kind.NAME and arg.of in said.indefinite:
        yield Source.ANY, vouched, None, None
    yield from _returned(history, arg, spelt, vouched)


def _returned(
    history: History, arg: Argument, spelt: str, vouched: list[Record]
) -> Iterator[Found]:
    """What came in, and only that one sum, may go back to where it came from."""
    for number in history.words.plain:
        for record in vouched:
            same = history.amounts.get((record.type, str(cents(number))), [])
            sole = len(same) == 1 and same[0] is record and not record.own
            if sole and normal(arg.kind, record.author) == spelt:
                yield Source.RETURN, [record], (f"return:{number}", spelt), number


def _extreme(history: History, arg: Argument, spelt: str, vouched: list[Record]) -> Iterator[Found]:
    for word, extreme in history.words.selectors.items():
        if extreme in ("newest", "oldest"):
            winners = _ends(history, spelt, vouched, word, larger=extreme == "newest")
        else:
            winners = _columns(history, spelt, vouched, word, larger=extreme == "max")
            winners += _counts(history, arg, spelt, word, larger=extreme == "max")
        if not winners or any(w[0] != spelt for w in winners):
            continue
        key = f"{word}:{arg.kind}:{arg.of}"
        if history.pins.get(key, spelt) != spelt:
            continue
        whole = all(covered for _, covered in winners)
        yield Source.SELECTED if whole else Source.PARTIAL, vouched, (key, spelt), None


def _ends(
    history: History, spelt: str, vouched: list[Record], word: str, *, larger: bool
) -> list[tuple[str, bool]]:
    """The newest or oldest, if the principal says what of, in the singular."""
    found: list[tuple[str, bool]] = []
    for record in vouched:
        if not re.search(
            rf"\b{word}\s+(?:\w+\s+)?{re.escape(record.type)}\b", history.words.folded
        ):
            continue
        for (type_, _, up), best in history.columns.items():
            if type_ == record.type and up == larger and isinstance(best.value, str):
                found.append((spelt if best.records == [record] else "", True))
    return found


def _columns(
    history: History, spelt: str, vouched: list[Record], word: str, *, larger: bool
) -> list[tuple[str, bool]]:
    """The record at one end of the column the principal means: the largest file."""
    words_, measures = history.words, _MEASURES.get(word, frozenset())
    found: list[tuple[str, bool]] = []
    for type_ in {r.type for r in vouched}:
        columns = [
            (name, best)
            for (of_type, name, up), best in history.columns.items()
            if of_type == type_ and up == larger and isinstance(best.value, Decimal)
        ]
        if len(columns) > 1:
            columns = [c for c in columns if c[0] in measures or words_.mentions(c[0])]
        meant = words_.mentions(type_) or any(words_.mentions(c[0]) for c in columns)
        if len(columns) == 1 and meant:
            winners = columns[0][1].records
            found.append((spelt if len(winners) == 1 and winners[0] in vouched else "", True))
    return found


def _counts(
    history: History, arg: Argument, spelt: str, word: str, *, larger: bool
) -> list[tuple[str, bool]]:
    """Counting the records per member: the channel with the most users.

    One of several that are tied is one the words describe, as is the extreme of the only thing that
    was counted; but neither is the whole truth.
    """
    tables = [
        (type_, group)
        for (type_, _, kind, of), group in history.groups.items()
        if kind is arg.kind
        and of == arg.of
        and stem(type_) != stem(of)
        and spelt in group
        and len(group) > 1
    ]
    tail = set(map(stem, words(history.words.folded.split(word, 1)[-1])[:8]))
    meant = [t for t in tables if stem(t[0]) in tail]
    found: list[tuple[str, bool]] = []
    for type_, group in meant or tables:
        best = max(group.values()) if larger else min(group.values())
        winners = [member for member, n in group.items() if n == best]
        whole = bool(meant) and len(winners) == 1 and history.covered(type_)
        found.append((spelt if spelt in winners and len(winners) <= len(group) // 2 else "", whole))
    return found
