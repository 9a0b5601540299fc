"""Client and daemon: commands that outlive a killed daemon, and who may talk to it."""

import fcntl
import json
import os
import socket
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from tests.cli.conftest import Place, frames_of, split
from tests.conftest import PATIENCE_S

from logos.cli import wire
from logos.cli.client import talk
from logos.cli.where import socket_path

pytestmark = pytest.mark.slow

NOBODY = 65534
JOB = "Find `TODO` in the `*.md` files. For each match, append a line `- PATH:LINE: TEXT` to ledger.md."


@pytest.fixture
def many(place: Place, tmp_path: Path) -> Path:
    for n in range(30):
        (tmp_path / f"item{n}.md").write_text(f"TODO: ask about item {n}\n")
    return tmp_path


def test_run_goes_on_across_a_killed_daemon(place: Place, many: Path) -> None:
    """The client shows each event once, in order, and ends as if nothing had happened."""
    with place.start("run", "lib", JOB, "--workspace", str(many)) as running:
        assert running.stdout is not None
        shown = []
        for text in running.stdout:
            shown.append(json.loads(text))
            if len(shown) == 12:
                place.kill_daemon()
        assert running.wait(PATIENCE_S) == 0
    *events, result = shown
    assert result["type"] == "result"
    seqs = [event["seq"] for event in events]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    ledger = (many / "ledger.md").read_text().splitlines()
    assert len(ledger) == len(set(ledger)) == 30


NO_WRITES = """
[[rule]]
id = "no-writes"
verdict = "deny"
because = "the workspace is not to be changed"
impact = ["reversible_write"]
allow = { impact = "read", kind = "path" }
deny = { impact = "reversible_write", kind = "path", free = true }
"""


def test_another_policy_and_another_model(place: Place, tmp_path: Path) -> None:
    (tmp_path / "one.md").write_text("TODO: ask\n")
    pid = str(place.data("run", "lib", JOB, "--detach", "--workspace", str(tmp_path))["pid"])
    place.run("wait", pid)
    file = tmp_path / "policy.toml"
    file.write_text(NO_WRITES)
    found = place.data("replay", pid, "--policy", str(file))
    assert found["calls"] > len(found["changed"]) == 1
    assert (found["changed"][0]["tool"], found["changed"][0]["now"]["rule"]) == (
        "fs.append",
        "no-writes",
    )
    assert place.run("replay", pid, "--policy", str(file), "--fail-on-change").returncode == 1
    text = place.run("replay", pid, "--policy", str(file), "--plain").stdout
    assert "allow -> deny" in text
    assert "the workspace is not to be changed" in text
    file.write_text("")
    assert place.run("replay", pid, "--policy", str(file), "--fail-on-change").returncode == 0
    file.write_text("[[rule]]\nid = 1")
    assert place.run("replay", pid, "--policy", str(file)).returncode == 2
    again = place.data("replay", pid, "--model", "builtin/reader", "--fail-on-change")
    assert again["thoughts"] > 1
    assert (again["parted"], again["failed"]) == (0, 0)
    assert again["usage"]["input"]


def test_wait_goes_on_across_a_killed_daemon(place: Place, many: Path) -> None:
    pid = place.data("run", "lib", JOB, "--detach", "--workspace", str(many))["pid"]
    with place.start("wait", str(pid)) as waiting:
        place.kill_daemon()
        out, err = waiting.communicate(timeout=PATIENCE_S)
    assert waiting.returncode == 0, err
    assert json.loads(out)["data"][0]["pid"] == pid


def test_what_was_not_taken_goes_to_the_next_daemon(place: Place) -> None:
    """A daemon on its way out accepts and says nothing: the command must not fail for it."""
    place.run("down")
    path = Path(socket_path(str(place.home)))
    with socket.socket(socket.AF_UNIX) as dying:
        dying.bind(str(path))
        dying.listen()
        with place.start("ps") as asking:
            accepted, _ = dying.accept()
            path.unlink()
            accepted.close()
            _, err = asking.communicate(timeout=PATIENCE_S)
    assert (asking.returncode, err) == (0, "")


def test_a_daemon_that_is_about_to_end_is_waited_for(place: Place, tmp_path: Path) -> None:
    """It answers no more, and holds its home: the next one is started when it has let go."""
    other = place.at(tmp_path / "home")
    other.home.mkdir()
    with (other.home / "node.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started = other.start("up")
        log = other.home / "daemon.log"
        while not (log.is_file() and "has a running node" in log.read_text()):
            assert started.poll() is None
            time.sleep(0.05)  # until another process has looked
    with started:
        _, err = started.communicate(timeout=PATIENCE_S)
    assert started.returncode == 0, err
    other.run("down")


def test_what_was_taken_is_not_done_again(place: Place) -> None:
    place.run("down")
    path = Path(socket_path(str(place.home)))
    with socket.socket(socket.AF_UNIX) as dying:
        dying.bind(str(path))
        dying.listen()
        with place.start("send", "1", "hello") as asking:
            accepted, _ = dying.accept()
            accepted.sendall(wire.frame(wire.TAKEN, b""))
            accepted.close()
            _, err = asking.communicate(timeout=PATIENCE_S)
    path.unlink()
    assert asking.returncode == 69
    assert "whether it happened is in the journal" in err


def test_an_event_and_how_to_go_on_after_it_come_together(place: Place) -> None:
    """Wherever a daemon dies, no event is shown twice and none is left out."""
    frames = answered(place, *RUN, "--json")
    events = [list(split(payload)) for kind, payload in frames if kind == wire.TOGETHER]
    ending = events.pop()
    assert len(events) > 5
    for (_, shown), (_, resume) in events:
        assert wire.unpack(resume)[2:4] == ["--from", str(json.loads(shown)["seq"])]
    assert [kind for kind, _ in ending] == [wire.OUT, wire.EXIT], "the result, and its status"
    assert [kind for kind, _ in frames if kind != wire.TOGETHER] == [wire.TAKEN]


RUN = ("run", "lib", "Read launch.md. Who pays for the venue?", "--workspace", "notes")


@pytest.mark.parametrize(
    "words",
    [
        (*RUN, "--json"),
        (*RUN, "--plain"),
        ("attach", "2", "--json"),
        ("attach", "2", "--plain"),
        ("attach", "2", "--from", "4", "--said", "3", "--plain"),
        ("wait", "2", "--json"),
        ("show", "2", "--plain"),
        ("show", "99", "--json"),
    ],
    ids=" ".join,
)
def test_the_next_daemon_shows_what_is_left(
    place: Place, words: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    """After whichever frame the first one died; also after the last line, before the status."""
    frames = answered(place, *words)
    whole = seen(place, frames, words, capfd)
    assert whole[0] in (0, 3)
    assert whole[1] or whole[2]
    for left in range(1, len(frames)):
        again = seen(place, frames[:left], words, capfd)
        assert again == whole or again[:2] == (None, ""), f"after {left} of {len(frames)}"


def answered(place: Place, *words: str) -> list[tuple[bytes, bytes]]:
    place.data("up")
    with place.asked(*words) as daemon:
        return list(frames_of(daemon))


def connected(place: Place) -> socket.socket:
    place.data("up")
    daemon = socket.socket(socket.AF_UNIX)
    daemon.connect(socket_path(str(place.home)))
    daemon.settimeout(PATIENCE_S)
    return daemon


def seen(
    place: Place,
    frames: list[tuple[bytes, bytes]],
    words: tuple[str, ...],
    capfd: pytest.CaptureFixture[str],
) -> tuple[int | None, str, str]:
    """The status, and what was shown, by a client whose daemon died after these frames; None where
    nobody can say what became of it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"".join(wire.frame(*one) for one in frames))
        theirs.shutdown(socket.SHUT_WR)
        _, ended = talk(ours, list(words))
    if isinstance(ended, list):
        with connected(place) as daemon:
            _, ended = talk(daemon, ended)
    assert not isinstance(ended, list)
    return (ended, *capfd.readouterr())


def test_a_client_cut_off_anywhere_knows_how_to_go_on(capfd: pytest.CaptureFixture[str]) -> None:
    whole = wire.frame(wire.TAKEN, b"")
    for n in (1, 2, 3):
        event = wire.frame(wire.OUT, b"%d\n" % n) + wire.frame(wire.RESUME, b"after %d" % n)
        whole += wire.frame(wire.TOGETHER, event)
    for cut in range(wire.HEADER_BYTES, len(whole) + 1):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(whole[:cut])
            theirs.shutdown(socket.SHUT_WR)
            taken, resume = talk(ours, ["run"])
        shown = capfd.readouterr().out.split()
        assert taken
        assert resume == ([f"after {shown[-1]}"] if shown else None)


@pytest.mark.parametrize(
    "sent", [b"", b"q", wire.frame(b"q", b"x"), b"q\xff\xff\xff\xff", wire.frame(b"?", b"")]
)
def test_nonsense_does_not_take_the_daemon_down(place: Place, sent: bytes) -> None:
    before = place.data("up")["pid"]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(socket_path(str(place.home)))
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        while client.recv(1 << 16):
            pass
    assert place.data("status")["pid"] == before


def test_a_command_of_another_version_is_told_how_to_go_on(place: Place) -> None:
    """Taken for a request of this one, its words would mean something else."""
    pid = place.data("up")["pid"]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(socket_path(str(place.home)))
        client.sendall(wire.frame(wire.REQUEST, wire.pack(["/tmp", "80", "", "", "down"])))
        frames = dict(frames_of(client))
    assert f"kill {pid}" in frames[wire.ERR].decode()
    assert frames[wire.EXIT] == b"10"
    assert place.data("status")["pid"] == pid


def as_nobody(place: Place) -> "subprocess.CompletedProcess[str]":
    """Another user, who stands in the folder already, says hello."""
    program = textwrap.dedent(f"""
        import os, socket
        os.setgroups([])
        os.setgid({NOBODY})
        os.setuid({NOBODY})
        client = socket.socket(socket.AF_UNIX)
        client.connect("logos.sock")
        client.sendall({wire.request("/", ["ps"])!r})
        answer = b""
        while piece := client.recv(4096):
            answer += piece
        print(answer)
    """)
    return subprocess.run(
        [sys.executable, "-c", program], cwd=place.home, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_is_refused(place: Place) -> None:
    """By the socket's mode; and by who they are, should the mode ever let them in."""
    before = place.data("up")["pid"]
    path = Path(socket_path(str(place.home)))
    assert path.parent == place.home
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "PermissionError" in as_nobody(place).stderr
    path.chmod(0o666)
    refused = as_nobody(place).stdout
    path.chmod(0o600)
    assert f"denied: uid {NOBODY} is not the owner" in refused
    assert "x\\x00\\x00\\x00\\x014" in refused
    assert place.data("status")["pid"] == before
