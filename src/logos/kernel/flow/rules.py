"""The rules, as data, and the table that decides by them.  Pure.

    Facts            what is known of one argument of one call
    Rule             facts it speaks of -> verdict, with one example each way
    Table(rules)     checked: a rule that fails its own examples is refused
    Table.judge(f)   (verdict, rule id); the first rule that speaks of the facts
    BUILTIN          the rules LogOS ships
    load(text)       rules of a site, from TOML; they can only forbid or ask

A site's rules are asked as well as the built-in ones, and the stricter answer holds.

Invariant: `judge` is total.  Facts no rule speaks of are denied.
"""

import tomllib
from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec

from logos.abi.errors import Code, SysError
from logos.kernel.flow.content import Content
from logos.kernel.flow.intent import Intent
from logos.kernel.flow.manifest import Impact
from logos.kernel.flow.source import Source
from logos.kernel.flow.value import Kind


class Verdict(StrEnum):
    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


STRICTNESS = {Verdict.ALLOW: 0, Verdict.ASK: 1, Verdict.DENY: 2}


class Facts(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """`kind` None stands for the call as a whole.  `content` is the worst of what the call's texts
    carry; `to` the least trusted source among its destinations.  `open`: the principal's words name
    no destination of this kind (for links: they speak of links).  `free`: the manifest lets the
    agent make the value up.  `unread`: somebody who will see it may not read what is in it.
    `again`: the same was done before."""

    impact: Impact = Impact.EGRESS_PEOPLE
    kind: Kind | None = None
    source: Source = Source.WORDS
    intent: Intent = Intent.YES
    content: Content = Content.PLAIN
    to: Source = Source.WORDS
    open: bool = True
    free: bool = False
    unread: bool = False
    again: bool = False


class Rule(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """An empty list speaks of everything.  `allow` and `deny` are examples: what the whole table
    must allow, and must not; the one that agrees with the verdict must be decided by this rule."""

    id: str
    verdict: Verdict
    because: str
    impact: tuple[Impact, ...] = ()
    kind: tuple[Kind | None, ...] = ()
    source: tuple[Source, ...] = ()
    intent: tuple[Intent, ...] = ()
    content: tuple[Content, ...] = ()
    to: tuple[Source, ...] = ()
    open: bool | None = None
    free: bool | None = None
    unread: bool | None = None
    again: bool | None = None
    allow: Facts
    deny: Facts

    def speaks_of(self, facts: Facts) -> bool:
        return (
            (not self.impact or facts.impact in self.impact)
            and (not self.kind or facts.kind in self.kind)
            and (not self.source or facts.source in self.source)
            and (not self.intent or facts.intent in self.intent)
            and (not self.content or facts.content in self.content)
            and (not self.to or facts.to in self.to)
            and self.open in (None, facts.open)
            and self.free in (None, facts.free)
            and self.unread in (None, facts.unread)
            and self.again in (None, facts.again)
        )


Judgement = tuple[Verdict, Rule | None]


class Table:
    """Checked rules.  Answers are remembered: there are few different facts."""

    def __init__(self, rules: Sequence[Rule], site: Sequence[Rule] = ()) -> None:
        self.rules = tuple(rules)
        self.site = tuple(site)
        self._known: dict[Facts, Judgement] = {}
        self._check()

    def judge(self, facts: Facts) -> Judgement:
        """The verdict and the rule it is by; no rule means denied."""
        known = self._known.get(facts)
        if known is None:
            known = self._known[facts] = self._judge(facts)
        return known

    def _judge(self, facts: Facts) -> Judgement:
        verdict, rule = self._shipped(facts)
        for extra in self.site:
            if extra.speaks_of(facts) and STRICTNESS[extra.verdict] > STRICTNESS[verdict]:
                verdict, rule = extra.verdict, extra
        return verdict, rule

    def _shipped(self, facts: Facts) -> Judgement:
        rule = next((r for r in self.rules if r.speaks_of(facts)), None)
        return (Verdict.DENY if rule is None else rule.verdict), rule

    def _check(self) -> None:
        """Every rule against its own examples; a site's rules together with the shipped ones."""
        ids = [rule.id for rule in (*self.rules, *self.site)]
        if len(ids) != len(set(ids)):
            raise SysError(Code.INVALID, "two rules have the same id")
        for rule in self.rules:
            _prove(rule, self._shipped)
        for rule in self.site:
            _prove(rule, self._judge)


def load(text: str) -> tuple[Rule, ...]:
    """Rules of a site: `[[rule]]` tables.  Raise `invalid`."""
    try:
        rules = msgspec.convert(tomllib.loads(text).get("rule", []), tuple[Rule, ...])
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as wrong:
        raise SysError(Code.INVALID, f"not rules: {wrong}") from wrong
    for rule in rules:
        if rule.verdict is Verdict.ALLOW:
            raise SysError(
                Code.INVALID,
                f"the site's rule {rule.id} allows",
                hint="a site's rules only ask or deny; write a better manifest instead",
            )
    return rules


def _prove(rule: Rule, judge: Callable[[Facts], Judgement]) -> None:
    own = rule.allow if rule.verdict is Verdict.ALLOW else rule.deny
    for example, wanted in ((rule.allow, True), (rule.deny, False)):
        verdict, by = judge(example)
        if (verdict is Verdict.ALLOW) is not wanted or (example is own and by is not rule):
            raise SysError(
                Code.INVALID,
                f"the rule {rule.id} fails its {'allow' if wanted else 'deny'} example: "
                f"{verdict} by {by.id if by else 'no rule'}",
                hint="turn the rule round, or narrow what it speaks of",
            )
