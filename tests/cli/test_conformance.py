"""What every command does alike: help, schema, JSON, errors, no colour in pipes."""

import json
from typing import Any

import pytest
from tests.cli.conftest import DONE, Place

from logos.abi.calls import BY_NAME
from logos.abi.errors import MEANING
from logos.cli.commands import COMMANDS
from logos.cli.contract import TABLE
from logos.cli.registry import describe

pytestmark = pytest.mark.slow

EVERY = sorted(set(COMMANDS) - {"mcp"})
"""All but the one that speaks MCP."""
TYPES = {"string", "integer", "number", "boolean", "array", "object"}
STATUSES = {0, *(meaning.exit_status for meaning in MEANING.values())}

#: A harmless use of each command, and whether it succeeds.
USES: dict[str, tuple[list[str], int]] = {
    "agents": ([], 0),
    "approvals": ([], 0),
    "approve": (["2.1"], 3),
    "caps": ([str(DONE)], 0),
    "deny": (["2.1", "--word", "no"], 3),
    "revoke": ([str(DONE), "read:/home/**"], 10),
    "stop": (["--all"], 0),
    "why": ([str(DONE), "4"], 0),
    "attach": ([str(DONE)], 0),
    "audit checkpoint": ([], 0),
    "audit export": (["/dev/null"], 0),
    "audit verify": ([], 0),
    "replay": ([str(DONE)], 0),
    "config": ([], 0),
    "doctor": ([], 0),
    "env": ([], 0),
    "key create": (["someone", "--tokens", "1000"], 0),
    "key list": ([], 0),
    "usage": ([], 0),
    "key revoke": (["999"], 3),
    "key rotate": (["999"], 3),
    "down": ([], 0),
    "exec": (["--", "echo", "hello", "--json"], 0),
    "install": (["no-such-folder"], 3),
    "journal": ([str(DONE)], 0),
    "kill": ([str(DONE)], 10),
    "logs": ([str(DONE)], 0),
    "ls": (["/mem"], 0),
    "cat": (["/proc/2/journal"], 0),
    "grep": (["launch", "/proc/2"], 0),
    "mem remember": (["The venue is booked.", "--at", "/mem/archive/venue"], 0),
    "mem search": (["Is the venue booked?"], 0),
    "mem read": (["1", "--of", str(DONE)], 0),
    "mem link": (["/mem/archive/venue"], 0),
    "mem forget": (["/mem/archive/nothing"], 3),
    "mem pin": (["1", "--of", str(DONE)], 10),
    "mem todo": ([], 0),
    "mem facts": ([], 0),
    "mem core": ([], 0),
    "mem import": (["notes", "--to", "imported"], 0),
    "mem export": (["--of", str(DONE)], 0),
    "mem space": ([], 0),
    "mem status": ([], 0),
    "mem consolidate": ([str(DONE)], 10),
    "mem compress": ([str(DONE)], 10),
    "mem embed": (["--all"], 10),
    "mount": (["none", "no-such-program"], 3),
    "mount login": (["none"], 3),
    "mounts": ([], 0),
    "ps": (["--all"], 0),
    "run": (["lib", "Read launch.md.", "--workspace", "notes"], 0),
    "send": ([str(DONE), "hello"], 10),
    "show": ([str(DONE), "window"], 0),
    "sh": ([], 0),
    "skills": ([], 0),
    "status": ([], 0),
    "tree": (["--all"], 0),
    "umount": (["none"], 3),
    "uninstall": (["none"], 3),
    "up": ([], 0),
    "wait": ([str(DONE)], 0),
}


def check_schema(schema: dict[str, Any]) -> None:
    """The part of JSON Schema that commands use; an unknown keyword is a mistake."""
    known = {"type", "description", "enum", "items", "minimum", "properties", "required"}
    assert not set(schema) - known - {"additionalProperties", "default", "x-option"}, schema
    assert schema["type"] in TYPES
    properties = schema.get("properties", {})
    assert set(schema.get("required", ())) <= set(properties)
    for below in (*properties.values(), *([schema["items"]] if "items" in schema else ())):
        check_schema(below)


def test_every_command_has_a_use_here() -> None:
    assert set(USES) == set(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_help(place: Place, name: str) -> None:
    done = place.run(*name.split(), "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: logos {name} ")
    assert COMMANDS[name].summary in " ".join(done.stdout.split())  # lines end where they must
    assert place.run("help", *name.split()).stdout == done.stdout


@pytest.mark.parametrize("name", EVERY)
def test_schema(place: Place, name: str) -> None:
    described = place.data(*name.split(), "--describe")
    check_schema(described["arguments"])
    assert described["effect"] in ("read", "write")
    assert described["risk"] in ("none", "low", "medium", "high")
    assert (described["risk"] == "none") == (described["effect"] == "read")
    assert described["cost"] in ("free", "model")
    assert set(described["calls"]) <= set(BY_NAME)
    assert described["dry_run"] == (described["effect"] == "write")
    assert {int(status) for status in described["exit_statuses"]} == STATUSES


def test_all_schemas_at_once(place: Place) -> None:
    assert place.data("--describe") == json.loads(json.dumps(describe(COMMANDS)))


@pytest.mark.parametrize("name", EVERY)
def test_an_unknown_option_is_refused_with_a_hint(place: Place, name: str) -> None:
    words, _ = USES[name]
    done = place.run(*name.split(), "--frobnicate", *words)
    assert done.returncode == 2
    assert done.stderr == (
        f"logos: invalid: unrecognized arguments: --frobnicate\nhint: logos {name} --help\n"
    )
    assert json.loads(done.stdout)["error"]["exit"] == 2


@pytest.mark.parametrize("name", EVERY)
def test_json(place: Place, name: str) -> None:
    """One document, or one to a line; and a pipe gets it without asking."""
    words, status = USES[name]
    for option in ("--json",), ():
        done = place.run(*name.split(), *option, *words)
        assert done.returncode == status, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        if COMMANDS[name].stream:
            assert all("type" in line for line in lines)
            assert len(lines) > 1
            continue
        [answer] = lines
        assert answer["v"] == 1
        assert answer["ok"] == (status == 0)
        assert ("data" if status == 0 else "error") in answer


@pytest.mark.parametrize("name", [n for n in EVERY if COMMANDS[n].effect == "write"])
def test_a_dry_run_changes_nothing(place: Place, name: str) -> None:
    words, status = USES[name]
    status = status if COMMANDS[name].plans else 0
    before = place.data("ps", "--all"), place.data("key", "list"), place.data("mounts")
    done = place.run(*name.split(), "--dry-run", *words)
    assert done.returncode == status, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer.get("ok", answer.get("dry")) == (status == 0)
    assert (place.data("ps", "--all"), place.data("key", "list"), place.data("mounts")) == before


def test_the_contract_speaks_of_commands_there_are() -> None:
    assert set(TABLE) <= set(COMMANDS)


@pytest.mark.parametrize("name", EVERY)
def test_text_in_a_pipe_has_no_escape_codes(place: Place, name: str) -> None:
    words, status = USES[name]
    done = place.run(*name.split(), "--plain", *words)
    assert done.returncode == status, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert not done.stdout.startswith("{") or name == "mem export"  # a file for `mem import`
    assert not (done.stdout and not done.stdout.endswith("\n"))


@pytest.mark.parametrize("name", sorted(set(EVERY) - {"mem export"}))  # a file for `mem import`
def test_fields_are_all_that_is_answered(place: Place, name: str) -> None:
    """Also on a terminal's terms (`--plain`); an error is told as always."""
    words, status = USES[name]
    done = place.run(*name.split(), "--plain", "--fields", "pid,no.where", *words)
    assert done.returncode == status, done.stderr
    for line in map(json.loads, done.stdout.splitlines()):
        if COMMANDS[name].stream and status == 0:
            assert set(line) == {"type", "pid", "no.where"}
        elif status == 0:
            answers = line["data"] if isinstance(line["data"], list) else [line["data"]]
            assert all(
                one.keys() == {"pid", "no.where"} for one in answers if isinstance(one, dict)
            )
        else:
            assert line["error"]["exit"] == status


@pytest.mark.parametrize("name", ["agents", "config", "ps", "tree"])
def test_the_order_of_answers_is_stable(place: Place, name: str) -> None:
    words, _ = USES[name]
    first, second = (place.data(*name.split(), *words) for _ in range(2))
    key = "pid" if name in ("ps", "tree") else "name"
    assert [one[key] for one in first] == [one[key] for one in second]
    if key == "pid":
        assert [one[key] for one in first] == sorted(one[key] for one in first)
