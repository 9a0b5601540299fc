"""logos grep: plain words, expressions, and patterns that would run for ever."""

import pytest

from logos.abi.errors import Code, SysError
from logos.abi.mount import Document
from logos.cli.commands import tree

NOTES = [Document("/mem/a", "Pay 30 euros\npay (a+)+ later"), Document("/mem/b", "paid 4 euros")]


def matches(pattern: str, *, plain: bool = True) -> list[tuple[str, int]]:
    found = tree._matches(tree._pattern(pattern, plain=plain), NOTES)
    return [(path, line) for path, line, _ in found]


def test_words_are_found_as_they_are_in_any_case() -> None:
    assert matches("PAY") == [("/mem/a", 1), ("/mem/a", 2)]
    assert matches("(a+)+") == [("/mem/a", 2)]


def test_expressions_are_found_where_asked_for() -> None:
    assert matches(r"\b\d+ euros$", plain=False) == [("/mem/a", 1), ("/mem/b", 1)]
    with pytest.raises(SysError) as refused:
        matches("(", plain=False)
    assert refused.value.code is Code.INVALID


def test_a_pattern_that_would_run_for_ever_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "GREP_S", 0.05)
    wanted = tree._pattern(r"(?:a|aa)+(?:a|aa)+(?:a|aa)+$", plain=False)
    with pytest.raises(SysError) as refused:
        tree._matches(wanted, [Document("/mem/a", "a" * 60 + "b")])
    assert refused.value.code is Code.TIMEOUT
