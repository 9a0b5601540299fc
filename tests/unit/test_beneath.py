"""Opening files where hostile code has been: all the ways to mislead whoever opens fail."""

# ruff: noqa: PT011

import errno
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from logos import beneath

LIMIT = 1 << 16


@pytest.fixture
def root(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("TOPSECRET")
    made = tmp_path / "root"
    (made / "sub").mkdir(parents=True)
    (made / "fine").write_text("fine")
    (made / "sub" / "fine").write_text("also fine")
    return made


@pytest.fixture(params=["openat2", "by hand"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "by hand":  # a number no kernel has
        monkeypatch.setattr(beneath, "_OPENAT2", 1_000_000)
    return str(request.param)


def link(root: Path) -> str:
    (root / "link").symlink_to("../outside/secret")
    return "link"


def link_inside(root: Path) -> str:
    (root / "link").symlink_to("fine")
    return "link"


def linked_folder(root: Path) -> str:
    (root / "folder").symlink_to("../outside")
    return "folder/secret"


def magic_link(root: Path) -> str:
    (root / "magic").symlink_to("/proc/self/root")
    return "magic/etc/passwd"


def dots(root: Path) -> str:
    return "sub/../../outside/secret"


def absolute(root: Path) -> str:
    return str(root.parent / "outside" / "secret")


def fifo(root: Path) -> str:
    os.mkfifo(root / "fifo")
    return "fifo"


def device(root: Path) -> str:
    if os.geteuid() != 0:
        pytest.skip("only root makes devices")
    os.mknod(root / "device", 0o020666, os.makedev(1, 5))  # /dev/zero: endless
    return "device"


def unix_socket(root: Path) -> str:
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(root / "socket"))
    return "socket"


def hard_link(root: Path) -> str:
    (root / "hard").hardlink_to(root.parent / "outside" / "secret")
    return "hard"


def sparse(root: Path) -> str:
    with (root / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    return "sparse"


def folder(root: Path) -> str:
    return "sub"


HOSTILE = [
    *(link, link_inside, linked_folder, magic_link, dots, absolute),
    *(fifo, device, unix_socket, hard_link, folder),
]


@pytest.mark.parametrize("plant", HOSTILE, ids=lambda plant: plant.__name__)
def test_not_opened(root: Path, way: str, plant: Callable[[Path], str]) -> None:
    path = plant(root)
    for flags in (os.O_RDONLY, os.O_RDWR | os.O_APPEND | os.O_CREAT):
        with beneath.root(root) as at, pytest.raises(OSError), beneath.open_file(at, path, flags):
            pass
    assert (root.parent / "outside" / "secret").read_text() == "TOPSECRET"


@pytest.mark.parametrize("plant", [*HOSTILE, sparse], ids=lambda plant: plant.__name__)
def test_not_read(root: Path, way: str, plant: Callable[[Path], str]) -> None:
    path = plant(root)
    with beneath.root(root) as at, pytest.raises(OSError):
        beneath.read_file(at, path, LIMIT)


def test_nothing_is_made_behind_a_link(root: Path, way: str) -> None:
    linked_folder(root)
    flags = os.O_WRONLY | os.O_CREAT
    with beneath.root(root) as at:
        for path in ("folder/new", "../outside/new", "sub/../../outside/new"):
            with pytest.raises(OSError), beneath.open_file(at, path, flags):
                pass
            with pytest.raises(OSError):
                beneath.make_folders(at, path)
    assert names(root.parent / "outside") == ["secret"]


@pytest.mark.parametrize(
    ("plant", "number"),
    [
        *((link, errno.ELOOP), (linked_folder, errno.ELOOP), (magic_link, errno.ELOOP)),
        *((dots, errno.EXDEV), (absolute, errno.EXDEV)),
        *((fifo, errno.EINVAL), (device, errno.EINVAL), (hard_link, errno.EMLINK)),
        *((sparse, errno.EFBIG), (folder, errno.EISDIR)),
    ],
    ids=lambda one: getattr(one, "__name__", errno.errorcode.get(one, "")),
)
def test_why_not(root: Path, way: str, plant: Callable[[Path], str], number: int) -> None:
    path = plant(root)
    with beneath.root(root) as at, pytest.raises(OSError) as caught:
        beneath.read_file(at, path, LIMIT)
    assert caught.value.errno == number


@pytest.mark.parametrize("path", ["fine", "./fine", "sub/fine"])
def test_ordinary_files_are_read(root: Path, way: str, path: str) -> None:
    with beneath.root(root) as at:
        assert beneath.read_file(at, path, LIMIT) == (root / path).read_bytes()


def test_a_file_at_the_limit(root: Path, way: str) -> None:
    with beneath.root(root) as at:
        assert beneath.read_file(at, "fine", 4) == b"fine"
        with pytest.raises(OSError) as caught:
            beneath.read_file(at, "fine", 3)
    assert caught.value.errno == errno.EFBIG


def test_an_endless_file_that_says_it_is_empty(way: str) -> None:
    with beneath.root(Path("/proc/self")) as at:
        assert beneath.read_file(at, "stat", LIMIT)
        with pytest.raises(OSError) as caught:
            beneath.read_file(at, "stat", 3)
    assert caught.value.errno == errno.EFBIG


def test_an_open_folder_stays_beneath(root: Path, way: str) -> None:
    with beneath.root(root) as at, beneath.open_folder(at, "sub") as sub:
        with beneath.open_file(sub, "fine") as file:
            assert os.read(file, 99) == b"also fine"
        with pytest.raises(OSError) as caught:
            beneath.open_at(sub, "../fine")
    assert caught.value.errno == errno.EXDEV


def test_a_mount_is_not_entered(way: str) -> None:
    with beneath.root(Path("/")) as at:
        for path in ("proc", "proc/self/stat"):
            with pytest.raises(OSError) as caught:
                beneath.open_at(at, path)
            assert caught.value.errno == errno.EXDEV


def test_what_is_made_belongs_to_the_roots_owner(root: Path, way: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    os.chown(root, 12345, 12345)
    with beneath.root(root) as at:
        beneath.make_folders(at, "sub/new/deeper")
        with beneath.open_file(at, "sub/new/file", os.O_WRONLY | os.O_CREAT) as file:
            beneath.give(at, file)
    for path in ("sub/new", "sub/new/deeper", "sub/new/file"):
        assert (root / path).stat().st_uid == 12345
    assert (root / "sub").stat().st_uid == 0


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def deep(root: Path, depth: int) -> None:
    fd = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=fd)
        deeper = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    os.close(fd)


@pytest.mark.slow
def test_depth_is_no_bound(root: Path) -> None:
    deep(root, 3000)
    with beneath.root(root) as at:
        assert sum(1 for _ in beneath.folders(at)) == 3002
        if os.geteuid() == 0:
            beneath.adopt(at, 12345)
            assert {os.fstat(folder).st_uid for folder in beneath.folders(at)} == {12345}
    subprocess.run(["rm", "-r", root / "d"], check=True)  # pytest would stumble over it


def test_adopting_a_tree_spares_what_it_links_to(root: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    for plant in (link, linked_folder, hard_link):
        plant(root)
    with beneath.root(root) as at:
        beneath.adopt(at, 12345)
    assert root.stat().st_uid == 12345
    assert (root / "sub" / "fine").stat().st_uid == 12345
    assert (root / "link").lstat().st_uid == 12345
    assert (root.parent / "outside" / "secret").stat().st_uid != 12345
    assert (root.parent / "outside").stat().st_uid != 12345
