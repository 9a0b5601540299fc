"""fs.* on a real folder: what each call returns, and what it refuses."""

import os
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from logos.abi.calls import Append, List, Read, Search, Write
from logos.abi.driver import Job, Verdict
from logos.abi.errors import Code, SysError
from logos.abi.ids import CallId, Pid
from logos.drivers.workspace import Workspace
from logos.drivers.workspace.change import temporary_name

pytestmark = pytest.mark.anyio
FS = Workspace()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def job(workspace: Path, call: Any) -> Job:
    return Job(id=CallId("2.1"), pid=Pid(2), call=call, workspace=workspace)


async def do(workspace: Path, call: Any) -> str:
    return await FS.run(job(workspace, call))


async def refused(workspace: Path, call: Any) -> SysError:
    with pytest.raises(SysError) as caught:
        await do(workspace, call)
    return caught.value


async def test_list(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("12345")
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    assert await do(tmp_path, List()) == "a/\nb.txt\t5\nlink\t(a link)\npipe\t(not a file)"
    assert await do(tmp_path, List(path="a")) == "[the folder is empty]"
    assert (await refused(tmp_path, List(path="b.txt"))).hint == "read it with fs.read"
    error = await refused(tmp_path, List(path="/home/aa"))
    assert (error.code, error.hint) == (Code.NOT_FOUND, "did you mean a?")


@pytest.mark.slow
async def test_list_is_bounded(tmp_path: Path) -> None:
    for n in range(2005):
        (tmp_path / f"{n:04}").touch()
    shown = (await do(tmp_path, List())).splitlines()
    assert len(shown) == 2001
    assert shown[-1].startswith("[5 more entries")


@pytest.mark.parametrize(
    ("content", "ask", "shown"),
    [
        (b"one\ntwo\n", {}, "1\tone\n2\ttwo"),
        (b"one\r\ntwo", {}, "1\tone\n2\ttwo\n[no newline at the end]"),
        (b"a\n\n\x0cb\xe2\x80\xa8c\n", {}, "1\ta\n2\t\n3\t\x0cb\u2028c"),
        (b"", {}, "[the file is empty]"),
        (b"1\n2\n3\n4\n", {"first": 2, "last": 3}, "2\t2\n3\t3"),
        (b"1\n2\n", {"first": 9}, "[the file has only 2 lines]"),
        (
            b"1\n2\n",
            {"first": 2, "last": 1},
            "[no lines: last is before first; the file has 2 lines]",
        ),
        (b"caf\xe9\n", {}, "1\tcaf\\xe9"),
        (b"\xef\xbb\xbfx\n", {}, "1\tx"),
        ("é\n".encode("utf-16"), {}, "1\té"),
    ],
)
async def test_read(tmp_path: Path, content: bytes, ask: dict[str, Any], shown: str) -> None:
    (tmp_path / "f").write_bytes(content)
    assert await do(tmp_path, Read(path="/home/f", **ask)) == shown


async def test_read_shows_400_lines_and_says_how_many_there_are(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("".join(f"{n}\n" for n in range(1, 1001)))
    shown = (await do(tmp_path, Read(path="f"))).splitlines()
    assert len(shown) == 401
    assert shown[-1] == "[lines 1-400 of 1000; go on with first=401]"
    shown = (await do(tmp_path, Read(path="f", first=801))).splitlines()
    assert (shown[0], shown[-1]) == ("801\t801", "1000\t1000")


async def test_read_cuts_long_lines_with_a_mark(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x" * 2500 + "\n")
    assert (await do(tmp_path, Read(path="f"))).endswith("xx…[500 more characters]")


async def test_read_refuses_what_is_no_text_or_too_large(tmp_path: Path) -> None:
    (tmp_path / "bin").write_bytes(b"\x7fELF\0\0")
    error = await refused(tmp_path, Read(path="bin"))
    assert error.code is Code.INVALID
    assert "not a text file" in error.message
    with (tmp_path / "big").open("wb") as file:
        file.truncate(5 << 20)
    assert (await refused(tmp_path, Read(path="big"))).code is Code.LIMIT
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in (await refused(tmp_path, Read(path="pipe"))).message
    assert (await refused(tmp_path, Read(path="/home"))).hint == "list it with fs.list"


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/home/../etc/passwd", "../etc/passwd", "/homes/x", "//home/x", "a\0b"]
)
async def test_only_home_is_there(tmp_path: Path, path: str) -> None:
    for call in (Read(path=path), List(path=path), Search(pattern="x", path=path)):
        assert (await refused(tmp_path, call)).code is Code.NOT_FOUND
    for change in (Write(path=path, text="x"), Append(path=path, text="x")):
        assert (await refused(tmp_path, change)).code is Code.NOT_FOUND


async def test_planted_links_lead_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("top secret\n")
    home = tmp_path / "home"
    home.mkdir()
    (home / "folder").symlink_to(outside)
    (home / "file").symlink_to(outside / "secret")
    (home / "up").symlink_to("..")
    (home / "self").symlink_to("/proc/self/root")
    (home / "harmless").symlink_to("plain")
    (home / "plain").write_text("plain\n")
    reach = ("folder/secret", "file", "up/outside/secret", f"self{outside}/secret", "harmless")
    for path in reach:
        for call in (Read(path=path), Write(path=path, text="x"), Append(path=path, text="x")):
            error = await refused(home, call)
            assert error.code is Code.INVALID
            assert "symbolic link" in error.message
    assert (await refused(home, List(path="folder"))).code is Code.INVALID
    assert (await refused(home, Write(path="folder/new/x", text="x"))).code is Code.INVALID
    assert await do(home, Search(pattern="secret|plain")) == "/home/plain:1: plain"
    assert (outside / "secret").read_text() == "top secret\n"
    assert sorted(p.name for p in outside.iterdir()) == ["secret"]


async def test_a_file_with_a_second_name_is_not_opened(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "secret").write_text("top secret\n")
    (home / "f").hardlink_to(tmp_path / "secret")
    for call in (Read(path="f"), Append(path="f", text="x")):
        error = await refused(home, call)
        assert error.code is Code.INVALID
        assert "second name" in error.message
    assert await do(home, Search(pattern="secret")) == "[no match in 0 files; skipped: 1 linked]"
    await do(home, Write(path="f", text="new"))  # this takes the name away from the other file
    assert (tmp_path / "secret").read_text() == "top secret\n"
    assert await do(home, Read(path="f")) == "1\tnew\n[no newline at the end]"


async def test_write_replaces_whole_and_makes_folders(tmp_path: Path) -> None:
    assert (
        await do(tmp_path, Write(path="a/b/c.txt", text="é\n"))
        == "wrote 3 bytes to /home/a/b/c.txt"
    )
    file = tmp_path / "a" / "b" / "c.txt"
    assert file.read_text() == "é\n"
    assert file.stat().st_mode & 0o777 == 0o644
    file.chmod(0o755)
    await do(tmp_path, Write(path="a/b/c.txt", text=""))
    assert file.read_text() == ""
    assert file.stat().st_mode & 0o777 == 0o755
    assert names(file.parent) == ["c.txt"]
    for path in ("a/b", "/home", "new/"):
        assert "folder" in (await refused(tmp_path, Write(path=path, text="x"))).message
    assert (await refused(tmp_path, Write(path="a/b/c.txt/d", text="x"))).code is Code.NOT_FOUND
    assert (await refused(tmp_path, Write(path="f", text="x" * (5 << 20)))).code is Code.LIMIT


async def test_a_second_try_clears_what_a_crash_left(tmp_path: Path) -> None:
    left = tmp_path / temporary_name("2.1", "f")
    left.symlink_to("/etc/passwd")  # or what hostile code planted in its place
    await do(tmp_path, Write(path="f", text="whole"))
    assert names(tmp_path) == ["f"]
    assert (tmp_path / "f").read_text() == "whole"


def names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


@contextmanager
def full_after(size: int) -> Iterator[None]:
    """A disk on which no file grows past `size`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("old\n")
    calls = (Write(path="f", text="new" * 1000), Append(path="f", text="more" * 1000))
    for call in calls:
        with full_after(100):
            error = await refused(tmp_path, call)
        assert error.code is Code.UNAVAILABLE
        assert "make room" in error.hint
        assert file.read_text() == "old\n"
        assert names(tmp_path) == ["f"]


async def test_append(tmp_path: Path) -> None:
    for text in ("a\n", "b\n"):
        assert (
            await do(tmp_path, Append(path="new/log", text=text))
            == "appended 2 bytes to /home/new/log"
        )
    assert (tmp_path / "new" / "log").read_text() == "a\nb\n"


async def test_parallel_appends_do_not_mix(tmp_path: Path) -> None:
    lines = [f"{n:03}-{'x' * 3000}\n" for n in range(40)]
    async with anyio.create_task_group() as tasks:
        for line in lines:
            tasks.start_soon(do, tmp_path, Append(path="log", text=line))
    assert sorted((tmp_path / "log").read_text().splitlines(keepends=True)) == lines


@pytest.mark.parametrize("before", [None, b"", b"line\n", b"x" * 9000])
@pytest.mark.parametrize(
    ("after", "verdict", "left"),
    [
        (b"", Verdict.NOT_DONE, b""),
        (b"entry\n", Verdict.DONE, b"entry\n"),
        (b"entry\nmore\n", Verdict.DONE, b"entry\nmore\n"),
        (b"ent", Verdict.NOT_DONE, b""),
        (b"other\n", Verdict.UNKNOWN, b"other\n"),
        (b"other\nentry\n", Verdict.UNKNOWN, b"other\nentry\n"),
        (b"entries!", Verdict.UNKNOWN, b"entries!"),
    ],
)
async def test_what_became_of_an_append(
    tmp_path: Path, before: bytes | None, after: bytes, verdict: Verdict, left: bytes
) -> None:
    file = tmp_path / "log"
    if before is not None:
        file.write_bytes(before)
    call = job(tmp_path, Append(path="log", text="entry\n"))
    prepared = await FS.prepare(call)
    if before is not None or after:
        file.write_bytes((before or b"") + after)
    said = "appended 6 bytes to /home/log" if verdict is Verdict.DONE else None
    assert await FS.reconcile(call, prepared) == (verdict, said)
    assert not file.exists() or file.read_bytes() == (before or b"") + left


async def test_a_file_somebody_rewrote_is_not_judged(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("one\ntwo\n")
    call = job(tmp_path, Append(path="log", text="entry\n"))
    prepared = await FS.prepare(call)
    for content in ("ONE\ntwo\n", "ONE\ntwo\nentry\n", "one\n", "ONE\ntwo\nent"):
        file.write_text(content)
        assert await FS.reconcile(call, prepared) == (Verdict.UNKNOWN, None)
        assert file.read_text() == content
    file.unlink()
    assert await FS.reconcile(call, prepared) == (Verdict.UNKNOWN, None)


async def test_only_appends_are_remembered(tmp_path: Path) -> None:
    call = job(tmp_path, Write(path="f", text="x"))
    assert await FS.prepare(call) == b""
    assert await FS.reconcile(call, b"") == (Verdict.UNKNOWN, None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
async def test_a_root_daemon_gives_files_to_the_owner(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    await do(home, Write(path="a/b", text="x"))
    await do(home, Append(path="c/d", text="x\n"))
    for path in ("a", "a/b", "c", "c/d"):
        assert (home / path).stat().st_uid == 65534


async def test_search(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.py").write_text("def one(): pass\r\n    def two(): pass\n")
    (tmp_path / "a-b.py").write_text("def three")
    (tmp_path / "a.txt").write_text("def four\n")
    (tmp_path / "z.py").write_bytes(b"def\0binary\n")
    found = await do(tmp_path, Search(pattern=r"^\s*def (\w+)"))
    assert found.splitlines() == [
        "/home/a-b.py:1: def three",
        "/home/a.txt:1: def four",
        "/home/a/x.py:1: def one(): pass",
        "/home/a/x.py:2:     def two(): pass",
        "[skipped: 1 binary]",
    ]


async def test_search_narrowed_and_paged(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.py").write_text("def one(): pass\n    def two(): pass\n")
    (tmp_path / "a-b.py").write_text("def three")
    (tmp_path / "a.txt").write_text("def four\n")
    assert await do(tmp_path, Search(pattern="def", files="*.py", limit=1)) == (
        "/home/a-b.py:1: def three\n[2 more matches; go on with offset=1]"
    )
    assert await do(tmp_path, Search(pattern="def", files="*.py", limit=1, offset=2)) == (
        "/home/a/x.py:2:     def two(): pass"
    )
    assert await do(tmp_path, Search(pattern="def", offset=9)) == "[there are only 4 matches]"
    assert await do(tmp_path, Search(pattern="nothing")) == "[no match in 3 files]"
    assert await do(tmp_path, Search(pattern="two", path="a/x.py")) == (
        "/home/a/x.py:2:     def two(): pass"
    )
    assert await do(tmp_path, Search(pattern="two", files="a/*.py")) == (
        "/home/a/x.py:2:     def two(): pass"
    )


async def test_search_refuses_what_makes_no_sense(tmp_path: Path) -> None:
    assert (await refused(tmp_path, Search(pattern="x", path="b"))).code is Code.NOT_FOUND
    error = await refused(tmp_path, Search(pattern="(x"))
    assert error.code is Code.INVALID
    assert "unterminated subpattern" in error.message


async def test_search_shows_the_match_in_a_long_line(tmp_path: Path) -> None:
    (tmp_path / "min.js").write_text("x" * 5000 + "needle" + "y" * 5000)
    found = await do(tmp_path, Search(pattern="needle"))
    assert "needle" in found
    assert len(found) < 500
    assert re.search(r"\[4900 characters\]….*…\[\d+ more characters\]", found)


async def test_a_search_that_would_never_end_is_killed(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a" * 60 + "b\n")
    before = _children()
    with pytest.raises(SysError) as caught:
        await Workspace(search_s=0.2).run(job(tmp_path, Search(pattern="(a+)+$")))
    assert caught.value.code is Code.TIMEOUT
    assert "nested repeats" in caught.value.hint
    assert _children() == before


async def test_a_cancelled_search_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a" * 60 + "b\n")
    before = _children()
    with anyio.move_on_after(0.1) as scope:
        await do(tmp_path, Search(pattern="(a+)+$"))
    assert scope.cancelled_caught
    assert _children() == before


def _children() -> set[str]:
    me = os.getpid()
    return set(Path(f"/proc/{me}/task/{me}/children").read_text().split())
