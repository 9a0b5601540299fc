"""The obvious mistakes: one clear line, a hint, the right exit status, never a trace."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.cli.conftest import LOGOS, Place
from tests.conftest import PATIENCE_S

from logos.abi.errors import DAEMON_ABSENT

pytestmark = pytest.mark.slow

CLOSED = 128 + 13
"""As of a program that SIGPIPE has ended."""


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["run", "libb", "x"], 3, "did you mean lib?"),
        (["run", "agents/none.md", "x"], 3, "there is no file"),
        (["run", "lib"], 2, "required: task"),
        (["run", "lib", ""], 2, "there is no task"),
        (["run", "lib", "-"], 2, "there is no task"),
        (["run", "lib", "x", "--model", "nobodys/model"], 3, "no driver for the model"),
        (["run", "lib", "x", "--model", "openai/gpt-5"], 5, "set OPENAI_API_KEY"),
        (["run", "lib", "x", "--workspace", "nowhere"], 3, "make it first"),
        (["run", "lib", "x", "--tokens=-1"], 2, "makes no sense"),
        (["run", "lib", "x", "--cost", "nan"], 2, "'nan' is not a number"),
        (["attach", "999"], 3, "there is no process 999"),
        (["journal", "999"], 3, "there is no process 999"),
        (["kill", "1"], 4, "init takes no signals"),
        (["kill", "2"], 10, "process 2 has exited"),
        (["kill", "999"], 3, "there is no process 999"),
        (["kill", "two"], 2, "'two' is not a whole number"),
        (["kill", "9" * 30], 2, "is too large"),
        (["kill", "2", "-s", "hup"], 2, "(choose from 'term', "),
        (["logs", "999"], 3, "there is no process 999"),
        (["logs", "999", "-f"], 3, "there is no process 999"),
        (["send", "2", "x"], 10, "process 2 has exited"),
        (["show", "999"], 3, "there is no process 999"),
        (["wait", "2", "999"], 3, "there is no process 999"),
        (["audit"], 2, "there are: audit verify"),
        (["mem", "serach", "x"], 2, "did you mean mem search"),
        (["ls", "/nowhere"], 3, "there is no /nowhere"),
        (["ls", "team"], 2, "is not a path of the tree"),
        (["ls", "--pid", "999"], 3, "there is no process 999"),
        (["mem", "facts", "--of", "tema"], 3, "there is no space 'tema'"),
        (["mem", "consolidate", "999"], 3, "there is no process 999"),
        (["mem", "forget", "/mem/archive/nix"], 3, "nothing is kept at /mem/archive/nix"),
        (["mem", "link", "/mem/archive/nix", "cites", "999"], 3, "there is no page 999"),
        (["mem", "link", "/mem/other/a", "cites", "/mem/other/b"], 2, "is in another memory"),
        (["mem", "core", "goals", "much too long", "--limit", "5"], 9, "takes 5 characters"),
        (["mem", "embed", "--all"], 10, "set memory.embedder"),
        (["exec", "--allow-net", "bad::host", "--", "true"], 2, "pypi.org"),
        (["exec", "--readable", "nowhere", "--", "true"], 3, "--readable FOLDER"),
        (["exec", "--memory", "5", "--", "true"], 2, "5 is less than 64"),
        (["mount", "x", "http://127.0.0.1:1/mcp"], 75, "does not answer"),
        (["audit", "export", "/no/such/file"], 3, "there is no /no/such/file"),
        (["audit", "export", "."], 2, "Is a directory"),
        (["cat", "\udcff"], 2, "in UTF-8"),
        (["mem", "search"], 2, "required: question"),
        (["mem"], 2, "'mem' is half a command"),
        (["runn"], 2, "did you mean run?"),
        (["help", "xyzzy"], 2, "logos --help"),
    ],
)
def test_a_mistake(place: Place, words: list[str], status: int, said: str) -> None:
    done = place.run(*words)
    assert done.returncode == status
    assert said in done.stderr
    assert done.stderr.startswith("logos: ")
    error = json.loads(done.stdout)["error"]
    assert error["exit"] == status
    assert error["message"] in done.stderr
    assert error["hint"] in done.stderr


@pytest.mark.parametrize("setting", ["model = [", 'modle = "x"', "[node]\nlease_s = 'soon'"])
def test_bad_settings_are_named_and_hide_no_help(
    place: Place, tmp_path: Path, setting: str
) -> None:
    (tmp_path / "logos.toml").write_text(setting)
    bad = place.at(tmp_path)
    for word in "ps", "config", "doctor":
        done = bad.run(word)
        assert done.returncode == 2
        assert str(tmp_path / "logos.toml") in done.stderr
        assert json.loads(done.stdout)["error"]["code"] == "invalid"
    assert bad.run("--help").returncode == 0
    assert bad.run("ps", "--help").returncode == 0


def test_a_database_that_does_not_answer(place: Place, tmp_path: Path) -> None:
    done = place.at(tmp_path, LOGOS_STORE_URL="postgresql://nobody@127.0.0.1:1/x").run("ps")
    assert done.returncode == 75
    assert "the database does not answer" in done.stderr
    assert "check store.url" in done.stderr


def test_a_home_that_is_a_file(place: Place, tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.touch()
    done = place.at(home).run("ps")
    assert done.returncode == 2
    assert done.stderr.startswith(f"logos: {home} cannot be used: ")
    assert json.loads(done.stdout)["error"]["message"] in done.stderr


def test_a_model_that_is_set_where_run_is_typed_is_that_of_the_run(place: Place) -> None:
    """The daemon has begun with another, and without its key: it says so instead of using its own."""
    done = place.at(place.home, LOGOS_MODEL="openai/gpt-5").run("run", "lib", "Read launch.md.")
    assert done.returncode == 5
    assert "set OPENAI_API_KEY" in done.stderr


def test_what_a_space_keeps_has_the_path_that_everybody_sees(place: Place) -> None:
    path = "/mem/crew/venue"
    put = place.data("mem", "remember", "The venue is booked.", "--at", path, "--of", "crew")
    assert put["path"] == path
    assert place.data("cat", path)["text"] == "The venue is booked."
    [page] = place.data("mem", "search", "Is the venue booked?", "--of", "crew")["pages"]
    assert page["path"] == path
    assert [
        page["path"] for page in place.data("mem", "search", "quarks", "--of", "crew")["pages"]
    ] == []
    other = place.run("mem", "remember", "lost", "--at", "/mem/crew/other")
    assert other.returncode == 2
    assert "--of crew" in other.stderr
    assert len(place.data("mem", "forget", path, "--of", "crew")["forgotten"]) == 1
    assert place.run("cat", path).returncode == 3


def test_no_daemon(place: Place, tmp_path: Path) -> None:
    nobody = place.at(tmp_path / "none")
    status, down = nobody.run("status"), nobody.run("down")
    assert (status.returncode, down.returncode) == (DAEMON_ABSENT, 0)
    assert json.loads(status.stdout)["error"]["hint"] == "logos up"
    assert json.loads(down.stdout)["data"] == {"stopping": False}
    assert not nobody.home.exists()


@pytest.mark.parametrize("name", ["with space", "ünï", "x" * 120])
def test_homes_with_odd_names(place: Place, tmp_path: Path, name: str) -> None:
    odd = place.at(tmp_path / name, LOGOS_STORE_URL="postgresql://nobody@127.0.0.1:1/x")
    assert odd.run("up").returncode == 75
    assert (odd.home / "daemon.log").exists()


def test_looking_changes_nothing(place: Place) -> None:
    place.data("mem", "todo", "buy bread", "call Ann", "--of", "home")
    place.data("mem", "remember", "The venue is booked.", "--at", "/mem/archive/venue")
    for _ in range(2):
        assert place.data("mem", "todo") == ["- [ ] buy bread", "- [ ] call Ann"]
        assert place.data("cat", "/mem/archive/venue")["text"] == "The venue is booked."
        assert "venue" in {entry["name"] for entry in place.data("ls", "/mem/archive")}
        root = [entry["name"] for entry in place.data("ls", "/")]
        assert root == ["kv", "mem", "net", "proc", "skills", "tools"]


def test_half_a_command_has_a_page(place: Place) -> None:
    done = place.run("audit", "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: logos audit COMMAND\n\n  audit verify ")


def test_up_twice_is_one_daemon(place: Place) -> None:
    assert place.data("up")["pid"] == place.data("up")["pid"]


def test_nobody_reads(place: Place) -> None:
    inner, outer = os.pipe()
    os.close(inner)
    done = subprocess.run(
        [LOGOS, "journal", "2"],
        cwd=place.folder,
        env=place.environ,
        stdout=outer,
        stderr=subprocess.PIPE,
        check=False,
        timeout=PATIENCE_S,
    )
    os.close(outer)
    assert (done.returncode, done.stderr) == (CLOSED, b"")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_closed_stream(place: Place, closed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" ps {closed}', LOGOS],
        cwd=place.folder,
        env=place.environ,
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_folder_that_is_gone(place: Place, tmp_path: Path) -> None:
    script = f'mkdir "{tmp_path}/gone" && cd "{tmp_path}/gone" && rmdir ../gone && "$0" ps'
    done = subprocess.run(
        ["sh", "-c", script, LOGOS], env=place.environ, capture_output=True, check=False
    )
    assert done.returncode == 3
    assert b"has been removed" in done.stderr
