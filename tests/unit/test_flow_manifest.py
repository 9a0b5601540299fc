"""Manifests: data that is checked against the tool before it is believed."""

from pathlib import Path
from typing import Any, ClassVar

import pytest

from logos.abi.calls import BY_NAME
from logos.abi.errors import Code, SysError
from logos.kernel.flow import OWN, Catalogue, Impact, Kind, add_own, derive, parse
from logos.kernel.flow.schema import check

SEND: dict[str, Any] = {
    "properties": {"to": {"type": "string"}, "body": {"type": "string"}},
    "required": ["to", "body"],
}


def add(text: str, schema: dict[str, Any] = SEND) -> Catalogue:
    tools = Catalogue()
    tools.add("send", schema, parse(text)["send"])
    return tools


def test_every_form_says_the_same() -> None:
    toml = '[send]\nimpact = "egress_people"\narguments = { to = "address" }\n'
    json = '{"send": {"impact": "egress_people", "arguments": {"to": "address"}}}'
    yaml = "send:\n  impact: egress_people\n  arguments:\n    to: address\n"
    assert parse(toml) == parse(json, "json") == parse(yaml, "yaml")


def test_an_argument_left_out_gets_the_kind_its_name_tells() -> None:
    manifest = add(
        '[send]\nimpact = "egress_people"\narguments = { to = "handle:user" }'
    ).manifests()["send"]
    assert manifest.argument("to").of == "user"
    assert manifest.argument("body").kind is Kind.CONTENT


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (
            '[send]\nimpact = "egress_people"\narguments = { bodi = "content" }',
            "did you mean 'body'?",
        ),
        (
            '[send]\nimpact = "egress_people"\narguments = { to = "adress" }',
            "did you mean 'address'?",
        ),
        ('[send]\nimpact = "read"\nresult = { keys = ["subject"] }', ""),
        ('[send]\nimpact = "read"\nresult = { context = ["from"] }', ""),
        ('[send]\nimpact = "harmless"', ""),
        ('[send]\nimpact = "read"\narguement = { to = "address" }', ""),
        ("[send", ""),
    ],
)
def test_a_wrong_manifest_is_refused(text: str, hint: str) -> None:
    with pytest.raises(SysError) as refused:
        add(text)
    assert refused.value.code is Code.INVALID
    assert hint in refused.value.hint


def test_a_tool_cannot_be_shadowed() -> None:
    tools = add('[send]\nimpact = "egress_people"')
    with pytest.raises(SysError) as refused:
        tools.add("send", SEND)
    assert refused.value.code is Code.CONFLICT


@pytest.mark.parametrize(
    ("name", "arguments", "annotations", "impact"),
    [
        ("get_messages", ["channel"], {}, Impact.READ),
        ("get_page", ["url"], {}, Impact.READ_EGRESS),
        ("send_money", ["recipient", "amount"], {}, Impact.MONEY),
        ("sendMessage", ["to", "body"], {}, Impact.EGRESS_PEOPLE),
        ("update_password", ["password"], {}, Impact.IDENTITY),
        ("delete_file", ["file_id"], {}, Impact.IRREVERSIBLE),
        ("create_note", ["title", "text"], {}, Impact.REVERSIBLE_WRITE),
        ("create_note", ["title"], {"destructiveHint": True}, Impact.IRREVERSIBLE),
        ("frobnicate", ["x"], {}, Impact.IRREVERSIBLE),
        ("frobnicate", ["x"], {"readOnlyHint": True}, Impact.READ),
        ("get_x", ["x"], {"readOnlyHint": True, "openWorldHint": True}, Impact.READ_EGRESS),
        ("searchPets", [], {"readOnlyHint": False, "destructiveHint": True}, Impact.IRREVERSIBLE),
        ("delete_everything", ["x"], {"readOnlyHint": True}, Impact.IRREVERSIBLE),
        ("get_x", ["x"], {"readOnlyHint": False}, Impact.IRREVERSIBLE),
    ],
)
def test_derived(
    name: str, arguments: list[str], annotations: dict[str, Any], impact: Impact
) -> None:
    schema = {"properties": {a: {"type": "string"} for a in arguments}}
    manifest = derive(name, schema, annotations)
    assert manifest.impact is impact
    assert not manifest.result.fields


def test_own_calls_have_manifests() -> None:
    assert OWN.keys() == BY_NAME.keys()
    tools = Catalogue()
    add_own(tools)
    assert len(tools) == len(BY_NAME)


def test_the_benchmark_s_manifests_are_well_formed() -> None:
    folder = Path(__file__).parents[2] / "bench" / "manifests"
    files = sorted(folder.glob("*.toml"))
    assert files
    for file in files:
        assert parse(file.read_text(encoding="utf-8"))


class TestSchema:
    schema: ClassVar[dict[str, Any]] = {
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "n": {"type": "integer", "minimum": 1, "maximum": 9},
            "x": {"anyOf": [{"type": "number"}, {"type": "null"}]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "how": {"enum": ["fast", "slow"]},
            "sub": {"$ref": "#/$defs/Sub"},
        },
        "required": ["name"],
        "$defs": {"Sub": {"type": "object", "properties": {"a": {"type": "boolean"}}}},
    }

    @pytest.mark.parametrize(
        "arguments",
        [
            {"name": "a"},
            {"name": "a", "n": 9, "x": None, "tags": ["b"], "how": "fast", "sub": {"a": True}},
            {"name": "a", "x": 1.5},
        ],
    )
    def test_accepted(self, arguments: dict[str, Any]) -> None:
        check(self.schema, arguments, tool="t")

    @pytest.mark.parametrize(
        ("arguments", "hint"),
        [
            ({}, ""),
            ({"name": ""}, ""),
            ({"nam": "a"}, "did you mean 'name'?"),
            ({"name": "a", "n": "3"}, ""),
            ({"name": "a", "n": True}, ""),
            ({"name": "a", "n": 10}, ""),
            ({"name": "a", "x": float("nan")}, ""),
            ({"name": "a", "tags": [1]}, ""),
            ({"name": "a", "how": "fats"}, "did you mean 'fast'?"),
            ({"name": "a", "sub": {"b": True}}, ""),
            ({"name": "\ud800"}, ""),
        ],
    )
    def test_refused(self, arguments: dict[str, Any], hint: str) -> None:
        with pytest.raises(SysError) as refused:
            check(self.schema, arguments, tool="t")
        assert refused.value.code is Code.INVALID
        assert hint in refused.value.hint

    def test_deep_nesting_is_refused(self) -> None:
        schema: dict[str, Any] = {
            "properties": {"a": {"$ref": "#/$defs/A"}},
            "$defs": {"A": {"properties": {"a": {"$ref": "#/$defs/A"}}}},
        }
        value: dict[str, Any] = {}
        for _ in range(100):
            value = {"a": value}
        with pytest.raises(SysError, match="too deeply"):
            check(schema, {"a": value}, tool="t")


def test_the_manual_s_example_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "manifests.md").read_text(encoding="utf-8")
    found = parse(page.split("```toml\n", 1)[1].split("```", 1)[0])
    assert {name: m.impact for name, m in found.items()} == {
        "send_money": Impact.MONEY,
        "list_payments": Impact.READ,
    }


@pytest.mark.parametrize(
    "text",
    [
        'impact = "read"',
        '[x]\nimpact = "reads"',
        '[x]\nimpact = "read"\narguments = { a = "adress" }',
    ],
)
def test_a_mistake_is_said_with_the_tool_s_name(text: str) -> None:
    with pytest.raises(SysError, match="the manifest of "):
        parse(text)
