"""Rules are data that prove themselves; the table is total and never opens below the line."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logos.abi.errors import Code, SysError
from logos.kernel.flow import (
    RULES,
    Content,
    Facts,
    Impact,
    Intent,
    Kind,
    Rule,
    Source,
    Table,
    Verdict,
    builtin,
    load,
)

TABLE = builtin()
FACTS = st.builds(
    Facts,
    impact=st.sampled_from(Impact),
    kind=st.none() | st.sampled_from(Kind),
    source=st.sampled_from(Source),
    intent=st.sampled_from(Intent),
    content=st.sampled_from(Content),
    to=st.sampled_from(Source),
    open=st.booleans(),
    free=st.booleans(),
    unread=st.booleans(),
    again=st.booleans(),
)
BELOW = {
    Source.POINTED,
    Source.AMBIGUOUS,
    Source.KNOWN,
    Source.MEMBER,
    Source.UNTRUSTED,
    Source.NOWHERE,
}


@settings(deadline=None, max_examples=50)
@given(FACTS)
def test_the_table_is_total(facts: Facts) -> None:
    verdict, rule = TABLE.judge(facts)
    assert (rule is None) <= (verdict is Verdict.DENY)


@settings(deadline=None, max_examples=50)
@given(FACTS.filter(lambda f: f.impact is not Impact.READ and f.source in BELOW and not f.free))
def test_no_destination_or_secret_is_allowed_below_the_line(facts: Facts) -> None:
    if facts.kind in {
        Kind.ADDRESS,
        Kind.ACCOUNT,
        Kind.URL,
        Kind.HANDLE,
        Kind.ID,
        Kind.NAME,
        Kind.PATH,
        Kind.SECRET,
    }:
        assert TABLE.judge(facts)[0] is not Verdict.ALLOW


@settings(deadline=None, max_examples=50)
@given(FACTS.filter(lambda f: f.source in {Source.UNTRUSTED, Source.NOWHERE, Source.AMBIGUOUS}))
def test_nobody_is_even_asked_about_a_destination_from_nowhere(facts: Facts) -> None:
    if (
        facts.kind in {Kind.ADDRESS, Kind.ACCOUNT, Kind.URL, Kind.SECRET}
        and facts.impact is not Impact.READ
    ):
        verdict, rule = TABLE.judge(facts)
        about_content = rule is not None and rule.id in {"secret-to-named", "readers"}
        assert verdict is Verdict.DENY or about_content


@settings(deadline=None, max_examples=50)
@given(FACTS.filter(lambda f: f.impact not in (Impact.READ, Impact.READ_EGRESS)))
def test_what_was_not_asked_for_is_refused_without_a_question(facts: Facts) -> None:
    silent = msgspec.structs.replace(facts, intent=Intent.NO)
    assert TABLE.judge(silent)[0] is Verdict.DENY


@settings(deadline=None, max_examples=50)
@given(FACTS.filter(lambda f: f.content is Content.SECRET and f.impact is not Impact.READ))
def test_a_secret_never_leaves_unasked(facts: Facts) -> None:
    assert TABLE.judge(facts)[0] is not Verdict.ALLOW


def test_an_inverted_rule_is_caught_by_its_examples() -> None:
    rules = [
        msgspec.structs.replace(r, verdict=Verdict.ALLOW) if r.id == "new-link" else r
        for r in RULES
    ]
    with pytest.raises(SysError, match="new-link") as refused:
        Table(rules)
    assert refused.value.code is Code.INVALID


def test_a_rule_that_is_never_reached_is_caught() -> None:
    with pytest.raises(SysError, match="fails its"):
        Table([*RULES, msgspec.structs.replace(RULES[0], id="read-again")])


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(SysError, match="same id"):
        Table([*RULES, RULES[0]])


SITE = """
[[rule]]
id = "no-money"
verdict = "deny"
because = "this machine pays nobody"
impact = ["money"]
allow = { impact = "egress_people" }
deny = { impact = "money", kind = "account" }
"""


def test_a_site_forbids_what_the_shipped_rules_permit() -> None:
    facts = Facts(impact=Impact.MONEY, kind=Kind.ACCOUNT)
    assert TABLE.judge(facts)[0] is Verdict.ALLOW
    verdict, rule = Table(RULES, load(SITE)).judge(facts)
    assert verdict is Verdict.DENY
    assert isinstance(rule, Rule)
    assert rule.id == "no-money"


@pytest.mark.parametrize(
    "text",
    [
        SITE.replace('"deny"\nbecause', '"allow"\nbecause'),
        SITE.replace('kind = "account"', 'kinds = "account"'),
        SITE.replace('["money"]', '["moneys"]'),
        "[[rule",
    ],
)
def test_a_wrong_site_rule_is_refused(text: str) -> None:
    with pytest.raises(SysError) as refused:
        load(text)
    assert refused.value.code is Code.INVALID


def test_a_site_rule_turned_round_is_refused() -> None:
    turned = SITE.replace('allow = { impact = "egress_people" }', 'allow = { impact = "money" }')
    with pytest.raises(SysError, match="no-money"):
        Table(RULES, load(turned))
