"""The searcher's shortcuts: dropping files by a byte search never loses a match, and walking
yields the order of the paths."""

import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from logos.drivers.workspace import searcher

ATOMS = st.sampled_from(
    [
        "abc",
        "abcd",
        r"\w",
        "[ab]",
        "x",
        ".",
        "^",
        "$",
        r"\b",
        "(?=abc)",
        "(?!abc)",
        "(?i:ABC)",
        r"\\",
    ]
)
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds(str.__add__, inner, inner),
        st.builds("({}|{})".format, inner, inner),
        st.builds("(?:{})?".format, inner),
        st.builds("(?:{})+".format, inner),
        st.builds("(?:{}){{0,2}}".format, inner),
    ),
    max_leaves=6,
)


@given(PATTERNS, st.text("abcdxABC\\ ", max_size=20))
def test_every_match_contains_a_required_text(pattern: str, text: str) -> None:
    compiled = re.compile(pattern)
    required = searcher.required(compiled)
    if required and compiled.search(text):
        assert any(literal in text for literal in required)


def test_what_is_required() -> None:
    def required(pattern: str) -> set[str]:
        return searcher.required(re.compile(pattern))

    assert required(r"[Dd]eprecated (in|since)") == {"eprecated "}
    assert required(r"[Dd]eprecated|remove=\(") == {"eprecated", "remove=("}
    assert required(r"(?i)deprecated") == set()
    assert required(r"a|deprecated") == set()
    assert required(r"\w+") == set()


NAMES = st.text("ab-./_", min_size=1, max_size=3).filter(lambda n: "/" not in n and n.strip("."))


@settings(max_examples=25)
@given(st.sets(st.lists(NAMES, min_size=1, max_size=3).map("/".join), max_size=12))
def test_the_walk_is_in_the_order_of_the_paths(paths: set[str]) -> None:
    files = {p for p in paths if not any(other.startswith(p + "/") for other in paths)}
    walked = []
    with TemporaryDirectory() as folder:
        for path in files:
            file = Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        asked = {"fd": os.open(folder, os.O_RDONLY), "path": "/home", "files": "*"}
        for full, descriptor in searcher._files(asked, {}):
            walked.append(full)
            os.close(descriptor)
    assert walked == sorted(f"/home/{path}" for path in files)
