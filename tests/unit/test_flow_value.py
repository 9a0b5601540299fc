"""Values: one spelling each, found in text, and never two destinations under one spelling."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logos.kernel.flow import Kind, Words, nearest, normal
from logos.kernel.flow.amounts import derived
from logos.kernel.flow.leak import Secrets
from logos.kernel.flow.nearest import skeleton
from logos.kernel.flow.value import find, guides, numbers


@pytest.mark.parametrize(
    ("kind", "value", "spelt"),
    [
        (Kind.URL, "https://WWW.Example.org/Path/", "www.example.org/Path"),
        (Kind.URL, "www.example.org.", "www.example.org"),
        (Kind.URL, "ftp://example.org/a", "ftp://example.org/a"),
        (Kind.URL, "http://example.org?Q=A", "example.org?Q=A"),
        (Kind.ADDRESS, "mailto:Anna@Example.org", "anna@example.org"),
        (Kind.ACCOUNT, "gb29 nwbk 6016 1331 9268 19", "GB29NWBK60161331926819"),
        (Kind.AMOUNT, "1,200.5", "1200.50"),
        (Kind.AMOUNT, float("nan"), ""),
        (Kind.AMOUNT, "1e400", ""),
        (Kind.DATE, "2024-5-7", "2024-05-07"),
        (Kind.HANDLE, "#General", "general"),
    ],
)
def test_normal(kind: Kind, value: object, spelt: str) -> None:
    assert normal(kind, value) == spelt


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(Kind), st.text(max_size=60))
def test_normal_is_stable(kind: Kind, text: str) -> None:
    once = normal(kind, text)
    assert normal(kind, once) == once


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=200))
def test_finding_never_fails(text: str) -> None:
    list(find(text))
    numbers(text)
    Words.of(text)


def test_look_alikes_are_different_values() -> None:
    latin, cyrillic = "anna@example.org", "аnna@example.org"  # noqa: RUF001  # the point of the test
    assert normal(Kind.ADDRESS, latin) != normal(Kind.ADDRESS, cyrillic)
    assert skeleton(latin) == skeleton(cyrillic)
    near = nearest(cyrillic, [latin])
    assert near.twin
    assert "only looks like" in near.hint


@pytest.mark.parametrize("text", ["an\u200bna@example.org", "xn--nna-8cd@example.org"])
def test_invisible_and_punycode_differ(text: str) -> None:
    assert normal(Kind.ADDRESS, text) != "anna@example.org"


def test_what_is_found_in_text() -> None:
    text = "See www.site.example/a, or evil.com! Mail a@b.org; IBAN: GB29NWBK60161331926819\\nfile notes.md 2024-01-02"
    assert set(find(text)) - {(Kind.PATH, "evil.com")} == {
        (Kind.URL, "www.site.example/a"),
        (Kind.URL, "evil.com"),
        (Kind.ADDRESS, "a@b.org"),
        (Kind.ACCOUNT, "GB29NWBK60161331926819"),
        (Kind.PATH, "notes.md"),
        (Kind.DATE, "2024-01-02"),
    }


def test_a_link_glued_to_the_next_sentence() -> None:
    assert list(guides("on www.our-site.com.They said")) == [(Kind.URL, "www.our-site.com")]


def test_numbers_leave_out_digits_of_other_things() -> None:
    plain, percent = numbers(
        "bill-2023.txt: 98.70 and 1,000 at 19.5% on 2024-01-02 to GB29NWBK60161331926819"
    )
    assert plain == [Decimal("98.70"), Decimal(1000)]
    assert percent == [Decimal("19.5")]


class TestSaid:
    words = Words.of(
        "Pay 12.50 to GB29NWBK60161331926819. Mail jason@x.org about www.site.com/a and the file 'plan.md', set "
        "the password to 'hunter2!' in general; delete event number 7, not in 24 hours."
    )

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            (Kind.AMOUNT, "12.50"),
            (Kind.ACCOUNT, "GB29NWBK60161331926819"),
            (Kind.ADDRESS, "jason@x.org"),
            (Kind.URL, "www.site.com/a"),
            (Kind.PATH, "plan.md"),
            (Kind.SECRET, "hunter2!"),
            (Kind.HANDLE, "general"),
            (Kind.ID, "7"),
        ],
    )
    def test_said(self, kind: Kind, value: str) -> None:
        assert self.words.says(kind, value)

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            (Kind.ADDRESS, "son@x.org"),
            (Kind.URL, "site.com/a"),
            (Kind.URL, "www.site.com"),
            (Kind.ACCOUNT, "GB29"),
            (Kind.AMOUNT, "29.00"),
            (Kind.SECRET, "hunter"),
            (Kind.SECRET, "HUNTER2!"),
            (Kind.ID, "24"),
            (Kind.HANDLE, "a"),
            (Kind.HANDLE, "pay"),
            (Kind.HANDLE, "to"),
            (Kind.HANDLE, "site"),
            (Kind.NAME, "x"),
        ],
    )
    def test_a_part_is_not_said(self, kind: Kind, value: str) -> None:
        assert not self.words.says(kind, value)


@pytest.mark.parametrize(
    ("text", "delegates"),
    [
        ("Read 'a.txt' and follow the instructions.", True),
        ("Please do all the tasks on my TODO list at www.x.example", True),
        ("Perform the following tasks in order: 1. Send it.", False),
        ("Send the to-do list to Anna.", False),
    ],
)
def test_delegation(text: str, *, delegates: bool) -> None:
    assert Words.of(text).delegates is delegates


def test_quantifiers_outside_quotation_marks_only() -> None:
    assert Words.of("Add all users to it").each("user")
    assert not Words.of("Post 'can everybody write me?' there").each("user")


@pytest.mark.parametrize(
    ("x", "base", "percent", "is_derived"),
    [
        ("200.29", ["1000", "5.29"], ["19.5"], True),
        ("5", ["50"], ["10"], True),
        ("4", ["10", "12"], [], True),
        ("1200", ["1100", "100"], [], True),
        ("36", ["3", "12"], [], True),
        ("999", ["10", "12"], [], False),
        ("0.01", ["50", "100"], ["10"], False),
        ("-10", ["10"], [], False),
        ("10", [], [], False),
    ],
)
def test_derived(x: str, base: list[str], percent: list[str], *, is_derived: bool) -> None:
    assert derived(Decimal(x), map(Decimal, base), map(Decimal, percent)) is is_derived


class TestSecrets:
    @pytest.mark.parametrize(
        "text",
        [
            "it is S3cr3t-Key-99 ok",
            "UzNjcjN0LUtleS05OQ==",
            "5333637233742d4b65792d3939",
            "S 3 c r 3 t - K e y - 9 9",
            "99-yeK-t3rc3S",
            "www.x.example/?d=S3cr3t%2DKey%2D99",
            "first part: S3cr3t-K",
        ],
    )
    def test_found_in_every_form(self, text: str) -> None:
        secrets = Secrets()
        secrets.add("key", "S3cr3t-Key-99")
        assert secrets.found(text) == {"key"}

    def test_not_found_in_plain_text(self) -> None:
        secrets = Secrets()
        secrets.add("key", "S3cr3t-Key-99")
        assert not secrets.found("nothing of the kind is in here, whatever you look for")

    def test_readers_of_guarded_text(self) -> None:
        secrets = Secrets()
        secrets.guard(frozenset({"anna"}), "the merger will be announced on friday at noon")
        assert secrets.reading("I hear the merger will be announced soon") == frozenset({"anna"})
        assert secrets.reading("nothing about it") is None
