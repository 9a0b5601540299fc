"""Files of people become entries: parts, conversations, what has changed and what is gone."""

import json
from pathlib import Path

import pytest

from logos.abi.errors import Code, SysError
from logos.abi.events import Remembered
from logos.abi.ids import Seq
from logos.cli.documents import PART_CHARS, conversation, html_text, parts, table_text
from logos.cli.importing import _gone, _read, plan
from logos.kernel import Shelf


def test_html_is_what_a_reader_sees() -> None:
    page = (
        "<title>T</title><p>Hello <b>there</b>,<br>you</p><script>no()</script><ul><li>a<li>b</ul>"
    )
    assert html_text(page) == "T\n\nHello there,\n\nyou\n\na\n\nb"


def test_a_row_of_a_table_says_its_columns() -> None:
    assert (
        table_text("name,city\nAnn,Porto\nJon,\n", ",")
        == "name,city\nname: Ann; city: Porto\nname: Jon"
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


def taken(shelf: Shelf, items: list[Remembered]) -> None:
    for item in items:
        shelf.apply(Seq(shelf.seq + 1), shelf.seq + 1, item)


def test_only_what_changed_is_read_again_and_what_is_gone_is_closed(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name in ("a.md", "b.md"):
        (tmp_path / "docs" / name).write_text(f"{name}\n")
    (tmp_path / "docs" / ".hidden").write_text("x")
    shelf = Shelf()
    found, folders = plan(["docs"], tmp_path)
    assert [one.place for one in found] == ["/mem/archive/docs/a.md", "/mem/archive/docs/b.md"]
    for one in found:
        items = _read(one, ())
        assert items is not None
        taken(shelf, [item for item in items if isinstance(item, Remembered)])
    standing = {v.source: [v] for v in shelf.below("/mem/archive")}
    assert [_read(one, standing[f"file:{one.file}"]) for one in found] == [None, None]
    (tmp_path / "docs" / "a.md").write_text("changed\n")
    changed = _read(found[0], standing[f"file:{found[0].file}"])
    assert changed is not None
    assert [item.text for item in changed if isinstance(item, Remembered)] == ["changed\n"]
    (tmp_path / "docs" / "b.md").unlink()
    assert [item.path for item in _gone(standing, folders)] == ["/mem/archive/docs/b.md"]
    with pytest.raises(SysError) as caught:
        plan(["nowhere"], tmp_path)
    assert caught.value.code is Code.NOT_FOUND
