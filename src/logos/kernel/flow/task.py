"""One task of one principal: what he said, what was seen, what was agreed to.

    Task(words, catalogue, rules)
    .heard(text)                  the principal said more
    .settle(arguments, decision)  a call was let in; `agreed` when a person had to be asked
    .observe(arguments, decision, result, page)   it returned
    .read(text, page)             text nobody vouches for came in
    .wrote(path), .ran()          the process itself wrote this file; ran a program in its folder
    .hands(text, who)             what goes with a text to another process;  .take: from another

The only thing in this room that changes.  All changes are facts from the journal: a task is the
fold of them, in their order.

Invariant: nothing a tool returned changes the words, the intents or the rules.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from logos.kernel.flow.carry import DEEDS, Carried, digest, kept, vouched
from logos.kernel.flow.catalogue import Catalogue
from logos.kernel.flow.decision import Decision, leaves
from logos.kernel.flow.intent import Intent, intents
from logos.kernel.flow.label import TOP_TRUST, Integrity, Label, join
from logos.kernel.flow.manifest import Impact
from logos.kernel.flow.provenance import History
from logos.kernel.flow.records import Record, Value, context_of, records
from logos.kernel.flow.rules import Table
from logos.kernel.flow.source import Source
from logos.kernel.flow.value import PLACES, Kind, normal, plain_string
from logos.kernel.flow.words import Words

QUESTIONS = 4
"""The most questions one task may put to its principal."""

_TAIL = 4_096
_FILES = frozenset({"fs.read", "fs.search"})
_LEADS = frozenset(
    {
        Source.LINKED,
        Source.SELECTED,
        Source.PARTIAL,
        Source.COLLEAGUE,
        Source.APPROVED,
        Source.POINTED,
    }
)
_LASTING = frozenset({Kind.HANDLE, Kind.ADDRESS, Kind.NAME, Kind.ID, Kind.TEXT, Kind.URL})
_PAID = frozenset({Kind.ACCOUNT, Kind.ADDRESS, Kind.HANDLE, Kind.AMOUNT, Kind.ID})


class Task:
    def __init__(
        self,
        *said: str,
        catalogue: Catalogue,
        rules: Table,
        own: frozenset[tuple[Kind, str]] = frozenset(),
        questions: int = QUESTIONS,
    ) -> None:
        self.catalogue, self.rules, self.questions = catalogue, rules, questions
        self.own, self._said = own, list(said)
        self.asked = 0
        self.sent: dict[str, str] = {}
        self.stained = False
        self._taken: list[Carried] = []
        self._done: set[tuple[str, ...]] = set()
        self._written: set[str] = set()
        self._seen: list[tuple[list[Record], tuple[Value, ...], str, bool, bool]] = []
        self.history = History(Words.of(*said, own=own))
        self.intents: dict[str, Intent] = intents(self.history.words, catalogue.manifests())

    @property
    def words(self) -> Words:
        return self.history.words

    @property
    def said(self) -> tuple[str, ...]:
        """All that the principal said so far."""
        return tuple(self._said)

    def offer(self, catalogue: Catalogue) -> None:
        """Other tools are there now."""
        if catalogue is not self.catalogue:
            self.catalogue = catalogue
            self.intents = intents(self.words, catalogue.manifests())

    def heard(self, text: str) -> None:
        """The principal said more: look at everything again in the light of it."""
        self._said.append(text)
        old = self.history
        self.history = History(Words.of(*self._said, own=self.own))
        for given in self._taken:
            self._hold(given)
        self.history.approved |= old.approved
        self.history.owned |= old.owned
        self.history.pins.update(old.pins)
        self.intents = intents(self.words, self.catalogue.manifests())
        for found, context, type_, via, asked in self._seen:
            for record in found:
                record.reach = record.score = 0
                record.weak = False
            self.history.observe(found, context=context, type_=type_, via=via, asked=asked)

    def observe(
        self, arguments: Mapping[str, Any], decision: Decision, result: object, *, page: str
    ) -> None:
        """A call that was let in returned: take its answer apart and index it."""
        name = decision.tool
        manifest = self.catalogue.tool(name).manifest
        if self._soiled(name, arguments):
            self.read(result if isinstance(result, str) else plain_string(result), page=page)
            return
        found = records(manifest, tool=name, arguments=arguments, result=result, page=page)
        context = context_of(manifest, arguments)
        reads = manifest.impact in (Impact.READ, Impact.READ_EGRESS)
        told = [v for v in decision.values if v.argument and v.source is not Source.FIXED]
        named = any(v.kind is not Kind.AMOUNT for v in told)
        asked = reads and named and all(v.source is Source.WORDS for v in told)
        via = reads and any(v.source in _LEADS for v in told)
        type_ = manifest.result.type or name
        self._seen.append((found, context, type_, via, asked))
        self.history.observe(found, context=context, type_=type_, via=via, asked=asked)
        if not reads:
            for value in (v for record in found for v in record.values if v.kind is Kind.ID):
                self.history.own(Kind.ID, value.normal)

    def hands(self, text: str, who: str) -> Carried:
        """What goes with a text that the process `who` says to another."""
        history = self.history
        readers = history.secrets.reading(text) if history.secrets else None
        return Carried(
            label=history.label,
            said=tuple(map(digest, self._said)),
            values=vouched(history, text, who),
            secrets=tuple(history.secrets.pieces(text)),
            readers=None if readers is None else tuple(sorted(readers)),
            pins=tuple(sorted(history.pins.items())),
            done=tuple(sorted(self._done)[:DEEDS]),
            wrote=tuple(sorted(self._written)),
            stained=self.stained,
        )

    def take(self, given: Carried, text: str, *, page: str) -> None:
        """Another process said this."""
        same = self._shares(given)
        integrity = min(Integrity.AGENT, given.label.integrity) if same else Integrity.UNTRUSTED
        self.read(text, page=page, label=msgspec.structs.replace(given.label, integrity=integrity))
        if given.readers is not None:
            self.history.secrets.guard(frozenset(given.readers), text)
        self._taken.append(given)
        self._hold(given)
        self._done.update(given.done)
        self._written.update(given.wrote)
        self.stained = self.stained or given.stained

    def _shares(self, given: Carried) -> bool:
        """Are the words that the sender went by the words of this task, too?"""
        return bool(given.said) and set(given.said) <= set(map(digest, self._said))

    def _hold(self, given: Carried) -> None:
        same = self._shares(given)
        for value in given.values:
            if (source := kept(value, same=same)) is not None:
                spot = (value.kind, value.value)
                self.history.hold(spot, value.of, value.shown, source, value.pages)
        for class_, part in given.secrets:
            self.history.secrets.add(class_, part)
        for key, choice in given.pins if same else ():
            self.history.pin(key, choice)

    def ran(self, *, network: bool) -> None:
        """A program ran in the folder.  What it wrote there is no better than what the process had
        read by then, or the program could."""
        self.stained |= network or self.history.label.integrity is Integrity.UNTRUSTED

    def read(self, text: str, *, page: str, label: Label = Label()) -> None:  # noqa: B008 - frozen
        """Nothing the principal said leads to it."""
        record = Record(
            number=0,
            page=page,
            tool="",
            type="text",
            values=(),
            text=text,
            label=label,
            folded=text.casefold(),
        )
        self._seen.append(([record], (), "text", False, False))
        self.history.observe([record], context=(), type_="text", via=False, asked=False)

    def _soiled(self, name: str, arguments: Mapping[str, Any]) -> bool:
        """Is it a file that the process, or a program that it ran, may have written?"""
        path = str(arguments.get("path", ""))
        if path.removeprefix("/home/") in self._written:
            return True
        own = path == "/home" or path.startswith("/home/") or not path.startswith("/")
        return self.stained and name in _FILES and own

    def label_of(self, page: str) -> Label:
        """Of all that was read there."""
        seen = (r.label for found, *_ in self._seen for r in found if r.page == page)
        return join(*seen)

    def labels(self) -> dict[str, Label]:
        """The same of each page that was read."""
        out: dict[str, Label] = {}
        for found, *_ in self._seen:
            for record in found:
                out[record.page] = out.get(record.page, TOP_TRUST) | record.label
        return out

    def wrote(self, path: str) -> None:
        """Reading it back is no better than what was read to write it."""
        self._written.add(path.removeprefix("/home/"))

    def settle(
        self, arguments: Mapping[str, Any], decision: Decision, *, agreed: bool = False
    ) -> None:
        """A call was let in.  `agreed`: a person said yes to exactly these values."""
        for key, choice in decision.pins:
            self.history.pin(key, choice)
        values = self._values(decision.tool, arguments)
        if agreed:
            for kind, _, value in values:
                if kind in _LASTING:
                    self.history.approve(kind, normal(kind, value))
        self._done.add(self._deed(decision.tool, arguments))
        places = "\n".join(plain_string(v) for k, _, v in values if k in PLACES)
        texts = "".join(plain_string(v) for k, _, v in values if k not in PLACES)
        self.sent[places] = (self.sent.get(places, "") + texts)[-_TAIL:]

    def repeats(self, name: str, arguments: Mapping[str, Any]) -> bool:
        """Was the same sum sent to the same place before?"""
        return self._deed(name, arguments) in self._done

    def _values(self, name: str, arguments: Mapping[str, Any]) -> list[tuple[Kind, str, object]]:
        manifest = self.catalogue.tool(name).manifest
        return [(manifest.argument(a).kind, a, v) for a, v in leaves(arguments)]

    def _deed(self, name: str, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """What makes two payments the same: where to, and how much."""
        values = self._values(name, arguments)
        return (name, *(f"{a}={normal(k, v)}" for k, a, v in values if k in _PAID))
