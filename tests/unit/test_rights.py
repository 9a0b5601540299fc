"""Capabilities against brute force: over a small alphabet a pattern *is* the set of paths it
matches, so covering is inclusion and allowing is membership."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logos.abi.errors import Code, SysError
from logos.abi.rights import EVERYTHING, VERBS, Cap, allows, attenuates, parse

PATHS = ["/", *("/" + "/".join(p) for n in (1, 2, 3) for p in product("abc", repeat=n))]
"""Every path over three names, up to three deep: `c` is in no pattern, so it stands for any name."""

SEGMENTS = st.lists(st.sampled_from(["a", "b", "*"]), max_size=2)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    tail = draw(st.sampled_from([[], ["**"]]))
    return "/" + "/".join([*draw(SEGMENTS), *tail])


def matched(pattern: str) -> set[str]:
    """By the words of the module, written as slowly as possible."""
    found = set()
    for path in PATHS:
        names, wanted = path.split("/")[1:], pattern.split("/")[1:]
        names = [] if names == [""] else names
        wanted = [] if wanted == [""] else wanted
        rest = wanted[-1:] == ["**"]
        head = wanted[:-1] if rest else wanted
        long_enough = len(names) >= len(head) if rest else len(names) == len(head)
        if long_enough and all(w in ("*", n) for w, n in zip(head, names, strict=False)):
            found.add(path)
    return found


@given(patterns())
def test_a_pattern_allows_what_it_matches(pattern: str) -> None:
    held = [parse(f"read:{pattern}")]
    assert {path for path in PATHS if allows(held, "read", path)} == matched(pattern)


@given(patterns(), patterns())
def test_one_capability_covers_another_when_it_matches_all_of_it(held: str, wanted: str) -> None:
    excess = attenuates([parse(f"read:{wanted}")], [parse(f"read:{held}")])
    assert (not excess) == (matched(wanted) <= matched(held))


@given(st.lists(patterns(), max_size=3), st.lists(patterns(), max_size=3))
def test_a_subset_of_capabilities_allows_no_more(child: list[str], parent: list[str]) -> None:
    wanted = [Cap(verb="write", path=p) for p in child]
    held = [Cap(verb="write", path=p) for p in parent]
    excess = attenuates(wanted, held)
    assert excess <= set(wanted)
    for path in PATHS:
        if allows(set(wanted) - excess, "write", path):
            assert allows(held, "write", path)


@given(st.lists(st.sampled_from(["a", "b", "..", ".", ""]), max_size=6))
def test_dots_cannot_climb(names: list[str]) -> None:
    path = "/a/" + "/".join(names)
    where: list[str] = []
    for name in path.split("/"):
        if name == "..":
            where = where[:-1]
        elif name not in ("", "."):
            where.append(name)
    assert allows([parse("read:/a/**")], "read", path) == (where[:1] == ["a"])


@pytest.mark.parametrize("path", ["//a", "///a", "/./a", "/b/../a", "//b//..//a/"])
def test_a_path_has_one_meaning_however_it_is_spelt(path: str) -> None:
    assert allows([parse("read:/a")], "read", path)
    assert not allows([parse("read:/*/a")], "read", path)


def test_verbs_are_apart() -> None:
    assert not allows([parse("read:/**")], "write", "/a")
    assert attenuates([parse("write:/a")], [parse("read:/**")])


@pytest.mark.parametrize(
    "text",
    ["", "read", "eat:/a", "read:", "read:a", "read:/a/../b", "read:/**/a", "read:/a/", "read://a"],
)
def test_what_is_no_capability(text: str) -> None:
    with pytest.raises(SysError) as caught:
        parse(text)
    assert caught.value.code is Code.INVALID
    assert caught.value.hint


def test_everything_covers_everything() -> None:
    assert not attenuates([parse(f"{verb}:/*/**") for verb in VERBS], EVERYTHING)
    assert all(str(parse(str(cap))) == str(cap) for cap in EVERYTHING)


@pytest.mark.parametrize(
    "text",
    [
        "call:/tools/mail?to=*@corp.example",
        "call:/tools/pay?rate=10/h;uses=3",
        "fetch:/net/x.org/**?until=2026-12-31T00:00:00Z",
        "call:/tools/mail?cc=a;to=b;rate=1/d;uses=2;until=2026-12-31T18:30:00Z",
    ],
)
def test_conditions_are_written_as_they_are_read(text: str) -> None:
    assert str(parse(text)) == text
    assert parse(text).conditional
    assert not allows([parse(text)], parse(text).verb, parse(text).path)


@pytest.mark.parametrize(
    "condition", ["to", "=x", "rate=x", "rate=0/h", "rate=1/y", "uses=-1", "until=soon", ""]
)
def test_a_condition_that_is_none_is_refused(condition: str) -> None:
    with pytest.raises(SysError) as caught:
        parse(f"call:/tools/mail?{condition}")
    assert caught.value.code is Code.INVALID


@pytest.mark.parametrize(
    ("held", "child", "subset"),
    [
        ("call:/tools/m", "call:/tools/m?to=a", True),
        ("call:/tools/m?to=*@x", "call:/tools/m", False),
        ("call:/tools/m?to=*@x", "call:/tools/m?to=a@x", True),
        ("call:/tools/m?to=*@x", "call:/tools/m?to=a@y", False),
        ("call:/tools/m?to=*@x", "call:/tools/m?to=*", False),
        ("call:/tools/m?to=*@x", "call:/tools/m?to=*@x;cc=z", True),
        ("call:/tools/m?until=2026-01-02", "call:/tools/m?until=2026-01-01", True),
        ("call:/tools/m?until=2026-01-02", "call:/tools/m?until=2026-01-03", False),
        ("call:/tools/m?until=2026-01-02", "call:/tools/m", False),
        ("call:/tools/m?uses=3", "call:/tools/m?uses=2", False),
        ("call:/tools/m?rate=3/h", "call:/tools/m?rate=3/h", False),
    ],
)
def test_a_child_keeps_every_condition(held: str, child: str, *, subset: bool) -> None:
    """22: nobody widens what he was given; what is counted is not handed on."""
    assert (not attenuates([parse(child)], [parse(held)])) is subset
