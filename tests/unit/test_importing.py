"""Files of people become entries: parts, conversations, what has changed and what is gone."""

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from logos.abi.errors import Code, SysError
from logos.abi.events import Linked, Remembered
from logos.abi.ids import Seq
from logos.cli.documents import PART_CHARS, conversation, html_text, parts, table_text
from logos.cli.importing import _gone
from logos.cli.sources import Item, exported, missing, plan, read
from logos.kernel import Shelf


def test_html_is_what_a_reader_sees() -> None:
    page = (
        "<title>T</title><p>Hello <b>there</b>,<br>you</p><script>no()</script><ul><li>a<li>b</ul>"
    )
    assert html_text(page) == "T\n\nHello there,\n\nyou\n\na\n\nb"


def test_a_row_of_a_table_says_its_columns() -> None:
    assert (
        table_text("name,city\nAnn,Porto\nJon,\n") == "name,city\nname: Ann; city: Porto\nname: Jon"
    )


def test_what_is_no_text_has_no_parts() -> None:
    assert parts("a.bin", b"\0\1\2") == []
    assert parts("a.md", b"  \n") == []


def test_a_long_text_is_cut_at_lines_and_nothing_is_lost() -> None:
    text = "".join(f"line {n}\n" for n in range(60_000))
    made = parts("a.log", text.encode())
    assert "".join(part.text for part in made) == text
    assert all(part.text.endswith("\n") and len(part.text) <= PART_CHARS for part in made)
    assert [part.name for part in made][:2] == ["part-0001", "part-0002"]


def test_a_broken_pdf_is_said_to_be_one() -> None:
    with pytest.raises(SysError) as caught:
        parts("a.pdf", b"%PDF-1.4 nothing")
    assert caught.value.code is Code.INVALID


def test_lines_of_a_conversation_are_entries_with_speaker_and_time() -> None:
    lines = [
        {"speaker": "Jon", "text": "Hi.", "time": "2026-05-01T10:00"},
        {"text": "Hello.", "role": "assistant", "time": 1},
    ]
    first, second = conversation("talk", "\n".join(map(json.dumps, lines)).encode())
    assert (first.kind, first.subject, first.role, first.group) == ("people", "Jon", "user", "talk")
    assert first.time == 1_777_629_600_000_000
    assert (second.kind, second.role, second.time) == ("chat", "assistant", 1_000_000)
    assert conversation("data", b'{"a": 1}\n') == []
    assert conversation("data", b"not json\n") == []


@pytest.mark.parametrize(
    ("time", "microseconds"),
    [
        (1_777_629_600, 1_777_629_600_000_000),
        (1_777_629_600_123, 1_777_629_600_123_000),
        ("2026-05-01T10:00:00Z", 1_777_629_600_000_000),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
        (True, None),
        ("tomorrow", None),
    ],
)
def test_a_time_is_in_seconds_or_milliseconds_or_said(time: object, microseconds: object) -> None:
    [said] = conversation("talk", json.dumps({"text": "Hi.", "time": time}).encode())
    assert said.time == microseconds


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.txt", "café\n".encode("cp1252"), "café\n"),
        ("a.txt", "\ufeffcafé".encode(), "café"),
        ("a.txt", "café, thé, été ".encode() + b"\xff", "café, thé, été \\xff"),
        ("a.txt", "café".encode("utf-16"), "café"),
        ("a.html", '<meta charset="iso-8859-2"><p>Łódź'.encode("iso-8859-2"), "Łódź"),
        ("a.html", b'<meta charset="no-such"><p>caf\xe9', "café"),
    ],
)
def test_a_text_is_read_in_the_encoding_it_is_in(name: str, data: bytes, text: str) -> None:
    assert [part.text for part in parts(name, data)] == [text]


def test_a_long_line_is_cut_between_its_elements() -> None:
    text = json.dumps([{"n": n, "name": f"item {n}"} for n in range(20_000)], separators=(",", ":"))
    made = [part.text for part in parts("a.json", text.encode())]
    assert "".join(made) == text
    assert len(made) > 1
    assert all(part.endswith(",") for part in made[:-1])


PARTING = """<html><head><title>T</title></head><body><header>Name</header><main>Text
<table><tr><th>city</th><th>price</th></tr><tr><td>Porto</td><td>40</td></tr></table></main>"""


def test_cells_and_blocks_of_a_page_do_not_run_together() -> None:
    assert html_text(PARTING) == "T\n\nName\n\nText\n\ncity price\n\nPorto 40"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name;city\nAnn;Porto", "name;city\nname: Ann; city: Porto"),
        ('a,b\n"one\ntwo",x,more', "a,b\na: one two; b: x; more"),
        ("a,b\r1,2\r", "a,b\na: 1; b: 2"),
        ("\na\tb\n1\t2", "a\tb\na: 1; b: 2"),
        ("only", "only"),
        ("a,b\n1," + "x" * 140_000, "a,b\n1," + "x" * 140_000),  # more than a cell may have
    ],
)
def test_a_table_is_told_row_by_row_however_it_is_written(text: str, told: str) -> None:
    assert table_text(text) == told


ROOT = "/mem/archive"


def taken(shelf: Shelf, items: Sequence[Item]) -> None:
    for item in items:
        shelf.apply(Seq(shelf.seq + 1), shelf.seq + 1, item)


def test_only_what_changed_is_read_again_and_what_is_gone_is_closed(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name in ("a.md", "b.md"):
        (tmp_path / "docs" / name).write_text(f"{name}\n")
    (tmp_path / "docs" / ".hidden").write_text("x")
    shelf = Shelf()
    found, folders, skipped = plan(["docs"], tmp_path, ROOT)
    assert [one.place for one in found] == ["/mem/archive/docs/a.md", "/mem/archive/docs/b.md"]
    assert not skipped
    for one in found:
        taken(shelf, read(one, shelf, ()))
    standing = {v.source: [v] for v in shelf.below("/mem/archive")}
    assert [read(one, shelf, standing[f"file:{one.file}"]) for one in found] == [(), ()]
    (tmp_path / "docs" / "a.md").write_text("changed\n")
    changed = read(found[0], shelf, standing[f"file:{found[0].file}"])
    assert [item.text for item in changed if isinstance(item, Remembered)] == ["changed\n"]
    (tmp_path / "docs" / "b.md").unlink()
    assert [item.path for item in _gone(standing, folders)] == ["/mem/archive/docs/b.md"]
    with pytest.raises(SysError) as caught:
        plan(["nowhere"], tmp_path, ROOT)
    assert caught.value.code is Code.NOT_FOUND


def test_two_files_do_not_go_to_one_place(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder / "docs").mkdir(parents=True)
        (tmp_path / folder / "docs" / "read.me").write_text(folder)
    with pytest.raises(SysError, match="both go to /mem/archive/docs/read") as caught:
        plan(["a/docs", "b/docs"], tmp_path, ROOT)
    assert caught.value.code is Code.INVALID
    assert len(plan(["a/docs", "a/docs", "a"], tmp_path, ROOT).found) == 2


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "no text"),
        ("empty.md", b"", "no text"),
        ("a\nb.md", b"x", "is not a path"),
        ("a.pdf", b"%PDF-1.4\n1 0 obj << /Type /Catalog >>", "cannot be read"),
        (
            "cut.jsonl",
            b'{"type":"export","v":1}\n{"type":"remembered","path":"/kv/a"}\n',
            "cut off",
        ),
        ("new.jsonl", b'{"type":"export","v":2}\n{"type":"end"}\n', "another version"),
        (
            "no.jsonl",
            b'{"type":"export","v":1}\n{"type":"spawned"}\n{"type":"end"}',
            "not an export",
        ),
        (
            "bad.jsonl",
            b'{"type":"export","v":1}\n{"event":"remembered","path":"/x"}\n{"type":"end"}',
            "nothing can be kept",
        ),
    ],
)
def test_a_file_that_memory_does_not_take_says_why(
    tmp_path: Path, name: str, data: bytes, why: str
) -> None:
    (tmp_path / name).write_bytes(data)
    [one] = plan([name], tmp_path, ROOT).found
    with pytest.raises(SysError, match=why):
        read(one, Shelf(), ())


def lines(*events: Item) -> bytes:
    said = [{"type": type(e).__name__.lower()} | msgspec.to_builtins(e) for e in events]
    told = [{"type": "export", "v": 1}, *said, {"type": "end"}]
    return b"\n".join(map(msgspec.json.encode, told))


def test_of_an_export_only_what_is_missing_comes_in() -> None:
    told: list[Item] = [
        Remembered(path="/mem/archive/a", text="a long text " * 20, valid_from=5),
        Remembered(path="/kv/n", text="1", valid_from=6),
        Remembered(path="/kv/n", text="2", valid_from=7),
        Remembered(path="/kv/n", ends=True, valid_from=8),
        Linked(source="/kv/n", relation="of", target="/mem/archive/a"),
        Linked(source="/kv/n", relation="of", target="/mem/archive/a", removed=True),
        Linked(source="/kv/n", relation="in", target="/mem/archive/a"),
    ]
    shelf = Shelf()
    first = missing(exported(lines(*told)), shelf)
    assert first == [one for n, one in enumerate(told) if n not in (4, 5)]
    taken(shelf, first)
    more = Remembered(path="/kv/n", text="3", valid_from=9)
    assert missing(exported(lines(*told, more)), shelf) == [more]
