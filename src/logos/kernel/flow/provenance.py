"""What a process has seen: every answer taken apart, indexed as it comes.  Pure data structure.

    History(words)              empty, for one task of one principal
    .observe(records, ...)      an answer came: index its records
    .approve(kind, value)       a person agreed to this value
    .hold(spot, ...)            another process has looked it up
    .pin(key, value)            an extreme was used: from now on it is this one
    .vouched / .spots           where a value stands as a vouched field / in free text
    .numbers_of_weight()        amounts that may be reckoned with

Everything is worked out when an answer comes, so that a decision looks up and does not search:
its cost does not grow with the history.

Invariant: the history is a fold of what was observed.  The same answers in the same order give
the same history, and nothing in it depends on a clock or on chance.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from logos.kernel.flow.label import TOP_TRUST, Label
from logos.kernel.flow.leak import Secrets
from logos.kernel.flow.records import Record, Value
from logos.kernel.flow.source import Source
from logos.kernel.flow.value import NAME, Kind, content_words, find, numbers, stem
from logos.kernel.flow.words import Words

Spot = tuple[Kind, str]
Same = tuple[str, tuple[Value, ...], str, int]
REFERRED, POINTED = 2, 1

_GROUPED = frozenset({Kind.HANDLE, Kind.ADDRESS, Kind.NAME, Kind.ACCOUNT})
_NUMBERS_KEPT = 64
_TIE = 2


@dataclass(slots=True)
class Best:
    """The records at one end of a column.  The first two are kept: the second says it is a tie."""

    value: Decimal | str | None = None
    records: list[Record] = field(default_factory=list)

    def offer(self, value: Decimal | str, record: Record, *, larger: bool) -> None:
        if self.value is None or (value > self.value if larger else value < self.value):  # type: ignore[operator]  # a column holds one type
            self.value, self.records = value, [record]
        elif value == self.value and len(self.records) < _TIE:
            self.records.append(record)


@dataclass(slots=True)
class Tops:
    """The best-fitting records the principal referred to, for one kind of value of one type."""

    score: int = -1
    count: int = 0
    values: Counter[str] = field(default_factory=Counter)

    def offer(self, score: int, values: Iterable[str]) -> None:
        if score > self.score:
            self.score, self.count, self.values = score, 0, Counter()
        if score == self.score:
            self.count += 1
            self.values.update(set(values))


class History:
    def __init__(self, words: Words) -> None:
        self.words = words
        self.label: Label = TOP_TRUST
        self.secrets = Secrets()
        self.size = 0
        self.vouched: dict[Spot, list[Record]] = {}
        self.spots: dict[Spot, list[Record]] = {}
        self.directory: dict[tuple[Kind, str], dict[str, str]] = {}
        self.members: dict[tuple[Kind, str], dict[str, str]] = {}
        self.tops: dict[tuple[str, Kind, str], Tops] = {}
        self.titled: dict[tuple[str, str], dict[tuple[Kind, str], set[str]]] = {}
        self.columns: dict[tuple[str, str, bool], Best] = {}
        self.groups: dict[tuple[str, str, Kind, str], dict[str, int]] = {}
        self.places: dict[str, dict[tuple[Kind, str], set[str]]] = {}
        self.amounts: dict[tuple[str, str], list[Record]] = {}
        self.name_parts: dict[str, set[str]] = {}
        self.directed: set[str] = set()
        self.weighty: dict[Decimal, None] = {}
        self.pointed_numbers: dict[Decimal, None] = {}
        self.linked: list[Record] = []
        self.recent: deque[Record] = deque(maxlen=100)
        self.trusted_words: set[str] = set()
        self.approved: set[Spot] = set()
        self.owned: set[Spot] = set()
        self.pins: dict[str, str] = {}
        self.carried: dict[Spot, list[tuple[str, Source, tuple[str, ...]]]] = {}
        self._known: Counter[Same] = Counter()

    # -- what happened

    def observe(
        self,
        records: list[Record],
        *,
        context: tuple[Value, ...],
        type_: str,
        via: bool,
        asked: bool,
    ) -> None:
        """`via`: the call's own arguments were found through something the principal pointed at.
        `asked`: every argument of the call stands in his words.  What an earlier answer held
        already is not counted again."""
        sole = asked and len(records) == 1
        self._place(context, type_)
        now: Counter[Same] = Counter()
        for record in records:
            self._reach(record, via=via, sole=sole)
            same = (type_, record.values, record.text, record.reach)
            now[same] += 1
            if now[same] <= self._known[same]:
                continue
            self._index(record)
            self.label = self.label | record.label
            for label, secret in record.secrets:
                self.secrets.add(label, secret)
            if record.label.readers is not None:
                self.secrets.guard(record.label.readers, record.text)
        self._known |= now

    def approve(self, kind: Kind, value: str) -> None:
        self.approved.add((kind, value))

    def own(self, kind: Kind, value: str) -> None:
        self.owned.add((kind, value))

    def pin(self, key: str, value: str) -> None:
        self.pins.setdefault(key, value)

    def hold(self, spot: Spot, of: str, shown: str, source: Source, pages: tuple[str, ...]) -> None:
        """Another process has looked this value up."""
        self.carried.setdefault(spot, []).append((of, source, pages))
        if of:
            self.members.setdefault((spot[0], of), {}).setdefault(spot[1], shown)

    # -- what is asked

    def numbers_of_weight(self) -> list[Decimal]:
        """Amounts in the principal's words and in records he spoke of."""
        return [*self.weighty, *self.words.plain]

    def top(self, record: Record, value: Value) -> Tops | None:
        return self.tops.get((record.type, value.kind, value.of))

    def titles(self, record: Record, of: tuple[Kind, str], spelt: str) -> bool:
        """Does the principal name this very record by a title, and does whatever has that title
        have this value, and no other of its kind and set?"""
        return any(
            self.titled.get((record.type, title), {}).get(of) == {spelt}
            and not self._within_another(record.type, title)
            for title in _titles(record)
        )

    def _within_another(self, type_: str, title: str) -> bool:
        """Is it only said as a part of a longer title?"""
        return any(
            of == type_ and title != longer and title in longer for of, longer in self.titled
        )

    def covered(self, type_: str) -> bool:
        """Were all known places of this sort looked at, so that a count over them is whole?"""
        for place, seen in self.places.get(type_, {}).items():
            known = self.directory.get(place)
            if known is not None and not known.keys() <= seen:
                return False
        return True

    # -- indexing

    def _reach(self, record: Record, *, via: bool, sole: bool) -> None:
        """How do the principal's words lead to this record?"""
        keyed = 0
        for value in record.values:
            if value.key:
                keyed += self.words.refers(value.shown)
                record.weak = record.weak or self.words.overlap(value.shown) > 0
            elif value.context and self.words.refers(value.shown):
                record.reach = POINTED
        record.claimed = any(self.words.speaks_of(claim) for claim in record.claims)
        if via or record.claimed:
            record.reach = POINTED
        if keyed or sole:
            record.reach = REFERRED
        record.score = 10 * (keyed or int(record.claimed))
        if record.author and self.words.refers(record.author):
            record.score += self.words.overlap(record.text)

    def _index(self, record: Record) -> None:
        record.number = self.size
        self.size += 1
        for value in record.values:
            self._index_value(record, value)
        for kind, spelt in set(find(record.text)):
            self.spots.setdefault((kind, spelt), []).append(record)
        self.recent.append(record)
        if record.reach:
            self.linked.append(record)
            if not record.own and len(self.pointed_numbers) < _NUMBERS_KEPT:
                self.pointed_numbers.update(dict.fromkeys(numbers(record.text)[0]))
        if record.reach == REFERRED or record.claimed:
            self._rank(record)
        self.owned.update(record.mine)

    def _index_value(self, record: Record, value: Value) -> None:
        self.vouched.setdefault((value.kind, value.normal), []).append(record)
        self.members.setdefault((value.kind, value.of), {}).setdefault(value.normal, value.shown)
        if value.directory:
            self.directory.setdefault((value.kind, value.of), {})[value.normal] = value.shown
            self.directed.add(value.normal)
        if value.kind is Kind.AMOUNT:
            self._index_amount(record, value)
        if value.kind is Kind.DATE:
            self._column(record, value.name, value.normal)
        if value.kind in _GROUPED:
            self._count(record.type, value, 1)
        if value.kind is Kind.ADDRESS:
            for part in name_parts(value.normal):
                self.name_parts.setdefault(part, set()).add(value.normal)
        if record.reach == REFERRED:
            self.trusted_words |= content_words(value.shown)

    def _index_amount(self, record: Record, value: Value) -> None:
        number = Decimal(value.normal)
        self._column(record, value.name, number)
        self.amounts.setdefault((record.type, value.normal), []).append(record)
        if record.reach == REFERRED or record.weak:
            self.weighty[number] = None
            if len(self.weighty) > _NUMBERS_KEPT:
                self.weighty.pop(next(iter(self.weighty)))

    def _column(self, record: Record, name: str, value: Decimal | str) -> None:
        for larger in (True, False):
            best = self.columns.setdefault((record.type, name, larger), Best())
            best.offer(value, record, larger=larger)

    def _count(self, type_: str, value: Value, by: int) -> None:
        group = self.groups.setdefault((type_, value.name, value.kind, value.of), {})
        group[value.normal] = group.get(value.normal, 0) + by

    def _place(self, context: tuple[Value, ...], type_: str) -> None:
        """A place that was looked at counts, also when nothing was there."""
        for value in context:
            self._count(type_, value, 0)
            seen = self.places.setdefault(type_, {}).setdefault((value.kind, value.of), set())
            seen.add(value.normal)

    def _rank(self, record: Record) -> None:
        by_kind: dict[tuple[Kind, str], list[str]] = {}
        for value in record.values:
            by_kind.setdefault((value.kind, value.of), []).append(value.normal)
        for title in _titles(record):
            if record.reach == REFERRED and self.words.phrase(title):
                known = self.titled.setdefault((record.type, title), {})
                for kind_of, spelt in by_kind.items():
                    known.setdefault(kind_of, set()).update(spelt)
        for (kind, of), values in by_kind.items():
            self.tops.setdefault((record.type, kind, of), Tops()).offer(record.score, values)


def _titles(record: Record) -> Iterator[str]:
    """What a person would call it, as far as the provider vouches for that."""
    for value in record.values:
        if value.key and not value.context and len(value.shown) >= NAME:
            yield value.shown.casefold()


def name_parts(address: str) -> list[str]:
    """`anna.smith@x.org` -> [anna, smith]."""
    local = address.partition("@")[0]
    cleaned = "".join(c if c.isalpha() else " " for c in local)
    return [stem(p) for p in cleaned.split() if len(p) >= NAME]
