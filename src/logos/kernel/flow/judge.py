"""May this call be made?  A pure function of the task so far and the call.

    decide(task, tool, arguments) -> Decision

    1. is there such a tool, and do the arguments fit its schema?    not_found, invalid
    2. where did each value come from?                               trace
    3. what do the texts carry?                                      weigh
    4. the rules, for the call and for each value                    judge
    5. the strictest answer wins; everything to be asked is asked at once

Invariant: deciding changes nothing.  The same task and call give the same decision, so a
journal can be decided again and must agree.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import chain
from typing import Any

import msgspec

from logos.abi.errors import Code, SysError
from logos.kernel.flow.catalogue import Tool
from logos.kernel.flow.content import Content, Weight, weigh
from logos.kernel.flow.decision import Decision, Judged, leaves, short
from logos.kernel.flow.intent import Intent
from logos.kernel.flow.manifest import Argument, Impact
from logos.kernel.flow.nearest import nearest
from logos.kernel.flow.provenance import History
from logos.kernel.flow.rules import STRICTNESS, Facts, Rule, Table, Verdict
from logos.kernel.flow.schema import check
from logos.kernel.flow.source import Source, Traced
from logos.kernel.flow.task import Task
from logos.kernel.flow.trace import trace
from logos.kernel.flow.value import FREE, PLACES, Kind, normal

_NARROW = frozenset({Kind.ADDRESS, Kind.ACCOUNT})
_TRUST = {source: rank for rank, source in enumerate(Source)}
_READS = (Impact.READ, Impact.READ_EGRESS)


def decide(task: Task, name: str, arguments: Mapping[str, Any]) -> Decision:
    """May the call be made?"""
    try:
        tool = task.catalogue.tool(name)
        check(tool.schema, arguments, tool=name)
    except SysError as wrong:
        return Decision(
            verdict=Verdict.DENY,
            rule="schema",
            tool=name,
            code=wrong.code,
            message=wrong.message,
            hint=wrong.hint,
        )
    case = _Case(task, tool, arguments)
    judged = case.judge(task.rules)
    worst, why = max(judged, key=lambda j: STRICTNESS[j[0].verdict])
    said = Decision(
        verdict=worst.verdict,
        rule=worst.rule,
        tool=name,
        values=tuple(j for j, _ in judged),
        label=task.history.label,
        pins=tuple(t.pin for t in case.traced if t.pin is not None),
    )
    if worst.verdict is Verdict.ALLOW:
        return said
    if worst.verdict is Verdict.ASK and task.asked < task.questions:
        return msgspec.structs.replace(
            said,
            code=Code.UNCONFIRMED,
            message=f"{name} waits for a person: {_because(why)}",
            question=_question(name, judged),
        )
    return msgspec.structs.replace(
        said,
        verdict=Verdict.DENY,
        rule="questions-spent" if worst.verdict is Verdict.ASK else worst.rule,
        pins=(),
        code=Code.DENIED,
        message=f"{name}: {_because(why)}{_on(worst)}",
        hint=_hint(task.history, tool, worst),
    )


class _Case:
    """The facts of one call."""

    def __init__(self, task: Task, tool: Tool, arguments: Mapping[str, Any]) -> None:
        self.task, self.tool, self.arguments = task, tool, arguments
        manifest = tool.manifest
        self.traced: list[Traced] = []
        self.args: list[Argument] = []
        texts: list[str] = []
        everything: list[str] = []
        for name, part in leaves(arguments):
            arg = manifest.argument(name)
            self.traced.append(trace(task.history, name, arg, part))
            self.args.append(arg)
            if isinstance(part, str):
                everything.append(part)
                if arg.kind in FREE:
                    texts.append(part)
        if manifest.opens and arguments.get(manifest.opens):
            self.weight = self._everything()
        elif manifest.impact is Impact.READ or manifest.private:
            self.weight = Weight(Content.NONE)
        else:
            self.weight = self._weigh("\n".join(texts), everything)

    def _weigh(self, text: str, everything: list[str]) -> Weight:
        history = self.task.history
        weight = weigh(history, text) if text else Weight(Content.NONE)
        leaks = self._leaks(everything) if history.secrets else ()
        return Weight(Content.SECRET, leaks, weight.readers) if leaks else weight

    def _everything(self) -> Weight:
        """The worst of everything that was read."""
        history = self.task.history
        leaks = self._unsaid(history.secrets.classes)
        return Weight(Content.SECRET if leaks else Content.NONE, leaks, history.secrets.readers)

    def _leaks(self, everything: list[str]) -> tuple[str, ...]:
        """Classes of secrets that this call gives away, together with what went there before.  A
        secret that the principal spoke of may go to a place that he named."""
        history = self.task.history
        said = "".join(s for s in everything if not history.words.phrase(s, exact=True))
        before = self.task.sent.get(self.destination, "")
        leaks = history.secrets.found(before + said) - history.secrets.found(before)
        return self._unsaid(leaks)

    def _unsaid(self, leaks: frozenset[str]) -> tuple[str, ...]:
        if self._to() in (Source.WORDS, Source.OWN, Source.APPROVED):
            leaks = frozenset(c for c in leaks if not self.task.history.words.mentions(c))
        return tuple(sorted(leaks))

    @property
    def destination(self) -> str:
        return "\n".join(t.value for t in self.traced if t.kind in PLACES)

    def judge(self, rules: Table) -> list[tuple[Judged, Rule | None]]:
        """The call first, then its values in order."""
        manifest = self.tool.manifest
        facts = Facts(
            impact=manifest.impact,
            intent=self._intent(),
            content=self.weight.content,
            to=self._to(),
            unread=self._unread(),
            again=self.task.repeats(self.tool.name, self.arguments),
        )
        verdict, rule = rules.judge(facts)
        found = [(Judged(argument="", verdict=verdict, rule=rule.id if rule else "default"), rule)]
        for traced, arg in zip(self.traced, self.args, strict=True):
            source = self._source(traced)
            one = msgspec.structs.replace(
                facts,
                kind=arg.kind,
                source=source,
                free=arg.free,
                open=self._open(arg.kind),
                again=False,
            )
            verdict, rule = rules.judge(one)
            found.append(
                (
                    Judged(
                        argument=traced.name,
                        verdict=verdict,
                        rule=rule.id if rule else "default",
                        value=short(traced.value),
                        kind=arg.kind,
                        source=source,
                        pages=traced.pages,
                    ),
                    rule,
                )
            )
        return found

    def _intent(self) -> Intent:
        if self.tool.manifest.impact in _READS:
            return Intent.DELEGATED if self.task.history.words.delegates else Intent.YES
        return self.task.intents.get(self.tool.name, Intent.NO)

    def _source(self, traced: Traced) -> Source:
        """A sum that came in may be returned, and no more than that."""
        if traced.limit is None:
            return traced.source
        sums = [normal(Kind.AMOUNT, t.value) for t in self.traced if t.kind is Kind.AMOUNT]
        if sums and all(s and 0 < Decimal(s) <= traced.limit for s in sums):
            return traced.source
        return Source.KNOWN

    def _to(self) -> Source:
        """The least trusted of the destinations."""
        places = [t.source for t in self.traced if t.kind in PLACES]
        return max(places, key=_TRUST.__getitem__, default=Source.NOWHERE)

    def _unread(self) -> bool:
        readers = self.weight.readers
        if readers is None:
            return False
        who = {t.value for t in self.traced if t.kind in PLACES}
        return not who or not who <= readers

    def _open(self, kind: Kind) -> bool:
        """Do the principal's words leave the destination open?"""
        words = self.task.history.words
        if kind is Kind.URL:
            return Kind.URL in words.asks
        return kind not in _NARROW or not any(k is kind for k, _ in words.values)


def _because(rule: Rule | None) -> str:
    return rule.because if rule is not None else "nobody the principal spoke of gave this value"


def _on(judged: Judged) -> str:
    return f" ({judged.argument}: {judged.source})" if judged.argument else ""


_HINTS = {
    Source.AMBIGUOUS: "more than one fits: ask the principal which one is meant",
    Source.KNOWN: "it exists, but nothing the principal said leads to it: ask him",
    Source.UNTRUSTED: "it stands only in text that nobody vouches for: do not use it; ask the principal",
    Source.POINTED: "it stands only in the text of what the principal pointed at: ask him for the value",
    Source.MEMBER: "somebody mentioned it, and not where the principal pointed: ask him",
}


def _hint(history: History, tool: Tool, judged: Judged) -> str:
    if not judged.argument or judged.kind is None:
        return "tell the principal that it was refused, and go on with what he asked for"
    if judged.source is not Source.NOWHERE:
        return _HINTS.get(judged.source, "")
    arg = tool.manifest.argument(judged.argument)
    said = (v for k, v in history.words.values if k is arg.kind)
    known = chain(said, history.members.get((arg.kind, arg.of), {}).values())
    near = nearest(judged.value, known)
    hint = replace(near, value=short(near.value)).hint
    return hint or "it was not said and not read anywhere: look it up, or ask the principal"


def _question(name: str, judged: list[tuple[Judged, Rule | None]]) -> str:
    """One question for the whole call: what would happen, and why this is asked."""
    given = ", ".join(f"{j.argument}={j.value!r}" for j, _ in judged if j.argument)
    lines = [f"May {name}({given}) be called?"]
    for one, rule in judged:
        if one.verdict is Verdict.ASK:
            where = f" [{', '.join(one.pages)}]" if one.pages else ""
            what = f"{one.argument} = {one.value!r}: " if one.argument else ""
            lines.append(f"- {what}{_because(rule)}{where}")
    return "\n".join(lines)
