"""Programs mounted as tools: by their help, by their description, by a person's manifest."""

import json
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mounted import called, opened

from logos.abi.driver import Mode
from logos.abi.errors import Code, SysError
from logos.abi.tools import Place
from logos.drivers.command.helped import commands, described
from logos.drivers.command.shape import line, of_described, of_manifest
from logos.drivers.sandbox import LocalSandbox, open_sandbox

pytestmark = pytest.mark.anyio

LEDGER = Path(__file__).with_name("program_argparse.py")
PROGRAM = (sys.executable, "-I", str(LEDGER))
GIT = """
[status]
summary = "What has changed."
words = ["status", "--porcelain"]
impact = "read"

[commit]
summary = "Write down what has changed."
words = ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--allow-empty"]
impact = "reversible_write"
verbs = ["commit"]
[commit.arguments.message]
option = "--message"
required = true
kind = "content"
[commit.arguments.path]
many = true
kind = "path"
"""


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[LocalSandbox]:
    """Confines nothing, but is one."""
    box = open_sandbox(Mode.NONE, state=tmp_path / "state")
    yield box
    await box.aclose()


def ledger(**settings: Any) -> Place:
    return Place(program=PROGRAM, readable=(str(LEDGER.parent),), **settings)


@pytest.mark.slow
async def test_a_program_that_is_asked_for_help(tmp_path: Path, sandbox: LocalSandbox) -> None:
    async with opened(tmp_path, sandbox, {"ledger": ledger()}) as places:
        offers = {offer.name: offer for offer in await places.tools.places["ledger"].offers()}
        assert set(offers) == {"add", "show", "fail"}
        schema = msgspec.json.decode(offers["add"].schema)
        assert schema["required"] == ["amount"]
        assert schema["properties"]["kind"]["enum"] == ["food", "rent"]
        assert offers["add"].hints.read_only is False
        await called(places, tmp_path, "ledger/add", amount="5; rm -rf .", to="$(id)", kind="food")
        assert await called(places, tmp_path, "ledger/show") == {"rows": ["5; rm -rf .|$(id)|food"]}
        large = await called(places, tmp_path, "ledger/show", fill=3 << 20)
        assert len(large["rows"][1]) == 3 << 20
        for tool, given, code in (
            ("ledger/add", {"amount": "--to"}, Code.INVALID),
            ("ledger/add", {"amount": "1", "kind": "--to"}, Code.INVALID),
            ("ledger/add", {"amount": ["1"]}, Code.INVALID),
            ("ledger/add", {"amount": "a\0b"}, Code.INVALID),
            ("ledger/add", {}, Code.INVALID),
            ("ledger/gone", {}, Code.NOT_FOUND),
            ("ledger/fail", {}, Code.TOOL),
        ):
            with pytest.raises(SysError) as caught:
                await called(places, tmp_path, tool, **given)
            assert caught.value.code is code, (tool, given)
        assert len((await called(places, tmp_path, "ledger/show"))["rows"]) == 1


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
async def test_a_manifest_says_what_it_does(tmp_path: Path) -> None:
    manifest = tmp_path / "git.toml"
    manifest.write_text(GIT)
    full = open_sandbox(Mode.FULL, state=tmp_path / "state")
    place = Place(program=("git",), manifest=str(manifest))
    async with opened(tmp_path, full, {"git": place, "whole": Place(program=("git",))}) as places:
        assert places.manifests()["git/status"]["impact"] == "read"
        assert places.manifests()["git/commit"]["arguments"] == {
            "message": {"kind": "content"},
            "path": {"kind": "path"},
        }
        await called(places, tmp_path, "whole/init")
        (tmp_path / "process" / "a").write_text("a")
        assert await called(places, tmp_path, "git/status") == "?? a\n"
        assert "--all" in await called(places, tmp_path, "git/commit", message="--all")
        assert "--all" in await called(places, tmp_path, "whole/log")
        with pytest.raises(SysError, match="status 128"):
            await called(places, tmp_path, "whole/show", argv=["nothing"])
    await full.aclose()


async def test_a_wrong_manifest_hinders_nobody(tmp_path: Path, sandbox: LocalSandbox) -> None:
    manifest = tmp_path / "m.toml"
    manifest.write_text("[a]\nimpact = 'kind'\n")
    async with opened(tmp_path, sandbox, {"one": ledger(manifest=str(manifest))}) as places:
        with pytest.raises(SysError, match="impact"):
            await places.tools.places["one"].offers()
        assert places.manifests() == {}
        with pytest.raises(SysError):
            await places.add("two", ledger(manifest=str(tmp_path / "none")))
        assert len(await places.shown()) == 1


def test_what_a_program_describes() -> None:
    whole = {
        "v": 1,
        "commands": [
            {
                "name": "mem pin",
                "summary": "Pin it.",
                "effect": "read",
                "arguments": {
                    "properties": {
                        "page": {"type": "integer", "x-place": 0},
                        "as_of": {"type": "string", "x-option": "--as-of"},
                    },
                    "required": ["page"],
                },
            }
        ],
    }
    for data in (whole, {"ok": True, "data": whole}):
        subs = of_described(json.dumps(data).encode())
        assert subs is not None
        assert subs["mem_pin"].hints.read_only is True
        given = {"page": 3, "as_of": "-1"}
        assert line("mem_pin", subs["mem_pin"], given) == (
            "mem",
            "pin",
            "--as-of=-1",
            "--json",
            "3",
        )
    for no in (b"", b"usage: x", b"[]", b"{}", b'{"commands": 3}', b"\xff"):
        assert of_described(no) is None


CLICK = """Usage: app [OPTIONS] COMMAND [ARGS]...

Options:
  --version  Show it.
  --help     Show this message and exit.

Commands:
  deploy  Deploy it.
  logs    What it said.
"""
CLICK_DEPLOY = """Usage: app deploy [OPTIONS] TARGET [FILES]...

  Deploy it.

Options:
  -n, --count INTEGER        How often.
  --format [text|json]       How it answers.
  --force / --no-force       At any cost.
  --help                     Show this message and exit.
"""
GIT_CLONE = """usage: git clone [<options>] [--] <repo> [<dir>]

    -v, --[no-]verbose    be more verbose
    --[no-]depth <depth>  create a shallow clone of that depth
    -b, --branch <branch>
                          checkout <branch> instead of the remote's HEAD
"""


def test_what_click_and_git_print() -> None:
    assert commands(CLICK) == {"deploy": "Deploy it.", "logs": "What it said."}
    deploy = described("deploy", CLICK_DEPLOY, words=("deploy",))
    assert deploy.json == ("--format=json",)
    assert deploy.arguments["count"].type == "integer"
    assert deploy.arguments["target"].required
    assert deploy.arguments["files"].many
    clone = described("clone", GIT_CLONE, "Clone it", ("clone",))
    assert clone.arguments["branch"].help.startswith("checkout")
    assert line("clone", clone, {"repo": "-x", "depth": "1"}) == (
        *("clone", "--depth=1", "--", "-x"),
    )
    assert clone.hints.destructive is True


@pytest.mark.parametrize("text", ["", "a", "usage:", "usage: x [", "commands:\n  \x00", "-" * 5000])
def test_what_nobody_understands_is_left_out(text: str) -> None:
    assert described("x", text).arguments.keys() <= {"argv"}
    assert len(commands(text)) == 0


@pytest.mark.parametrize("text", ["[a", "{", "[a]\nunknown = 1", "a = 1", '{"a": {"words": 3}}'])
def test_what_is_no_manifest(text: str) -> None:
    with pytest.raises(SysError) as caught:
        of_manifest(text)
    assert caught.value.code is Code.INVALID


NPM = """npm <command>

Usage:

npm install        install all the dependencies in your project

All commands:

    access, adduser, audit, bugs, cache, ci, completion,
    view, whoami

Specify configs in the ini-formatted file:
    /root/.npmrc
"""


def test_commands_that_stand_in_a_list_are_all_found() -> None:
    assert sorted(commands(NPM)) == [
        "access",
        "adduser",
        "audit",
        "bugs",
        "cache",
        "ci",
        "completion",
        "view",
        "whoami",
    ]


async def test_a_program_that_does_not_start_says_why(tmp_path: Path) -> None:
    program = tmp_path / "mute"
    program.write_text("#!/bin/sh\necho 'no such library' >&2\nexit 127\n")
    program.chmod(0o755)
    box = open_sandbox(Mode.NONE, state=tmp_path / "state")
    async with opened(tmp_path, box) as places:
        with pytest.raises(SysError, match="what it can do: no such library") as caught:
            await places.add("mute", Place(program=(str(program),)))
        assert "--readable" in caught.value.hint
    await box.aclose()
