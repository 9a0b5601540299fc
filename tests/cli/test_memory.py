"""Memories at the command line: tried first, taken in, linked, and given on; and who goes on when a daemon dies."""

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest
from tests.cli.conftest import DONE, Place, frames_of, opened
from tests.conftest import PATIENCE_S

from logos.cli import wire

pytestmark = pytest.mark.slow


@pytest.fixture
def docs(place: Place) -> Path:
    folder = place.folder / "docs"
    folder.mkdir(exist_ok=True)
    (folder / "venue.md").write_text("The boat house costs 40 euros.\n")
    (folder / "people.csv").write_text("name;city\nAnn;Porto\n")
    (folder / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    return folder


def imported(place: Place, *words: str) -> dict[str, object]:
    done = place.run("mem", "import", *words, "--json")
    assert done.returncode == 0, done.stderr
    last: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return last


def test_an_import_is_tried_first_and_what_is_no_text_is_left_out(place: Place, docs: Path) -> None:
    tried = imported(place, str(docs), "--to", "tried", "--dry-run")
    assert (tried["files"], tried["entries"], tried["dry"], tried["pid"]) == (2, 2, True, None)
    assert "tried" not in {one["name"] for one in place.data("mem", "space")}
    done = imported(place, str(docs), "--to", "tried", "--at", "/mem/archive/2026")
    assert (done["files"], done["dry"]) == (2, False)
    assert done["skipped"] == [f"{docs}/photo.png: it holds no text"]
    assert place.data("cat", "/mem/tried/2026/docs/people.csv")["text"].endswith("city: Porto")
    again = imported(place, str(docs), "--to", "tried", "--at", "/mem/archive/2026", "--dry-run")
    assert (again["files"], again["unchanged"]) == (0, 2)
    for at in ("/mem/core", "/home/x", "/mem/archive/../core"):
        assert place.run("mem", "import", str(docs), "--at", at).returncode == 2


def test_the_same_files_may_stand_in_two_places(place: Place, docs: Path) -> None:
    to = (str(docs), "--to", "twice", "--at")
    assert imported(place, *to, "/mem/archive/a")["files"] == 2
    assert imported(place, *to, "/mem/archive/b")["files"] == 2
    (docs / "venue.md").write_text("It costs 50 euros.\n")
    assert imported(place, *to, "/mem/archive/a")["files"] == 1
    assert place.data("cat", "/mem/twice/a/docs/venue.md")["text"] == "It costs 50 euros.\n"
    assert place.data("cat", "/mem/twice/b/docs/venue.md")["text"].endswith("40 euros.\n")
    (docs / "people.csv").unlink()
    assert imported(place, *to, "/mem/archive/b")["closed"] == 2


def test_what_would_be_forgotten_and_closed_is_said(place: Place) -> None:
    for name in ("a", "b"):
        path = f"/mem/archive/{name}"
        place.data("mem", "remember", "The cake is for nine.", "--at", path, "--of", "tidy")
    dry = place.data("mem", "consolidate", "tidy", "--dry-run")
    assert ([one["path"] for one in dry["closed"]], dry["dry"]) == (["/mem/archive/b"], True)
    would = place.run("mem", "forget", "/mem/tidy", "--of", "tidy", "--dry-run", "--plain").stdout
    assert would.splitlines()[:2] == ["would go: /mem/tidy/a", "would go: /mem/tidy/b"]
    assert len(place.data("ls", "/mem/tidy")) == 2
    assert len(place.data("mem", "consolidate", "tidy")["closed"]) == 1
    assert [one["name"] for one in place.data("ls", "/mem/tidy")] == ["a"]


def test_a_search_says_why(place: Place) -> None:
    place.data(
        "mem", "remember", "Mira lives in Oslo.", "--at", "/mem/facts/mira/city", "--of", "p"
    )
    place.data(
        "mem", "remember", "Bergen", "--subject", "Mira", "--relation", "city", "--source", "Jon",
        "--of", "p",
    )  # fmt: skip
    found = place.data("mem", "search", "Which city does Mira live in?", "--of", "p")["pages"]
    assert {page["text"] for page in found} == {
        "mira city: Mira lives in Oslo.",
        "Mira city: Bergen",
    }
    assert all(page["why"] and page["score"] for page in found)
    facts = place.data("mem", "facts", "--of", "p")
    assert {(one["subject"], one["relation"]) for one in facts} == {
        ("mira", "city"),
        ("Mira", "city"),
    }
    assert all(len(one["contradicts"]) == 1 for one in facts)


def test_blocks_and_lists_are_cleared_and_blocks_are_not_too_long(place: Place) -> None:
    block = ("mem", "core", "goal", "--of", "blocks")
    assert (
        place.run(
            "mem", "remember", "x" * 4001, "--at", "/mem/core/goal", "--of", "blocks"
        ).returncode
        == 9
    )
    place.data(*block, "find the venue")
    assert place.data(*block, "--clear") == []
    assert place.data(*block, "--undo")[0]["text"] == "find the venue"
    place.data(*block, "book it")
    history = place.data(*block, "--history")
    assert [one["text"] for one in history] == ["find the venue", "find the venue", "book it"]
    assert [one["until"] is None for one in history] == [False, False, True]
    todo = ("mem", "todo", "--of", "blocks")
    assert place.data(*todo, "two\nlines", "[x] done") == ["- [ ] two lines", "- [x] done"]
    assert place.data(*todo, "--clear") == place.data(*todo) == []


def test_an_export_says_the_same_elsewhere_and_once(place: Place) -> None:
    of = ("--of", "old")
    page = place.data("mem", "remember", "The boat house.", "--at", "/mem/archive/a", *of)["page"]
    place.data("mem", "remember", "3", "--at", "/kv/n", *of)
    place.data("mem", "link", str(page), "about", "/mem/archive/b", *of)
    out = place.run("mem", "export", *of).stdout
    file = place.folder / "old.jsonl"
    file.write_text(out)
    assert imported(place, str(file), "--to", "other")["entries"] == 3
    assert imported(place, str(file), "--to", "other")["entries"] == 0
    linked = place.data("mem", "link", "/mem/archive/a", "--of", "other")
    assert [(e["source"], e["target"]) for e in linked] == [("/mem/other/a", "/mem/other/b")]
    lines = out.splitlines(keepends=True)
    for skip in (0, 1, len(lines) - 1, len(lines)):
        rest = place.run("mem", "export", *of, "--skip", str(skip)).stdout
        assert rest == "".join(lines[skip:])
    file.write_text("".join(lines[:-1]))
    cut = place.run("mem", "import", str(file), "--to", "other")
    assert "was cut off" in json.loads(cut.stdout.splitlines()[-1])["skipped"][0]


def test_what_a_process_heard_goes_along_and_is_found_elsewhere(place: Place) -> None:
    file = place.folder / "done.jsonl"
    file.write_text(place.run("mem", "export", "--of", str(DONE), "--recall").stdout)
    entries = imported(place, str(file), "--to", "heir")["entries"]
    assert entries == len(file.read_text().splitlines()) - 2
    assert imported(place, str(file), "--to", "heir")["entries"] == 0
    found = place.data("mem", "search", "Who pays for the venue?", "--of", "heir")["pages"]
    assert {page["role"] for page in found} == {"user", "tool", "assistant"}
    assert all(page["path"].startswith(f"/mem/heir/said/{DONE}/") for page in found)
    assert any("Mira pays" in page["text"] for page in found)


def shown(frames: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(payload for kind, payload in opened(frames) if kind == wire.OUT)


@pytest.mark.parametrize(
    "words",
    [
        ("journal", str(DONE)),
        ("logs", str(DONE)),
        ("mem", "export", "--of", "cut"),
        ("mem", "export", "--of", str(DONE), "--recall"),
    ],
)
def test_what_is_heardline_by_line_goes_on_wherever_it_was_cut_off(
    place: Place, words: tuple[str, ...]
) -> None:
    if "cut" in words:
        place.data("mem", "remember", "One.", "--at", "/mem/archive/a", "--of", "cut")
    with place.asked(*words) as daemon:
        frames = list(frames_of(daemon))
    whole = shown(frames)
    for cut in range(1, len(frames)):
        resumes = [wire.unpack(p) for k, p in opened(frames[:cut]) if k == wire.RESUME]
        if not resumes or cut % 5:
            continue
        with place.asked(*resumes[-1]) as daemon:
            assert shown(frames[:cut]) + shown(list(frames_of(daemon))) == whole


def passed_on(lines: Iterable[str], to: "Queue[str]") -> None:
    """Read all the time: whoever fills a pipe that nobody reads hears of no daemon's end."""
    for line in lines:
        to.put(line)


def test_who_only_watches_waits_for_the_next_daemon_and_starts_none(place: Place) -> None:
    with place.start("logs", "--from", "1", "--json") as watching:
        assert watching.stdout is not None
        assert watching.stderr is not None
        heard: Queue[str] = Queue()
        reading = Thread(target=passed_on, args=[watching.stdout, heard])
        reading.start()
        heard.get(timeout=PATIENCE_S)
        place.run("down")
        assert "waiting for the next one" in watching.stderr.readline()
        assert place.run("status").returncode == 69
        place.data("mem", "remember", "Seen by who watches.", "--of", "watched")
        while "Seen by who watches." not in heard.get(timeout=PATIENCE_S):
            pass
        watching.terminate()
        reading.join(PATIENCE_S)


def test_an_import_goes_on_across_a_killed_daemon(place: Place) -> None:
    folder = place.folder / "much"
    folder.mkdir()
    for n in range(300):
        (folder / f"{n:03}.md").write_text(f"note {n}\n" * 40)
    with place.start("mem", "import", str(folder), "--to", "much", "--json") as running:
        assert running.stdout is not None
        for _ in range(40):
            running.stdout.readline()
        place.kill_daemon()
        out, err = running.communicate(timeout=180)
    assert running.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["type"] == "imported"
    assert len(place.data("ls", "/mem/much/much")) == 300
    exported = place.run("mem", "export", "--of", "much").stdout.splitlines()
    assert len(exported) == 2 + 300, "each once"


def test_plain_is_plain_also_for_a_mistake(place: Place) -> None:
    done: subprocess.CompletedProcess[str] = place.run("mem", "read", "x", "--plain")
    assert (done.returncode, done.stdout) == (2, "")
